//! How many clients may wait for news at the same time.

use crate::refusal::Refusal;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for clients that wait. Each takes one for as long as it is connected.
#[derive(Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    most: usize,
}

impl Places {
    pub(crate) fn new(most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(most)), most }
    }

    /// A place, or 503: who gets none pulls now and then.
    pub(crate) fn take(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.free).try_acquire_owned().map_err(|_| Refusal::no_place())
    }

    /// How many clients wait.
    pub(crate) fn taken(&self) -> usize {
        self.most - self.free.available_permits()
    }
}
