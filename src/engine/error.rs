//! What can go wrong when reading and writing through the engine.

use crate::{
    aggregate::{DecideError, EvolveError},
    commit::{InvalidCommit, Reason},
    environment::ImplausibleClock,
    id::CommitId,
    json::NotJson,
    log::{AppendError, LogError, store::StoreError},
    process::ProcessError,
    projection::ProjectError,
    stream::{StreamName, StreamNameError},
    upcast::UpcastError,
};

/// Reading failed. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The stream's name is not one.
    #[error(transparent)]
    Stream(#[from] StreamNameError),
    /// No aggregate of this name is registered.
    #[error("no aggregate named {0:?} is registered")]
    UnknownAggregate(String),
    /// No projection of this name is registered.
    #[error("no projection named {0:?} is registered")]
    UnknownProjection(String),
    /// A projection is made from many streams, so it has no version.
    #[error(
        "projection {0:?} has no version, as it is made from many streams: ask by position, event or moment"
    )]
    NoVersion(String),
    /// No process manager of this name is registered.
    #[error("no process manager named {0:?} is registered")]
    UnknownProcess(String),
    /// A process can't go on.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A query of rows asks too much.
    #[error("the query can't be answered: {0}")]
    InvalidQuery(String),
    /// The stream is not parked by the projection.
    #[error("stream {0:?} is not parked: there is nothing to replay")]
    NotParked(String),
    /// No commit that is asked for has this id.
    #[error("there is no commit with the id {0}: it was never there, or it is settled")]
    UnknownCommit(String),
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An event can't be brought to today's shape.
    #[error(transparent)]
    Upcast(#[from] UpcastError),
    /// A state can't be made.
    #[error(transparent)]
    Evolve(#[from] EvolveError),
    /// The state of a stream can't be kept as a snapshot.
    #[error("the state of {stream} can't be kept as a snapshot: {reason}")]
    Unkeepable {
        /// The stream.
        stream: StreamName,
        /// Why.
        reason: String,
    },
    /// A row can't be made.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// Something can't be written as JSON.
    #[error(transparent)]
    NotJson(NotJson),
    /// The clock can't be right.
    #[error(transparent)]
    Clock(#[from] ImplausibleClock),
    /// A middleware refused the query.
    #[error("{message}")]
    Refused {
        /// The app's own word for the reason.
        code: String,
        /// The reason in words for a person.
        message: String,
    },
}

/// A command or append was not accepted. Nothing is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// What it builds on can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The command was refused, unknown, or `decide` broke.
    #[error(transparent)]
    Decide(#[from] DecideError),
    /// The append was refused.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The command of this id was given before, and what it decided was rejected: retry or discard that.
    #[error("command {id} was given before and rejected: {}; retry or discard the rejected commit", .reason.message)]
    Rejected {
        /// The commit of the command.
        id: CommitId,
        /// Why it was rejected.
        reason: Box<Reason>,
    },
    /// The id names a command of another stream.
    #[error("command id {id} belongs to a command of stream {stream}")]
    CommandIdTaken {
        /// The commit of that command.
        id: CommitId,
        /// Its stream.
        stream: StreamName,
    },
    /// The clock can't be right.
    #[error(transparent)]
    Clock(#[from] ImplausibleClock),
    /// Something is not JSON.
    #[error(transparent)]
    NotJson(#[from] NotJson),
    /// A handler of a replay gave a command: what has happened must not happen again.
    #[error("a replay only reads: its handlers must not execute commands or append events")]
    Replaying,
}

impl From<LogError> for WriteError {
    fn from(error: LogError) -> Self {
        Self::Read(error.into())
    }
}

impl From<StreamNameError> for WriteError {
    fn from(error: StreamNameError) -> Self {
        Self::Read(error.into())
    }
}

impl From<EvolveError> for WriteError {
    fn from(error: EvolveError) -> Self {
        Self::Read(error.into())
    }
}

impl From<InvalidCommit> for WriteError {
    fn from(error: InvalidCommit) -> Self {
        Self::Append(error.into())
    }
}

impl LogError {
    /// A stable word to switch on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Corrupt { .. } => "corrupt",
            Self::Misfit { .. } => "misfit",
            Self::Store(error) => match error {
                StoreError::Unavailable { .. } => "storage-unavailable",
                StoreError::QuotaExceeded => "quota-exceeded",
                StoreError::NewerFormat { .. } => "newer-format",
                StoreError::Closed { .. } => "closed",
                StoreError::Blocked { .. } => "storage-blocked",
                StoreError::Failed { .. } => "storage-failed",
            },
        }
    }
}

impl ReadError {
    /// A stable word to switch on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Stream(_) => "invalid-stream",
            Self::UnknownAggregate(_) => "unknown-aggregate",
            Self::UnknownProjection(_) => "unknown-projection",
            Self::NoVersion(_) => "invalid-argument",
            Self::UnknownProcess(_) => "unknown-process",
            Self::Process(_) => "process-failed",
            Self::InvalidQuery(_) | Self::NotParked(_) => "invalid-argument",
            Self::UnknownCommit(_) => "unknown-commit",
            Self::Log(error) => error.code(),
            Self::Upcast(error) => error.code(),
            Self::Evolve(_) => "evolve-failed",
            Self::Project(_) => "projection-failed",
            Self::NotJson(_) => "not-json",
            Self::Clock(_) => "implausible-clock",
            Self::Refused { .. } => "refused",
            Self::Unkeepable { .. } => "unkeepable-state",
        }
    }
}

impl WriteError {
    /// A stable word to switch on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read(error) => error.code(),
            Self::Decide(DecideError::Refused { .. }) => "refused",
            Self::Decide(DecideError::UnknownCommand { .. }) => "unknown-command",
            Self::Decide(DecideError::Failed { .. }) => "decide-failed",
            Self::Append(AppendError::Conflict { .. }) => "version-conflict",
            Self::Append(AppendError::Invalid(error)) => invalid_code(error),
            Self::Append(AppendError::AlreadyPending { .. }) => "already-pending",
            Self::Append(AppendError::CauseRejected { .. }) => "cause-rejected",
            Self::Append(AppendError::NotRejected { .. }) => "unknown-commit",
            Self::Append(AppendError::Moved) => "version-conflict",
            Self::Append(AppendError::Archived { .. }) => "stream-archived",
            Self::Append(AppendError::Log(error)) => error.code(),
            Self::Rejected { .. } => "command-rejected",
            Self::CommandIdTaken { .. } => "command-id-taken",
            Self::Clock(_) => "implausible-clock",
            Self::NotJson(_) => "not-json",
            Self::Replaying => "reentrant",
        }
    }
}

fn invalid_code(error: &InvalidCommit) -> &'static str {
    use crate::event::InvalidEvent;
    match error {
        InvalidCommit::TooManyEvents { .. }
        | InvalidCommit::CommandTooLarge { .. }
        | InvalidCommit::MetadataTooLong { .. }
        | InvalidCommit::Event(InvalidEvent::DataTooLarge { .. } | InvalidEvent::CustomTooLarge { .. }) => {
            "too-large"
        }
        _ => "invalid-event",
    }
}

/// The name of an unknown aggregate or projection, cut so that a message stays readable.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

/// The reason of a refusal to read a command that names no aggregate known here.
pub(super) fn unknown_aggregate(name: &str) -> ReadError {
    ReadError::UnknownAggregate(shown(name))
}

/// The reason that no projection of this name is known here.
pub(super) fn unknown_projection(name: &str) -> ReadError {
    ReadError::UnknownProjection(shown(name))
}
