//! A page of commits after a cursor.

use super::{
    among, archive,
    failure::Trouble,
    row::{COMMIT_COLUMNS, Lock, Log, find_log, make_log, signed, stored_commit, unsigned},
};
use crate::{
    cursor::Mark,
    log_name::LogName,
    storage::{Gap, PageLimit, Streams},
};
use deadpool_postgres::{Client, GenericClient};
use tidelog::{
    authority::Filling,
    id::CommitId,
    sync::protocol::{Cursor, Page},
    time::Timestamp,
    version::Position,
};
use tokio_postgres::Row;

/// Reads a page. Its statements each see a moment of their own; a log only grows, so the later ones see no less.
pub(super) async fn page(
    client: &Client,
    name: &LogName,
    after: &Cursor,
    limit: PageLimit,
    streams: &Streams,
) -> Result<Page, Trouble> {
    let log = make_log(client, name, Lock::No).await?;
    let mark = Mark::of(after, log.id, log.position)?;
    let among = streams.names();
    // Sent together: the second need not wait for the answer to the first.
    let (there, rows, archived) = tokio::join!(
        commit_ending_at(client, &log, mark.position),
        async {
            match among {
                None => rows_after(client, &log, mark.position, limit).await,
                Some(names) => among::rows_after(client, &log, mark.position, limit, names).await,
            }
        },
        archive::mark(client, &log)
    );
    let mut page = Filling::new(log.id, mark.check(there?)?, limit, streams);
    match among {
        Some(_) => among::fill(&mut page, &rows?, name)?,
        None => fill(&mut page, &rows?, name, limit)?,
    }
    let mut archived = archived?;
    if page.has_gap() {
        // It may have been archived since the log's row was read.
        let log = make_log(client, name, Lock::No).await?;
        archived = archive::mark(client, &log).await?;
        if page.hides(archived) {
            return Err(Gap(archive::gone(client, &log, mark.position, streams).await?).into());
        }
    }
    Ok(page.page(archived))
}

/// Puts the rows of [`rows_after`] into a page.
fn fill(page: &mut Filling, rows: &[Row], name: &LogName, limit: PageLimit) -> Result<(), Trouble> {
    for row in rows {
        let stored = stored_commit(row, 0)?;
        if stored.is_archived() {
            if !page.may_pass() {
                return Ok(());
            }
            let (id, recorded_at) = (CommitId(row.try_get(5)?), Timestamp(stored.recorded_at));
            page.pass((stored.position + u64::from(stored.events)).saturating_sub(1), id, recorded_at);
            page.note_gap();
        } else if page.has_room(stored.events as usize, stored.bytes()) {
            page.take(stored.confirmed(name)?);
        } else {
            return Ok(());
        }
    }
    // Archived commits take no room, so that all rows may fit though there are more.
    if rows.len() > limit.events {
        page.end();
    }
    Ok(())
}

/// The cursor behind the last commit; none if there is no such log.
pub(super) async fn end(client: &Client, name: &LogName) -> Result<Option<Cursor>, Trouble> {
    let Some(log) = find_log(client, name, Lock::No).await? else { return Ok(None) };
    let last = commit_ending_at(client, &log, log.position).await?;
    Ok(Some(Mark::at(log.id, log.position, last).write()))
}

/// As many rows as a page may hold, and one more where there is one. The lengths are summed in the database, so that not
/// much more than that travels: a row is left out once those before the last one before it are over the bound.
async fn rows_after(
    client: &Client,
    log: &Log,
    position: Position,
    limit: PageLimit,
) -> Result<Vec<Row>, Trouble> {
    let sql = format!(
        "SELECT {COMMIT_COLUMNS}, id FROM (
             SELECT {COMMIT_COLUMNS}, id,
                    sum(octet_length(body)) OVER (ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING) AS before
             FROM tidelog.commits WHERE log = $1 AND position > $2 ORDER BY position LIMIT $3
         ) AS next WHERE coalesce(before, 0) <= $4 ORDER BY position"
    );
    let statement = client.prepare_cached(&sql).await?;
    // A commit has at least one event.
    let most = i64::try_from(limit.events).unwrap_or(i64::MAX).saturating_add(1);
    let bytes = i64::try_from(limit.bytes).unwrap_or(i64::MAX);
    Ok(client.query(&statement, &[&log.key, &signed(position)?, &most, &bytes]).await?)
}

/// The commit that ends at this position, and when it was recorded.
pub(super) async fn commit_ending_at(
    client: &impl GenericClient,
    log: &Log,
    position: Position,
) -> Result<Option<(CommitId, Timestamp)>, Trouble> {
    let statement = client
        .prepare_cached(
            "SELECT id, recorded_at, position + events - 1 FROM tidelog.commits
             WHERE log = $1 AND position <= $2 ORDER BY position DESC LIMIT 1",
        )
        .await?;
    let Some(row) = client.query_opt(&statement, &[&log.key, &signed(position)?]).await? else {
        return Ok(None);
    };
    let (id, recorded_at) = (CommitId(row.try_get(0)?), Timestamp(row.try_get(1)?));
    Ok((unsigned(&row, 2)? == position).then_some((id, recorded_at)))
}
