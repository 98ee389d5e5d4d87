//! Random pushes against a model that is too simple to be wrong: a list, searched from its beginning for each question.

use super::*;
use crate::kit::*;
use proptest::{
    collection::vec,
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};
use std::sync::atomic::{AtomicUsize, Ordering};
use tidelog::{
    id::{CommitId, EventId},
    version::{ExpectedVersion, Version},
};
use tokio::runtime::Handle;
use uuid::Uuid;

/// The log as a list, and the rules of docs/protocol.md one after the other.
#[derive(Default)]
struct Model {
    log: Vec<ConfirmedCommit>,
}

impl Model {
    fn version(&self, commit: &Commit) -> Version {
        let of_stream = self.log.iter().filter(|confirmed| confirmed.commit.stream == commit.stream);
        of_stream.map(|confirmed| confirmed.commit.count()).sum()
    }

    /// The outcome in a word, with the numbers that matter.
    fn push(&mut self, commits: &[Commit]) -> Vec<String> {
        let mut outcomes: Vec<(bool, usize, String)> = Vec::new();
        for (place, commit) in commits.iter().enumerate() {
            let (accepted, root, outcome) = self.outcome(place, commit, commits, &outcomes);
            outcomes.push((accepted, root, outcome));
        }
        outcomes.into_iter().map(|(_, _, outcome)| outcome).collect()
    }

    fn outcome(
        &mut self,
        place: usize,
        commit: &Commit,
        commits: &[Commit],
        before: &[(bool, usize, String)],
    ) -> (bool, usize, String) {
        if let Some(stored) = self.log.iter().find(|stored| stored.commit.id == commit.id) {
            return (true, place, format!("duplicate {} {}", stored.first_version, stored.first_position));
        }
        let refused = |builds_on: &dyn Fn(&Commit) -> bool| {
            (0..place)
                .find(|&earlier| !before[earlier].0 && builds_on(&commits[earlier]))
                .map(|earlier| before[earlier].1)
        };
        let cause = commit.metadata.causation_id;
        let root = refused(&|earlier| earlier.stream == commit.stream)
            .or_else(|| {
                refused(&|earlier| {
                    cause == Some(earlier.id.0)
                        || earlier.events.iter().any(|event| cause == Some(event.id.0))
                })
            })
            .or_else(|| refused(&|earlier| earlier.id == commit.id));
        if let Some(root) = root {
            return (false, root, format!("blocked {}", commits[root].id));
        }
        if commit.check().is_err() {
            return (false, place, "rejected invalid-commit".to_owned());
        }
        let stored = |id: EventId| {
            self.log.iter().any(|stored| stored.commit.events.iter().any(|event| event.id == id))
        };
        if commit.events.iter().any(|event| stored(event.id)) {
            return (false, place, "rejected duplicate-event".to_owned());
        }
        let actual = self.version(commit);
        let met = match commit.expected_version {
            ExpectedVersion::Any => true,
            ExpectedVersion::Exists => actual >= 1,
            ExpectedVersion::None => actual == 0,
            ExpectedVersion::Exact(version) => version == actual,
        };
        if !met {
            return (false, place, format!("conflict {} {actual}", commit.expected_version));
        }
        let first_position = self.log.iter().map(|stored| stored.commit.count()).sum::<u64>() + 1;
        let commit = commit.clone();
        self.log.push(ConfirmedCommit {
            first_version: actual + 1,
            first_position,
            recorded_at: NOW,
            commit,
        });
        (true, place, format!("committed {} {first_position}", actual + 1))
    }
}

fn outcome(outcome: &tidelog::sync::protocol::PushOutcome) -> String {
    use tidelog::sync::protocol::PushResult::*;
    match &outcome.result {
        Committed { first_version, first_position } => format!("committed {first_version} {first_position}"),
        Duplicate { first_version, first_position } => format!("duplicate {first_version} {first_position}"),
        Conflict { expected, actual } => format!("conflict {expected} {actual}"),
        Rejected { problem } => format!("rejected {}", problem.problem_type.rsplit(':').next().unwrap()),
        Blocked { by } => format!("blocked {by}"),
    }
}

/// Ids out of few, so that they meet again.
fn few(kind: u128, count: u128) -> impl Strategy<Value = Uuid> {
    (0..count).prop_map(move |number| Uuid::from_u128((kind << 64) + number))
}

fn expectation() -> impl Strategy<Value = ExpectedVersion> {
    prop_oneof![
        3 => Just(ExpectedVersion::Any),
        1 => Just(ExpectedVersion::Exists),
        1 => Just(ExpectedVersion::None),
        3 => (0_u64..8).prop_map(ExpectedVersion::Exact),
    ]
}

fn some_commit() -> impl Strategy<Value = Commit> {
    let cause = prop::option::weighted(0.3, prop_oneof![few(1, 40), few(2, 120)]);
    let parts = (few(1, 40), 0..4_u8, expectation(), cause, vec(few(2, 120), 0..4), any::<Index>(), 0..20_u8);
    parts.prop_map(|(id, name, expected, cause, events, index, spoil)| {
        let mut made = commit(&format!("course-{name}"), expected, events.len());
        made.id = CommitId(id);
        for (event, id) in made.events.iter_mut().zip(&events) {
            event.id = EventId(*id);
        }
        if spoil == 0 && !events.is_empty() {
            made.events[index.index(events.len())].event_type = "".into();
        }
        match cause {
            Some(cause) => caused_by(cause, made),
            Option::None => made,
        }
    })
}

/// Each case has a log of its own, beside those of the other cases.
pub(super) async fn random_pushes_end_as_in_the_model<P: Place>(place: P) {
    let (handle, storage) = (Handle::current(), place.open());
    let run = move || {
        let config = Config { cases: 200, failure_persistence: Option::None, ..Config::default() };
        let pushes = vec(vec(some_commit(), 1..8), 1..12);
        let count = AtomicUsize::new(0);
        TestRunner::new(config).run(&pushes, |pushes| {
            let log = LogName::parse(&format!("case-{}", count.fetch_add(1, Ordering::Relaxed))).unwrap();
            let mut model = Model::default();
            handle.block_on(async {
                for push in &pushes {
                    let pushed = storage.push(&log, candidates(push).into()).await.unwrap();
                    prop_assert_eq!(
                        pushed.outcomes.iter().map(outcome).collect::<Vec<_>>(),
                        model.push(push)
                    );
                    for (outcome, commit) in pushed.outcomes.iter().zip(push) {
                        prop_assert_eq!((outcome.id, outcome.generation), (commit.id, commit.generation));
                    }
                }
                let pulled = storage.pulled_from(&log, PageLimit::events(5)).await;
                check_log(&pulled);
                prop_assert_eq!(pulled, model.log);
                Ok(())
            })
        })
    };
    tokio::task::spawn_blocking(run).await.unwrap().unwrap();
}
