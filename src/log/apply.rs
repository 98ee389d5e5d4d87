//! Applying a change to both regions at once: what a pull brought, and what became of the queue.

use super::{
    Applied, Change, LogError,
    block::{Block, Encoded, Packer, Region, Standing},
    event_log::Inner,
    insert::Inserted,
    open_blocks::damage,
    parked::parked_row,
    rows::{HeadRecord, orphan_key, rejected_key, rejected_row},
    sorted::Sorted,
    store::{Batch, Key, Store, Table, Write, Written},
    view::View,
};
use crate::{
    commit::{Commit, ConfirmedCommit},
    mistake::{Mistake, made},
    stream::StreamName,
    version::{MAX_SAFE_INTEGER, Version},
};

/// The pending commits that a change takes away or replaces, and the blocks they stand in.
struct Touched {
    gone: Sorted<u64, ()>,
    replaced: Sorted<u64, (Standing, Commit)>,
    /// Blocks with nothing left in them.
    emptied: Vec<u64>,
    /// Blocks to write again, in runs between which no other block stands: their commits may be packed together.
    rewritten: Vec<Vec<u64>>,
}

/// What the batch adds to the view once it is written.
struct Outcome {
    confirmed: Vec<Encoded>,
    pending: Vec<Encoded>,
    record: HeadRecord,
}

impl<S: Store> Inner<S> {
    pub(super) async fn apply(&self, change: Change) -> Result<Applied, LogError> {
        let touched = {
            let view = self.view.borrow();
            if !has_seen(&change, &view) {
                return Ok(Applied::Stale);
            }
            view.certain()?;
            check(&change, &view)?;
            touched(&change, &view)
        };
        let mut pending = Vec::new();
        for run in &touched.rewritten {
            let wanted: Vec<_> = run.iter().map(|key| (Region::Pending, *key)).collect();
            let Some(blocks) = self.open_blocks(change.seen.epoch, &wanted).await? else {
                return Ok(Applied::Stale);
            };
            let mut queue = Packer::new(Region::Pending);
            for block in blocks {
                rewrite(&*block?, &touched, &mut queue)?;
            }
            pending.extend(queue.finish());
        }
        let inserted = if is_between(&change) {
            match self.insert(change.seen.epoch, &change.confirmed).await? {
                Some(inserted) => Some(inserted),
                None => return Ok(Applied::Stale),
            }
        } else {
            None
        };
        let is_inserted = inserted.is_some();
        let (epoch, (batch, outcome)) = {
            let view = self.view.borrow();
            if !has_seen(&change, &view) {
                return Ok(Applied::Stale);
            }
            (view.epoch, self::batch(&change, &view, &touched, pending, inserted))
        };
        if self.store.write(batch).await? == Written::Collision {
            self.refresh().await?;
            return Ok(Applied::Stale);
        }
        if is_inserted {
            self.reload().await?;
            return Ok(Applied::Done);
        }
        let mut view = self.view.borrow_mut();
        // A read may have found the new epoch in the store and taken all of this in already.
        if view.epoch == epoch {
            view.index.remove_pending(&touched.emptied);
            for run in &touched.rewritten {
                view.index.remove_pending(run);
            }
            view.take(&outcome.confirmed);
            view.take(&outcome.pending);
            for (_, rejected) in &change.rejected {
                view.take_rejected(rejected);
            }
            for (_, orphan) in &change.orphaned {
                view.orphans.insert(orphan.commit.id, ());
            }
            for confirmed in &change.confirmed {
                view.orphans.remove(&confirmed.commit.id);
            }
            view.record = outcome.record;
            if let Some(parked) = change.parked {
                view.parked = parked;
            }
            view.epoch = epoch + 1;
        }
        drop(view);
        self.keep_at_hand(&outcome.confirmed);
        self.keep_at_hand(&outcome.pending);
        Ok(Applied::Done)
    }
}

