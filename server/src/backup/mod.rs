//! Backups: all logs of a database as they are at one moment, in one SQLite file that a server could serve as it is.
//!
//! A backup is taken while servers go on, and is read back and compared before it gets its name, so that a file of that name is
//! always a whole one. After a restore the devices notice what the server has lost, and bring back what they still have
//! (`docs/protocol.md`, "A restored server").

mod part;

use crate::{
    copy::{Copied, CopyError, Progress, copy, copy_log},
    storage::{
        postgres::Target,
        sqlite::WholeFile,
        stored::{Rows, Writing},
    },
    verify::Place,
};
pub(crate) use part::Part;
use std::path::Path;

/// Writes all logs of a database into a new file; servers go on meanwhile, and what they write after the first look is not in it.
///
/// # Errors
/// [`CopyError::Exists`] if there is such a file, or a part of one; [`CopyError`] else. There is no file of that name then.
pub async fn backup(
    from: Place<'_>,
    to: &Path,
    told: impl FnMut(Progress),
) -> Result<Vec<Copied>, CopyError> {
    let part = Part::new(to)?;
    let done = match from {
        Place::File(file) => fill(&WholeFile::look(file).map_err(CopyError::Source)?, &part, told).await?,
        Place::Postgres(address) => {
            let mut database = Target::open(address).await.map_err(CopyError::Source)?;
            fill(&database.look().await.map_err(CopyError::Source)?, &part, told).await?
        }
    };
    part.finish(to)?;
    Ok(done)
}

/// Puts all logs of a backup back: into a SQLite file that does not exist yet, or into a PostgreSQL database, where logs that are
/// there already and the same are passed over.
///
/// # Errors
/// [`CopyError::Exists`] if there is such a file, [`CopyError::Holds`] if the database holds a log of that name or identity with
/// something else in it; [`CopyError`] else. A log that is not whole is never there.
pub async fn restore(
    from: &Path,
    to: Place<'_>,
    told: impl FnMut(Progress),
) -> Result<Vec<Copied>, CopyError> {
    match to {
        Place::File(file) => backup(Place::File(from), file, told).await,
        Place::Postgres(address) => copy(from, address, told).await,
    }
}

async fn fill(
    source: &impl Rows,
    part: &Part,
    mut told: impl FnMut(Progress),
) -> Result<Vec<Copied>, CopyError> {
    let target = WholeFile::create(part.path()).map_err(CopyError::Target)?;
    let mut done = Vec::new();
    for log in source.logs().await.map_err(CopyError::Source)? {
        let copied = copy_log(source, &target, &log, &mut told).await?;
        told(Progress::Copied(copied.clone()));
        done.push(copied);
    }
    target.commit().await.map_err(CopyError::Target)?;
    Ok(done)
}
