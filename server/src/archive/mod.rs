//! Archiving: whole streams that have had no event for long leave a log, for a file of their own.
//!
//! ```text
//!  look ── streams that rest ──► FILE.part ── read back, compared ──► FILE ──► in slices, under the lock of pushes:
//!                                                                             read once more, marker written, events gone
//! ```
//!
//! A stream leaves whole, so that no aggregate is ever seen by half, and nothing leaves before the file has its name. Broken off before that,
//! nothing has happened; after it, the same command goes on from the file. Streams that were written to meanwhile stay.

mod rest;

pub use rest::{Before, NotAMoment};

use crate::{
    backup::Part,
    copy::CopyError,
    log_name::LogName,
    storage::{
        Leaving, Storage, StorageError,
        leaving::{Reading, stream_name},
        postgres::{Postgres, PostgresLimits, Target},
        sqlite::{Sqlite, WholeFile},
        stored::{Rows, StoredLog, StoredStream, WholeRow, Writing},
    },
    verify::Place,
};
use std::{path::Path, sync::Arc};

/// How many bytes of commits are held at once: 4 MiB.
const BATCH: usize = 4 << 20;
/// How many streams are looked at at once.
const STREAMS: u32 = 1_000;
/// The most streams that leave in one transaction.
const SLICE_STREAMS: usize = 100;
/// The most commits that leave in one transaction, but for those of its first stream: how long pushes wait for it is bounded.
const SLICE_COMMITS: u64 = 1_000;

/// What was archived, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Streams that left.
    pub streams: u64,
    /// Their events.
    pub events: u64,
    /// Streams in the file that stayed in the log: they were written to meanwhile, or had left before.
    pub stayed: u64,
}

