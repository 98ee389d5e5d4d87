//! Copies logs from a SQLite file to PostgreSQL as they are: identity, positions, versions, `recordedAt`, and the last push of
//! each producer. Clients that were served from the file go on with their cursors.
//!
//! Each log is one transaction, and is read back and compared before it is committed. So a copy that was broken off has left
//! whole logs, and going on is doing it again: logs that are there and the same are passed over, one that is there and
//! differs ends the copy before anything is written.

mod digest;
mod log;

pub use digest::Digest;
pub(crate) use log::copy_log;

use crate::{
    log_name::LogName,
    storage::{
        StorageError,
        postgres::{PostgresAddress, Target},
        sqlite::WholeFile,
        stored::{Rows, StoredLog, Writing},
    },
};
use log::summed;
use std::{
    io,
    path::{Path, PathBuf},
};
use tidelog::version::Position;

/// How far a copy is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Events up to `position` of `of` were written, not yet committed.
    Written {
        /// The log.
        log: LogName,
        /// The position of the last event that was written.
        position: Position,
        /// The position of its last event.
        of: Position,
    },
    /// A log was copied, read back and compared.
    Copied(Copied),
    /// A log was there already, and the same.
    AlreadyThere(Copied),
}

/// A log that both databases hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The log.
    pub log: LogName,
    /// How many commits it has.
    pub commits: u64,
    /// How many events it has.
    pub events: u64,
    /// Of everything that was copied, as it was read from both.
    pub digest: Digest,
}

/// The logs could not be copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The file or database could not be read.
    #[error("where it is copied from: {0}")]
    Source(#[source] StorageError),
    /// The file or database could not be written.
    #[error("where it is copied to: {0}")]
    Target(#[source] StorageError),
    /// The database holds a log of this name or identity with something else in it.
    #[error(
        "the database to copy to has a log {log} (identity {identity}) that is not the one in the file: nothing was \
         written to it; copy into an empty database"
    )]
    Holds {
        /// The log.
        log: LogName,
        /// The identity of the one in the database.
        identity: String,
    },
    /// What was read back is not what was written.
    #[error(
        "log {log} came out differently: {expected} where it comes from, {found} in the copy. It was not committed"
    )]
    Differs {
        /// The log.
        log: LogName,
        /// Counts and digest of the log that was copied.
        expected: String,
        /// Counts and digest of what was read back.
        found: String,
    },
    /// There is a file already, and none is ever overwritten.
    #[error("{} exists, and nothing is overwritten: {advice}", file.display())]
    Exists {
        /// The file.
        file: PathBuf,
        /// What to do about it.
        advice: &'static str,
    },
    /// The file could not be made, or given its name.
    #[error("{}: {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the file system said.
        #[source]
        reason: io::Error,
    },
}

/// Copies all logs of a file, which is locked meanwhile: a server that still runs over it answers pushes with 503.
///
/// # Errors
/// [`CopyError`]; the log that it names, and those not yet told of, are not in the database.
pub async fn copy(
    from: &Path,
    to: &PostgresAddress,
    mut told: impl FnMut(Progress),
) -> Result<Vec<Copied>, CopyError> {
    let source = WholeFile::lock(from).map_err(CopyError::Source)?;
    let mut target = Target::open(to).await.map_err(CopyError::Target)?;
    let logs = source.logs().await.map_err(CopyError::Source)?;
    for log in &logs {
        refuse_other(&target, log).await?;
    }
    let mut done = Vec::with_capacity(logs.len());
    for log in logs {
        let (progress, copied) = match refuse_other(&target, &log).await? {
            Some(there) => {
                let copied = compare(&source, &mut target, &log, &there).await?;
                (Progress::AlreadyThere(copied.clone()), copied)
            }
            None => {
                let copying = target.begin().await.map_err(CopyError::Target)?;
                let copied = copy_log(&source, &copying, &log, &mut told).await?;
                copying.commit().await.map_err(CopyError::Target)?;
                (Progress::Copied(copied.clone()), copied)
            }
        };
        told(progress);
        done.push(copied);
    }
    Ok(done)
}

/// The log in the target, if it may be the same as that in the source.
async fn refuse_other(target: &Target, log: &StoredLog) -> Result<Option<StoredLog>, CopyError> {
    match target.find(log).await.map_err(CopyError::Target)? {
        Some(there)
            if (&there.name, there.id, there.position, there.archived)
                != (&log.name, log.id, log.position, log.archived) =>
        {
            Err(CopyError::Holds { log: there.name, identity: there.id.to_string() })
        }
        found => Ok(found),
    }
}

/// Whether a log that is in both is the same in both.
async fn compare(
    source: &impl Rows,
    target: &mut Target,
    log: &StoredLog,
    there: &StoredLog,
) -> Result<Copied, CopyError> {
    let expected = summed(source, log).await.map_err(CopyError::Source)?;
    let reading = target.look().await.map_err(CopyError::Target)?;
    if summed(&reading, there).await.map_err(CopyError::Target)? == expected {
        return Ok(expected);
    }
    Err(CopyError::Holds { log: log.name.clone(), identity: there.id.to_string() })
}
