//! Moments in the past, and which events belong to one.

use crate::{
    event::RecordedEvent,
    id::CommitId,
    stream::StreamName,
    time::Timestamp,
    version::{Position, Version},
};
use std::collections::HashSet;

/// A moment in the life of a stream, or of the whole log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum At {
    /// The latest state, pending events included.
    #[default]
    Now,
    /// After this many events of the stream. A projection, made from many streams, has no version: it can't be asked this.
    Version(Version),
    /// After the confirmed event with this position in the log; 0 is before everything.
    Position(Position),
    /// After this event, confirmed or pending: the one that has this version in its stream, of this commit.
    Event(CommitId, Version),
    /// When this had happened: of each stream the longest run of events from the first that all occurred at this moment or
    /// before.
    Occurred(Timestamp),
    /// When this was known: confirmed events count from the moment the authority recorded them, pending ones from when they
    /// occurred, as nobody else knows them.
    Known(Timestamp),
}

/// Tells, event by event in the order of the log, what had happened by a moment.
#[derive(Clone)]
pub(crate) struct Prefix {
    at: At,
    /// Everything from here on is later.
    is_over: bool,
    /// The streams of which an event was later: what follows of them does not count, whatever moment it claims, as a state must
    /// not skip an event.
    ended: HashSet<StreamName>,
}

impl Prefix {
    pub(crate) fn of(at: At) -> Self {
        Self { at, is_over: matches!(at, At::Position(0)), ended: HashSet::new() }
    }

    /// Whether no later event can belong to it.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether no later event of this stream can belong to it.
    pub(crate) fn is_over_for(&self, stream: &StreamName) -> bool {
        self.is_over || self.ended.contains(stream)
    }

    /// Whether the moment is an event that has not come by.
    pub(crate) fn misses(&self) -> Option<CommitId> {
        match self.at {
            At::Event(commit, _) if !self.is_over => Some(commit),
            _ => None,
        }
    }

    /// Whether the next event belongs to it.
    pub(crate) fn takes(&mut self, event: &RecordedEvent) -> bool {
        if self.is_over {
            return false;
        }
        let moment = match self.at {
            At::Now => return true,
            At::Version(version) => {
                self.is_over = event.version >= version;
                return event.version <= version;
            }
            At::Position(position) => {
                self.is_over = event.position.is_none_or(|its_own| its_own >= position);
                return event.position.is_some_and(|its_own| its_own <= position);
            }
            At::Event(commit, version) => {
                self.is_over = event.commit_id == commit && event.version >= version;
                return true;
            }
            At::Occurred(moment) => event.occurred_at() <= moment,
            At::Known(moment) => event.recorded_at.unwrap_or(event.metadata.occurred_at) <= moment,
        };
        if !moment && !self.ended.contains(&event.stream) {
            self.ended.insert(event.stream.clone());
        }
        moment && !self.ended.contains(&event.stream)
    }
}
