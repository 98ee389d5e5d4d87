//! A bounded cache of current states, so that a warm `execute` reads nothing.

use crate::{aggregate::State, stream::StreamName, version::Version};
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
        (kept.revision == revision).then(|| kept.clone())
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
