//! Pushes that wait for the writer, of whichever logs, go into one transaction: one wait for the disk for all of them. Each is judged on what
//! those before it wrote, and one that comes to nothing takes no other with it.

use super::push::{Done, begin, push};
use crate::{
    clock::Clock,
    log_name::LogName,
    storage::{BoxError, Offer, PushError, StorageError},
};
use rusqlite::Connection;
use std::sync::Arc;
use tidelog::{sync::protocol::Pushed, version::Position};
use tokio::sync::oneshot;

/// The most pushes in one transaction.
pub(super) const MOST_PUSHES: usize = 32;
/// The most commits in one transaction, but for those of its first push: how long others wait for it is bounded.
pub(super) const MOST_COMMITS: usize = 1_000;

/// A push that waits.
pub(super) struct Waiting {
    pub(super) log: LogName,
    pub(super) offer: Offer,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) answer: oneshot::Sender<Result<Pushed, PushError>>,
    /// Called with the last position if anything was written, before the answer.
    pub(super) pushed: Box<dyn FnOnce(Position) + Send>,
}

impl Waiting {
    fn answer(self, done: Done) {
        if let Ok((_, Some(position))) = done {
            (self.pushed)(position);
        }
        // Whoever goes now finds it done.
        let _ = self.answer.send(done.map(|(pushed, _)| pushed));
    }
}

/// Pushes them, and answers each.
pub(super) fn work_off(connection: &mut Connection, mut group: Vec<Waiting>) {
    // Whoever has gone meanwhile wants nothing any more.
    group.retain(|waiting| !waiting.answer.is_closed());
    if let [_, _, ..] = &*group
        && let Some(answers) = together(connection, &group)
    {
        for (waiting, done) in group.into_iter().zip(answers) {
            waiting.answer(done);
        }
        return;
    }
    for waiting in group {
        let done = alone(connection, &waiting);
        waiting.answer(done);
    }
}

/// All in one transaction; none if that can't be done, with nothing written.
fn together(connection: &mut Connection, group: &[Waiting]) -> Option<Vec<Done>> {
    let mut transaction = match begin(connection) {
        Ok(transaction) => transaction,
        // Each alone would wait as long once more.
        Err(StorageError::Unavailable(error)) => {
            let told = error.to_string();
            let failed = || PushError::Storage(StorageError::Unavailable(BoxError::from(told.as_str())));
            return Some(group.iter().map(|_| Err(failed())).collect());
        }
        Err(_) => return None,
    };
    let mut answers = Vec::with_capacity(group.len());
    for Waiting { log, offer, clock, .. } in group {
        // Dropped before it is committed, it takes back what the push has written.
        let savepoint = transaction.savepoint().ok()?;
        let done = push(&savepoint, log, offer.clone(), clock.as_ref());
        match done {
            Ok(_) => savepoint.commit().ok()?,
            Err(PushError::Storage(_)) => return None,
            Err(_) => savepoint.finish().ok()?,
        }
        answers.push(done);
    }
    transaction.commit().ok()?;
    Some(answers)
}

