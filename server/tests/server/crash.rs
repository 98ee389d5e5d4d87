//! Killed in the middle of pushes: whatever was acknowledged is there, each push is there whole or not at all, and nothing is
//! there twice.

use crate::{contract::File, kit::*, process::Process};
use std::collections::HashMap;
use tidelog::{
    commit::Commit,
    id::CommitId,
    sync::protocol::{PushResult, Pushed},
    version::ExpectedVersion::Any,
};
use tokio::{sync::mpsc, task::JoinSet};

const WRITERS: usize = 4;

/// What is killed, and how it comes back.
pub(crate) trait Victim {
    /// Starts whatever does not run; resolves once it answers.
    async fn start(&mut self) -> LogClient;
    /// Kills it; resolves once nothing can be written any more by what was killed.
    async fn kill(&mut self);
}

/// The server over a SQLite file.
#[derive(Default)]
struct ServerOfAFile {
    file: File,
    server: Option<Process>,
}

impl Victim for ServerOfAFile {
    async fn start(&mut self) -> LogClient {
        if self.server.is_none() {
            self.server = Some(Process::start(&self.file.path, &[]).await);
        }
        self.server.as_ref().unwrap().client.clone()
    }

    async fn kill(&mut self) {
        self.server.take().unwrap().kill().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill() {
    what_was_acknowledged_survives(&mut ServerOfAFile::default(), 12).await;
}

/// Pushes until there is no answer; returns what was sent and not answered.
async fn write(client: LogClient, writer: usize, acknowledged: mpsc::UnboundedSender<Pushed>) -> Vec<Commit> {
    loop {
        let commits: Vec<_> = (0..5)
            .map(|number| commit(&format!("course-{}", (writer + number) % 3), Any, 1 + number % 2))
            .collect();
        match client.try_push(&push(commits.clone())).await {
            Ok(pushed) => acknowledged.send(pushed).unwrap(),
            Err(error) => {
                // The server may be gone, or say that its database is.
                assert!(error.status().is_none_or(|status| status == 503), "{error}");
                return commits;
            }
        }
    }
}

pub(crate) async fn what_was_acknowledged_survives(victim: &mut impl Victim, rounds: usize) {
    let mut known: HashMap<CommitId, (u64, u64)> = HashMap::new();
    let mut log_id = None;
    for round in 0..rounds {
        let client = victim.start().await;
        let (sender, mut acknowledged) = mpsc::unbounded_channel();
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            writers.spawn(write(client.clone(), writer, sender.clone()));
        }
        drop(sender);
        let mut note = |pushed: Pushed| {
            assert_eq!(log_id.get_or_insert_with(|| pushed.log_id.clone()), &pushed.log_id);
            known.extend(pushed.outcomes.iter().map(|outcome| (outcome.id, committed(outcome))));
        };
        // Each round is killed at another moment, but never before something was acknowledged.
        for _ in 0..10 + 3 * round {
            note(acknowledged.recv().await.unwrap());
        }
        victim.kill().await;
        let unanswered: Vec<Commit> = writers.join_all().await.into_iter().flatten().collect();
        while let Some(pushed) = acknowledged.recv().await {
            note(pushed);
        }

        let client = victim.start().await;
        let pulled = client.pull(1000).await;
        check_log(&pulled);
        let there: HashMap<_, _> = pulled
            .iter()
            .map(|confirmed| (confirmed.commit.id, (confirmed.first_version, confirmed.first_position)))
            .collect();
        for (id, place) in &known {
            assert_eq!(there.get(id), Some(place), "round {round}: {id}");
        }
        // Each push was whole or not at all, and pushing again settles which.
        for push in unanswered.chunks(5) {
            let before = push.iter().filter(|commit| there.contains_key(&commit.id)).count();
            assert!([0, 5].contains(&before), "round {round}: {before} of 5");
            for outcome in client.push(push).await.outcomes {
                let place = match outcome.result {
                    PushResult::Committed { first_version, first_position } if before == 0 => {
                        (first_version, first_position)
                    }
                    PushResult::Duplicate { first_version, first_position } if before == 5 => {
                        assert_eq!(there[&outcome.id], (first_version, first_position));
                        (first_version, first_position)
                    }
                    other => panic!("{other:?} with {before} of 5 there"),
                };
                known.insert(outcome.id, place);
            }
        }
        assert_eq!(client.pull(1000).await.len(), known.len(), "round {round}");
    }
}
