//! A bounded cache of current states, so that a warm `execute` reads nothing.

use crate::{
    aggregate::State,
    event::RecordedEvent,
    mistake::{Mistake, made},
    snapshot::row::Row,
    stream::StreamName,
    time::Timestamp,
    version::Version,
};
use std::collections::HashMap;

/// The most states kept.
const CAPACITY: usize = 256;

/// The state of a stream at a version. It counts only as long as the log's revision is the same: a rebase may have changed
/// what stands behind the same version.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) version: Version,
    pub(super) revision: u64,
    pub(super) state: State,
    pub(super) tally: Tally,
}

/// How a stream stands since its last snapshot.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    /// The version of the snapshot; 0 if there is none.
    pub(super) version: Version,
    /// The size of its state in bytes of JSON.
    pub(super) size: u64,
    pub(super) taken_at: Option<Timestamp>,
    /// The size of the events since, pending ones included.
    pub(super) bytes: u64,
}

impl Tally {
    /// Takes in events.
    pub(super) fn add(&mut self, events: &[RecordedEvent]) {
        // beside its data, an event is an id, a type and what its commit knows
        self.bytes += events.iter().map(|event| 64 + event.event.data.len() as u64).sum::<u64>();
    }

    /// Right after a snapshot.
    pub(super) fn since(row: &Row<'_>) -> Self {
        Self { version: row.version, size: row.size, taken_at: Some(row.taken_at), bytes: 0 }
    }
}

#[derive(Default)]
pub(super) struct States {
    kept: HashMap<StreamName, (u64, Kept)>,
    clock: u64,
}

impl States {
    /// The state kept for a stream, if the log is still at this revision.
    pub(super) fn get(&mut self, stream: &StreamName, revision: u64) -> Option<Kept> {
        self.clock += 1;
        let (used, kept) = self.kept.get_mut(stream)?;
        *used = self.clock;
        (kept.revision == revision || made(Mistake::StateKeptOverRebase)).then(|| kept.clone())
    }

    /// How a stream stands, if its state is kept.
    pub(super) fn tally(&self, stream: &StreamName) -> Option<Tally> {
        self.kept.get(stream).map(|(_, kept)| kept.tally)
    }

    /// A snapshot of a stream was taken, or found impossible.
    pub(super) fn snapshotted(&mut self, stream: &StreamName, tally: &Tally) {
        if let Some((_, kept)) = self.kept.get_mut(stream) {
            kept.tally = *tally;
        }
    }

    pub(super) fn put(&mut self, stream: StreamName, kept: Kept) {
        self.clock += 1;
        if self.kept.len() >= CAPACITY && !self.kept.contains_key(&stream) {
            // a scan over 256 entries once per miss is cheaper than the bookkeeping of a list
            let oldest =
                self.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(stream, _)| stream.clone());
            if let Some(oldest) = oldest {
                self.kept.remove(&oldest);
            }
        }
        self.kept.insert(stream, (self.clock, kept));
    }
}
