//! A page of commits after a cursor.

use super::{
    failure,
    row::{COMMIT_COLUMNS, Log, find_log, signed, stored_commit, unsigned},
};
use crate::{
    cursor::Mark,
    log_name::LogName,
    storage::{InvalidCursor, PageError, PageLimit, StorageError},
};
use rusqlite::{Connection, OptionalExtension, Transaction};
use tidelog::{
    id::CommitId,
    sync::protocol::{Cursor, Page},
    time::Timestamp,
    version::Position,
};
use uuid::Uuid;

/// Reads a page; none if there is no such log. The transaction shows one state of the database to all its statements.
pub(super) fn page(
    connection: &mut Connection,
    name: &LogName,
    after: &Cursor,
    limit: PageLimit,
) -> Result<Option<Page>, PageError> {
    let transaction = connection.transaction().map_err(failure)?;
    let Some(log) = find_log(&transaction, name)? else { return Ok(None) };
    let mut mark: Mark = start::<PageError>(&transaction, &log, after)?;
    let sql =
        format!("SELECT {COMMIT_COLUMNS} FROM commits WHERE log = ?1 AND position > ?2 ORDER BY position");
    let mut statement = transaction.prepare_cached(&sql).map_err(failure)?;
    let after = signed(mark.position).map_err(failure)?;
    let rows = statement.query_map((log.key, after), stored_commit).map_err(failure)?;
    let (mut commits, mut events, mut bytes, mut up_to_date) = (Vec::new(), 0, 0, true);
    for stored in rows {
        let stored = stored.map_err(failure)?;
        events += stored.events as usize;
        bytes += stored.bytes();
        if !limit.holds(commits.len(), events, bytes) {
            up_to_date = false;
            break;
        }
        let confirmed = stored.confirmed(name)?;
        mark = Mark::after(log.id, confirmed.last_position(), confirmed.commit.id, confirmed.recorded_at);
        commits.push(confirmed);
    }
    Ok(Some(Page { log_id: log.id.to_string(), commits, cursor: mark.write(), up_to_date }))
}

/// Where to begin: the cursor has to name this log, and the commit that ends where it stands.
pub(super) fn start<E: From<InvalidCursor> + From<StorageError>>(
    transaction: &Transaction<'_>,
    log: &Log,
    after: &Cursor,
) -> Result<Mark, E> {
    let mark = Mark::of(after, log.id, log.position)?;
    let there = commit_ending_at(transaction, log, mark.position).map_err(failure)?;
    Ok(mark.check(there)?)
}

fn commit_ending_at(
    transaction: &Transaction<'_>,
    log: &Log,
    position: Position,
) -> rusqlite::Result<Option<(CommitId, Timestamp)>> {
    let last = transaction
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
