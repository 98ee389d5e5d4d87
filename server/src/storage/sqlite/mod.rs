//! Logs in one SQLite database: a file, or memory for tests.

mod archive;
mod group;
mod history;
mod page;
mod producers;
mod push;
mod row;
mod schema;
mod whole_file;
mod workers;
mod writing;

pub(crate) use whole_file::WholeFile;

use super::{Bell, History, Leaving, Offer, PageError, PageLimit, PushError, Storage, StorageError, Streams};
use crate::{
    clock::{Clock, SystemClock},
    log_name::LogName,
};
use futures_util::future::BoxFuture;
use rusqlite::{Connection, ErrorCode};
use std::{collections::HashSet, path::Path, sync::Arc, time::Duration};
use tidelog::{
    id::CommitId,
    stream::StreamName,
    sync::protocol::{Archived, ArchivedPage, Cursor, Page, Pushed},
    version::Version,
};
use workers::Workers;

/// How many connections read at the same time.
const READERS: usize = 4;
/// How long a connection waits for a lock that another process holds.
const BUSY: Duration = Duration::from_secs(5);
/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 32;

/// Logs in SQLite: one connection writes, several read, each on a thread of its own.
///
/// A file is in WAL mode with `synchronous = FULL`: an answered push has been synced to the disk. A second process may open
/// the same file; its pushes wait for each other.
pub struct Sqlite {
    // Dropped in this order: the last connection to close merges the write-ahead log into the file, and none does if two
    // close at the same time.
    readers: Arc<Workers>,
    writer: Arc<Workers>,
    clock: Arc<dyn Clock>,
    bell: Arc<Bell>,
}

impl Sqlite {
    /// Opens a file, or makes it.
    ///
    /// # Errors
    /// [`StorageError::NewerSchema`], [`StorageError::Foreign`], or what SQLite says of the file.
    pub fn open(file: &Path) -> Result<Self, StorageError> {
        let mut first = Connection::open(file).map_err(failure)?;
        first.busy_timeout(BUSY).map_err(failure)?;
        schema::prepare(&mut first)?;
        durable(&first)?;
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let reader = tuned(Connection::open(file).map_err(failure)?)?;
            reader.pragma_update(None, "query_only", true).map_err(failure)?;
            readers.push(reader);
        }
        Ok(Self {
            writer: Arc::new(Workers::start("sqlite-writer", vec![tuned(first)?]).map_err(unavailable)?),
            readers: Arc::new(Workers::start("sqlite-reader", readers).map_err(unavailable)?),
            clock: Arc::new(SystemClock),
            bell: Arc::default(),
        })
    }

    /// Keeps the logs in memory, until this is dropped.
    ///
    /// # Errors
    /// [`StorageError`] if there is not even memory.
    pub fn in_memory() -> Result<Self, StorageError> {
        let mut only = Connection::open_in_memory().map_err(failure)?;
        schema::prepare(&mut only)?;
        let only = Arc::new(Workers::start("sqlite-memory", vec![tuned(only)?]).map_err(unavailable)?);
        Ok(Self {
            writer: Arc::clone(&only),
            readers: only,
            clock: Arc::new(SystemClock),
            bell: Arc::default(),
        })
    }

    /// Takes `recordedAt` from another clock than the machine's.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }
}

impl Storage for Sqlite {
    fn push<'a>(&'a self, log: &'a LogName, offer: Offer) -> BoxFuture<'a, Result<Pushed, PushError>> {
        let (bell, grown) = (Arc::clone(&self.bell), log.clone());
        let ring = move |position| bell.ring(&grown, position);
        Box::pin(self.writer.push(log.clone(), offer, Arc::clone(&self.clock), ring))
    }

