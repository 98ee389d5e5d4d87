//! Archived streams: their markers, and how they come to be.

use super::{
    failure,
    row::{COMMIT_COLUMNS, Log, find_log, signed, stored_commit, stream, unsigned},
};
use crate::{
    log_name::LogName,
    storage::{
        ArchiveMark, Gone, InvalidCursor, Leaving, MAX_PASSED, PageError, StorageError, Streams,
        leaving::{Reading, StoredMarker},
    },
};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior};
use tidelog::{
    id::CommitId,
    sync::protocol::{Archived, ArchivedPage, Cursor},
    time::Timestamp,
    version::Position,
};
use uuid::Uuid;

/// The columns that [`marker`] reads.
pub(super) const MARKER_COLUMNS: &str =
    "number, mark, stream, version, commits, position, digest, archived_at, archive";

/// Reads the [`MARKER_COLUMNS`].
pub(super) fn marker(row: &Row<'_>) -> rusqlite::Result<StoredMarker> {
    let text = |column| row.get::<_, String>(column);
    let archived = Archived {
        stream: stream(row, 2)?,
        version: unsigned(row, 3)?,
        commits: unsigned(row, 4)?,
        position: unsigned(row, 5)?,
        digest: text(6)?.into(),
        archived_at: Timestamp(row.get(7)?),
        archive: text(8)?.into(),
    };
    Ok(StoredMarker { mark: ArchiveMark { number: unsigned(row, 0)?, mark: row.get(1)? }, archived })
}

/// What stands for all markers of a log.
pub(super) fn mark(connection: &Connection, log: &Log) -> rusqlite::Result<ArchiveMark> {
    let found = mark_of(connection, log, log.archived)?;
    Ok(found.unwrap_or(ArchiveMark { number: log.archived, mark: 0 }))
}

/// What stands for the first markers of a log, so many; none if it has fewer.
fn mark_of(connection: &Connection, log: &Log, number: u64) -> rusqlite::Result<Option<ArchiveMark>> {
    if number == 0 {
        return Ok(Some(ArchiveMark::default()));
    }
    connection
        .prepare_cached("SELECT mark FROM archived WHERE log = ?1 AND number = ?2")?
        .query_row((log.key, signed(number)?), |row| Ok(ArchiveMark { number, mark: row.get(0)? }))
        .optional()
}

/// The marker of a stream, if it was archived.
pub(super) fn marker_of(
    connection: &Connection,
    log: &Log,
    stream: &str,
) -> rusqlite::Result<Option<Archived>> {
    let sql = format!("SELECT {MARKER_COLUMNS} FROM archived WHERE log = ?1 AND stream = ?2");
    let found = connection.prepare_cached(&sql)?.query_row((log.key, stream), marker).optional()?;
    Ok(found.map(|marker| marker.archived))
}

/// How much of what a reader of these streams would have been given after a position is gone.
pub(super) fn gone(
    connection: &Connection,
    log: &Log,
    after: Position,
    streams: &Streams,
) -> rusqlite::Result<Gone> {
    let mut gone = Gone::default();
    let mut statement = connection
        .prepare_cached("SELECT stream, version, position FROM archived WHERE log = ?1 AND position > ?2")?;
    let mut rows = statement.query((log.key, signed(after)?))?;
    while gone.streams < Gone::MOST_COUNTED
        && let Some(row) = rows.next()?
    {
        if streams.includes(row.get_ref(0)?.as_str()?) {
            gone.count(unsigned(row, 1)?, unsigned(row, 2)?);
        }
    }
    Ok(gone)
}

/// The next markers; none if there is no such log.
pub(super) fn archived(
    connection: &mut Connection,
    name: &LogName,
    after: &Cursor,
    limit: usize,
    streams: &Streams,
) -> Result<Option<ArchivedPage>, PageError> {
    let transaction = connection.transaction().map_err(failure)?;
    let Some(log) = find_log(&transaction, name)? else { return Ok(None) };
    let held = ArchiveMark::read(after)?;
    if mark_of(&transaction, &log, held.number).map_err(failure)? != Some(held) {
        return Err(InvalidCursor::OtherMarkers.into());
    }
    let sql = format!("SELECT {MARKER_COLUMNS} FROM archived WHERE log = ?1 AND number > ?2 ORDER BY number");
    let mut statement = transaction.prepare_cached(&sql).map_err(failure)?;
    let rows = signed(held.number).and_then(|number| statement.query_map((log.key, number), marker));
    let (mut archived, mut read) = (Vec::new(), held);
    for row in rows.map_err(failure)? {
        if archived.len() == limit || read.number - held.number == MAX_PASSED as u64 {
            break;
        }
        let StoredMarker { mark, archived: marker } = row.map_err(failure)?;
        read = mark;
        if streams.includes(marker.stream.as_str()) {
            archived.push(marker);
        }
    }
    let up_to_date = read.number == log.archived;
    Ok(Some(ArchivedPage { log_id: log.id.to_string(), archived, cursor: read.write(), up_to_date }))
}

