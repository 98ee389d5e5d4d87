//! Archived streams: their markers, and how they come to be.

use super::{
    failure::Trouble,
    row::{COMMIT_COLUMNS, Lock, Log, find_log, make_log, signed, stored_commit, stream, unsigned},
};
use crate::{
    log_name::LogName,
    storage::{
        ArchiveMark, Gone, InvalidCursor, Leaving, MAX_PASSED, StorageError, Streams,
        leaving::{Reading, StoredMarker},
    },
};
use deadpool_postgres::{Client, GenericClient};
use std::collections::HashMap;
use tidelog::{
    id::CommitId,
    stream::StreamName,
    sync::protocol::{Archived, ArchivedPage, Cursor},
    time::Timestamp,
    version::Position,
};
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

/// The columns that [`marker`] reads.
pub(super) const MARKER_COLUMNS: &str =
    "number, mark, stream, version, commits, position, digest, archived_at, archive";

/// The most markers that are read at once.
const AT_ONCE: i64 = 1_000;
/// How many bytes of commits are held at once while they are looked at: 4 MiB, or one commit.
const BATCH: i64 = 4 << 20;

/// Reads the [`MARKER_COLUMNS`].
pub(super) fn marker(row: &Row) -> Result<StoredMarker, Trouble> {
    let text = |column| row.try_get::<_, &str>(column);
    let archived = Archived {
        stream: stream(row, 2)?,
        version: unsigned(row, 3)?,
        commits: unsigned(row, 4)?,
        position: unsigned(row, 5)?,
        digest: text(6)?.into(),
        archived_at: Timestamp(row.try_get(7)?),
        archive: text(8)?.into(),
    };
    Ok(StoredMarker { mark: ArchiveMark { number: unsigned(row, 0)?, mark: mark_in(row, 1)? }, archived })
}

fn mark_in(row: &Row, column: usize) -> Result<u32, Trouble> {
    let mark = unsigned(row, column)?;
    u32::try_from(mark).map_err(|error| StorageError::Failed(error.into()).into())
}

/// What stands for all markers of a log, as far as it was read.
pub(super) async fn mark(client: &impl GenericClient, log: &Log) -> Result<ArchiveMark, Trouble> {
    let found = mark_of(client, log, log.archived).await?;
    Ok(found.unwrap_or(ArchiveMark { number: log.archived, mark: 0 }))
}

/// What stands for the first markers of a log, so many; none if it has fewer.
async fn mark_of(
    client: &impl GenericClient,
    log: &Log,
    number: u64,
) -> Result<Option<ArchiveMark>, Trouble> {
    if number == 0 {
        return Ok(Some(ArchiveMark::default()));
    }
    let sql = "SELECT mark FROM tidelog.archived WHERE log = $1 AND number = $2";
    let statement = client.prepare_cached(sql).await?;
    let row = client.query_opt(&statement, &[&log.key, &signed(number)?]).await?;
    row.map(|row| Ok(ArchiveMark { number, mark: mark_in(&row, 0)? })).transpose()
}

/// The markers of those streams that were archived.
pub(super) async fn markers_of(
    client: &impl GenericClient,
    log: &Log,
    streams: &[&str],
) -> Result<HashMap<StreamName, Archived>, Trouble> {
    if log.archived == 0 {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT found.* FROM unnest($2::text[]) AS asked (stream)
         CROSS JOIN LATERAL (
             SELECT {MARKER_COLUMNS} FROM tidelog.archived WHERE log = $1 AND stream = asked.stream LIMIT 1
         ) AS found"
    );
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &[&log.key, &streams]).await?;
    let marker = |row: &Row| marker(row).map(|it| (it.archived.stream.clone(), it.archived));
    rows.iter().map(marker).collect()
}

/// How much of what a reader of these streams would have been given after a position is gone.
pub(super) async fn gone(
    client: &impl GenericClient,
    log: &Log,
    after: Position,
    streams: &Streams,
) -> Result<Gone, Trouble> {
    let sql = "SELECT stream, version, position FROM tidelog.archived WHERE log = $1 AND number > $2 ORDER BY number LIMIT $3";
    let statement = client.prepare_cached(sql).await?;
    let (mut gone, mut read) = (Gone::default(), 0);
    while gone.streams < Gone::MOST_COUNTED {
        let rows = client.query(&statement, &[&log.key, &read, &AT_ONCE]).await?;
        for row in &rows {
            let position = unsigned(row, 2)?;
            if position > after && streams.includes(row.try_get(0)?) {
                gone.count(unsigned(row, 1)?, position);
            }
        }
        if rows.is_empty() {
            break;
        }
        // Numbers have no gap.
        read += i64::try_from(rows.len()).unwrap_or(i64::MAX);
    }
    Ok(gone)
}

