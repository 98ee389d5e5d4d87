//! What is in a log, a part at a time: for its operator, who may look into the database anyway.

use crate::{
    log_name::LogName,
    storage::{
        StorageError,
        postgres::Target,
        sqlite::WholeFile,
        stored::{Rows, StoredCommit, StoredLog, WholeRow},
    },
    verify::Place,
};
use std::ops::ControlFlow;
use tidelog::{
    commit::ConfirmedCommit,
    id::CommitId,
    stream::StreamName,
    time::Timestamp,
    version::{Position, Version},
};

pub use crate::storage::stored::StoredStream;

/// How many bytes of commits are held at once: 1 MiB, or one commit.
const BATCH: usize = 1 << 20;
/// How many streams are held at once.
const STREAMS: u32 = 1_000;

/// Which commits to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Those of one stream only.
    pub stream: Option<StreamName>,
    /// Those that begin at this position or later.
    pub from: Position,
    /// At most so many.
    pub limit: u64,
}

/// What stands at a place of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A commit.
    Commit(Box<ConfirmedCommit>),
    /// The place of a commit whose stream was archived.
    Archived {
        /// The commit.
        id: CommitId,
        /// Its stream.
        stream: String,
        /// The version of its first event.
        first_version: Version,
        /// The position of its first event.
        first_position: Position,
        /// How many events it had.
        events: u32,
        /// When it was accepted.
        recorded_at: Timestamp,
    },
}

/// The contents can't be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentsError {
    /// There is no such log, and looking makes none.
    #[error("there is no log {0}")]
    NoSuchLog(LogName),
    /// The database can't be opened or read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Tells of the streams of a log by name, as they are at one moment, until there are no more or `told` breaks off. Holds about a
/// thousand at once.
///
/// # Errors
/// [`ContentsError`].
pub async fn streams(
    place: Place<'_>,
    log: &LogName,
    told: impl FnMut(StoredStream) -> ControlFlow<()>,
) -> Result<(), ContentsError> {
    match place {
        Place::File(file) => streams_in(&WholeFile::peek(file)?, log, told).await,
        Place::Postgres(address) => streams_in(&Target::open(address).await?.look().await?, log, told).await,
    }
}

/// Tells of commits in the order of their positions, as they are at one moment, until there are no more or `told` breaks off.
/// Holds about 1 MiB at once.
///
/// # Errors
/// [`ContentsError`]; a commit that can't be read ends it.
pub async fn show(
    place: Place<'_>,
    log: &LogName,
    part: &Part,
    told: impl FnMut(Shown) -> ControlFlow<()>,
) -> Result<(), ContentsError> {
    match place {
        Place::File(file) => show_in(&WholeFile::peek(file)?, log, part, told).await,
        Place::Postgres(address) => {
            show_in(&Target::open(address).await?.look().await?, log, part, told).await
        }
    }
}

async fn find(database: &impl Rows, name: &LogName) -> Result<StoredLog, ContentsError> {
    let found = database.logs().await?.into_iter().find(|log| log.name == *name);
    found.ok_or_else(|| ContentsError::NoSuchLog(name.clone()))
}

async fn streams_in(
    database: &impl Rows,
    log: &LogName,
    mut told: impl FnMut(StoredStream) -> ControlFlow<()>,
) -> Result<(), ContentsError> {
    let key = find(database, log).await?.key;
    let mut after = String::new();
    loop {
        let streams = database.streams(key, &after, STREAMS).await?;
        let Some(last) = streams.last() else { return Ok(()) };
        after.clone_from(&last.stream);
        for stream in streams {
            if told(stream).is_break() {
                return Ok(());
            }
        }
    }
}

async fn show_in(
    database: &impl Rows,
    log: &LogName,
    part: &Part,
    mut told: impl FnMut(Shown) -> ControlFlow<()>,
) -> Result<(), ContentsError> {
    let key = find(database, log).await?.key;
    let Part { stream, from, mut limit } = part.clone();
    // Of a stream, what comes next is found by its version.
    let (mut after, mut version) = (from.saturating_sub(1), 0);
    while limit > 0 {
        let rows = match &stream {
            Some(stream) => database.rows_of(key, stream.as_str(), (version, after), BATCH).await?,
            None => database.rows(key, after, BATCH).await?,
        };
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            (after, version) = (row.stored.position, row.stored.first_version);
            if limit == 0 || told(shown(log, row)?).is_break() {
                return Ok(());
            }
            limit -= 1;
        }
    }
    Ok(())
}

fn shown(log: &LogName, row: WholeRow) -> Result<Shown, StorageError> {
    if !row.stored.is_archived() {
        return Ok(Shown::Commit(Box::new(row.stored.confirmed(log)?)));
    }
    let WholeRow { stored, id, stream } = row;
    let StoredCommit { position, events, first_version, recorded_at, .. } = stored;
    let recorded_at = Timestamp(recorded_at);
    Ok(Shown::Archived {
        id: CommitId(id),
        stream,
        first_version,
        first_position: position,
        events,
        recorded_at,
    })
}