/// Whether the change was computed from this very view.
fn has_seen(change: &Change, view: &View) -> bool {
    let seen = &change.seen;
    (seen.epoch, seen.position, seen.next_sequence)
        == (view.epoch, view.next_position() - 1, view.next_sequence())
        || made(Mistake::ApplyIgnoresView)
}

/// Whether commits come between those that are here.
fn is_between(change: &Change) -> bool {
    let first = change.confirmed.first();
    !change.inserts.is_empty() && first.is_some_and(|first| first.first_position <= change.seen.position)
}

/// Whether confirmed commits continue the log (positions rise, versions follow without a gap), and no commit is empty.
fn check(change: &Change, view: &View) -> Result<(), LogError> {
    let replaced = change.replaced.iter().map(|pending| &pending.commit);
    if let Some(empty) =
        replaced.chain(change.confirmed.iter().map(|c| &c.commit)).find(|c| c.events.is_empty())
    {
        return Err(LogError::Misfit { commit: empty.id, reason: "it has no events".to_owned() });
    }
    let mut versions: Sorted<StreamName, Version> = Sorted::default();
    let mut next_position = if is_between(change) { 1 } else { view.next_position() };
    for commit in &change.confirmed {
        let stream = &commit.commit.stream;
        let misfit = |reason: String| Err(LogError::Misfit { commit: commit.commit.id, reason });
        if commit.first_position < next_position {
            let reason =
                format!("its position is {}, expected {next_position} or above", commit.first_position);
            return misfit(reason);
        }
        if commit.first_position.saturating_add(commit.commit.count()) > MAX_SAFE_INTEGER {
            return misfit(format!("its position {} is over {MAX_SAFE_INTEGER}", commit.first_position));
        }
        let version = versions.get(stream).copied().unwrap_or_else(|| view.index.confirmed_version(stream));
        if commit.first_version != version + 1 {
            let (found, expected) = (commit.first_version, version + 1);
            return misfit(format!(
                "its first event has version {found} of stream {stream}, expected {expected}"
            ));
        }
        versions.insert(stream.clone(), version + commit.commit.count());
        next_position = commit.last_position() + 1;
    }
    Ok(())
}

fn touched(change: &Change, view: &View) -> Touched {
    let index = &view.index;
    let mut gone = Sorted::default();
    let rejected = change.rejected.iter().chain(&change.orphaned).map(|(sequence, _)| sequence);
    for sequence in change.settled.iter().chain(rejected) {
        gone.insert(*sequence, ());
    }
    let mut replaced = Sorted::default();
    for pending in &change.replaced {
        let standing = Standing::Pending { policy: pending.policy, reoffered: pending.reoffered };
        replaced.insert(pending.sequence, (standing, pending.commit.clone()));
    }
    let mut keys = Sorted::default();
    let sequences = gone.entries().iter().map(|(sequence, ())| sequence);
    for sequence in sequences.chain(replaced.entries().iter().map(|(sequence, _)| sequence)) {
        if index.queue().contains(sequence)
            && let Some((key, info)) = index.block_at(Region::Pending, *sequence)
        {
            let mut left = index.queue().from(&key).iter().take_while(|(sequence, _)| *sequence <= info.last);
            if !keys.contains(&key) {
                keys.insert(key, left.all(|(sequence, _)| gone.contains(sequence)));
            }
        }
    }
    let (mut emptied, mut rewritten) = (Vec::new(), Vec::<Vec<u64>>::new());
    let mut is_run = false;
    for (key, _) in index.blocks(Region::Pending).entries() {
        match (keys.get(key), rewritten.last_mut()) {
            (Some(true), _) => emptied.push(*key),
            (Some(false), Some(run)) if is_run => run.push(*key),
            (Some(false), _) => {
                rewritten.push(vec![*key]);
                is_run = true;
            }
            (None, _) => is_run = false,
        }
    }
    Touched { gone, replaced, emptied, rewritten }
}