fn alone(connection: &mut Connection, Waiting { log, offer, clock, .. }: &Waiting) -> Done {
    let transaction = begin(connection)?;
    let pushed = push(&transaction, log, offer.clone(), clock.as_ref())?;
    transaction.commit().map_err(super::failure)?;
    Ok(pushed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::SystemClock,
        storage::sqlite::{push::begin, schema},
    };
    use tidelog::{
        authority::candidate::Candidate,
        commit::Commit,
        sync::protocol::{Cursor, PushResult},
    };
    use uuid::Uuid;

    fn offer(id: u128, stream: &str, expected: &str) -> Offer {
        let (zero, id, event) = (Uuid::nil(), Uuid::from_u128(id), Uuid::from_u128(id << 32));
        let text = format!(
            r#"{{"id":"{id}","stream":"{stream}","expectedVersion":{expected},
                "events":[{{"id":"{event}","type":"LessonCompleted","data":null}}],
                "metadata":{{"correlationId":"{zero}","deviceId":"{zero}","sessionId":"{zero}","occurredAt":0}}}}"#
        );
        let commit: Commit = serde_json::from_str(&text).unwrap();
        Offer::from(vec![Candidate::Commit(Box::new(commit))])
    }

    fn waiting(log: &str, offer: Offer) -> Waiting {
        let (log, clock) = (LogName::parse(log).unwrap(), Arc::new(SystemClock));
        Waiting { log, offer, clock, answer: oneshot::channel().0, pushed: Box::new(|_| ()) }
    }

    fn database() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::prepare(&mut connection).unwrap();
        connection
    }

    fn word(done: &Done) -> &'static str {
        match done {
            Ok((pushed, _)) => match pushed.outcomes[0].result {
                PushResult::Committed { .. } => "committed",
                PushResult::Duplicate { .. } => "duplicate",
                PushResult::Conflict { .. } => "conflict",
                _ => "other",
            },
            Err(PushError::Cursor(_)) => "cursor",
            Err(_) => "failed",
        }
    }

    #[test]
    fn each_is_judged_on_what_those_before_it_wrote() {
        let mut connection = database();
        let elsewhere =
            Offer { cursor: Some(Cursor("latest".to_owned())), ..offer(2, "course-1", r#""any""#) };
        let group = [
            waiting("academy", offer(1, "course-1", r#""none""#)),
            waiting("school", elsewhere),
            waiting("academy", offer(3, "course-1", "1")),
            waiting("school", offer(1, "course-1", r#""none""#)),
            waiting("academy", offer(4, "course-1", "1")),
            waiting("academy", offer(3, "course-1", "1")),
        ];
        let answers = together(&mut connection, &group).unwrap();
        let words: Vec<_> = answers.iter().map(word).collect();
        assert_eq!(words, ["committed", "cursor", "committed", "committed", "conflict", "duplicate"]);
        let missing = &answers[4].as_ref().unwrap().0.outcomes[0].missing;
        assert_eq!(missing.iter().map(|commit| commit.first_version).collect::<Vec<_>>(), [2]);
        let reached: Vec<_> = answers.iter().map(|done| done.as_ref().ok().and_then(|done| done.1)).collect();
        assert_eq!(reached, [Some(1), None, Some(2), Some(1), None, None]);
    }

    #[test]
    fn one_that_fails_takes_no_other_with_it() {
        let mut connection = database();
        let curse = "CREATE TRIGGER curse BEFORE INSERT ON commits WHEN NEW.stream = 'course-666'
                     BEGIN SELECT RAISE(ABORT, 'cursed'); END";
        connection.execute_batch(curse).unwrap();
        let offers = [(1, "course-1"), (2, "course-666"), (3, "course-1")];
        let mut answers = Vec::new();
        let group = offers.map(|(id, stream)| {
            let (answer, answered) = oneshot::channel();
            answers.push(answered);
            Waiting { answer, ..waiting("academy", offer(id, stream, r#""any""#)) }
        });
        assert!(together(&mut connection, &group).is_none());
        work_off(&mut connection, group.into());
        let committed: Vec<_> = answers.iter_mut().map(|answer| answer.try_recv().unwrap().is_ok()).collect();
        assert_eq!(committed, [true, false, true]);
        let rows: i64 = connection.query_row("SELECT count(*) FROM commits", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 2);
    }

    #[test]
    fn whoever_has_gone_is_left_out_and_a_locked_database_is_waited_for_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("logs.sqlite");
        let mut connection = Connection::open(&file).unwrap();
        schema::prepare(&mut connection).unwrap();
        work_off(&mut connection, vec![waiting("academy", offer(1, "course-1", r#""any""#))]);
        let rows: i64 = connection.query_row("SELECT count(*) FROM commits", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0);
        let mut other = Connection::open(&file).unwrap();
        let lock = begin(&mut other).unwrap();
        connection.busy_timeout(std::time::Duration::ZERO).unwrap();
        let group = [1, 2].map(|id| waiting("academy", offer(id, "course-1", r#""any""#)));
        let answers = together(&mut connection, &group).unwrap();
        assert!(
            answers.iter().all(|done| matches!(done, Err(PushError::Storage(StorageError::Unavailable(_)))))
        );
        drop(lock);
        assert!(together(&mut connection, &group).unwrap().iter().all(Result::is_ok));
    }
}
