//! A page of the commits of some streams.
//!
//! The database goes through the commits in the order of positions and sends those that the reader may see, and the last one that
//! it came to, from which the next page goes on.

use super::{
    failure::Trouble,
    row::{Log, signed, stored_commit, unsigned},
};
use crate::{log_name::LogName, storage::PageLimit};
use deadpool_postgres::Client;
use tidelog::{
    authority::{Filling, Named},
    id::CommitId,
    time::Timestamp,
    version::Position,
};
use tokio_postgres::{Row, types::ToSql};

/// `near`: as many commits as a page can ever come to. `counted`: those before the first one that would be one too many to pass over.
/// A body that does not fit into the page is left where it is.
const ROWS: &str = "
    SELECT position, events, first_version, recorded_at,
           CASE WHEN is_seen AND coalesce(before, 0) <= $4 THEN body END,
           id, is_seen, bytes, position = furthest AND within_count < near_count
    FROM (
        SELECT *, sum(bytes) OVER (ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before,
               max(position) OVER () AS furthest, count(*) OVER () AS within_count
        FROM (
            SELECT *, CASE WHEN is_seen THEN octet_length(body) ELSE 0 END AS bytes,
                   count(*) OVER () AS near_count,
                   count(*) FILTER (WHERE NOT is_seen OR octet_length(body) = 0) OVER (ORDER BY position) AS passed
            FROM (
                SELECT position, events, first_version, recorded_at, body, id,
                       stream = ANY ($5) OR EXISTS (
                           SELECT 1 FROM unnest($6::text[]) AS begins (name) WHERE starts_with(stream, begins.name)
                       ) AS is_seen
                FROM tidelog.commits WHERE log = $1 AND position > $2 ORDER BY position LIMIT $3
            ) AS near
        ) AS counted WHERE passed <= $7
    ) AS within
    WHERE is_seen OR position = furthest ORDER BY position";

/// The commits after a position whose streams have these names, or names that begin so, and the last one that was looked at.
pub(super) async fn rows_after(
    client: &Client,
    log: &Log,
    position: Position,
    limit: PageLimit,
    Named { exact, prefixes }: &Named,
) -> Result<Vec<Row>, Trouble> {
    let statement = client.prepare_cached(ROWS).await?;
    let bounded = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let passed = bounded(limit.passed.max(1));
    // A commit has at least one event; one more is taken in any case, and one more shows that there is more.
    let near = bounded(limit.events).saturating_add(passed).saturating_add(2);
    let (position, bytes) = (signed(position)?, bounded(limit.bytes));
    let asked: [&(dyn ToSql + Sync); 7] = [&log.key, &position, &near, &bytes, &exact, &prefixes, &passed];
    Ok(client.query(&statement, &asked).await?)
}

/// Puts the rows into a page.
pub(super) fn fill(page: &mut Filling, rows: &[Row], name: &LogName) -> Result<(), Trouble> {
    for row in rows {
        let (is_seen, bytes, is_cut): (bool, i32, bool) = (row.try_get(6)?, row.try_get(7)?, row.try_get(8)?);
        let events = row.try_get::<_, i32>(1)?.unsigned_abs();
        if is_seen && bytes > 0 {
            let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
            if !page.has_room(size(events), size(bytes.unsigned_abs())) {
                return Ok(());
            }
            page.take(stored_commit(row, 0)?.confirmed(name)?);
        } else {
            let (id, recorded_at) = (CommitId(row.try_get(5)?), Timestamp(row.try_get(3)?));
            page.pass((unsigned(row, 0)? + u64::from(events)).saturating_sub(1), id, recorded_at);
            if is_seen {
                page.note_gap();
            }
        }
        if is_cut {
            page.end();
        }
    }
    Ok(())
}
