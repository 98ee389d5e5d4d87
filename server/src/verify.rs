//! Reads logs from end to end and says what does not hold: what a backup is worth, or a disk.

use crate::{
    archive::{name_of, read},
    log_name::LogName,
    storage::{
        ArchiveMark, StorageError,
        leaving::StoredMarker,
        postgres::{PostgresAddress, Target},
        sqlite::WholeFile,
        stored::{Rows, StoredLog, WholeRow},
    },
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};
use tidelog::{
    sync::protocol::Archived,
    version::{Position, Version},
};
use uuid::Uuid;

/// How many bytes of commits are held at once: 4 MiB.
const BATCH: usize = 4 << 20;
/// The most findings that are told of one log: 100. A log that is wrong from somewhere on is wrong at every commit.
const MOST_FINDINGS: usize = 100;
/// How many markers are held at once.
const MARKERS: u32 = 1_000;

/// Where the logs are.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// A SQLite file; a server may go on over it.
    File(&'a Path),
    /// A PostgreSQL database.
    Postgres(&'a PostgresAddress),
}

/// A log, as its row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Its name.
    pub name: LogName,
    /// Its identity.
    pub id: Uuid,
    /// The position of its last event; 0 if there is none.
    pub position: Position,
}

/// What was read of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The log.
    pub log: Log,
    /// How many commits it has.
    pub commits: u64,
    /// How many streams.
    pub streams: usize,
    /// How many of these were archived.
    pub archived: u64,
    /// What does not hold, in words, the first 100: positions and versions follow each other from 1 without a gap, every
    /// commit can be read and says what its row says, every event has its id noted, and the log ends where its row says. Nothing is left in
    /// the commits of an archived stream, which are where its marker says; the markers follow each other, and the archives that were
    /// given hold what they say.
    pub findings: Vec<String>,
}

/// The logs there are, by name.
///
/// # Errors
/// [`StorageError`] if the place can't be opened or read.
pub async fn logs(place: Place<'_>) -> Result<Vec<Log>, StorageError> {
    let logs = match place {
        Place::File(file) => WholeFile::look(file)?.logs().await?,
        Place::Postgres(address) => Target::open(address).await?.look().await?.logs().await?,
    };
    Ok(logs.iter().map(plain).collect())
}

/// Reads all logs as they are at one moment, and tells of each when it is read.
///
/// # Errors
/// [`StorageError`] if the place can't be opened or read; what is read and does not hold is a finding.
pub async fn verify(
    place: Place<'_>,
    archives: &[PathBuf],
    told: impl FnMut(Verified),
) -> Result<(), StorageError> {
    let open = |file: &PathBuf| Ok((name_of(file), WholeFile::peek(file)?));
    let archives = archives.iter().map(open).collect::<Result<Vec<_>, StorageError>>()?;
    match place {
        Place::File(file) => verify_all(&WholeFile::look(file)?, &archives, told).await,
        Place::Postgres(address) => {
            verify_all(&Target::open(address).await?.look().await?, &archives, told).await
        }
    }
}

async fn verify_all(
    database: &impl Rows,
    archives: &[(Arc<str>, WholeFile)],
    mut told: impl FnMut(Verified),
) -> Result<(), StorageError> {
    for log in database.logs().await? {
        told(verify_log(database, archives, &log).await?);
    }
    Ok(())
}

async fn verify_log(
    database: &impl Rows,
    archives: &[(Arc<str>, WholeFile)],
    log: &StoredLog,
) -> Result<Verified, StorageError> {
    let mut reading = Reading::default();
    loop {
        let rows = database.rows(log.key, reading.last, BATCH).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            reading.take(&log.name, row);
        }
    }
    if reading.end != log.position {
        let Reading { end, .. } = reading;
        reading
            .find(|| format!("its row says that it ends at position {}, and it ends at {end}", log.position));
    }
    let noted = database.count_events(log.key).await?;
    if noted != reading.events {
        let Reading { events, .. } = reading;
        reading.find(|| format!("{noted} ids of events are noted, and it has {events} events"));
    }
    verify_markers(database, archives, log, &mut reading).await?;
    let Reading { commits, versions, findings, .. } = reading;
    Ok(Verified { log: plain(log), commits, streams: versions.len(), archived: log.archived, findings })
}

