//! What one request moved.

use crate::metrics::{Metrics, Waiting};
use axum::{extract::FromRequestParts, http::request::Parts};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tidelog::sync::protocol::{Page, PushResult, Pushed};

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the log.
    Committed,
    /// It was there already.
    Duplicate,
    /// Its stream had moved.
    Conflict,
    /// It can never be accepted.
    Rejected,
    /// What it builds on was not accepted.
    Blocked,
}

impl Outcome {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 5] =
        [Self::Committed, Self::Duplicate, Self::Conflict, Self::Rejected, Self::Blocked];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
            Self::Blocked => "blocked",
        }
    }

    const fn of(result: &PushResult) -> Self {
        match result {
            PushResult::Committed { .. } => Self::Committed,
            PushResult::Duplicate { .. } => Self::Duplicate,
            PushResult::Conflict { .. } => Self::Conflict,
            PushResult::Rejected { .. } => Self::Rejected,
            PushResult::Blocked { .. } => Self::Blocked,
        }
    }
}

/// Counts what one request moves, for its line and for the numbers of the server. A handler that is called without one counts for
/// nobody.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<Counts>);

#[derive(Default)]
struct Counts {
    metrics: Option<Arc<Metrics>>,
    outcomes: [AtomicU64; Outcome::ALL.len()],
    events: AtomicU64,
}

impl Tally {
    pub(crate) fn new(metrics: Option<Arc<Metrics>>) -> Self {
        Self(Arc::new(Counts { metrics, ..Counts::default() }))
    }

    pub(crate) fn metrics(&self) -> Option<&Metrics> {
        self.0.metrics.as_deref()
    }

    /// Counts a push that waits for its turn, until what is returned is dropped.
    pub(crate) fn waiting(&self) -> Option<Waiting> {
        self.metrics().map(Metrics::waiting)
    }

    /// Counts what became of the commits of a push, which have so many events each.
    pub(crate) fn pushed(&self, pushed: &Pushed, sizes: &[usize]) {
        let mut events = 0_u64;
        for (index, outcome) in pushed.outcomes.iter().enumerate() {
            let outcome = Outcome::of(&outcome.result);
            if outcome == Outcome::Committed {
                let size = sizes.get(index).copied().unwrap_or(0);
                events += u64::try_from(size).unwrap_or(u64::MAX);
            }
            if let Some(count) = self.0.outcomes.get(outcome as usize) {
                count.fetch_add(1, Relaxed);
            }
            if let Some(metrics) = self.metrics() {
                metrics.count_commit(outcome);
            }
        }
        self.0.events.fetch_add(events, Relaxed);
        if let Some(metrics) = self.metrics() {
            metrics.count_pushed(events);
        }
    }

    /// Counts the events of a page that is handed out.
    pub(crate) fn pulled(&self, page: &Page) {
        let events = page.commits.iter().map(|confirmed| confirmed.commit.count()).sum();
        self.0.events.fetch_add(events, Relaxed);
        if let Some(metrics) = self.metrics() {
            metrics.count_pulled(events);
        }
    }

    /// How many commits came to this; none if there was none.
    pub(super) fn commits(&self, outcome: Outcome) -> Option<u64> {
        let count = self.0.outcomes.get(outcome as usize).map_or(0, |count| count.load(Relaxed));
        (count > 0).then_some(count)
    }

    /// How many events were written or handed out; none if there was none.
    pub(super) fn events(&self) -> Option<u64> {
        let events = self.0.events.load(Relaxed);
        (events > 0).then_some(events)
    }
}

impl<S: Sync> FromRequestParts<S> for Tally {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}
