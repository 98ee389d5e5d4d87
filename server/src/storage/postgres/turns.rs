//! Pushes to the same log wait for each other here, before they take a connection: else those to one busy log would hold all
//! connections waiting in the database, and nobody could read. Those that wait go into the next transaction together, so that a
//! busy log costs one lock and one wait for the disk for many.

use crate::{
    log_name::LogName,
    storage::{Offer, PushError},
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tidelog::sync::protocol::Pushed;
use tokio::sync::oneshot;

/// The most pushes in one transaction.
const MOST_PUSHES: usize = 32;
/// The most commits in one transaction, but for those of its first push: how long others wait for it is bounded.
const MOST_COMMITS: usize = 1_000;

/// A push that waits, and where its answer goes.
pub(super) struct Waiting {
    pub(super) offer: Offer,
    pub(super) answer: oneshot::Sender<Result<Pushed, PushError>>,
}

/// The pushes that wait for each log that is being pushed to; logs that nobody pushes to are not here.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<LogName, VecDeque<Waiting>>>>);

impl Turns {
    /// Puts a push behind those that wait for the log. Who is given a [`Turn`] has to work them off.
    pub(super) fn wait(&self, log: &LogName, waiting: Waiting) -> Option<Turn> {
        let mut logs = self.lock();
        if let Some(queue) = logs.get_mut(log) {
            queue.push_back(waiting);
            return None;
        }
        logs.insert(log.clone(), VecDeque::from([waiting]));
        Some(Turn { turns: self.clone(), log: log.clone(), is_over: false })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LogName, VecDeque<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Works off what waits for a log. Nobody else does meanwhile.
pub(super) struct Turn {
    turns: Turns,
    log: LogName,
    is_over: bool,
}

impl Turn {
    /// The pushes that go into the next transaction, in the order in which they came; none if nobody waits: then the turn is over.
    pub(super) fn next(&mut self) -> Option<Vec<Waiting>> {
        let mut logs = self.turns.lock();
        let queue = logs.get_mut(&self.log)?;
        let (mut next, mut commits) = (Vec::new(), 0_usize);
        while let Some(waiting) = queue.front() {
            commits = commits.saturating_add(waiting.offer.commits.len());
            if next.len() == MOST_PUSHES || (!next.is_empty() && commits > MOST_COMMITS) {
                break;
            }
            next.extend(queue.pop_front());
        }
        if next.is_empty() {
            logs.remove(&self.log);
            self.is_over = true;
            return None;
        }
        Some(next)
    }
}

/// Should the work break off, nobody waits for it for ever.
impl Drop for Turn {
    fn drop(&mut self) {
        // Once it is over, there may be the queue of another.
        if !self.is_over {
            self.turns.lock().remove(&self.log);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidelog::{
        authority::candidate::{Candidate, Malformed},
        id::CommitId,
    };
    use uuid::Uuid;

    fn log(number: usize) -> LogName {
        LogName::parse(&format!("log-{number}")).unwrap()
    }

    fn waiting(commits: usize) -> Waiting {
        let malformed = || {
            let id = CommitId(Uuid::nil());
            let detail = String::new();
            Candidate::Malformed(Malformed { id, generation: 0, stream: None, events: Vec::new(), detail })
        };
        let offer = Offer::from((0..commits).map(|_| malformed()).collect::<Vec<_>>());
        Waiting { offer, answer: oneshot::channel().0 }
    }

    fn sizes(turn: &mut Turn) -> Option<Vec<usize>> {
        Some(turn.next()?.iter().map(|waiting| waiting.offer.commits.len()).collect())
    }

    #[test]
    fn one_works_off_what_waits_for_a_log() {
        let turns = Turns::default();
        let mut first = turns.wait(&log(1), waiting(1)).unwrap();
        let mut other = turns.wait(&log(2), waiting(1)).unwrap();
        assert!(turns.wait(&log(1), waiting(2)).is_none());
        assert_eq!(sizes(&mut first), Some(vec![1, 2]));
        assert!(turns.wait(&log(1), waiting(3)).is_none());
        assert_eq!(sizes(&mut first), Some(vec![3]));
        assert_eq!((sizes(&mut first), turns.lock().len()), (None, 1));
        assert_eq!((sizes(&mut other), sizes(&mut other), turns.lock().len()), (Some(vec![1]), None, 0));
        // Work that breaks off leaves nobody waiting.
        drop(turns.wait(&log(1), waiting(1)).unwrap());
        assert!(turns.wait(&log(1), waiting(1)).is_some());
    }

    #[test]
    fn a_transaction_is_bounded() {
        let turns = Turns::default();
        let mut turn = turns.wait(&log(1), waiting(1_500)).unwrap();
        for commits in [400, 400, 400, 1] {
            turns.wait(&log(1), waiting(commits));
        }
        assert_eq!(sizes(&mut turn), Some(vec![1_500]));
        assert_eq!(sizes(&mut turn), Some(vec![400, 400]));
        assert_eq!(sizes(&mut turn), Some(vec![400, 1]));
        for _ in 0..40 {
            turns.wait(&log(1), waiting(1));
        }
        assert_eq!(sizes(&mut turn).map(|sizes| sizes.len()), Some(32));
        assert_eq!(sizes(&mut turn).map(|sizes| sizes.len()), Some(8));
        assert_eq!(sizes(&mut turn), None);
    }
}
