//! Rows to values and back.

use super::failure;
use crate::{
    log_name::LogName,
    storage::{BoxError, StorageError, stored::StoredCommit},
};
use rusqlite::{Connection, OptionalExtension, Row, types::Type};
use tidelog::{stream::StreamName, version::Position};
use uuid::Uuid;

/// A row of `logs`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log {
    /// What other tables refer to it by.
    pub(super) key: i64,
    /// Its identity.
    pub(super) id: Uuid,
    /// The position of its last event; 0 if there is none.
    pub(super) position: Position,
    /// How many of its streams were archived.
    pub(super) archived: u64,
}

/// The log of this name, if it exists.
pub(super) fn find_log(connection: &Connection, name: &LogName) -> Result<Option<Log>, StorageError> {
    connection
        .prepare_cached("SELECT key, id, position, archived FROM logs WHERE name = ?1")
        .and_then(|mut statement| {
            let read = |row: &Row<'_>| {
                Ok(Log {
                    key: row.get(0)?,
                    id: Uuid::from_bytes(row.get(1)?),
                    position: unsigned(row, 2)?,
                    archived: unsigned(row, 3)?,
                })
            };
            statement.query_row([name.as_str()], read).optional()
        })
        .map_err(failure)
}

/// The log of this name; it is made if it does not exist.
pub(super) fn make_log(connection: &Connection, name: &LogName) -> Result<Log, StorageError> {
    if let Some(log) = find_log(connection, name)? {
        return Ok(log);
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| StorageError::Unavailable(BoxError::from(error.to_string())))?;
    let id = uuid::Builder::from_random_bytes(random).into_uuid();
    // Another process may have been faster: then its row stays.
    connection
        .execute(
            "INSERT INTO logs (name, id) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
            (name.as_str(), id.as_bytes()),
        )
        .map_err(failure)?;
    find_log(connection, name)?.ok_or_else(|| StorageError::Failed("a log just made is not there".into()))
}

/// A number of the protocol; none is above 2^53 - 1, so that all fit into SQLite's integers.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// A number of the protocol as SQLite keeps it.
pub(super) fn signed(value: u64) -> rusqlite::Result<i64> {
    i64::try_from(value).map_err(|_| {
        rusqlite::Error::ToSqlConversionFailure(format!("{value} is above every version and position").into())
    })
}

/// The name of a stream.
pub(super) fn stream(row: &Row<'_>, column: usize) -> rusqlite::Result<StreamName> {
    let name = row.get_ref(column)?.as_str()?;
    StreamName::parse(name)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}

/// The columns that [`stored_commit`] reads.
pub(super) const COMMIT_COLUMNS: &str = "position, events, first_version, recorded_at, body";

/// Reads the [`COMMIT_COLUMNS`].
pub(super) fn stored_commit(row: &Row<'_>) -> rusqlite::Result<StoredCommit> {
    Ok(StoredCommit {
        position: unsigned(row, 0)?,
        events: row.get(1)?,
        first_version: unsigned(row, 2)?,
        recorded_at: row.get(3)?,
        body: row.get(4)?,
    })
}
