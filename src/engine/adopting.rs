//! Another log answers at the address, and somebody has decided that it is to be this database's from now on.

use super::{Engine, Inner, ReadError, pulling::failure};
use crate::{
    log::{Authority, Checkpoint, store::Store},
    sync::machine::{Failure, LOG_CHANGED},
};
use std::sync::Arc;

impl<S: Store> Engine<S> {
    /// Takes the log of this identity for the one that this database belongs to: after `log-changed`, the one that
    /// [`SyncError::log_id`](super::SyncError) names. **All that this database holds is offered to it**, what other people and devices did
    /// included, in its order, each commit as it is. How many confirmed commits that are; 0 if it is this database's log already, or if
    /// there is no server.
    ///
    /// # Errors
    /// [`ReadError::Log`] if a block can't be read or storage failed. Nothing changes then.
    pub async fn adopt(&self, log_id: &str) -> Result<u64, ReadError> {
        let inner = &self.inner;
        inner.check_open()?;
        if inner.log.authority() == Authority::Device {
            return Ok(0);
        }
        loop {
            inner.log.catch_up().await?;
            let seen = inner.log.head();
            if seen.log_id.as_deref() == Some(log_id) {
                return Ok(0);
            }
            let rewind = inner.rewind_to(seen, Checkpoint::beginning(), Some(log_id.into()));
            if let Some(commits) = inner.log.rewind(rewind).await? {
                inner.look_for_oldest().await;
                inner.wrote(None);
                self.sync_now();
                return Ok(commits);
            }
        }
    }
}

impl<S: Store> Inner<S> {
    /// Whether an answer comes from the log that this database belongs to.
    pub(super) fn check_log(&self, log_id: &str) -> Result<(), Failure> {
        match self.log.head().log_id {
            Some(known) if *known != *log_id => {
                self.driver.note_stranger(Arc::from(log_id));
                let message = format!(
                    "the server answers for log {log_id}, this database belongs to log {known}: nothing was sent or taken; check the URL"
                );
                Err(failure(LOG_CHANGED, message))
            }
            _ => Ok(()),
        }
    }
}
