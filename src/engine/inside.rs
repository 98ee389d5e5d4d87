//! Seeing inside: what the engine has counted and measured.

use super::{Engine, Inner, ProjectionState, ProjectionStatus, SyncState};
use crate::{
    health::{Health, Signs, SyncSigns, Told},
    log::{Authority, store::Store},
    metrics::{Metrics, ProjectionLag, Queue},
};

impl<S: Store> Engine<S> {
    /// What this opening has counted and measured since it began, or since the last [`Engine::reset_metrics`]. Reads nothing.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let inner = &self.inner;
        Metrics {
            since: inner.meter.since(),
            counters: inner.meter.counters(),
            latencies: inner.meter.latencies(),
            queue: inner.queue(),
            projections: inner
                .known_projections()
                .into_iter()
                .map(|ProjectionStatus { name, lag, parked, .. }| ProjectionLag { name, lag, parked })
                .collect(),
            last_synced_at: inner.driver.status().last_synced_at,
            failures: inner.meter.failures(),
        }
    }

    /// Whether something needs attention, and what. Reads nothing.
    #[must_use]
    pub fn health(&self, told: Told) -> Health {
        let inner = &self.inner;
        let head = inner.log.head();
        let sync = inner.driver.status();
        let projections = inner.known_projections();
        let confirmed_here = match inner.log.authority() {
            Authority::Device => head.confirmed_events,
            Authority::Server => 0,
        };
        let signs = Signs {
            now: inner.surroundings.stated(),
            storage: told.storage,
            sync: told.sync.unwrap_or_else(|| SyncSigns {
                unauthorized: sync.state == SyncState::Unauthorized,
                failure: sync.error.map(|error| (error.code, error.message)),
                last_synced_at: sync.last_synced_at,
            }),
            queue: inner.queue(),
            only_here: head.pending_events + confirmed_here,
            rejected: head.rejected,
            corrupt: inner.log.corrupt().len() as u64,
            processes: inner.process_signs(),
            parked: projections.iter().map(|status| status.parked).sum(),
            stopped: projections
                .into_iter()
                .filter(|status| status.state == ProjectionState::Stopped)
                .map(|status| status.name)
                .collect(),
        };
        signs.health()
    }

    /// Begins to count and measure anew.
    pub fn reset_metrics(&self) {
        self.inner.meter.reset();
    }
}

impl<S: Store> Inner<S> {
    pub(super) fn queue(&self) -> Queue {
        let head = self.log.head();
        let oldest = self.oldest.get().filter(|_| head.pending_commits > 0);
        Queue { commits: head.pending_commits, events: head.pending_events, oldest }
    }

    /// Looks when the first commit of the queue was decided, after a change that may have taken the one before it away. A queue
    /// that can't be read has no age; whoever reads it for its commits is told why.
    pub(super) async fn look_for_oldest(&self) {
        let waiting = self.log.head().pending_commits > 0;
        let first = if waiting { self.log.pending(0, 1, 1).await.unwrap_or_default() } else { vec![] };
        self.oldest.set(first.first().map(|first| first.commit.metadata.occurred_at));
    }
}
