//! Pushes in one transaction, which costs two round trips whatever is in it: begin, lock the log and read what is known; then, once they are
//! judged, write and commit. Pushes that meet conflicts cost two more each, for what they
//! miss, and a log that has archived streams one more.

use super::{
    failure::Trouble,
    known::{Known, Questions},
    row::{COMMIT_COLUMNS, Lock, Log, find, log, make_log, signed, stored_commit},
    transaction::{Transaction, begin},
    unwritten::Unwritten,
};
use crate::{
    clock::Clock,
    judge::{Behind, Judgement, judge},
    log_name::LogName,
    storage::{MAX_MISSING_BYTES, Offer},
};
use deadpool_postgres::Client;
use std::mem;
use tidelog::{
    commit::ConfirmedCommit,
    sync::protocol::{MAX_MISSING_EVENTS, PushOutcome, Pushed},
    version::Position,
};
use tokio_postgres::types::ToSql;

/// What became of pushes that went into one transaction: of each, and the last position if anything was written.
pub(super) struct Written {
    pub(super) answers: Vec<Result<Pushed, Trouble>>,
    pub(super) reached: Option<Position>,
}

/// Pushes on their way: judged, ready to be written and committed.
pub(super) struct Ready {
    transaction: Transaction,
    log: Log,
    unwritten: Unwritten,
    written: Written,
}

/// Judges one push after the other. A push that is refused as a whole writes nothing; any other trouble is the end of all of them.
///
/// The lock on the log's row is taken before anything else is read and held until the commit: whoever has a position has
/// committed or undone before another gets the next one. Each statement sees what was committed before it began (`READ
/// COMMITTED`) and what this transaction has written, so what is read under the lock is the newest there is.
pub(super) async fn prepare(
    client: Client,
    name: &LogName,
    offers: Vec<Offer>,
    clock: &dyn Clock,
) -> Result<Ready, Trouble> {
    let transaction = Transaction::on(client);
    match judge_all(transaction.client()?, name, offers, clock).await {
        Ok((log, unwritten, written)) => Ok(Ready { transaction, log, unwritten, written }),
        Err(trouble) => {
            transaction.undo().await;
            Err(trouble)
        }
    }
}

impl Ready {
    /// Writes them and makes them last, in one round trip.
    pub(super) async fn commit(self) -> Result<Written, Trouble> {
        let Self { transaction, log, unwritten, written } = self;
        let client = transaction.client()?;
        let statements = unwritten.statements(client).await?;
        // Sent in this order. What fails makes the commit undo everything, and is told before it.
        let (wrote, committed) =
            tokio::join!(biased; unwritten.write(client, &log, &statements), client.batch_execute("COMMIT"));
        if committed.is_ok() {
            transaction.leave();
        }
        wrote?;
        committed?;
        Ok(written)
    }
}

async fn judge_all(
    client: &Client,
    name: &LogName,
    offers: Vec<Offer>,
    clock: &dyn Clock,
) -> Result<(Log, Unwritten, Written), Trouble> {
    let (mut log, mut known) = lock_and_ask(client, name, &offers).await?;
    known.ask_for_markers(client, &log, &offers).await?;
    let begun_at = log.position;
    let (mut unwritten, mut answers) = (Unwritten::default(), Vec::with_capacity(offers.len()));
    for offer in offers {
        match judge_one(&mut log, &mut known, &mut unwritten, offer, clock) {
            Ok((mut pushed, conflicts)) => {
                if !conflicts.is_empty() {
                    // What is missing may be of those before.
                    let write = mem::take(&mut unwritten);
                    write.write(client, &log, &write.statements(client).await?).await?;
                    read_missing(client, &log, name, &conflicts, &mut pushed.outcomes).await?;
                }
                answers.push(Ok(pushed));
            }
            Err(refused @ (Trouble::Cursor(_) | Trouble::Fenced(_) | Trouble::Overtaken(_))) => {
                answers.push(Err(refused));
            }
            Err(trouble) => return Err(trouble),
        }
    }
    let reached = (log.position > begun_at).then_some(log.position);
    Ok((log, unwritten, Written { answers, reached }))
}

/// Begins, locks the log, which is made if it does not exist, and reads what is known: in one round trip, but for the first push of all.
async fn lock_and_ask(client: &Client, name: &LogName, offers: &[Offer]) -> Result<(Log, Known), Trouble> {
    let lock = find(client, Lock::Writing).await?;
    let questions = Questions::about(offers, client).await?;
    // Sent in this order, and looked at in this order.
    let (begun, locked, known) = tokio::join!(
        biased;
        begin(client),
        async { client.query_opt(&lock, &[&name.as_str()]).await },
        questions.ask(client, name),
    );
    begun?;
    if let Some(row) = locked? {
        return Ok((log(&row)?, known?));
    }
    known?;
    let log = make_log(client, name, Lock::Writing).await?;
    // Another process may have made it, and pushed, in between.
    Ok((log, questions.ask(client, name).await?))
}

/// One push, and the conflicts whose missing events are still to be read.
fn judge_one(
    log: &mut Log,
    known: &mut Known,
    unwritten: &mut Unwritten,
    offer: Offer,
    clock: &dyn Clock,
) -> Result<(Pushed, Vec<Behind>), Trouble> {
    let last_push = known.admit(&offer, log)?;
    let facts = known.facts(&offer, log.position);
    let Offer { commits, rights, rulings, producer, .. } = offer;
    let Judgement { outcomes, accepted, conflicts } = judge(facts, commits, &rights, &rulings, clock.now())?;
    let producer = producer.map(|producer| producer.id.0).zip(last_push);
    unwritten.add(&accepted, producer)?;
    known.add(&accepted, producer);
    log.position = accepted.last().map_or(log.position, ConfirmedCommit::last_position);
    Ok((Pushed { log_id: log.id.to_string(), outcomes }, conflicts))
}

/// How many conflicts are asked about at once: few enough that the database sorts little in vain.
const CONFLICTS_AT_ONCE: usize = 32;

/// Reads, for each conflict, the whole commits of its stream beyond the expected version, as far as the bounds allow. The
/// database sums up what it has found, so that no more than that travels.
async fn read_missing(
    client: &Client,
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
        let statement = client.prepare_cached(&sql).await?;
        let places: Vec<i64> = (0..).take(chunk.len()).collect();
        let streams: Vec<&str> = chunk.iter().map(|behind| behind.stream.as_str()).collect();
        let versions = chunk.iter().map(|behind| signed(behind.version)).collect::<Result<Vec<i64>, _>>()?;
        let bytes = i64::try_from(bytes_left).unwrap_or(i64::MAX);
        let asked: [&(dyn ToSql + Sync); 6] = [&log.key, &places, &streams, &versions, &most, &bytes];
        for row in client.query(&statement, &asked).await? {
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
