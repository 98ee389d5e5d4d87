//! A SQLite file that is read as it is, row by row: to be copied or verified; or a new one, to be written so.

use super::{
    archive::{MARKER_COLUMNS, marker},
    durable, failure,
    row::{COMMIT_COLUMNS, signed, stored_commit, unsigned},
    schema, tuned, unavailable,
    workers::Workers,
};
use crate::{
    log_name::LogName,
    storage::{
        LastPush, StorageError,
        leaving::StoredMarker,
        stored::{Rows, StoredLog, StoredProducer, StoredStream, WholeRow},
    },
};
use rusqlite::{Connection, OpenFlags, Params};
use std::path::Path;
use tidelog::{
    time::Timestamp,
    version::{Position, Version},
};
use uuid::Uuid;

/// A file as it is at one moment, for as long as this exists.
pub(crate) struct WholeFile {
    pub(super) workers: Workers,
    is_archive: bool,
}

impl WholeFile {
    /// Opens a file that exists, and looks at it; others may go on writing to it.
    pub(crate) fn look(file: &Path) -> Result<Self, StorageError> {
        Self::open(file, "BEGIN; SELECT 1 FROM logs LIMIT 1")
    }

    /// As [`look`](Self::look), also at an archive.
    pub(crate) fn peek(file: &Path) -> Result<Self, StorageError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = tuned(Connection::open_with_flags(file, flags).map_err(failure)?)?;
        if !schema::is_archive(&connection)? {
            return Self::look(file);
        }
        connection.execute_batch("BEGIN; SELECT 1 FROM logs LIMIT 1").map_err(failure)?;
        Self::of(connection, true)
    }

    /// Whether it holds streams that have left a log: no server can serve it.
    pub(crate) fn is_archive(&self) -> bool {
        self.is_archive
    }

    /// Opens a file that exists, and locks it: a server that still runs over it answers pushes with 503.
    pub(crate) fn lock(file: &Path) -> Result<Self, StorageError> {
        Self::open(file, "BEGIN IMMEDIATE")
    }

    /// Makes the tables in an empty file, and locks it: what is written is there after the commit.
    ///
    /// It has no write-ahead log, so that the file is whole by itself.
    pub(crate) fn create(file: &Path) -> Result<Self, StorageError> {
        Self::make_file(file, false)
    }

    /// The same for an archive: a file that no server takes for its logs.
    pub(crate) fn create_archive(file: &Path) -> Result<Self, StorageError> {
        Self::make_file(file, true)
    }

    fn make_file(file: &Path, is_archive: bool) -> Result<Self, StorageError> {
        let mut connection = tuned(Connection::open(file).map_err(failure)?)?;
        schema::prepare(&mut connection)?;
        if is_archive {
            schema::make_archive(&connection)?;
        }
        connection.pragma_update(None, "fullfsync", 1).map_err(failure)?;
        connection.pragma_update(None, "synchronous", "full").map_err(failure)?;
        connection.execute_batch("BEGIN IMMEDIATE").map_err(failure)?;
        Self::of(connection, is_archive)
    }

    fn open(file: &Path, begin: &str) -> Result<Self, StorageError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = tuned(Connection::open_with_flags(file, flags).map_err(failure)?)?;
        schema::prepare(&mut connection)?;
        durable(&connection)?;
        connection.execute_batch(begin).map_err(failure)?;
        Self::of(connection, false)
    }

    fn of(connection: Connection, is_archive: bool) -> Result<Self, StorageError> {
        let workers = Workers::start("sqlite-whole-file", vec![connection]).map_err(unavailable)?;
        Ok(Self { workers, is_archive })
    }
}

impl Rows for WholeFile {
    async fn logs(&self) -> Result<Vec<StoredLog>, StorageError> {
        self.workers
            .run(|connection| {
                type Found = (i64, String, Uuid, [u64; 2]);
                let rows = || -> rusqlite::Result<Vec<Found>> {
                    connection
                        .prepare("SELECT key, name, id, position, archived FROM logs ORDER BY name")?
                        .query_map([], |row| {
                            let ends = [unsigned(row, 3)?, unsigned(row, 4)?];
                            Ok((row.get(0)?, row.get(1)?, Uuid::from_bytes(row.get(2)?), ends))
                        })?
                        .collect()
                };
                let log = |(key, name, id, [position, archived]): Found| {
                    let name = LogName::parse(&name).map_err(|error| StorageError::Failed(error.into()))?;
                    Ok(StoredLog { key, name, id, position, archived })
                };
                rows().map_err(failure)?.into_iter().map(log).collect()
            })
            .await
    }