    fn page<'a>(
        &'a self,
        log: &'a LogName,
        after: &'a Cursor,
        limit: PageLimit,
        streams: &'a Streams,
    ) -> BoxFuture<'a, Result<Page, PageError>> {
        let read = {
            let (log, after, streams) = (log.clone(), after.clone(), streams.clone());
            move |connection: &mut Connection| page::page(connection, &log, &after, limit, &streams)
        };
        let log = log.clone();
        Box::pin(async move {
            if let Some(page) = self.readers.run(read.clone()).await? {
                return Ok(page);
            }
            // Readers can't write, so the writer makes the log.
            let make_and_read = move |connection: &mut Connection| {
                row::make_log(connection, &log)?;
                read(connection)
            };
            match self.writer.run(make_and_read).await? {
                Some(page) => Ok(page),
                None => Err(StorageError::Failed("a log just made is not there".into()).into()),
            }
        })
    }

    fn end<'a>(&'a self, log: &'a LogName) -> BoxFuture<'a, Result<Option<Cursor>, StorageError>> {
        let log = log.clone();
        Box::pin(self.readers.run(move |connection| page::end(connection, &log)))
    }

    fn standing<'a>(
        &'a self,
        log: &'a LogName,
        commits: &'a [CommitId],
    ) -> BoxFuture<'a, Result<HashSet<CommitId>, StorageError>> {
        let (log, commits) = (log.clone(), commits.to_vec());
        Box::pin(self.readers.run(move |connection| history::standing(connection, &log, &commits)))
    }

    fn history<'a>(
        &'a self,
        log: &'a LogName,
        stream: &'a StreamName,
        after: Version,
        bytes: usize,
    ) -> BoxFuture<'a, Result<History, StorageError>> {
        let (log, stream) = (log.clone(), stream.clone());
        Box::pin(
            self.readers.run(move |connection| history::history(connection, &log, &stream, after, bytes)),
        )
    }

    fn archived<'a>(
        &'a self,
        log: &'a LogName,
        after: &'a Cursor,
        limit: usize,
        streams: &'a Streams,
    ) -> BoxFuture<'a, Result<ArchivedPage, PageError>> {
        let read = {
            let (log, after, streams) = (log.clone(), after.clone(), streams.clone());
            move |connection: &mut Connection| archive::archived(connection, &log, &after, limit, &streams)
        };
        let log = log.clone();
        Box::pin(async move {
            if let Some(page) = self.readers.run(read.clone()).await? {
                return Ok(page);
            }
            let make_and_read = move |connection: &mut Connection| {
                row::make_log(connection, &log)?;
                read(connection)
            };
            let page = self.writer.run(make_and_read).await?;
            page.ok_or_else(|| StorageError::Failed("a log just made is not there".into()).into())
        })
    }

    fn archive<'a>(
        &'a self,
        log: &'a LogName,
        streams: Vec<Leaving>,
    ) -> BoxFuture<'a, Result<Vec<Archived>, StorageError>> {
        let (log, clock) = (log.clone(), Arc::clone(&self.clock));
        Box::pin(self.writer.run(move |connection| archive::archive(connection, &log, streams, clock.now())))
    }

    fn bell(&self) -> &Bell {
        &self.bell
    }

    /// The writer is asked whether it lives, not to answer: it may have long pushes before it and be well.
    fn ping(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async {
            if !self.writer.are_alive() {
                return Err(StorageError::Stopped);
            }
            self.readers.run(|connection| schema::check(connection)).await
        })
    }

    fn is_alive(&self) -> bool {
        self.writer.are_alive() && self.readers.are_alive()
    }
}

/// Settings that make an answered push durable.
fn durable(connection: &Connection) -> Result<(), StorageError> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)).map_err(failure)?;
    if mode != "wal" {
        let reason =
            format!("the file system allows no write-ahead log (SQLite answered journal_mode {mode})");
        return Err(StorageError::Failed(reason.into()));
    }
    // On macOS a plain sync leaves data in the drive's cache.
    for (pragma, value) in [("fullfsync", 1), ("checkpoint_fullfsync", 1), ("journal_size_limit", 64 << 20)] {
        connection.pragma_update(None, pragma, value).map_err(failure)?;
    }
    connection.pragma_update(None, "synchronous", "full").map_err(failure)
}

/// Settings of every connection.
fn tuned(connection: Connection) -> Result<Connection, StorageError> {
    connection.busy_timeout(BUSY).map_err(failure)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Negative: KiB instead of pages.
    connection.pragma_update(None, "cache_size", -32 * 1024).map_err(failure)?;
    Ok(connection)
}

/// Sorts SQLite's errors into those that may pass and the others.
fn failure(error: rusqlite::Error) -> StorageError {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly,
        ) => StorageError::Unavailable(error.into()),
        _ => StorageError::Failed(error.into()),
    }
}

fn unavailable(error: std::io::Error) -> StorageError {
    StorageError::Unavailable(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answered_push_has_been_synced() {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = Sqlite::open(&folder.path().join("logs.sqlite")).unwrap();
        let settings = |connection: &mut Connection| {
            let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
            let mode = connection.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
            Ok::<_, StorageError>((
                mode.unwrap(),
                number("synchronous").unwrap(),
                number("query_only").unwrap(),
            ))
        };
        assert_eq!(sqlite.writer.run(settings).await.unwrap(), ("wal".to_owned(), 2, 0));
        let (mode, _, query_only) = sqlite.readers.run(settings).await.unwrap();
        assert_eq!((mode.as_str(), query_only), ("wal", 1));
    }
}
