//! Pushes in one transaction: lock the log; for each, check on what history and by whom it was made, read the facts, judge, write,
//! read what the conflicts miss.

use super::{
    columns::Columns,
    failure::Trouble,
    page::commit_ending_at,
    producers,
    row::{COMMIT_COLUMNS, Lock, Log, make_log, signed, stored_commit, stream, unsigned},
};
use crate::{
    candidate::Candidate,
    clock::Clock,
    cursor::Mark,
    judge::{Behind, Facts, Judgement, Standing, judge},
    log_name::LogName,
    storage::{
        MAX_MISSING_BYTES, Offer, Rights, StorageError,
        stored::{StoredCommit, WholeRow},
    },
};
use deadpool_postgres::{Client, Transaction};
use std::mem;
use tidelog::{
    commit::ConfirmedCommit,
    id::{CommitId, EventId},
    sync::protocol::{MAX_MISSING_EVENTS, PushOutcome, Pushed},
    time::Timestamp,
    version::Position,
};
use tokio_postgres::{IsolationLevel, types::ToSql};
use uuid::Uuid;

/// What became of pushes that went into one transaction: of each, and the last position if anything was written.
pub(super) struct Written {
    pub(super) answers: Vec<Result<Pushed, Trouble>>,
    pub(super) reached: Option<Position>,
}

/// Pushes on their way: judged and written, ready to be committed.
pub(super) struct Ready<'a> {
    transaction: Transaction<'a>,
    written: Written,
}

/// Judges and writes one push after the other, all but the commit. A push that is refused as a whole has written nothing; any other trouble
/// is the end of all of them.
///
/// The lock on the log's row is taken before anything else is read and held until the commit: whoever has a position has
/// committed or undone before another gets the next one. Each statement sees what was committed before it began (`READ
/// COMMITTED`) and what this transaction has written, so what is read under the lock is the newest there is.
pub(super) async fn prepare<'a>(
    client: &'a mut Client,
    name: &LogName,
    offers: Vec<Offer>,
    clock: &dyn Clock,
) -> Result<Ready<'a>, Trouble> {
    let transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted)
        .read_only(false)
        .start()
        .await?;
    let mut log = make_log(&transaction, name, Lock::Writing).await?;
    let mut written = Written { answers: Vec::with_capacity(offers.len()), reached: None };
    for offer in offers {
        match push(&transaction, &log, name, offer, clock).await {
            Ok((pushed, reached)) => {
                log.position = reached.unwrap_or(log.position);
                written.reached = reached.or(written.reached);
                written.answers.push(Ok(pushed));
            }
            Err(refused @ (Trouble::Cursor(_) | Trouble::Fenced(_) | Trouble::Overtaken(_))) => {
                written.answers.push(Err(refused));
            }
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(Ready { transaction, written })
}

/// One push, and the last position if it wrote anything.
async fn push(
    transaction: &Transaction<'_>,
    log: &Log,
    name: &LogName,
    mut offer: Offer,
    clock: &dyn Clock,
) -> Result<(Pushed, Option<Position>), Trouble> {
    let mark = offer.cursor.as_ref().map(|cursor| Mark::of(cursor, log.id, log.position)).transpose()?;
    let last_push = producers::last_push(transaction, log, &offer);
    // Sent together, and answered in one round trip. Their errors are looked at in the order of the statements: after one
    // that failed, the database refuses the others for that reason alone.
    let (there, last_push, facts) = tokio::join!(
        commit_at(transaction, log, mark.as_ref()),
        last_push,
        facts(transaction, log, &offer.commits, &offer.rights)
    );
    let there = there?;
    let last_push = last_push?;
    let facts = facts?;
    if let Some(mark) = mark {
        mark.check(there)?;
    }
    let last_push = offer.admit(last_push)?;
    let commits = mem::take(&mut offer.commits);
    let Judgement { mut outcomes, accepted, conflicts } =
        judge(facts, commits, &offer.rights, &offer.rulings, clock.now())?;
    let (remembered, written) = tokio::join!(
        producers::remember(transaction, log, &offer, last_push),
        write(transaction, log, &accepted)
    );
    remembered?;
    written?;
    read_missing(transaction, log, name, &conflicts, &mut outcomes).await?;
    let reached = accepted.last().map(ConfirmedCommit::last_position);
    Ok((Pushed { log_id: log.id.to_string(), outcomes }, reached))
}

/// The commit that a cursor names; none without a cursor.
async fn commit_at(
    transaction: &Transaction<'_>,
    log: &Log,
    mark: Option<&Mark>,
) -> Result<Option<(CommitId, Timestamp)>, Trouble> {
    match mark {
        Some(mark) => commit_ending_at(transaction, log, mark.position).await,
        None => Ok(None),
    }
}

impl Ready<'_> {
    /// Makes them last.
    pub(super) async fn commit(self) -> Result<Written, Trouble> {
        self.transaction.commit().await?;
        Ok(self.written)
    }
}

