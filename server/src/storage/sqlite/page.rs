//! A page of commits after a cursor.

use super::{
    archive, failure,
    row::{COMMIT_COLUMNS, Log, find_log, signed, stored_commit, unsigned},
};
use crate::{
    cursor::Mark,
    log_name::LogName,
    storage::{Gap, InvalidCursor, PageError, PageLimit, StorageError, Streams},
};
use rusqlite::{Connection, OptionalExtension, Row};
use tidelog::{
    authority::Filling,
    id::CommitId,
    sync::protocol::{Cursor, Page},
    time::Timestamp,
    version::Position,
};
use uuid::Uuid;

/// Reads a page; none if there is no such log. The transaction shows one state of the database to all its statements. A body is
/// not read from the file unless somebody looks at it, so that commits of other streams cost little.
pub(super) fn page(
    connection: &mut Connection,
    name: &LogName,
    after: &Cursor,
    limit: PageLimit,
    streams: &Streams,
) -> Result<Option<Page>, PageError> {
    let transaction = connection.transaction().map_err(failure)?;
    let Some(log) = find_log(&transaction, name)? else { return Ok(None) };
    let mark: Mark = start::<PageError>(&transaction, &log, after)?;
    let sql = format!(
        "SELECT {COMMIT_COLUMNS}, stream, id FROM commits WHERE log = ?1 AND position > ?2 ORDER BY position"
    );
    let mut statement = transaction.prepare_cached(&sql).map_err(failure)?;
    let after = signed(mark.position).map_err(failure)?;
    let mut rows = statement.query((log.key, after)).map_err(failure)?;
    let mut page = Filling::new(log.id, mark, limit, streams);
    while let Some(row) = rows.next().map_err(failure)? {
        let (is_seen, end, id, recorded_at) = heading(row, streams).map_err(failure)?;
        let stored = if is_seen { Some(stored_commit(row).map_err(failure)?) } else { None };
        if let Some(stored) = stored.filter(|stored| !stored.is_archived()) {
            if !page.has_room(stored.events as usize, stored.bytes()) {
                break;
            }
            page.take(stored.confirmed(name)?);
        } else if page.may_pass() {
            page.pass(end, id, recorded_at);
            if is_seen {
                page.note_gap();
            }
        } else {
            break;
        }
    }
    let archived = archive::mark(&transaction, &log).map_err(failure)?;
    if page.hides(archived) {
        let gone = archive::gone(&transaction, &log, mark.position, streams).map_err(failure)?;
        return Err(Gap(gone).into());
    }
    Ok(Some(page.page(archived)))
}

/// The cursor behind the last commit; none if there is no such log.
pub(super) fn end(connection: &mut Connection, name: &LogName) -> Result<Option<Cursor>, StorageError> {
    let transaction = connection.transaction().map_err(failure)?;
    let Some(log) = find_log(&transaction, name)? else { return Ok(None) };
    let last = commit_ending_at(&transaction, &log, log.position).map_err(failure)?;
    Ok(Some(Mark::at(log.id, log.position, last).write()))
}

/// What there is to know of a commit without its body: whether it is in one of the streams, its last position, id and moment.
fn heading(row: &Row<'_>, streams: &Streams) -> rusqlite::Result<(bool, Position, CommitId, Timestamp)> {
    let is_seen = streams.includes(row.get_ref(5)?.as_str()?);
    let end = unsigned(row, 0)? + u64::from(row.get::<_, u32>(1)?) - 1;
    Ok((is_seen, end, CommitId(Uuid::from_bytes(row.get(6)?)), Timestamp(row.get(3)?)))
}

/// Where to begin: the cursor has to name this log, and the commit that ends where it stands.
pub(super) fn start<E: From<InvalidCursor> + From<StorageError>>(
    connection: &Connection,
    log: &Log,
    after: &Cursor,
) -> Result<Mark, E> {
    let mark = Mark::of(after, log.id, log.position)?;
    let there = commit_ending_at(connection, log, mark.position).map_err(failure)?;
    Ok(mark.check(there)?)
}

fn commit_ending_at(
    connection: &Connection,
    log: &Log,
    position: Position,
) -> rusqlite::Result<Option<(CommitId, Timestamp)>> {
    let last = connection
        .prepare_cached(
            "SELECT id, position + events - 1, recorded_at FROM commits WHERE log = ?1 AND position <= ?2
             ORDER BY position DESC LIMIT 1",
        )?
        .query_row((log.key, signed(position)?), |row| {
            Ok((CommitId(Uuid::from_bytes(row.get(0)?)), unsigned(row, 1)?, Timestamp(row.get(2)?)))
        })
        .optional()?;
    Ok(last.filter(|&(_, end, _)| end == position).map(|(id, _, recorded_at)| (id, recorded_at)))
}
