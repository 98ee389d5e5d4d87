//! One instance of a process: plain data, kept as a row.

use super::Errand;
use crate::{
    command_id::derive, event::RecordedEvent, id::CommitId, json::Json, stream::StreamName, time::Timestamp,
    version::Position,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// Where an instance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProcessState {
    /// Under way.
    Running,
    /// An event ended it.
    Ended,
    /// A step failed, or the process asked for it: what was done is being made up for.
    Compensating,
    /// Everything has been made up for.
    Compensated,
    /// A compensation was refused: a person is needed. [`Engine::retry_process`](crate::engine::Engine::retry_process) goes on.
    Failed,
    /// A function of the process failed at one of its events. It waits, as it was before that event, and the other instances go on.
    /// It is tried again when the app is opened, and by [`Engine::retry_process`](crate::engine::Engine::retry_process).
    Parked,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepState {
    /// Not known to be settled.
    Open,
    /// Confirmed.
    Done,
    /// Refused by the aggregate or the server.
    Failed,
    /// There was nothing to do, or it was called off.
    Skipped,
    /// It has been made up for, as far as there is something that makes up for it.
    Undone,
    /// What should make up for it was refused.
    Stuck,
}

/// The message that led to a step or timeout, and what goes on from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The event.
    pub event: Uuid,
    /// The chain it belongs to.
    pub correlation: Uuid,
    /// On whose behalf it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Its W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Origin {
    /// What an event hands on.
    #[must_use]
    pub fn of(event: &RecordedEvent) -> Self {
        Self {
            event: event.event.id.0,
            correlation: event.metadata.correlation_id,
            actor: event.metadata.actor.clone(),
            traceparent: event.metadata.traceparent.clone(),
        }
    }
}

/// A command that a process carries out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The id of the commit that it becomes.
    pub id: CommitId,
    /// The command, and what makes up for it.
    pub errand: Errand,
    /// What led to it.
    pub origin: Arc<Origin>,
    /// The run of the instance that it belongs to.
    pub run: u32,
    /// How often it was begun anew.
    pub attempt: u32,
    /// Whether it is for this device to carry out: not if it came from history.
    pub live: bool,
    /// Where it stands.
    pub state: StepState,
    /// Whether it has to be made up for.
    pub undo: bool,
    /// How often making up for it was begun anew.
    pub undo_attempt: u32,
}

impl Step {
    /// The id of the commit that makes up for it.
    #[must_use]
    pub fn undo_id(&self) -> CommitId {
        CommitId(derive(&[&self.id.to_string(), "undo", &self.undo_attempt.to_string()]))
    }

    /// Whether nothing more can become of it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match self.state {
            StepState::Open => false,
            StepState::Done => !self.undo,
            StepState::Failed | StepState::Skipped | StepState::Undone | StepState::Stuck => true,
        }
    }
}

/// A timeout that has not rung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeout {
    /// Its name within the instance.
    pub name: Arc<str>,
    /// When it rings.
    pub due: Timestamp,
    /// What led to it.
    pub origin: Arc<Origin>,
    /// Whether it is for this device to let it ring: not if it was overdue in history.
    pub live: bool,
}

/// Why an instance is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable word: the domain's own where it gave one, else that of the rejection or error; `asked` if the process itself asked
    /// for compensation.
    pub code: String,
    /// The reason for a person.
    pub message: String,
    /// The type of the command that failed, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Arc<str>>,
    /// When it was recorded.
    pub at: Timestamp,
}

/// The event at which a function of the process failed. It and those after it are in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Its position.
    pub position: Position,
    /// What the function threw, and where.
    pub message: String,
    /// When, by this device's clock.
    pub at: Timestamp,
}

/// An instance of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub status: ProcessState,
    /// What the process remembers of it.
    pub state: Json,
    /// How often it was started; 0 if it could not be.
    pub run: u32,
    /// When it was started last.
    pub started_at: Timestamp,
    /// When something last came to it.
    pub updated_at: Timestamp,
    /// Its steps, in order. Old ones that are done and that nothing makes up for are dropped.
    pub steps: Vec<Step>,
    /// Its timeouts that have not rung.
    pub timeouts: Vec<Timeout>,
    /// Why it is compensating, compensated or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What it waits at, if it waits. Its steps and timeouts wait too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<Parked>,
}

impl Instance {
    /// Where history ends: timeouts that were due before are another device's.
    pub(crate) fn leave_overdue(&mut self, now: Timestamp) {
        for timeout in &mut self.timeouts {
            timeout.live &= timeout.due > now;
        }
    }

    /// One that nothing has come to yet.
    pub(super) fn unborn(id: &str, now: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            status: ProcessState::Running,
            state: Json::null(),
            run: 0,
            started_at: now,
            updated_at: now,
            steps: Vec::new(),
            timeouts: Vec::new(),
            failure: None,
            parked: None,
        }
    }

    /// The instance, or the lack of one, that could not take in what happened at a position.
    #[must_use]
    pub fn park(before: Option<Self>, id: &str, parked: Parked) -> Self {
        let instance = before.unwrap_or_else(|| Self::unborn(id, parked.at));
        Self { parked: Some(parked), ..instance }
    }

    /// Whether something is not settled yet, by this device or another.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.parked.is_none() && !self.steps.iter().all(Step::is_settled)
    }

    /// Whether a person has to see to it.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.parked.is_some() || self.status == ProcessState::Failed
    }

    /// When the first timeout rings that this device has to see to.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        let live = self.timeouts.iter().filter(|timeout| timeout.live && self.parked.is_none());
        live.map(|timeout| timeout.due).min()
    }

    /// The id of the note that a timeout rang.
    #[must_use]
    pub fn timeout_id(&self, process: &str, timeout: &Timeout) -> CommitId {
        let (due, origin) = (timeout.due.millis().to_string(), timeout.origin.event.to_string());
        CommitId(derive(&[process, &self.id, "timeout", &timeout.name, &due, &origin]))
    }
}

impl Errand {
    /// The stream that its command is for; none if there can be no such stream.
    #[must_use]
    pub fn stream(&self) -> Option<StreamName> {
        StreamName::of(&self.aggregate, &self.id).ok()
    }
}
