//! Rows to values and back.

use super::failure::Trouble;
use crate::{
    log_name::LogName,
    storage::{BoxError, StorageError, stored::StoredCommit},
};
use deadpool_postgres::GenericClient;
use tidelog::{stream::StreamName, version::Position};
use tokio_postgres::{Row, Statement};
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

/// Whether the log's row is to be locked until the transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    /// Only read it.
    No,
    /// Nobody else writes to the log meanwhile.
    Writing,
}

/// The log of this name; it is made if it does not exist.
pub(super) async fn make_log(
    client: &impl GenericClient,
    name: &LogName,
    lock: Lock,
) -> Result<Log, Trouble> {
    if let Some(log) = find_log(client, name, lock).await? {
        return Ok(log);
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| StorageError::Unavailable(BoxError::from(error.to_string())))?;
    let id = uuid::Builder::from_random_bytes(random).into_uuid();
    // Another process may have been faster: then its row stays.
    let insert = client
        .prepare_cached("INSERT INTO tidelog.logs (name, id) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
        .await?;
    client.execute(&insert, &[&name.as_str(), &id]).await?;
    find_log(client, name, lock)
        .await?
        .ok_or_else(|| StorageError::Failed("a log just made is not there".into()).into())
}

/// The log of this name, if it exists.
pub(super) async fn find_log(
    client: &impl GenericClient,
    name: &LogName,
    lock: Lock,
) -> Result<Option<Log>, Trouble> {
    let statement = find(client, lock).await?;
    client.query_opt(&statement, &[&name.as_str()]).await?.map(|row| log(&row)).transpose()
}

/// The statement that finds the [`log`] of a name.
pub(super) async fn find(client: &impl GenericClient, lock: Lock) -> Result<Statement, Trouble> {
    let sql = match lock {
        Lock::No => "SELECT key, id, position, archived FROM tidelog.logs WHERE name = $1",
        Lock::Writing => "SELECT key, id, position, archived FROM tidelog.logs WHERE name = $1 FOR UPDATE",
    };
    Ok(client.prepare_cached(sql).await?)
}

/// Reads a row of `logs`.
pub(super) fn log(row: &Row) -> Result<Log, Trouble> {
    let (position, archived) = (unsigned(row, 2)?, unsigned(row, 3)?);
    Ok(Log { key: row.try_get(0)?, id: row.try_get(1)?, position, archived })
}

/// The columns that [`stored_commit`] reads.
pub(super) const COMMIT_COLUMNS: &str = "position, events, first_version, recorded_at, body";

/// Reads the [`COMMIT_COLUMNS`], which begin at column `from`.
pub(super) fn stored_commit(row: &Row, from: usize) -> Result<StoredCommit, Trouble> {
    let events: i32 = row.try_get(from + 1)?;
    Ok(StoredCommit {
        position: unsigned(row, from)?,
        events: u32::try_from(events).map_err(|_| out_of_range(events.into()))?,
        first_version: unsigned(row, from + 2)?,
        recorded_at: row.try_get(from + 3)?,
        body: row.try_get(from + 4)?,
    })
}

/// The name of a stream.
pub(super) fn stream(row: &Row, column: usize) -> Result<StreamName, Trouble> {
    Ok(StreamName::parse(row.try_get(column)?).map_err(|error| StorageError::Failed(error.into()))?)
}

/// A number of the protocol; none is above 2^53 - 1, so that all fit into `bigint`.
pub(super) fn unsigned(row: &Row, column: usize) -> Result<u64, Trouble> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value).map_err(|_| out_of_range(value).into())
}

/// A number of the protocol as the database keeps it.
pub(super) fn signed(value: u64) -> Result<i64, StorageError> {
    i64::try_from(value)
        .map_err(|_| StorageError::Failed(format!("{value} is above every version and position").into()))
}

fn out_of_range(value: i64) -> StorageError {
    StorageError::Failed(format!("the database holds {value} where a number from 0 on belongs").into())
}
