//! Pushes in one transaction. Of each: check whose it is and on what it was decided, read the facts, judge, write, read what the conflicts miss.

use super::{
    archive::marker_of,
    failure,
    page::start,
    producers,
    row::{COMMIT_COLUMNS, Log, make_log, signed, stored_commit, stream, unsigned},
};
use crate::{
    candidate::Candidate,
    clock::Clock,
    judge::{Behind, Facts, Judgement, Standing, judge},
    log_name::LogName,
    storage::{MAX_MISSING_BYTES, Offer, PushError, Rights, StorageError},
};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use tidelog::{
    commit::ConfirmedCommit,
    id::EventId,
    sync::protocol::{MAX_MISSING_EVENTS, Pushed},
    version::Position,
};

/// What became of a push, and the last position if anything was written.
pub(super) type Done = Result<(Pushed, Option<Position>), PushError>;

/// Begins a transaction. The write lock is taken before the first read, so that nothing can come between.
pub(super) fn begin(connection: &mut Connection) -> Result<Transaction<'_>, StorageError> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failure)
}

/// Judges and writes, all but the commit.
pub(super) fn push(connection: &Connection, name: &LogName, offer: Offer, clock: &dyn Clock) -> Done {
    let log = make_log(connection, name)?;
    if let Some(cursor) = &offer.cursor {
        start::<PushError>(connection, &log, cursor)?;
    }
    producers::admit(connection, &log, &offer)?;
    let Offer { commits, rights, rulings, .. } = offer;
    let facts = facts(connection, &log, &commits, &rights).map_err(failure)?;
    let Judgement { mut outcomes, accepted, conflicts } =
        judge(facts, commits, &rights, &rulings, clock.now())?;
    write(connection, &log, &accepted)?;
    let mut bytes = 0;
    for behind in conflicts {
        outcomes[behind.outcome].missing = missing(connection, &log, name, &behind, &mut bytes)?;
    }
    let reached = accepted.last().map(ConfirmedCommit::last_position);
    Ok((Pushed { log_id: log.id.to_string(), outcomes }, reached))
}

fn facts(
    connection: &Connection,
    log: &Log,
    candidates: &[Candidate],
    rights: &Rights,
) -> rusqlite::Result<Facts> {
    let mut by_id = connection
        .prepare_cached("SELECT first_version, position, stream FROM commits WHERE log = ?1 AND id = ?2")?;
    let mut by_event = connection.prepare_cached("SELECT 1 FROM events WHERE log = ?1 AND id = ?2")?;
    let mut last = connection.prepare_cached(
        "SELECT first_version + events - 1 FROM commits WHERE log = ?1 AND stream = ?2
         ORDER BY first_version DESC LIMIT 1",
    )?;
    let mut facts = Facts { position: log.position, ..Facts::default() };
    for candidate in candidates {
        let Candidate::Commit(commit) = candidate else { continue };
        let standing = by_id
            .query_row((log.key, commit.id.0.as_bytes()), |row| {
                let stream = stream(row, 2)?;
                Ok(Standing { stream, first_version: unsigned(row, 0)?, first_position: unsigned(row, 1)? })
            })
            .optional()?;
        if let Some(standing) = standing {
            facts.commits.insert(commit.id, standing);
            continue;
        }
        if !rights.write.includes(commit.stream.as_str()) {
            continue;
        }
        for EventId(event) in commit.events.iter().map(|event| event.id) {
            if by_event.exists((log.key, event.as_bytes()))? {
                facts.events.insert(EventId(event));
            }
        }
        if !facts.versions.contains_key(&commit.stream) {
            let version =
                last.query_row((log.key, commit.stream.as_str()), |row| unsigned(row, 0)).optional()?;
            facts.versions.insert(commit.stream.clone(), version.unwrap_or(0));
            if log.archived > 0
                && let Some(marker) = marker_of(connection, log, commit.stream.as_str())?
            {
                facts.archived.insert(commit.stream.clone(), marker);
            }
        }
    }
    Ok(facts)
}

fn write(connection: &Connection, log: &Log, accepted: &[ConfirmedCommit]) -> Result<(), StorageError> {
    let Some(last) = accepted.last() else { return Ok(()) };
    let write = || {
        let mut commits = connection.prepare_cached(
            "INSERT INTO commits (log, position, events, id, stream, first_version, recorded_at, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let mut events = connection.prepare_cached("INSERT INTO events (log, id) VALUES (?1, ?2)")?;
        for ConfirmedCommit { first_version, first_position, recorded_at, commit } in accepted {
            let body = serde_json::to_string(commit)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            commits.execute((
                log.key,
                signed(*first_position)?,
                signed(commit.count())?,
                commit.id.0.as_bytes(),
                commit.stream.as_str(),
                signed(*first_version)?,
                recorded_at.millis(),
                body,
            ))?;
            for event in &commit.events {
                events.execute((log.key, event.id.0.as_bytes()))?;
            }
        }
        connection
            .prepare_cached("UPDATE logs SET position = ?2 WHERE key = ?1")?
            .execute((log.key, signed(last.last_position())?))?;
        Ok(())
    };
    write().map_err(failure)
}

/// The whole commits of the stream beyond the expected version, as far as the bounds allow. `bytes` counts over the push.
fn missing(
    connection: &Connection,
    log: &Log,
    name: &LogName,
    behind: &Behind,
    bytes: &mut usize,
) -> Result<Vec<ConfirmedCommit>, StorageError> {
    let sql = format!(
        "SELECT {COMMIT_COLUMNS} FROM commits
         WHERE log = ?1 AND stream = ?2 AND first_version + events - 1 > ?3
           AND first_version >= (SELECT max(first_version) FROM commits
                                 WHERE log = ?1 AND stream = ?2 AND first_version <= ?3 + 1)
         ORDER BY first_version"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failure)?;
    let version = signed(behind.version).map_err(failure)?;
    let rows =
        statement.query_map((log.key, behind.stream.as_str(), version), stored_commit).map_err(failure)?;
    let (mut commits, mut events) = (Vec::new(), 0);
    for stored in rows {
        let stored = stored.map_err(failure)?;
        events += stored.events as usize;
        *bytes += stored.bytes();
        if events > MAX_MISSING_EVENTS || *bytes > MAX_MISSING_BYTES {
            break;
        }
        commits.push(stored.confirmed(name)?);
    }
    Ok(commits)
}