async fn facts(
    transaction: &Transaction<'_>,
    log: &Log,
    candidates: &[Candidate],
    rights: &Rights,
) -> Result<Facts, Trouble> {
    let commits = candidates.iter().filter_map(|candidate| match candidate {
        Candidate::Commit(commit) => Some(commit),
        Candidate::Malformed(_) => None,
    });
    let ids: Vec<Uuid> = commits.clone().map(|commit| commit.id.0).collect();
    let commits = commits.filter(|commit| rights.write.includes(commit.stream.as_str()));
    let events: Vec<Uuid> =
        commits.clone().flat_map(|commit| &commit.events).map(|event| event.id.0).collect();
    let mut streams: Vec<&str> = commits.map(|commit| commit.stream.as_str()).collect();
    streams.sort_unstable();
    streams.dedup();
    // Each looks up one row at a time, by all columns of an index: a plan that was made when the table was small stays good.
    let by_id = transaction
        .prepare_cached(
            "SELECT found.* FROM unnest($2::uuid[]) AS asked (id)
             CROSS JOIN LATERAL (
                 SELECT id, first_version, position, stream FROM tidelog.commits
                 WHERE log = $1 AND id = asked.id LIMIT 1
             ) AS found",
        )
        .await?;
    let by_event = transaction
        .prepare_cached(
            "SELECT found.id FROM unnest($2::uuid[]) AS asked (id)
             CROSS JOIN LATERAL (
                 SELECT id FROM tidelog.events WHERE log = $1 AND id = asked.id LIMIT 1
             ) AS found",
        )
        .await?;
    let last = transaction
        .prepare_cached(
            "SELECT asked.stream, last.version
             FROM unnest($2::text[]) AS asked (stream)
             CROSS JOIN LATERAL (
                 SELECT first_version + events - 1 AS version FROM tidelog.commits
                 WHERE log = $1 AND stream = asked.stream ORDER BY first_version DESC LIMIT 1
             ) AS last",
        )
        .await?;
    let (by_id, by_event, last) = tokio::join!(
        async { transaction.query(&by_id, &[&log.key, &ids]).await },
        async { transaction.query(&by_event, &[&log.key, &events]).await },
        async { transaction.query(&last, &[&log.key, &streams]).await },
    );
    let mut facts = Facts { position: log.position, ..Facts::default() };
    for row in by_id? {
        let (first_version, first_position) = (unsigned(&row, 1)?, unsigned(&row, 2)?);
        let standing = Standing { stream: stream(&row, 3)?, first_version, first_position };
        facts.commits.insert(CommitId(row.try_get(0)?), standing);
    }
    for row in by_event? {
        facts.events.insert(EventId(row.try_get(0)?));
    }
    for row in last? {
        facts.versions.insert(stream(&row, 0)?, unsigned(&row, 1)?);
    }
    Ok(facts)
}

