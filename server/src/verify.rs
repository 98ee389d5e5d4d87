//! Reads logs from end to end and says what does not hold: what a backup is worth, or a disk.

use crate::{
    log_name::LogName,
    storage::{
        StorageError,
        postgres::{PostgresAddress, Target},
        sqlite::WholeFile,
        stored::{Rows, StoredLog, WholeRow},
    },
};
use std::{collections::HashMap, path::Path};
use tidelog::version::{Position, Version};
use uuid::Uuid;

/// How many bytes of commits are held at once: 4 MiB.
const BATCH: usize = 4 << 20;
/// The most findings that are told of one log: 100. A log that is wrong from somewhere on is wrong at every commit.
const MOST_FINDINGS: usize = 100;

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
    /// What does not hold, in words, the first 100: positions and versions follow each other from 1 without a gap, every
    /// commit can be read and says what its row says, every event has its id noted, and the log ends where its row says.
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
pub async fn verify(place: Place<'_>, told: impl FnMut(Verified)) -> Result<(), StorageError> {
    match place {
        Place::File(file) => verify_all(&WholeFile::look(file)?, told).await,
        Place::Postgres(address) => verify_all(&Target::open(address).await?.look().await?, told).await,
    }
}

async fn verify_all(database: &impl Rows, mut told: impl FnMut(Verified)) -> Result<(), StorageError> {
    for log in database.logs().await? {
        told(verify_log(database, &log).await?);
    }
    Ok(())
}

async fn verify_log(database: &impl Rows, log: &StoredLog) -> Result<Verified, StorageError> {
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
    let Reading { commits, versions, findings, .. } = reading;
    Ok(Verified { log: plain(log), commits, streams: versions.len(), findings })
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
    findings: Vec<String>,
}

impl Reading {
    fn take(&mut self, log: &LogName, row: &WholeRow) {
        let WholeRow { stored, stream, .. } = row;
        let position = stored.position;
        if let Err(error) = row.commit(log) {
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
        let count = u64::from(stored.events);
        self.versions.insert(stream.clone(), (stored.first_version + count).saturating_sub(1));
        (self.last, self.end) = (position, (position + count).saturating_sub(1));
        self.commits += 1;
        self.events += count;
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
