//! Conflicts: what became of pending commits whose streams moved, and the questions among them.

use crate::{
    commit::{Command, Reason},
    event::{NewEvent, RecordedEvent},
    id::CommitId,
    stream::StreamName,
    time::Timestamp,
    version::Version,
};
use serde::{Deserialize, Serialize};

/// A pending commit that a person was asked about: it is not pushed until somebody answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The commit.
    pub id: CommitId,
    /// The confirmed version of its stream that it was decided on: what others confirmed beyond it is what it met.
    pub since: Version,
    /// When this device found the conflict.
    pub asked_at: Timestamp,
}

/// An answer: what shall become of a parked commit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Choice {
    /// The same events, behind those that arrived.
    Keep,
    /// Its command is decided again on the state that now is.
    Redecide,
    /// It goes to the rejected list, with the reason `discarded`: from there it can still be taken back.
    Discard,
    /// These events in place of its own.
    Events(Vec<NewEvent>),
    /// Another command of the same aggregate in place of its own, decided on the state that now is.
    Command(Command),
}

/// What became of a pending commit whose stream moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Became {
    /// Decided again with the same events, at another version.
    Rebased,
    /// Decided again with other events.
    Redecided,
    /// The same events at another version, without a decision.
    Kept,
    /// Other events: of the aggregate's merge function, or of a person who answered.
    Merged,
    /// There was nothing left to say: what it wanted is so already.
    Absorbed,
    /// It can't be confirmed any more, and is kept on the rejected list.
    Rejected,
    /// A person is asked.
    Asked,
}

/// A commit whose stream moved while it was pending, told once to whoever listens: [`Host::met`](crate::engine::Host::met).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Met {
    /// What became of it.
    pub status: Became,
    /// The commit.
    pub commit_id: CommitId,
    /// Its stream.
    pub stream: StreamName,
    /// Its command, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// Its events as they were, in today's shape.
    pub before: Vec<RecordedEvent>,
    /// Its events as they are now; none if it was absorbed or rejected.
    pub after: Vec<RecordedEvent>,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}