/// Writes what was accepted in one round trip.
async fn write(
    transaction: &Transaction<'_>,
    log: &Log,
    accepted: &[ConfirmedCommit],
) -> Result<(), Trouble> {
    let Some(last) = accepted.last() else { return Ok(()) };
    let mut columns = Columns::default();
    for ConfirmedCommit { first_version, first_position, recorded_at, commit } in accepted {
        let body = serde_json::to_string(commit).map_err(|error| StorageError::Failed(error.into()))?;
        columns.add_commit(WholeRow {
            stored: StoredCommit {
                position: *first_position,
                events: u32::try_from(commit.events.len())
                    .map_err(|error| StorageError::Failed(error.into()))?,
                first_version: *first_version,
                recorded_at: recorded_at.millis(),
                body,
            },
            id: commit.id.0,
            stream: commit.stream.as_str().to_owned(),
        })?;
        columns.add_events(commit);
    }
    let position = signed(last.last_position())?;
    let logs = transaction.prepare_cached("UPDATE tidelog.logs SET position = $2 WHERE key = $1").await?;
    let (inserted, updated) = tokio::join!(columns.insert(transaction, log.key), async {
        transaction.execute(&logs, &[&log.key, &position]).await
    });
    inserted?;
    updated?;
    Ok(())
}

/// How many conflicts are asked about at once: few enough that the database sorts little in vain.
const CONFLICTS_AT_ONCE: usize = 32;

/// Reads, for each conflict, the whole commits of its stream beyond the expected version, as far as the bounds allow. The
/// database sums up what it has found, so that no more than that travels.
async fn read_missing(
    transaction: &Transaction<'_>,
    log: &Log,
    name: &LogName,
    conflicts: &[Behind],
    outcomes: &mut [PushOutcome],
) -> Result<(), Trouble> {
    let sql = format!(
        "SELECT place, {COMMIT_COLUMNS} FROM (
             SELECT place, {COMMIT_COLUMNS},
                    sum(octet_length(body)) OVER (ORDER BY place, first_version ROWS UNBOUNDED PRECEDING) AS bytes,
                    sum(events) OVER (PARTITION BY place ORDER BY first_version ROWS UNBOUNDED PRECEDING) AS count
             FROM unnest($2::bigint[], $3::text[], $4::bigint[]) AS behind (place, of_stream, version)
             CROSS JOIN LATERAL (
                 SELECT {COMMIT_COLUMNS} FROM tidelog.commits
                 WHERE log = $1 AND stream = of_stream AND first_version + events - 1 > version
                   AND first_version >= (SELECT max(first_version) FROM tidelog.commits
                                         WHERE log = $1 AND stream = of_stream AND first_version <= version + 1)
                 ORDER BY first_version LIMIT $5
             ) AS beyond
         ) AS missing WHERE bytes <= $6 AND count <= $5 ORDER BY place, first_version"
    );
    let most = i64::try_from(MAX_MISSING_EVENTS).unwrap_or(i64::MAX);
    let mut bytes_left = MAX_MISSING_BYTES;
    for chunk in conflicts.chunks(CONFLICTS_AT_ONCE) {
        let statement = transaction.prepare_cached(&sql).await?;
        let places: Vec<i64> = (0..).take(chunk.len()).collect();
        let streams: Vec<&str> = chunk.iter().map(|behind| behind.stream.as_str()).collect();
        let versions = chunk.iter().map(|behind| signed(behind.version)).collect::<Result<Vec<i64>, _>>()?;
        let bytes = i64::try_from(bytes_left).unwrap_or(i64::MAX);
        let asked: [&(dyn ToSql + Sync); 6] = [&log.key, &places, &streams, &versions, &most, &bytes];
        for row in transaction.query(&statement, &asked).await? {
            let stored = stored_commit(&row, 1)?;
            bytes_left = bytes_left.saturating_sub(stored.bytes());
            let behind = usize::try_from(row.try_get::<_, i64>(0)?).ok().and_then(|place| chunk.get(place));
            if let Some(outcome) = behind.and_then(|behind| outcomes.get_mut(behind.outcome)) {
                outcome.missing.push(stored.confirmed(name)?);
            }
        }
    }
    Ok(())
}
