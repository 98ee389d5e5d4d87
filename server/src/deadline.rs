//! The moment by which a request has to be answered.

use std::{future::Future, time::Duration};
use tokio::time::{Instant, timeout_at};

/// The end of the time that a request has, over all its steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

/// The time is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed;

impl Deadline {
    pub(crate) fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// Waits for one step, until the deadline.
    pub(crate) async fn bound<F: Future>(self, step: F) -> Result<F::Output, Passed> {
        timeout_at(self.0, step).await.map_err(|_| Passed)
    }
}
