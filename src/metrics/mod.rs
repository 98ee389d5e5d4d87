//! What an opening of a log counts and measures about itself: counters and latencies, in memory, from its opening or the last reset.
//!
//! Every tab measures its own work. Nothing here holds what the app recorded, or names of streams and people.

mod histogram;
mod measure;
mod meter;

pub use histogram::{Histogram, Latency};
pub use measure::{Counter, Timing};
pub use meter::Failure;
pub(crate) use meter::{Listener, Meter};

use crate::time::Timestamp;
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// What an opening has counted and measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// Since when: the opening, or the last reset.
    pub since: Timestamp,
    /// How often what happened.
    pub counters: Counters,
    /// How long what took.
    pub latencies: Latencies,
    /// The commits that wait for the server, now.
    pub queue: Queue,
    /// How far behind the projections are that have been looked at.
    pub projections: Vec<ProjectionLag>,
    /// When a round of the sync last reached the server's end, in milliseconds since 1970; none while this tab has seen none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_synced_at: Option<i64>,
    /// The latest failures, at most 20, the oldest first; refusals and conflicts are none.
    pub failures: Vec<Failure>,
}

/// The commits that wait for the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Queue {
    /// How many commits.
    pub commits: u64,
    /// How many events.
    pub events: u64,
    /// When the first of them was decided: its age is the queue's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Timestamp>,
}

/// How far behind a projection is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProjectionLag {
    /// Its name.
    pub name: Arc<str>,
    /// The positions that it has not seen yet.
    pub lag: u64,
    /// The streams that it has parked.
    pub parked: u64,
}

/// One number for each [`Counter`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters([u64; Counter::ALL.len()]);

impl Counters {
    /// How often it happened.
    #[must_use]
    pub fn of(&self, counter: Counter) -> u64 {
        self.0[counter as usize]
    }

    fn add(&mut self, counter: Counter, more: u64) {
        let count = &mut self.0[counter as usize];
        *count = count.saturating_add(more);
    }
}

/// One latency for each [`Timing`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latencies([Latency; Timing::ALL.len()]);

impl Latencies {
    /// How long it took.
    #[must_use]
    pub fn of(&self, timing: Timing) -> Latency {
        self.0[timing as usize]
    }
}

impl Serialize for Counters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Counter::ALL.iter().map(|counter| (counter.name(), self.of(*counter))))
    }
}

impl Serialize for Latencies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Timing::ALL.iter().map(|timing| (timing.name(), self.of(*timing))))
    }
}
