//! A commit as databases keep it: its place in columns, the rest as JSON.

use crate::{log_name::LogName, storage::StorageError};
use tidelog::{
    commit::{Commit, ConfirmedCommit},
    time::Timestamp,
    version::Position,
};

/// A row of `commits`, its body still text.
pub(super) struct StoredCommit {
    /// The position of its first event.
    pub(super) position: Position,
    /// The number of its events.
    pub(super) events: u32,
    /// The version of its first event.
    pub(super) first_version: u64,
    /// Milliseconds since 1970.
    pub(super) recorded_at: i64,
    /// The JSON of the commit as the protocol writes it.
    pub(super) body: String,
}

impl StoredCommit {
    /// The length of its body in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.body.len()
    }

    /// Reads the body.
    pub(super) fn confirmed(&self, log: &LogName) -> Result<ConfirmedCommit, StorageError> {
        let corrupt = |reason| StorageError::Corrupt { log: log.clone(), position: self.position, reason };
        let commit: Commit = serde_json::from_str(&self.body).map_err(|error| corrupt(error.to_string()))?;
        if commit.count() != u64::from(self.events) {
            return Err(corrupt(format!("{} events instead of {}", commit.events.len(), self.events)));
        }
        Ok(ConfirmedCommit {
            first_version: self.first_version,
            first_position: self.position,
            recorded_at: Timestamp(self.recorded_at),
            commit,
        })
    }
}
