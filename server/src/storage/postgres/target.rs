//! A database that logs are copied into, each in one transaction.

use super::{
    address::PostgresAddress,
    archive::{MARKER_COLUMNS, insert_marker, marker},
    columns::Columns,
    failure::Trouble,
    producers,
    row::{COMMIT_COLUMNS, signed, stored_commit, unsigned},
    schema,
    sessions::{self, PostgresLimits, Sessions},
};
use crate::{
    log_name::LogName,
    storage::{
        LastPush, StorageError,
        leaving::StoredMarker,
        stored::{Rows, StoredLog, StoredProducer, StoredStream, WholeRow, Writing},
    },
};
use deadpool_postgres::{Client, Transaction};
use std::{collections::HashMap, time::Duration};
use tidelog::{
    commit::Commit,
    time::Timestamp,
    version::{Position, Version},
};
use tokio_postgres::IsolationLevel;

/// A large log takes its time: zero stands for no bound.
const PATIENT: PostgresLimits = PostgresLimits {
    connections: 1,
    statement_timeout: Duration::ZERO,
    lock_timeout: Duration::ZERO,
    idle_timeout: Duration::ZERO,
};

/// One connection, without time-outs.
pub(crate) struct Target(Client);

impl Target {
    /// Connects, and makes the tables in an empty database.
    pub(crate) async fn open(address: &PostgresAddress) -> Result<Self, StorageError> {
        let mut client = sessions::attend(sessions::single(address).await?);
        schema::prepare(&mut client).await?;
        Ok(Self(Sessions::new(address, PATIENT)?.get().await?))
    }

    /// The log of this name or with this identity, if there is one.
    pub(crate) async fn find(&self, like: &StoredLog) -> Result<Option<StoredLog>, StorageError> {
        let find = async || -> Result<_, Trouble> {
            let sql = "SELECT key, name, id, position, archived FROM tidelog.logs WHERE name = $1 OR id = $2 ORDER BY name = $1 DESC LIMIT 1";
            let row = self.0.query_opt(sql, &[&like.name.as_str(), &like.id]).await?;
            row.map(|row| stored_log(&row)).transpose()
        };
        Ok(find().await?)
    }

    /// Begins a transaction that only reads, and sees the database as it is at its first look.
    pub(crate) async fn look(&mut self) -> Result<Copying<'_>, StorageError> {
        let begin =
            self.0.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        Ok(Copying(begin.start().await.map_err(Trouble::from)?))
    }

    /// Begins a transaction: what is done in it is there whole after its commit, or not at all.
    pub(crate) async fn begin(&mut self) -> Result<Copying<'_>, StorageError> {
        Ok(Copying(self.0.transaction().await.map_err(Trouble::from)?))
    }
}

/// Reads `key, name, id, position, archived`.
fn stored_log(row: &tokio_postgres::Row) -> Result<StoredLog, Trouble> {
    let name = LogName::parse(row.try_get(1)?).map_err(|error| StorageError::Failed(error.into()))?;
    let (position, archived) = (unsigned(row, 3)?, unsigned(row, 4)?);
    Ok(StoredLog { key: row.try_get(0)?, name, id: row.try_get(2)?, position, archived })
}

/// A transaction.
pub(crate) struct Copying<'a>(Transaction<'a>);

impl Writing for Copying<'_> {
    /// Servers that would make a log of the same name wait.
    async fn make(&self, log: &StoredLog) -> Result<i64, StorageError> {
        let make = async || -> Result<i64, Trouble> {
            let sql = "INSERT INTO tidelog.logs (name, id, position) VALUES ($1, $2, $3) RETURNING key";
            let position = signed(log.position)?;
            Ok(self.0.query_one(sql, &[&log.name.as_str(), &log.id, &position]).await?.try_get(0)?)
        };
        Ok(make().await?)
    }

    async fn write(&self, log: i64, rows: Vec<(Option<Commit>, WholeRow)>) -> Result<(), StorageError> {
        let mut columns = Columns::default();
        for (commit, row) in rows {
            columns.add_commit(row)?;
            if let Some(commit) = commit {
                columns.add_events(&commit);
            }
        }
        Ok(columns.insert(&self.0, log).await?)
    }

    async fn write_producer(&self, log: i64, producer: StoredProducer) -> Result<(), StorageError> {
        let statement = producers::writing(&self.0).await?;
        let last = HashMap::from([(producer.id, producer.last)]);
        Ok(producers::write(&self.0, &statement, log, &last).await?)
    }

    async fn write_marker(&self, log: i64, marker: StoredMarker) -> Result<(), StorageError> {
        Ok(insert_marker(&self.0, log, &marker).await?)
    }

    async fn commit(self) -> Result<(), StorageError> {
        self.0.commit().await.map_err(|error| Trouble::from(error).into())
    }
}

fn whole_row(row: &tokio_postgres::Row) -> Result<WholeRow, Trouble> {
    Ok(WholeRow { stored: stored_commit(row, 0)?, id: row.try_get(5)?, stream: row.try_get(6)? })
}

/// The most rows read at once, beside the bound in bytes.
const AT_ONCE: i64 = 10_000;