/// The next markers.
pub(super) async fn archived(
    client: &Client,
    name: &LogName,
    after: &Cursor,
    limit: usize,
    streams: &Streams,
) -> Result<ArchivedPage, Trouble> {
    let log = make_log(client, name, Lock::No).await?;
    let held = ArchiveMark::read(after)?;
    if mark_of(client, &log, held.number).await? != Some(held) {
        return Err(InvalidCursor::OtherMarkers.into());
    }
    let sql = format!(
        "SELECT {MARKER_COLUMNS} FROM tidelog.archived WHERE log = $1 AND number > $2 ORDER BY number LIMIT $3"
    );
    let statement = client.prepare_cached(&sql).await?;
    let (mut archived, mut read) = (Vec::new(), held);
    'more: loop {
        let rows = client.query(&statement, &[&log.key, &signed(read.number)?, &AT_ONCE]).await?;
        for row in &rows {
            if archived.len() == limit || read.number - held.number == MAX_PASSED as u64 {
                break 'more;
            }
            let StoredMarker { mark, archived: marker } = marker(row)?;
            read = mark;
            if streams.includes(marker.stream.as_str()) {
                archived.push(marker);
            }
        }
        if rows.is_empty() {
            break;
        }
    }
    let up_to_date = read.number >= log.archived;
    Ok(ArchivedPage { log_id: log.id.to_string(), archived, cursor: read.write(), up_to_date })
}

/// Archives streams, all in one transaction under the lock of the log's row: the markers of those that still are what was copied.
pub(super) async fn archive(
    client: &mut Client,
    name: &LogName,
    streams: &[Leaving],
    now: Timestamp,
) -> Result<Vec<Archived>, Trouble> {
    let transaction = client.transaction().await?;
    let Some(log) = find_log(&transaction, name, Lock::Writing).await? else { return Ok(Vec::new()) };
    let names: Vec<&str> = streams.iter().map(|leaving| leaving.stream.as_str()).collect();
    let closed = markers_of(&transaction, &log, &names).await?;
    let mut last = mark(&transaction, &log).await?;
    let mut markers: Vec<Archived> = Vec::new();
    for leaving in streams {
        let is_twice = markers.iter().any(|marker| marker.stream == leaving.stream);
        if closed.contains_key(&leaving.stream)
            || is_twice
            || !take_away(&transaction, &log, name, leaving).await?
        {
            continue;
        }
        let Leaving { stream, version, commits, position, digest, archive } = leaving.clone();
        let archived = Archived { stream, version, commits, position, digest, archived_at: now, archive };
        last = last.with(&archived);
        insert_marker(&transaction, log.key, &StoredMarker { mark: last, archived: archived.clone() })
            .await?;
        markers.push(archived);
    }
    transaction.commit().await?;
    Ok(markers)
}

/// Takes away what is in the commits of a stream, if it is what was copied.
async fn take_away(
    client: &impl GenericClient,
    log: &Log,
    name: &LogName,
    leaving: &Leaving,
) -> Result<bool, Trouble> {
    let stream = leaving.stream.as_str();
    let (mut reading, mut events, mut after) = (Reading::default(), Vec::<Uuid>::new(), 0_i64);
    let sql = format!(
        "SELECT {COMMIT_COLUMNS}, id FROM (
             SELECT {COMMIT_COLUMNS}, id,
                    sum(octet_length(body)) OVER (ORDER BY first_version ROWS UNBOUNDED PRECEDING) AS held,
                    row_number() OVER (ORDER BY first_version ROWS UNBOUNDED PRECEDING) AS number
             FROM tidelog.commits WHERE log = $1 AND stream = $2 AND first_version > $3
             ORDER BY first_version LIMIT $5
         ) AS next WHERE held <= $4 OR number = 1 ORDER BY first_version"
    );
    let statement = client.prepare_cached(&sql).await?;
    loop {
        let rows = client.query(&statement, &[&log.key, &stream, &after, &BATCH, &AT_ONCE]).await?;
        for row in &rows {
            let stored = stored_commit(row, 0)?;
            after = signed(stored.first_version)?;
            reading.take(&stored, CommitId(row.try_get(5)?));
            events.extend(stored.confirmed(name)?.commit.events.iter().map(|event| event.id.0));
        }
        if rows.is_empty() {
            break;
        }
    }
    if reading.end(leaving.stream.clone(), leaving.archive.clone()) != *leaving {
        return Ok(false);
    }
    let ids =
        client.prepare_cached("DELETE FROM tidelog.events WHERE log = $1 AND id = ANY ($2::uuid[])").await?;
    let bodies =
        client.prepare_cached("UPDATE tidelog.commits SET body = '' WHERE log = $1 AND stream = $2").await?;
    client.execute(&ids, &[&log.key, &events]).await?;
    client.execute(&bodies, &[&log.key, &stream]).await?;
    Ok(true)
}

/// Writes a marker, and that the log has it.
pub(super) async fn insert_marker(
    client: &impl GenericClient,
    log: i64,
    marker: &StoredMarker,
) -> Result<(), Trouble> {
    let StoredMarker { mark, archived } = marker;
    let Archived { stream, version, commits, position, digest, archived_at, archive } = archived;
    let insert = client
        .prepare_cached(
            "INSERT INTO tidelog.archived
                 (log, number, mark, stream, version, commits, position, digest, archived_at, archive)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .await?;
    let number = signed(mark.number)?;
    let (version, commits, position) = (signed(*version)?, signed(*commits)?, signed(*position)?);
    let row: [&(dyn ToSql + Sync); 10] = [
        &log,
        &number,
        &i64::from(mark.mark),
        &stream.as_str(),
        &version,
        &commits,
        &position,
        &digest.as_ref(),
        &archived_at.millis(),
        &archive.as_ref(),
    ];
    client.execute(&insert, &row).await?;
    let logs = client.prepare_cached("UPDATE tidelog.logs SET archived = $2 WHERE key = $1").await?;
    client.execute(&logs, &[&log, &number]).await?;
    Ok(())
}
