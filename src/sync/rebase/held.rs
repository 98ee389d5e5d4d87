//! What waits for an answer: parked commits, and what builds on them.

use crate::{commit::Commit, conflict::Parked, stream::StreamName};
use std::collections::HashSet;
use uuid::Uuid;

/// Tells, commit by commit in the order of the queue, which of them wait: parked ones, later ones of their streams, and what one
/// of these caused.
pub struct Held<'a> {
    parked: &'a [Parked],
    streams: HashSet<StreamName>,
    ids: HashSet<Uuid>,
}

impl<'a> Held<'a> {
    /// Before the first commit.
    #[must_use]
    pub fn new(parked: &'a [Parked]) -> Self {
        Self { parked, streams: HashSet::new(), ids: HashSet::new() }
    }

    /// Whether the next commit of the queue waits.
    pub fn holds(&mut self, commit: &Commit) -> bool {
        let holds = self.streams.contains(&commit.stream)
            || self.parked.iter().any(|parked| parked.id == commit.id)
            || commit.metadata.causation_id.is_some_and(|cause| self.ids.contains(&cause));
        if holds {
            self.streams.insert(commit.stream.clone());
            self.ids.insert(commit.id.0);
            self.ids.extend(commit.events.iter().map(|event| event.id.0));
        }
        holds
    }
}
