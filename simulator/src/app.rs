//! What the app does on the devices, and what it was promised.

use crate::{
    academy::{CourseCommand, ExamCommand, GroupCommand, NotesCommand},
    badge,
    device::Seat,
    step::Ask,
    world::World,
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};
use tidelog::{
    aggregate::DecideError,
    command_id::CommandId,
    commit::Command,
    conflict::Choice,
    engine::{ReadError, WriteError, WriteOptions},
    id::CommitId,
    json::Json,
    log::{AppendError, LogError},
    stream::StreamName,
};

/// What the world was promised.
#[derive(Clone, Debug)]
pub(crate) struct Promise {
    pub(crate) device: usize,
    pub(crate) stream: StreamName,
    /// Whether it may turn out to have nothing to say.
    pub(crate) is_quiet: bool,
}

#[derive(Default)]
pub(crate) struct Promises {
    pub(crate) made: BTreeMap<CommitId, Promise>,
    pub(crate) last: BTreeMap<usize, CommitId>,
    /// Commits that another one caused. Named ones may stand for another device's, with another cause.
    pub(crate) effects: BTreeSet<CommitId>,
    /// Commits that the app resolved after they were rejected, also before their receipts had arrived.
    pub(crate) resolved: BTreeSet<CommitId>,
    /// An answer that no fault explains.
    pub(crate) strange: Option<String>,
}

impl World {
    pub(crate) fn give(&self, at: usize, tab: usize, ask: Ask, named: bool, caused: bool) {
        let Some((_, seat)) = self.seat(at, tab) else { return };
        let (aggregate, id, command, is_quiet) = command(ask);
        let name = named.then(|| CommandId::parse(&format!("{ask:?}")).ok()).flatten();
        let last = self.promises.borrow().last.get(&at).copied();
        let causation_id = last.filter(|_| caused).map(|last| last.0);
        let options = WriteOptions { command_id: name, causation_id, ..WriteOptions::default() };
        let (promises, server) = (Rc::clone(&self.promises), self.server.clone());
        self.executor.spawn(seat.owner, async move {
            let answer = seat.engine.execute(aggregate, &id, command, options).await;
            let mut promises = promises.borrow_mut();
            if let Ok(receipt) = &answer
                && causation_id.is_some()
                && !named
            {
                promises.effects.insert(receipt.commit_id);
            }
            match answer {
                Ok(receipt) if receipt.events.is_empty() => {}
                Ok(receipt) => {
                    promises.last.insert(at, receipt.commit_id);
                    let promise = Promise { device: at, stream: receipt.stream, is_quiet };
                    promises.made.entry(receipt.commit_id).or_insert(promise);
                }
                Err(WriteError::Append(AppendError::Archived { stream, .. }))
                    if server.ever_archived(stream.as_str()) => {}
                Err(error) if is_explained(&error) => {}
                Err(error) => {
                    promises.strange = Some(format!("{ask:?} on device {at} was answered with: {error}"))
                }
            }
        });
    }

    /// The first question of each device that has one is answered; whether there was any.
    pub(crate) fn answer_all(&self) -> bool {
        let mut asked = false;
        for device in &self.devices {
            for seat in device.seats().into_iter().take(1) {
                if seat.engine.status().conflicts > 0 {
                    asked = true;
                    self.executor.spawn(seat.owner, async move { answer(&seat, true).await });
                }
            }
        }
        asked
    }

    /// The app answers its first question, and resolves its first rejected commit.
    pub(crate) fn resolve(&self, at: usize, tab: usize, retry: bool) {
        let Some((_, seat)) = self.seat(at, tab) else { return };
        let promises = Rc::clone(&self.promises);
        self.executor.spawn(seat.owner, async move {
            answer(&seat, retry).await;
            let Ok(rejected) = seat.engine.log().rejected().await else { return };
            let Some(first) = rejected.first().map(|rejected| rejected.commit.id) else { return };
            // whatever its answer: it may have happened
            promises.borrow_mut().resolved.insert(first);
            if retry {
                if let Ok(receipt) = seat.engine.retry(first).await
                    && !receipt.events.is_empty()
                {
                    let promise = Promise { device: at, stream: receipt.stream, is_quiet: true };
                    promises.borrow_mut().made.insert(receipt.commit_id, promise);
                }
            } else {
                let _ = seat.engine.discard(first).await;
            }
        });
    }
}

/// Whoever is asked which hand-in counts wants it decided again, or takes it back; where the rules refuse it, it is taken back.
async fn answer(seat: &Seat, again: bool) {
    let Some(asked) = seat.engine.log().parked().first().map(|asked| asked.id) else { return };
    if !again || seat.engine.resolve(asked, Choice::Redecide).await.is_err() {
        // storage may have failed, or another tab was faster: then it is asked again
        let _ = seat.engine.resolve(asked, Choice::Discard).await;
    }
}

/// Whether an answer is one that rules or planned faults lead to.
fn is_explained(error: &WriteError) -> bool {
    let store = |error: &LogError| matches!(error, LogError::Store(_));
    match error {
        WriteError::Decide(DecideError::Refused { .. })
        | WriteError::Rejected { .. }
        | WriteError::Append(AppendError::CauseRejected { .. })
        | WriteError::CommandIdTaken { .. } => true,
        WriteError::Read(ReadError::Log(error)) | WriteError::Append(AppendError::Log(error)) => store(error),
        _ => false,
    }
}

/// The stream that a command goes to, the command, and whether it may turn out to have nothing to say.
fn command(ask: Ask) -> (&'static str, String, Command, bool) {
    match ask {
        Ask::Complete { course, lesson } => {
            ("course", course.to_string(), tagged(&CourseCommand::CompleteLesson { lesson }), false)
        }
        Ask::Ensure { course, lesson } => {
            ("course", course.to_string(), tagged(&CourseCommand::EnsureLesson { lesson }), true)
        }
        Ask::Answer { question } => {
            ("exam", "final".into(), tagged(&ExamCommand::Answer { question }), false)
        }
        Ask::HandIn => ("exam", "final".into(), tagged(&ExamCommand::HandIn), false),
        Ask::Join { learner } => ("group", "a".into(), tagged(&GroupCommand::Join { learner }), false),
        Ask::JoinBoth { learners } => {
            ("group", "a".into(), tagged(&GroupCommand::JoinBoth { learners }), false)
        }
        Ask::Earn { badge } => (badge::NAME, "a".into(), tagged(&badge::Command::Earn { badge }), false),
        Ask::Note { text } => ("notes", "ada".into(), tagged(&NotesCommand::Write { text }), false),
    }
}

/// What serde writes as `{ "type", "data" }`.
fn tagged<C: Serialize>(command: &C) -> Command {
    let text = serde_json::to_string(command).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or(Command { command_type: text.into(), data: Json::null() })
}
