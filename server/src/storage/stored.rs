//! A commit as databases keep it: its place in columns, the rest as JSON.

use crate::{
    log_name::LogName,
    storage::{LastPush, StorageError, leaving::StoredMarker},
};
use tidelog::{
    commit::{Commit, ConfirmedCommit},
    time::Timestamp,
    version::{Position, Version},
};
use uuid::Uuid;

/// A row of `commits`, its body still text.
pub(crate) struct StoredCommit {
    /// The position of its first event.
    pub(crate) position: Position,
    /// The number of its events.
    pub(crate) events: u32,
    /// The version of its first event.
    pub(crate) first_version: u64,
    /// Milliseconds since 1970.
    pub(crate) recorded_at: i64,
    /// The JSON of the commit as the protocol writes it.
    pub(crate) body: String,
}

impl StoredCommit {
    /// The length of its body in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.body.len()
    }

    /// Whether what was in it has been archived.
    pub(crate) fn is_archived(&self) -> bool {
        self.body.is_empty()
    }

    /// Reads the body.
    pub(crate) fn confirmed(&self, log: &LogName) -> Result<ConfirmedCommit, StorageError> {
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

/// A row of `commits` with all its columns, to be copied as it is.
pub(crate) struct WholeRow {
    /// What a reader needs.
    pub(crate) stored: StoredCommit,
    /// The id of the commit.
    pub(crate) id: Uuid,
    /// Its stream.
    pub(crate) stream: String,
}

impl WholeRow {
    /// As [`commit`](Self::commit); none if what was in it has been archived.
    pub(crate) fn commit_if_here(&self, log: &LogName) -> Result<Option<Commit>, StorageError> {
        if self.stored.is_archived() { Ok(None) } else { self.commit(log).map(Some) }
    }

    /// Reads the body; it has to say what the other columns say.
    pub(crate) fn commit(&self, log: &LogName) -> Result<Commit, StorageError> {
        let commit = self.stored.confirmed(log)?.commit;
        if commit.id.0 == self.id && commit.stream.as_str() == self.stream {
            return Ok(commit);
        }
        let reason = format!("its columns say commit {} of {}", self.id, self.stream);
        Err(StorageError::Corrupt { log: log.clone(), position: self.stored.position, reason })
    }
}

/// A log, less what is in it.
#[derive(Clone, Debug)]
pub(crate) struct StoredLog {
    /// What other tables of the same database refer to it by.
    pub(crate) key: i64,
    /// Its name.
    pub(crate) name: LogName,
    /// Its identity.
    pub(crate) id: Uuid,
    /// The position of its last event; 0 if there is none.
    pub(crate) position: Position,
    /// How many of its streams were archived.
    pub(crate) archived: u64,
}

/// A stream, less what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredStream {
    /// Its name.
    pub stream: String,
    /// The version of its last event.
    pub version: Version,
    /// How many commits it has.
    pub commits: u64,
    /// The position of its last event.
    pub position: Position,
    /// When that was recorded.
    pub recorded_at: Timestamp,
    /// The archive that its events are in; none if they are in the log.
    pub archive: Option<String>,
}

/// The last push of a producer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredProducer {
    /// The producer.
    pub(crate) id: Uuid,
    /// Its last push.
    pub(crate) last: LastPush,
}

/// A database whose logs can be read as they are.
pub(crate) trait Rows {
    /// All logs, by name.
    async fn logs(&self) -> Result<Vec<StoredLog>, StorageError>;

    /// How many ids of events the log has.
    async fn count_events(&self, log: i64) -> Result<u64, StorageError>;

    /// The next commits after a position, about as many as fit into `bytes`, but at least one if there is one.
    async fn rows(&self, log: i64, after: Position, bytes: usize) -> Result<Vec<WholeRow>, StorageError>;

    /// As [`rows`](Self::rows), of one stream: those after a version and a position.
    async fn rows_of(
        &self,
        log: i64,
        stream: &str,
        after: (Version, Position),
        bytes: usize,
    ) -> Result<Vec<WholeRow>, StorageError>;

    /// The next streams after a name, by name, at most so many.
    async fn streams(&self, log: i64, after: &str, most: u32) -> Result<Vec<StoredStream>, StorageError>;

    /// The last push of each producer, by id.
    async fn producers(&self, log: i64) -> Result<Vec<StoredProducer>, StorageError>;

    /// The next markers of archived streams after a number, by number, at most so many.
    async fn markers(&self, log: i64, after: u64, most: u32) -> Result<Vec<StoredMarker>, StorageError>;
}

/// A database that logs are written into as they are: whatever is written is there after the commit, or nothing of it.
pub(crate) trait Writing: Rows {
    /// Makes the log. Gives what other tables refer to it by.
    async fn make(&self, log: &StoredLog) -> Result<i64, StorageError>;

    /// Writes rows and the ids of the events in them, where they are not archived.
    async fn write(&self, log: i64, rows: Vec<(Option<Commit>, WholeRow)>) -> Result<(), StorageError>;

    /// Writes the marker of an archived stream.
    async fn write_marker(&self, log: i64, marker: StoredMarker) -> Result<(), StorageError>;

    /// Writes the last push of a producer.
    async fn write_producer(&self, log: i64, producer: StoredProducer) -> Result<(), StorageError>;

    /// Makes it last.
    async fn commit(self) -> Result<(), StorageError>;
}
