//! Seeing inside: what the engine has counted and measured.

use super::{Engine, Inner};
use crate::{
    log::store::Store,
    metrics::{Metrics, Queue},
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
            last_synced_at: inner.driver.status().last_synced_at,
            failures: inner.meter.failures(),
        }
    }

    /// Begins to count and measure anew.
    pub fn reset_metrics(&self) {
        self.inner.meter.reset();
    }
}

impl<S: Store> Inner<S> {
    fn queue(&self) -> Queue {
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
