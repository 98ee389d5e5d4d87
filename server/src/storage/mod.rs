//! Where logs are kept: the contract. `tests/contract` holds the suite that every implementation passes.

mod bell;
pub(crate) mod leaving;
pub mod postgres;
pub mod sqlite;
pub(crate) mod stored;

use crate::log_name::LogName;
use futures_util::future::BoxFuture;
use std::collections::HashSet;
use tidelog::{
    authority::domain::Overtaken,
    commit::ConfirmedCommit,
    id::CommitId,
    stream::StreamName,
    sync::protocol::{Archived, ArchivedPage, Cursor, Page, Pushed},
    version::{Position, Version},
};

pub use bell::Bell;
pub use leaving::leaving;
pub use tidelog::authority::{
    ArchiveMark, Fenced, Gap, Gaps, InvalidCursor, LastPush, Leaving, MAX_MISSING_BYTES, MAX_PAGE_BYTES,
    MAX_PASSED, Offer, PageLimit, Rights, Streams,
};
pub use tidelog::sync::protocol::Gone;

/// Keeps logs.
///
/// Contract:
/// 1. A log comes into being when it is first pushed to or pulled from, with a random identity that it keeps.
/// 2. A push is in one transaction, perhaps with others. When its future resolves with an answer, whatever the answer calls committed is durable:
///    neither a crash of the process nor of the machine takes it away. When it resolves with an error, nothing is written,
///    or (where the connection to a database was lost) all of it: pushing again tells.
/// 3. Outcomes are those of [`judge`](crate::judge::judge) on what the log holds, under a lock that no other push of the
///    same log, in this process or another, holds at the same time.
/// 4. Positions begin at 1 and have no gap, and a commit becomes visible only after all those with lower positions: a
///    reader that follows the cursors sees every commit once.
/// 5. Once a push of this storage can be seen, and before its future resolves, it rings the [`Bell`] of the log with the last
///    position, also if the future was dropped meanwhile. Pushes of other processes ring it if the storage hears of them.
/// 6. A stream that was archived keeps its commits' places: positions, versions, ids and moments. What was in them is gone, in the
///    transaction that writes its marker, and it takes no more.
/// 7. A future that is dropped before it resolves leaves a push done or not done, never half done.
pub trait Storage: Send + Sync + 'static {
    /// Judges the commits of a push in order and writes those accepted. In the same transaction and before that, it checks the
    /// [cursor](Offer::cursor) of the push as [`Storage::page`] does, and [admits](Offer::admit) its producer; the last push of each
    /// producer is written with it.
    ///
    /// # Errors
    /// [`PushError`]; nothing is written then, and pushing the same again is safe.
    fn push<'a>(&'a self, log: &'a LogName, offer: Offer) -> BoxFuture<'a, Result<Pushed, PushError>>;

    /// Reads whole commits of `streams` after a cursor, within `limit`, but at least one if there is one. Those of other streams are left out,
    /// and the cursor goes on past them; a page that has passed over as many as the limit allows ends there, empty or not, and is not
    /// [`up_to_date`](Page::up_to_date).
    ///
    /// # Errors
    /// [`PageError::Cursor`] if the cursor was not made by this log, or by another history of it; [`PageError::Gap`] if archived events would
    /// have been on it and the reader does not [know](PageLimit::gaps) of them; else [`StorageError`].
    fn page<'a>(
        &'a self,
        log: &'a LogName,
        after: &'a Cursor,
        limit: PageLimit,
        streams: &'a Streams,
    ) -> BoxFuture<'a, Result<Page, PageError>>;

    /// The cursor behind the last commit of a log; none if there is no such log. Unlike a [`page`](Self::page), asking makes none.
    ///
    /// # Errors
    /// [`StorageError`].
    fn end<'a>(&'a self, log: &'a LogName) -> BoxFuture<'a, Result<Option<Cursor>, StorageError>>;

    /// Which of these commits stand in the log; none do where there is no such log.
    ///
    /// # Errors
    /// [`StorageError`].
    fn standing<'a>(
        &'a self,
        log: &'a LogName,
        commits: &'a [CommitId],
    ) -> BoxFuture<'a, Result<HashSet<CommitId>, StorageError>>;

    /// The commits of a stream whose first events stand beyond a version, in order: about as many as fit into `bytes` of stored commits, but at
    /// least one if there is one. What it shows has been committed.
    ///
    /// # Errors
    /// [`StorageError`].
    fn history<'a>(
        &'a self,
        log: &'a LogName,
        stream: &'a StreamName,
        after: Version,
        bytes: usize,
    ) -> BoxFuture<'a, Result<History, StorageError>>;

    /// The markers of archived streams, of those among `streams`, after a cursor of markers: at most `limit`. One that has passed over
    /// [`MAX_PASSED`] ends there.
    ///
    /// # Errors
    /// [`PageError::Cursor`] if the log does not have the markers that the cursor stands for; else [`StorageError`].
    fn archived<'a>(
        &'a self,
        log: &'a LogName,
        after: &'a Cursor,
        limit: usize,
        streams: &'a Streams,
    ) -> BoxFuture<'a, Result<ArchivedPage, PageError>>;

    /// Archives whole streams that were copied elsewhere, in one transaction under the lock of pushes. Each is read once more: one that is no
    /// longer what was copied, or is archived already, stays as it is. The markers of the others, in their order.
    ///
    /// # Errors
    /// [`StorageError`]; nothing is changed then.
    fn archive<'a>(
        &'a self,
        log: &'a LogName,
        streams: Vec<Leaving>,
    ) -> BoxFuture<'a, Result<Vec<Archived>, StorageError>>;

    /// What rings when a log has grown.
    fn bell(&self) -> &Bell;

    /// Asks the database for a sign of life, and whether its tables are still those that this code works with.
    ///
    /// # Errors
    /// [`StorageError`] if there is none, or they are not.
    fn ping(&self) -> BoxFuture<'_, Result<(), StorageError>>;

    /// Whether it can ever serve again: not, if only a new process can. A database that is away may come back. Answers at once.
    fn is_alive(&self) -> bool {
        true
    }

    /// How its connections to a database are used; none where there is nothing to wait for. Answers at once.
    fn connections(&self) -> Option<Connections> {
        None
    }
}