impl Rows for Copying<'_> {
    async fn logs(&self) -> Result<Vec<StoredLog>, StorageError> {
        let read = async || -> Result<Vec<StoredLog>, Trouble> {
            let sql = "SELECT key, name, id, position, archived FROM tidelog.logs ORDER BY name";
            self.0.query(sql, &[]).await?.iter().map(stored_log).collect()
        };
        Ok(read().await?)
    }

    async fn count_events(&self, log: i64) -> Result<u64, StorageError> {
        let count = async || -> Result<u64, Trouble> {
            let sql = "SELECT count(*) FROM tidelog.events WHERE log = $1";
            unsigned(&self.0.query_one(sql, &[&log]).await?, 0)
        };
        Ok(count().await?)
    }

    async fn rows(&self, log: i64, after: Position, bytes: usize) -> Result<Vec<WholeRow>, StorageError> {
        let read = async || -> Result<Vec<WholeRow>, Trouble> {
            let sql = format!(
                "SELECT {COMMIT_COLUMNS}, id, stream FROM (
                     SELECT {COMMIT_COLUMNS}, id, stream,
                            sum(octet_length(body)) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING) AS held,
                            row_number() OVER (ORDER BY position ROWS UNBOUNDED PRECEDING) AS number
                     FROM tidelog.commits WHERE log = $1 AND position > $2 ORDER BY position LIMIT $4
                 ) AS next WHERE held <= $3 OR number = 1 ORDER BY position"
            );
            let statement = self.0.prepare_cached(&sql).await?;
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            let rows = self.0.query(&statement, &[&log, &signed(after)?, &bytes, &AT_ONCE]).await?;
            rows.iter().map(whole_row).collect()
        };
        Ok(read().await?)
    }

    async fn rows_of(
        &self,
        log: i64,
        stream: &str,
        (version, position): (Version, Position),
        bytes: usize,
    ) -> Result<Vec<WholeRow>, StorageError> {
        let read = async || -> Result<Vec<WholeRow>, Trouble> {
            let sql = format!(
                "SELECT {COMMIT_COLUMNS}, id, stream FROM (
                     SELECT {COMMIT_COLUMNS}, id, stream,
                            sum(octet_length(body)) OVER (ORDER BY first_version ROWS UNBOUNDED PRECEDING) AS held,
                            row_number() OVER (ORDER BY first_version ROWS UNBOUNDED PRECEDING) AS number
                     FROM tidelog.commits
                     WHERE log = $1 AND stream = $2 AND first_version > $3 AND position > $4
                     ORDER BY first_version LIMIT $6
                 ) AS next WHERE held <= $5 OR number = 1 ORDER BY first_version"
            );
            let statement = self.0.prepare_cached(&sql).await?;
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            let (version, position) = (signed(version)?, signed(position)?);
            let rows =
                self.0.query(&statement, &[&log, &stream, &version, &position, &bytes, &AT_ONCE]).await?;
            rows.iter().map(whole_row).collect()
        };
        Ok(read().await?)
    }

    async fn streams(&self, log: i64, after: &str, most: u32) -> Result<Vec<StoredStream>, StorageError> {
        let read = async || -> Result<Vec<StoredStream>, Trouble> {
            let sql = "SELECT stream, max(first_version + events) - 1, count(*), max(position + events) - 1,
                        max(recorded_at), (SELECT archive FROM tidelog.archived AS gone
                                           WHERE gone.log = $1 AND gone.stream = commits.stream)
                 FROM tidelog.commits WHERE log = $1 AND stream > $2
                 GROUP BY stream ORDER BY stream LIMIT $3";
            let statement = self.0.prepare_cached(sql).await?;
            let rows = self.0.query(&statement, &[&log, &after, &i64::from(most)]).await?;
            let stream = |row: &tokio_postgres::Row| {
                Ok(StoredStream {
                    stream: row.try_get(0)?,
                    version: unsigned(row, 1)?,
                    commits: unsigned(row, 2)?,
                    position: unsigned(row, 3)?,
                    recorded_at: Timestamp(row.try_get(4)?),
                    archive: row.try_get(5)?,
                })
            };
            rows.iter().map(stream).collect()
        };
        Ok(read().await?)
    }

    async fn markers(&self, log: i64, after: u64, most: u32) -> Result<Vec<StoredMarker>, StorageError> {
        let read = async || -> Result<Vec<StoredMarker>, Trouble> {
            let sql = format!(
                "SELECT {MARKER_COLUMNS} FROM tidelog.archived WHERE log = $1 AND number > $2 ORDER BY number LIMIT $3"
            );
            let statement = self.0.prepare_cached(&sql).await?;
            let rows = self.0.query(&statement, &[&log, &signed(after)?, &i64::from(most)]).await?;
            rows.iter().map(marker).collect()
        };
        Ok(read().await?)
    }

    async fn producers(&self, log: i64) -> Result<Vec<StoredProducer>, StorageError> {
        let read = async || -> Result<Vec<StoredProducer>, Trouble> {
            let sql = "SELECT id, epoch, sequence, digest FROM tidelog.producers WHERE log = $1 ORDER BY id";
            let rows = self.0.query(sql, &[&log]).await?;
            let producer = |row: &tokio_postgres::Row| {
                let last: LastPush = producers::last(row, 1)?;
                Ok(StoredProducer { id: row.try_get(0)?, last })
            };
            rows.iter().map(producer).collect()
        };
        Ok(read().await?)
    }
}
