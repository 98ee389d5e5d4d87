//! One device of a story: the real engine over a log in memory.

use super::Order;
use crate::{
    aggregate::DecideError,
    commit::RejectedCommit,
    engine::{Engine, Outcome, Parts, Receipt, WriteError},
    id::CommitId,
    log::MemoryStore,
    stream::StreamName,
    testing::InProcessServer,
};

pub(super) struct Device {
    pub(super) name: String,
    pub(super) engine: Engine<MemoryStore>,
    /// What became commits, in the order the commands came.
    commits: Vec<(StreamName, CommitId)>,
}

impl Device {
    pub(super) async fn open(name: &str, parts: Parts) -> Self {
        let engine = Engine::open(MemoryStore::new(), parts).await;
        let engine = engine.unwrap_or_else(|error| panic!("{name} can't open its log: {error}"));
        Self { name: name.to_owned(), engine, commits: Vec::new() }
    }

    pub(super) async fn take(&mut self, order: Order) {
        let Order { stream, command, options, refused } = order;
        let shown = format!("{}: {} for {stream}", self.name, command.command_type);
        let answer = self.engine.execute(stream.aggregate(), stream.id(), command, options).await;
        match (answer, refused) {
            (Ok(Receipt { commit_id, .. }), None) => self.commits.push((stream, commit_id)),
            (Err(error), Some(expected)) => {
                let code = match &error {
                    WriteError::Decide(DecideError::Refused { code, .. }) => code.as_deref(),
                    _ => None,
                };
                let fits = error.to_string() == expected || code.unwrap_or(error.code()) == expected;
                assert!(fits, "{shown} was to be refused with {expected:?}, but: {error} ({code:?})");
            }
            (Ok(_), Some(expected)) => {
                panic!("{shown} was to be refused with {expected:?}, but was accepted")
            }
            (Err(error), None) => panic!("{shown} was refused: {error} ({})", error.code()),
        }
    }

    /// Online until nothing is left to do.
    pub(super) async fn sync(&self, server: &InProcessServer) {
        server.sync(&self.engine).await;
    }

    /// What moves while devices sync.
    pub(super) fn standing(&self) -> (u64, u64, u64) {
        let status = self.engine.status();
        (status.position, status.pending_commits, status.rejected)
    }

    pub(super) async fn rejected(&self) -> Vec<RejectedCommit> {
        let rejected = self.engine.log().rejected().await;
        rejected.unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// What became of its commands, in the order they came; `pending` for those that the server has not judged,
    /// `asked` for those that a person is asked about.
    pub(super) async fn outcomes(&self) -> Vec<String> {
        let mut words = Vec::new();
        for (stream, id) in &self.commits {
            if self.engine.log().pending_sequence(*id).is_some() {
                let is_asked = self.engine.log().parked().iter().any(|parked| parked.id == *id);
                words.push(if is_asked { "asked".into() } else { "pending".into() });
                continue;
            }
            let word = match self.engine.outcome(stream, *id).await {
                Ok(Outcome::Confirmed { .. }) => "confirmed".into(),
                Ok(Outcome::Rebased { .. }) => "rebased".into(),
                Ok(Outcome::Duplicate { .. }) => "duplicate".into(),
                Ok(Outcome::Absorbed) => "absorbed".into(),
                Ok(Outcome::Rejected { reason }) => {
                    format!("rejected: {}", reason.detail.as_deref().unwrap_or(&reason.code))
                }
                // it decided that nothing happens, or was resolved meanwhile
                Err(_) => "absorbed".into(),
            };
            words.push(word);
        }
        words
    }
}