/// Streams could not be archived.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// There is no such log.
    #[error("there is no log {0}")]
    NoSuchLog(LogName),
    /// The file is there, and is no archive of this log.
    #[error("the file is not an archive of log {0}, and nothing is overwritten: choose another name")]
    OtherFile(LogName),
    /// What was read back is not what was written.
    #[error("stream {0} came out differently in the file: nothing has left the log")]
    Differs(String),
    /// The file could not be made.
    #[error(transparent)]
    File(#[from] CopyError),
    /// The database can't be opened, read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What [`archive`] would take out of a log now.
///
/// # Errors
/// [`ArchiveError`].
pub async fn rehearse(place: Place<'_>, log: &LogName, before: Before) -> Result<Done, ArchiveError> {
    let chosen = match place {
        Place::File(file) => choose(&WholeFile::look(file)?, log, before).await?.1,
        Place::Postgres(address) => choose(&Target::open(address).await?.look().await?, log, before).await?.1,
    };
    let events = chosen.iter().map(|stream| stream.version).sum();
    Ok(Done { streams: chosen.len() as u64, events, stayed: 0 })
}

/// Takes the streams of a log that rest out of it, into a file: a new one, or one that this began. Servers go on meanwhile. `told` hears how
/// many streams have left so far. Where none rests, there is no file.
///
/// # Errors
/// [`ArchiveError`]. Streams that had left by then have; the others are as they were.
pub async fn archive(
    place: Place<'_>,
    log: &LogName,
    before: Before,
    to: &Path,
    mut told: impl FnMut(u64),
) -> Result<Done, ArchiveError> {
    if !to.exists() {
        let is_written = match place {
            Place::File(file) => write(&WholeFile::look(file)?, log, before, to).await?,
            Place::Postgres(address) => {
                write(&Target::open(address).await?.look().await?, log, before, to).await?
            }
        };
        if !is_written {
            return Ok(Done::default());
        }
    }
    let identity = match place {
        Place::File(file) => find(&WholeFile::look(file)?, log).await?.id,
        Place::Postgres(address) => find(&Target::open(address).await?.look().await?, log).await?.id,
    };
    let file = WholeFile::peek(to)?;
    let kept = file.logs().await?.into_iter().find(|kept| kept.name == *log && kept.id == identity);
    let Some(kept) = kept.filter(|_| file.is_archive()) else {
        return Err(ArchiveError::OtherFile(log.clone()));
    };
    let storage: Arc<dyn Storage> = match place {
        Place::File(file) => Arc::new(Sqlite::open(file)?),
        Place::Postgres(address) => Arc::new(Postgres::open(address, PostgresLimits::default()).await?),
    };
    let (mut done, mut slice, mut after) = (Done::default(), Vec::new(), String::new());
    loop {
        let streams = file.streams(kept.key, &after, STREAMS).await?;
        let Some(last) = streams.last() else { break };
        after.clone_from(&last.stream);
        for stream in streams {
            let leaving = read(&file, kept.key, &stream.stream, name_of(to)).await?;
            let commits: u64 = slice.iter().map(|it: &Leaving| it.commits).sum();
            if slice.len() == SLICE_STREAMS || !slice.is_empty() && commits + leaving.commits > SLICE_COMMITS
            {
                leave(&*storage, log, std::mem::take(&mut slice), &mut done).await?;
                told(done.streams);
            }
            slice.push(leaving);
        }
    }
    leave(&*storage, log, slice, &mut done).await?;
    told(done.streams);
    Ok(done)
}

/// The name that markers say of a file: that of the file, without its folder.
pub(crate) fn name_of(file: &Path) -> Arc<str> {
    file.file_name().map_or_else(|| "archive".into(), |name| name.to_string_lossy().into())
}

async fn leave(
    storage: &dyn Storage,
    log: &LogName,
    slice: Vec<Leaving>,
    done: &mut Done,
) -> Result<(), ArchiveError> {
    let offered = slice.len() as u64;
    let markers = storage.archive(log, slice).await?;
    done.streams += markers.len() as u64;
    done.events += markers.iter().map(|marker| marker.version).sum::<u64>();
    done.stayed += offered - markers.len() as u64;
    Ok(())
}

async fn find(database: &impl Rows, name: &LogName) -> Result<StoredLog, ArchiveError> {
    let found = database.logs().await?.into_iter().find(|log| log.name == *name);
    found.ok_or_else(|| ArchiveError::NoSuchLog(name.clone()))
}

/// The streams that rest, by name.
async fn choose(
    database: &impl Rows,
    name: &LogName,
    before: Before,
) -> Result<(StoredLog, Vec<StoredStream>), ArchiveError> {
    let log = find(database, name).await?;
    let (mut chosen, mut after) = (Vec::new(), String::new());
    loop {
        let streams = database.streams(log.key, &after, STREAMS).await?;
        let Some(last) = streams.last() else { return Ok((log, chosen)) };
        after.clone_from(&last.stream);
        chosen
            .extend(streams.into_iter().filter(|stream| stream.archive.is_none() && before.includes(stream)));
    }
}

/// Writes the streams that rest into a new file, and compares it; whether there were any.
async fn write(source: &impl Rows, name: &LogName, before: Before, to: &Path) -> Result<bool, ArchiveError> {
    let (log, chosen) = choose(source, name, before).await?;
    if chosen.is_empty() {
        return Ok(false);
    }
    let part = Part::new(to)?;
    let target = WholeFile::create_archive(part.path())?;
    let key = target.make(&StoredLog { archived: 0, ..log.clone() }).await?;
    let mut written = Vec::with_capacity(chosen.len());
    for stream in &chosen {
        let mut reading = Reading::default();
        let mut version = 0;
        loop {
            let rows = source.rows_of(log.key, &stream.stream, (version, 0), BATCH).await?;
            let Some(WholeRow { stored, .. }) = rows.last() else { break };
            version = stored.first_version;
            rows.iter().for_each(|row| reading.take_row(row));
            let rows: Result<Vec<_>, StorageError> =
                rows.into_iter().map(|row| Ok((Some(row.commit(name)?), row))).collect();
            target.write(key, rows?).await.map_err(CopyError::Target)?;
        }
        written.push(reading.end(stream_name(&stream.stream)?, name_of(to)));
    }
    target.commit().await.map_err(CopyError::Target)?;
    let copy = WholeFile::peek(part.path())?;
    for expected in &written {
        let found = read(&copy, key, expected.stream.as_str(), name_of(to)).await?;
        if found != *expected {
            return Err(ArchiveError::Differs(expected.stream.as_str().to_owned()));
        }
    }
    drop(copy);
    part.finish(to)?;
    Ok(true)
}

/// A stream as a file has it.
pub(crate) async fn read(
    file: &impl Rows,
    log: i64,
    stream: &str,
    archive: Arc<str>,
) -> Result<Leaving, StorageError> {
    let (mut reading, mut version) = (Reading::default(), 0);
    loop {
        let rows = file.rows_of(log, stream, (version, 0), BATCH).await?;
        let Some(WholeRow { stored, .. }) = rows.last() else { break };
        version = stored.first_version;
        rows.iter().for_each(|row| reading.take_row(row));
    }
    Ok(reading.end(stream_name(stream)?, archive))
}