/// Packs what a change leaves of a block.
fn rewrite(block: &Block, touched: &Touched, queue: &mut Packer) -> Result<(), LogError> {
    for record in block.records() {
        let stored = record.and_then(|record| record.decode()).map_err(|error| damage(block, &error))?;
        if touched.gone.contains(&stored.key) {
            continue;
        }
        match touched.replaced.get(&stored.key) {
            Some((standing, commit)) => queue.push(stored.key, *standing, commit),
            None => queue.push(stored.key, stored.standing, &stored.commit),
        }
    }
    Ok(())
}

fn batch(
    change: &Change,
    view: &View,
    touched: &Touched,
    pending: Vec<Encoded>,
    inserted: Option<Inserted>,
) -> (Batch, Outcome) {
    let mut writes = Vec::new();
    for key in touched.emptied.iter().chain(touched.rewritten.iter().flatten()) {
        delete_block(view, Region::Pending, *key, &mut writes);
    }
    for block in &pending {
        block.add(&mut writes);
    }
    let mut record = view.record.clone();
    let confirmed = match (inserted, change.confirmed.first()) {
        (Some(Inserted { gone, blocks }), Some(first)) => {
            gone.iter().for_each(|key| delete_block(view, Region::Confirmed, *key, &mut writes));
            record.rewinds.push(first.first_position - 1);
            blocks
        }
        _ => packed(change),
    };
    record.checkpoints.filled(&change.inserts);
    for block in &confirmed {
        block.add(&mut writes);
    }
    if !made(Mistake::RejectedDropped) {
        writes.extend(change.rejected.iter().map(|(_, it)| rejected_row(it, rejected_key(it.commit.id))));
    }
    writes.extend(change.orphaned.iter().map(|(_, it)| rejected_row(it, orphan_key(it.commit.id))));
    let found = change.confirmed.iter().map(|it| it.commit.id).filter(|id| view.orphans.contains(id));
    writes.extend(found.map(|id| Write::Delete(Table::Rejected, orphan_key(id))));
    record.next_sequence = view.next_sequence();
    record.revision += u64::from(change.revises);
    if let Some(cursor) = &change.cursor {
        let last = change.confirmed.last().map(ConfirmedCommit::last_position);
        let last = last.unwrap_or_default().max(view.next_position() - 1);
        record.checkpoints.note(last, cursor);
        record.cursor = cursor.clone();
    }
    if let Some(followed) = &change.followed {
        record.followed = followed.clone();
    }
    if change.log_id.is_some() {
        record.log_id.clone_from(&change.log_id);
    }
    writes.push(record.row());
    writes.extend(change.parked.as_deref().map(parked_row));
    let region = view.appends_to();
    let absent = vec![(region.table(), Key::Number(view.next_key(region)))];
    let batch = Batch {
        epoch: Some(view.epoch),
        new_epoch: (!made(Mistake::ApplyKeepsEpoch)).then_some(view.epoch + 1),
        absent,
        writes,
        ..Batch::default()
    };
    (batch, Outcome { confirmed, pending, record })
}

/// The blocks of commits that go to the end.
fn packed(change: &Change) -> Vec<Encoded> {
    let mut packer = Packer::new(Region::Confirmed);
    let held_back = usize::from(made(Mistake::CursorBeforeCommits));
    let confirmed = change.confirmed.iter().take(change.confirmed.len().saturating_sub(held_back));
    for ConfirmedCommit { first_version, first_position, recorded_at, commit } in confirmed {
        let standing = Standing::Confirmed { first_version: *first_version, recorded_at: *recorded_at };
        packer.push(*first_position, standing, commit);
    }
    packer.finish()
}

/// The writes that take a block away.
pub(super) fn delete_block(view: &View, region: Region, key: u64, writes: &mut Vec<Write>) {
    writes.push(Write::Delete(region.table(), key.into()));
    if view.index.blocks(region).get(&key).is_some_and(|info| info.has_directory_row) {
        writes.push(Write::Delete(region.directories(), key.into()));
    }
}