/// Archives streams, all in one transaction: the markers of those that still are what was copied.
pub(super) fn archive(
    connection: &mut Connection,
    name: &LogName,
    streams: Vec<Leaving>,
    now: Timestamp,
) -> Result<Vec<Archived>, StorageError> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failure)?;
    let Some(log) = find_log(&transaction, name)? else { return Ok(Vec::new()) };
    let mut last = mark(&transaction, &log).map_err(failure)?;
    let mut markers = Vec::new();
    for leaving in streams {
        let is_closed = marker_of(&transaction, &log, leaving.stream.as_str()).map_err(failure)?.is_some();
        if is_closed || !take_away(&transaction, &log, name, &leaving)? {
            continue;
        }
        let Leaving { stream, version, commits, position, digest, archive } = leaving;
        let archived = Archived { stream, version, commits, position, digest, archived_at: now, archive };
        last = last.with(&archived);
        insert_marker(&transaction, log.key, &StoredMarker { mark: last, archived: archived.clone() })
            .map_err(failure)?;
        markers.push(archived);
    }
    transaction.commit().map_err(failure)?;
    Ok(markers)
}

/// Takes away what is in the commits of a stream, if it is what was copied.
fn take_away(
    transaction: &Transaction<'_>,
    log: &Log,
    name: &LogName,
    leaving: &Leaving,
) -> Result<bool, StorageError> {
    let stream = leaving.stream.as_str();
    let (mut reading, mut events) = (Reading::default(), Vec::new());
    let sql = format!(
        "SELECT {COMMIT_COLUMNS}, id FROM commits WHERE log = ?1 AND stream = ?2 ORDER BY first_version"
    );
    let mut statement = transaction.prepare_cached(&sql).map_err(failure)?;
    let mut rows = statement.query((log.key, stream)).map_err(failure)?;
    while let Some(row) = rows.next().map_err(failure)? {
        let stored = stored_commit(row).map_err(failure)?;
        let id = CommitId(Uuid::from_bytes(row.get(5).map_err(failure)?));
        reading.take(&stored, id);
        events.extend(stored.confirmed(name)?.commit.events.iter().map(|event| event.id));
    }
    if reading.end(leaving.stream.clone(), leaving.archive.clone()) != *leaving {
        return Ok(false);
    }
    let take = || -> rusqlite::Result<()> {
        let mut by_id = transaction.prepare_cached("DELETE FROM events WHERE log = ?1 AND id = ?2")?;
        for event in &events {
            by_id.execute((log.key, event.0.as_bytes()))?;
        }
        transaction
            .prepare_cached("UPDATE commits SET body = '' WHERE log = ?1 AND stream = ?2")?
            .execute((log.key, stream))
            .map(drop)
    };
    take().map_err(failure)?;
    Ok(true)
}

/// Writes a marker, and that the log has it.
pub(super) fn insert_marker(
    connection: &Connection,
    log: i64,
    marker: &StoredMarker,
) -> rusqlite::Result<()> {
    let StoredMarker { mark, archived } = marker;
    let Archived { stream, version, commits, position, digest, archived_at, archive } = archived;
    connection
        .prepare_cached(
            "INSERT INTO archived (log, number, mark, stream, version, commits, position, digest, archived_at, archive)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute((
            log,
            signed(mark.number)?,
            mark.mark,
            stream.as_str(),
            signed(*version)?,
            signed(*commits)?,
            signed(*position)?,
            digest.as_ref(),
            archived_at.millis(),
            archive.as_ref(),
        ))?;
    connection
        .prepare_cached("UPDATE logs SET archived = ?2 WHERE key = ?1")?
        .execute((log, signed(mark.number)?))
        .map(drop)
}