    async fn count_events(&self, log: i64) -> Result<u64, StorageError> {
        self.workers
            .run(move |connection| {
                let count = "SELECT count(*) FROM events WHERE log = ?1";
                connection.query_row(count, [log], |row| unsigned(row, 0)).map_err(failure)
            })
            .await
    }

    async fn rows(&self, log: i64, after: Position, bytes: usize) -> Result<Vec<WholeRow>, StorageError> {
        self.workers
            .run(move |connection| {
                let sql = format!(
                    "SELECT {COMMIT_COLUMNS}, id, stream FROM commits WHERE log = ?1 AND position > ?2 ORDER BY position"
                );
                read_rows(connection, &sql, (log, signed(after).map_err(failure)?), bytes).map_err(failure)
            })
            .await
    }

    async fn rows_of(
        &self,
        log: i64,
        stream: &str,
        (version, position): (Version, Position),
        bytes: usize,
    ) -> Result<Vec<WholeRow>, StorageError> {
        let stream = stream.to_owned();
        self.workers
            .run(move |connection| {
                let read = || {
                    let sql = format!(
                        "SELECT {COMMIT_COLUMNS}, id, stream FROM commits
                         WHERE log = ?1 AND stream = ?2 AND first_version > ?3 AND position > ?4
                         ORDER BY first_version"
                    );
                    let params = (log, stream, signed(version)?, signed(position)?);
                    read_rows(connection, &sql, params, bytes)
                };
                read().map_err(failure)
            })
            .await
    }

    async fn streams(&self, log: i64, after: &str, most: u32) -> Result<Vec<StoredStream>, StorageError> {
        let after = after.to_owned();
        self.workers
            .run(move |connection| {
                let read = || -> rusqlite::Result<Vec<StoredStream>> {
                    connection
                        .prepare_cached(
                            "SELECT stream, max(first_version + events) - 1, count(*), max(position + events) - 1,
                                    max(recorded_at), (SELECT archive FROM archived WHERE archived.log = ?1
                                                       AND archived.stream = commits.stream)
                             FROM commits WHERE log = ?1 AND stream > ?2
                             GROUP BY stream ORDER BY stream LIMIT ?3",
                        )?
                        .query_map((log, after, most), |row| {
                            Ok(StoredStream {
                                stream: row.get(0)?,
                                version: unsigned(row, 1)?,
                                commits: unsigned(row, 2)?,
                                position: unsigned(row, 3)?,
                                recorded_at: Timestamp(row.get(4)?),
                                archive: row.get(5)?,
                            })
                        })?
                        .collect()
                };
                read().map_err(failure)
            })
            .await
    }

    async fn markers(&self, log: i64, after: u64, most: u32) -> Result<Vec<StoredMarker>, StorageError> {
        self.workers
            .run(move |connection| {
                let read = || -> rusqlite::Result<Vec<StoredMarker>> {
                    let sql = format!(
                        "SELECT {MARKER_COLUMNS} FROM archived WHERE log = ?1 AND number > ?2 ORDER BY number LIMIT ?3"
                    );
                    connection.prepare_cached(&sql)?.query_map((log, signed(after)?, most), marker)?.collect()
                };
                read().map_err(failure)
            })
            .await
    }

    async fn producers(&self, log: i64) -> Result<Vec<StoredProducer>, StorageError> {
        self.workers
            .run(move |connection| {
                let read = || -> rusqlite::Result<Vec<StoredProducer>> {
                    connection
                        .prepare_cached(
                            "SELECT id, epoch, sequence, digest FROM producers WHERE log = ?1 ORDER BY id",
                        )?
                        .query_map([log], |row| {
                            let digest = u64::from_be_bytes(row.get(3)?);
                            let last =
                                LastPush { epoch: unsigned(row, 1)?, sequence: unsigned(row, 2)?, digest };
                            Ok(StoredProducer { id: Uuid::from_bytes(row.get(0)?), last })
                        })?
                        .collect()
                };
                read().map_err(failure)
            })
            .await
    }
}

/// Reads whole rows, about as many as fit into `bytes`, but at least one.
fn read_rows(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    bytes: usize,
) -> rusqlite::Result<Vec<WholeRow>> {
    let mut statement = connection.prepare_cached(sql)?;
    let (mut rows, mut held) = (Vec::new(), 0);
    let mut found = statement.query(params)?;
    while let Some(row) = found.next()? {
        let stored = stored_commit(row)?;
        held += stored.bytes();
        if !rows.is_empty() && held > bytes {
            break;
        }
        rows.push(WholeRow { stored, id: Uuid::from_bytes(row.get(5)?), stream: row.get(6)? });
    }
    Ok(rows)
}