/// A part of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Whole commits, in the order of their versions.
    pub commits: Vec<ConfirmedCommit>,
    /// Whether the stream ends with them.
    pub is_end: bool,
}

/// How the connections to a database are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Those at work.
    pub in_use: usize,
    /// Those that are open and have nothing to do.
    pub idle: usize,
    /// Callers that wait for one.
    pub waiting: usize,
}

/// A push is refused as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// It was made on another history than the log has.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// Somebody else pushes as the same producer.
    #[error(transparent)]
    Fenced(#[from] Fenced),
    /// The rules of the domain were asked about another state of the log: ask again, and push again.
    #[error(transparent)]
    Overtaken(#[from] Overtaken),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A page could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The cursor is of no use for this log.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// Some of it was archived, and the reader does not say that it knows.
    #[error(transparent)]
    Gap(#[from] Gap),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The storage failed. The messages may name files and statements: they are for the operator, not for clients.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The database is of a version that this code does not know.
    #[error(
        "the database has schema version {found}, and this server knows up to {known}: start the newer server that wrote \
         it, or restore a backup from before"
    )]
    NewerSchema {
        /// The version found.
        found: i64,
        /// The newest version that this code knows.
        known: i64,
    },
    /// The database is of an older version, and this database is brought up to date only when somebody says so.
    #[error(
        "the database has schema version {found}, and this server needs {needed}: stop the older servers and run \
         `tidelog-server migrate`"
    )]
    OlderSchema {
        /// The version found.
        found: i64,
        /// The version that this code works with.
        needed: i64,
    },
    /// The database holds something else.
    #[error(
        "the database holds something other than Tidelog's logs; give the server a file or a database of its own"
    )]
    Foreign,
    /// What was read is not what was written.
    #[error("the commit at position {position} of log {log} can't be read: {reason}")]
    Corrupt {
        /// The log.
        log: LogName,
        /// The position of the commit's first event.
        position: Position,
        /// What is wrong with it.
        reason: String,
    },
    /// The database can't serve at the moment (busy, full, out of reach); trying again later may help.
    #[error("the database can't serve at the moment: {0}")]
    Unavailable(#[source] BoxError),
    /// The address of the database, or what it says about the way there, is of no use.
    #[error("the address of the database is of no use: {0}")]
    Address(String),
    /// The database failed.
    #[error("the database failed: {0}")]
    Failed(#[source] BoxError),
    /// The storage is shutting down.
    #[error("the storage has stopped")]
    Stopped,
}

/// The error of whichever database is underneath.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