/// Compares the markers with what was read, and with the archives that they name.
async fn verify_markers(
    database: &impl Rows,
    archives: &[(Arc<str>, WholeFile)],
    log: &StoredLog,
    reading: &mut Reading,
) -> Result<(), StorageError> {
    let mut last = ArchiveMark::default();
    loop {
        let markers = database.markers(log.key, last.number, MARKERS).await?;
        if markers.is_empty() {
            break;
        }
        for StoredMarker { mark, archived } in markers {
            let stream = archived.stream.as_str();
            if mark != last.with(&archived) {
                reading.find(|| {
                    format!("marker {} of stream {stream} does not follow the one before it", mark.number)
                });
            }
            last = mark;
            let Archived { version, commits, position, .. } = archived;
            let found = reading.archived.remove(stream);
            if found != Some((version, commits, position)) {
                reading.find(|| format!("the marker of stream {stream} is not of what is left of it"));
            }
            for (name, file) in archives.iter().filter(|(name, _)| *name == archived.archive) {
                let kept = file.logs().await?.into_iter().find(|kept| kept.id == log.id);
                let kept = match kept {
                    Some(kept) => read(file, kept.key, stream, Arc::clone(name)).await.ok(),
                    None => None,
                };
                let is_same = kept.is_some_and(|kept| {
                    (kept.version, kept.commits, kept.position, &kept.digest)
                        == (version, commits, position, &archived.digest)
                });
                if !is_same {
                    reading.find(|| {
                        format!("archive {name} does not hold what was archived of stream {stream}")
                    });
                }
            }
        }
    }
    if last.number != log.archived {
        reading.find(|| {
            format!(
                "its row says that {} streams were archived, and {} have markers",
                log.archived, last.number
            )
        });
    }
    if let Some(stream) = reading.archived.keys().next().cloned() {
        reading.find(|| format!("stream {stream} has commits with nothing in them, and no marker"));
    }
    Ok(())
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    /// The position that the last row gives itself.
    last: Position,
    /// The position of the last event.
    end: Position,
    commits: u64,
    events: u64,
    versions: HashMap<String, Version>,
    /// Of streams whose commits have nothing in them: the version, the number of these commits, and the position of the last event.
    archived: HashMap<String, (Version, u64, Position)>,
    findings: Vec<String>,
}

impl Reading {
    fn take(&mut self, log: &LogName, row: &WholeRow) {
        let WholeRow { stored, stream, .. } = row;
        let position = stored.position;
        let count = u64::from(stored.events);
        let is_archived = stored.is_archived();
        if is_archived {
            let (version, commits, last) = self.archived.entry(stream.clone()).or_default();
            *version = (stored.first_version + count).saturating_sub(1);
            *last = (position + count).saturating_sub(1);
            *commits += 1;
        } else if let Err(error) = row.commit(log) {
            self.find(|| error.to_string());
        }
        if position != self.end + 1 {
            let expected = self.end + 1;
            self.find(|| format!("a commit stands at position {position} where {expected} comes next"));
        }
        let version = self.versions.get(stream).copied().unwrap_or(0);
        if stored.first_version != version + 1 {
            let first = stored.first_version;
            self.find(|| {
                format!(
                    "at position {position}, stream {stream} goes on with version {first} after {version}"
                )
            });
        }
        if !is_archived && let Some((last, ..)) = self.archived.get(stream) {
            let last = *last;
            self.find(|| {
                format!(
                    "at position {position}, stream {stream} goes on after version {last}, which was archived"
                )
            });
        }
        self.versions.insert(stream.clone(), (stored.first_version + count).saturating_sub(1));
        (self.last, self.end) = (position, (position + count).saturating_sub(1));
        self.commits += 1;
        self.events += if is_archived { 0 } else { count };
    }

    fn find(&mut self, what: impl FnOnce() -> String) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(what());
        }
    }
}

fn plain(log: &StoredLog) -> Log {
    Log { name: log.name.clone(), id: log.id, position: log.position }
}
