//! Going back: the server has lost a part of the history that this log holds as confirmed.

use super::{
    Checkpoint, Head, Log, LogError,
    apply::delete_block,
    block::{Packer, Region, Standing, Stored},
    event_log::Inner,
    open_blocks::damage,
    rows::{rejected_key, rejected_row},
    store::{Batch, Key, Store, Table, Write, Written},
};
use crate::{
    commit::{Commit, Policy, Reason, RejectedCommit},
    mistake::{Mistake, made},
    stream::StreamName,
    time::Timestamp,
    version::Position,
};
use std::{
    collections::{BTreeSet, HashMap},
    rc::Rc,
    sync::Arc,
};

/// Back to where both sides agree.
pub struct Rewind {
    /// The head that it was computed from.
    pub seen: Head,
    /// The last place that the server still knows; position 0 with the empty cursor for the beginning.
    pub to: Checkpoint,
    /// Another log, which this database belongs to from now on; none if it is the same.
    pub log_id: Option<Arc<str>>,
    /// The policy of a commit that is offered again; that of its first offer was not kept.
    pub policy: Rc<dyn Fn(&Commit) -> Policy>,
    /// What takes away the derived rows of a stream that loses confirmed events.
    pub derived: fn(&StreamName) -> Write,
    /// The moment, for what can't be offered again.
    pub now: Timestamp,
}

impl<S: Store> Log<S> {
    /// The cursors that the log has passed, by rising position, the one it stands at included: at most 64, older ones further and
    /// further apart. The beginning is not among them.
    #[must_use]
    pub fn checkpoints(&self) -> Vec<Checkpoint> {
        self.inner.view.borrow().record.checkpoints.entries().to_vec()
    }

    /// Of the times when the server had lost history, the lowest position gone back to since the first `after` of them; none if
    /// there was none since.
    #[must_use]
    pub fn rewound_to(&self, after: u64) -> Option<Position> {
        let view = self.inner.view.borrow();
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        view.record.rewinds.iter().skip(after).min().copied()
    }

    /// Goes back, in one transaction: the confirmed commits beyond the place are no longer confirmed and become the first of the
    /// queue, in their order, each as it was confirmed and with the version it was decided on; those that were pending follow, and all
    /// of them get new sequences. The cursor is that of the place. How many are offered again; none if the log was changed meanwhile.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] if a block that has to be moved can't be read, or storage failed. Nothing is changed then.
    pub async fn rewind(&self, rewind: Rewind) -> Result<Option<u64>, LogError> {
        let inner = Rc::clone(&self.inner);
        self.inner.take_turn(async move { inner.rewind(rewind).await }).await
    }
}

impl<S: Store> Inner<S> {
    async fn rewind(&self, rewind: Rewind) -> Result<Option<u64>, LogError> {
        let Rewind { seen, to, log_id, policy, derived, now } = rewind;
        let (beyond, waiting, mut record, first) = {
            let view = self.view.borrow();
            let head = view.head();
            let is_seen = |head: &Head| (head.epoch, head.position, head.next_sequence);
            if is_seen(&head) != is_seen(&seen) {
                return Ok(None);
            }
            view.certain()?;
            let keys = |region: Region| view.index.blocks(region).entries().iter();
            let beyond: Vec<u64> = keys(Region::Confirmed)
                .filter(|(_, info)| info.last > to.position)
                .map(|(key, _)| *key)
                .collect();
            let waiting: Vec<u64> = keys(Region::Pending).map(|(key, _)| *key).collect();
            (beyond, waiting, view.record.clone(), view.next_sequence())
        };
        let (mut confirmed, mut queue) = (Packer::new(Region::Confirmed), Packer::new(Region::Pending));
        let (mut sequence, mut streams, mut offered) = (first, BTreeSet::new(), HashMap::new());
        for key in &beyond {
            let Some(mut records) = self.stored(seen.epoch, Region::Confirmed, *key).await? else {
                return Ok(None);
            };
            if made(Mistake::ReofferLosesOrder) {
                let kept = records.partition_point(|record| record.key <= to.position);
                records[kept..].reverse();
            }
            for Stored { key, standing, commit } in records {
                if key <= to.position {
                    confirmed.push(key, standing, &commit);
                    continue;
                }
                if made(Mistake::ReofferForgotten) && sequence > first {
                    continue;
                }
                streams.insert(commit.stream.clone());
                queue.push(sequence, Standing::Pending { policy: policy(&commit), reoffered: true }, &commit);
                sequence += 1;
                offered.insert(commit.id, (commit.stream, commit.command.map(|it| it.command_type)));
            }
        }
        let reoffered = sequence - first;
        let mut writes = Vec::new();
        for key in &waiting {
            let Some(records) = self.stored(seen.epoch, Region::Pending, *key).await? else {
                return Ok(None);
            };
            for Stored { standing, commit, .. } in records {
                match offered.get(&commit.id) {
                    None => {
                        queue.push(sequence, standing, &commit);
                        sequence += 1;
                    }
                    // given here too, under the same id: it goes on as the one that was confirmed
                    Some((stream, command))
                        if *stream == commit.stream
                            && *command == commit.command.as_ref().map(|it| it.command_type.clone()) => {}
                    Some((stream, _)) => {
                        let reason = taken(stream);
                        let rejected = RejectedCommit { commit, reason, rejected_at: now };
                        writes.push(rejected_row(&rejected, rejected_key(rejected.commit.id)));
                    }
                }
            }
        }
        {
            let view = self.view.borrow();
            for (region, keys) in [(Region::Confirmed, &beyond), (Region::Pending, &waiting)] {
                keys.iter().for_each(|key| delete_block(&view, region, *key, &mut writes));
            }
        }
        for block in confirmed.finish().iter().chain(&queue.finish()) {
            block.add(&mut writes);
        }
        writes.extend(streams.iter().map(derived));
        record.revision += 1;
        record.next_sequence = sequence;
        record.checkpoints.cut(to.position);
        record.cursor = to.cursor;
        record.log_id = log_id.or(record.log_id);
        record.rewinds.push(to.position);
        // what was fetched beside it may have been lost as well: it is looked at again from the beginning
        record.followed.fetching = None;
        writes.push(record.row());
        let batch = Batch {
            epoch: Some(seen.epoch),
            new_epoch: Some(seen.epoch + 1),
            absent: vec![(Table::Pending, Key::Number(first))],
            writes,
            ..Batch::default()
        };
        if self.store.write(batch).await? == Written::Collision {
            self.refresh().await?;
            return Ok(None);
        }
        self.reload().await?;
        Ok(Some(reoffered))
    }

    /// The commits of a block, in the order of their keys; none if the epoch is over.
    pub(super) async fn stored(
        &self,
        epoch: u64,
        region: Region,
        key: u64,
    ) -> Result<Option<Vec<Stored>>, LogError> {
        let Some(blocks) = self.open_blocks(epoch, &[(region, key)]).await? else { return Ok(None) };
        let mut stored = Vec::new();
        for block in blocks {
            let block = block?;
            for record in block.records() {
                let record = record.and_then(|record| record.decode());
                stored.push(record.map_err(|error| damage(&block, &error))?);
            }
        }
        super::sorted::sort_short(&mut stored, |a, b| a.key < b.key);
        Ok(Some(stored))
    }
}

/// Why a pending commit can't be offered whose id another command has.
fn taken(stream: &StreamName) -> Reason {
    let message =
        format!("its command id belongs to another command, of stream {stream}: give it another one");
    Reason { code: "command-id-taken".into(), message, detail: None, builds_on: None }
}
