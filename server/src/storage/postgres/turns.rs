//! Pushes to the same log wait for each other here, before they take a connection: else those to one busy log would hold all
//! connections waiting in the database, and nobody could read.

use crate::log_name::LogName;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};
use tokio::sync::{Mutex as Queue, OwnedMutexGuard};

/// One queue for each log that is being pushed to.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    queues: HashMap<LogName, Weak<Queue<()>>>,
    /// How many queues were left when those that nobody stands in were last taken away.
    kept: usize,
}

impl Turns {
    /// Waits until all who came earlier for the same log have dropped what they got.
    pub(super) async fn take(&self, log: &LogName) -> OwnedMutexGuard<()> {
        self.queue(log).lock_owned().await
    }

    fn queue(&self, log: &LogName) -> Arc<Queue<()>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = known.queues.get(log).and_then(Weak::upgrade) {
            return queue;
        }
        // Each log is looked at once per doubling.
        if known.queues.len() > 2 * known.kept {
            known.queues.retain(|_, queue| queue.strong_count() > 0);
            known.kept = known.queues.len();
        }
        let queue = Arc::new(Queue::new(()));
        known.queues.insert(log.clone(), Arc::downgrade(&queue));
        queue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn log(number: usize) -> LogName {
        LogName::parse(&format!("log-{number}")).unwrap()
    }

    #[test]
    fn one_at_a_time_for_each_log() {
        let turns = Turns::default();
        let first = turns.take(&log(1)).now_or_never().unwrap();
        assert!(turns.take(&log(1)).now_or_never().is_none());
        assert!(turns.take(&log(2)).now_or_never().is_some());
        drop(first);
        assert!(turns.take(&log(1)).now_or_never().is_some());
    }

    #[test]
    fn logs_that_nobody_pushes_to_go_away() {
        let turns = Turns::default();
        let _held = turns.take(&log(0)).now_or_never().unwrap();
        for number in 1..1_000 {
            assert!(turns.take(&log(number)).now_or_never().is_some());
            assert!(turns.0.lock().unwrap().queues.len() <= 4);
        }
        assert!(turns.take(&log(0)).now_or_never().is_none());
    }
}
