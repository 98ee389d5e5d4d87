//! Confirmed commits that belong between others: the past of streams that are followed only now. Positions are those of the server's
//! log, so the blocks that they fall into are written anew.

use super::{
    LogError,
    block::{Encoded, Packer, Region, Standing, Stored},
    event_log::Inner,
    store::Store,
};
use crate::{
    commit::ConfirmedCommit,
    sync::protocol::Cursor,
    version::{MAX_SAFE_INTEGER, Position},
};

/// A stretch of the server's log from which commits were fetched: all of some streams behind one cursor, up to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// The cursor before it.
    pub after: Cursor,
    /// The cursor at its end.
    pub until: Cursor,
    /// The last position of each commit that was fetched from it, rising.
    pub ends: Vec<Position>,
}

/// How confirmed blocks change when commits come in between.
#[derive(Default)]
pub(super) struct Inserted {
    /// The keys of blocks that are no more.
    pub(super) gone: Vec<u64>,
    pub(super) blocks: Vec<Encoded>,
}

impl<S: Store> Inner<S> {
    /// Puts commits among those that are here; none if the epoch is over.
    pub(super) async fn insert(
        &self,
        epoch: u64,
        commits: &[ConfirmedCommit],
    ) -> Result<Option<Inserted>, LogError> {
        let mut left = commits.iter().peekable();
        let mut inserted = Inserted::default();
        let mut packer = Packer::new(Region::Confirmed);
        let there: Vec<(u64, u64)> = {
            let view = self.view.borrow();
            view.index
                .blocks(Region::Confirmed)
                .entries()
                .iter()
                .map(|(key, info)| (*key, info.last))
                .collect()
        };
        // behind the last block, too
        for (key, last) in there.into_iter().chain([(MAX_SAFE_INTEGER + 1, u64::MAX)]) {
            let mut is_empty = true;
            while let Some(commit) = left.next_if(|commit| commit.first_position < key) {
                if commit.last_position() >= key {
                    return Err(occupied(commit));
                }
                push(&mut packer, commit);
                is_empty = false;
            }
            if left.peek().is_none_or(|commit| commit.first_position > last) {
                // this block stays: what comes before it ends here
                if !is_empty || inserted.gone.last().is_some() {
                    inserted
                        .blocks
                        .extend(std::mem::replace(&mut packer, Packer::new(Region::Confirmed)).finish());
                }
                continue;
            }
            let Some(records) = self.stored(epoch, Region::Confirmed, key).await? else { return Ok(None) };
            inserted.gone.push(key);
            let mut reached = 0;
            for Stored { key, standing, commit } in records {
                while let Some(before) = left.next_if(|before| before.first_position < key) {
                    if before.first_position <= reached || before.last_position() >= key {
                        return Err(occupied(before));
                    }
                    push(&mut packer, before);
                }
                reached = key + commit.count() - 1;
                packer.push(key, standing, &commit);
            }
            if let Some(commit) = left.next_if(|commit| commit.first_position <= last) {
                return Err(occupied(commit));
            }
        }
        inserted.blocks.extend(packer.finish());
        Ok(Some(inserted))
    }
}

fn push(packer: &mut Packer, commit: &ConfirmedCommit) {
    let ConfirmedCommit { first_version, first_position, recorded_at, commit } = commit;
    let standing = Standing::Confirmed { first_version: *first_version, recorded_at: *recorded_at };
    packer.push(*first_position, standing, commit);
}

fn occupied(commit: &ConfirmedCommit) -> LogError {
    let reason = format!("another commit stands at its position {}", commit.first_position);
    LogError::Misfit { commit: commit.commit.id, reason }
}
