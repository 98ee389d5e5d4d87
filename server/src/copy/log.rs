//! One log, from one database to another.

use super::{Copied, CopyError, Progress, digest::Digesting};
use crate::storage::{
    StorageError,
    stored::{Rows, StoredLog, WholeRow, Writing},
};

/// How many bytes of commits are on the way at once: 4 MiB.
const BATCH: usize = 4 << 20;
/// How many markers are on the way at once.
const MARKERS: u32 = 1_000;

/// Copies a log that is not there yet, reads it back and compares it. Nothing is committed.
pub(crate) async fn copy_log(
    source: &impl Rows,
    target: &impl Writing,
    log: &StoredLog,
    told: &mut impl FnMut(Progress),
) -> Result<Copied, CopyError> {
    let key = target.make(log).await.map_err(CopyError::Target)?;
    let mut position = 0;
    loop {
        let rows = source.rows(log.key, position, BATCH).await.map_err(CopyError::Source)?;
        let Some(WholeRow { stored, .. }) = rows.last() else { break };
        let after = stored.position;
        let batch: Result<Vec<_>, _> =
            rows.into_iter().map(|row| Ok((row.commit_if_here(&log.name)?, row))).collect();
        target.write(key, batch.map_err(CopyError::Source)?).await.map_err(CopyError::Target)?;
        position = after;
        told(Progress::Written { log: log.name.clone(), position, of: log.position });
    }
    for producer in source.producers(log.key).await.map_err(CopyError::Source)? {
        target.write_producer(key, producer).await.map_err(CopyError::Target)?;
    }
    let mut number = 0;
    loop {
        let markers = source.markers(log.key, number, MARKERS).await.map_err(CopyError::Source)?;
        let Some(last) = markers.last() else { break };
        number = last.mark.number;
        for marker in markers {
            target.write_marker(key, marker).await.map_err(CopyError::Target)?;
        }
    }
    let expected = summed(source, log).await.map_err(CopyError::Source)?;
    let found = summed(target, &StoredLog { key, ..log.clone() }).await.map_err(CopyError::Target)?;
    let events = target.count_events(key).await.map_err(CopyError::Target)?;
    let noted = source.count_events(log.key).await.map_err(CopyError::Source)?;
    if found != expected || found.events != log.position || events != noted {
        return Err(differs(&expected, &found));
    }
    Ok(found)
}

/// What a database holds of a log.
pub(super) async fn summed(database: &impl Rows, log: &StoredLog) -> Result<Copied, StorageError> {
    let (mut digesting, mut commits, mut events, mut after) = (Digesting::of(log), 0, 0, 0);
    loop {
        let rows = database.rows(log.key, after, BATCH).await?;
        let Some(WholeRow { stored, .. }) = rows.last() else { break };
        after = stored.position;
        for row in &rows {
            digesting.row(row);
            commits += 1;
            events += u64::from(row.stored.events);
        }
    }
    for producer in database.producers(log.key).await? {
        digesting.producer(&producer);
    }
    let mut number = 0;
    loop {
        let markers = database.markers(log.key, number, MARKERS).await?;
        let Some(last) = markers.last() else { break };
        number = last.mark.number;
        markers.iter().for_each(|marker| digesting.marker(marker));
    }
    Ok(Copied { log: log.name.clone(), commits, events, digest: digesting.end() })
}

fn differs(expected: &Copied, found: &Copied) -> CopyError {
    let say = |copied: &Copied| {
        let Copied { commits, events, digest, .. } = copied;
        format!("{events} events in {commits} commits, digest {digest}")
    };
    CopyError::Differs { log: expected.log.clone(), expected: say(expected), found: say(found) }
}
