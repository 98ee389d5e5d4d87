//! Commits: what one command decided for one stream, appended atomically.

use crate::{
    event::{Event, InvalidEvent, MAX_DATA, MAX_TYPE},
    id::CommitId,
    json::Json,
    metadata::Metadata,
    stream::StreamName,
    time::Timestamp,
    version::{ExpectedVersion, Position, Version},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The most events in one commit.
pub const MAX_EVENTS: usize = 10_000;

/// A command as it was given: kept with what it decided, so that it can be decided again and explained later.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// What was asked for, in the imperative. From 1 to 256 bytes.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub command_type: Arc<str>,
    /// The request itself. At most 1 MiB of JSON text.
    #[serde(default = "Json::null")]
    pub data: Json,
}

/// What happens to a pending commit when confirmed events arrived in its stream before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Run its command again on the new state; an error of the domain rejects it.
    #[default]
    Redecide,
    /// A binding fact: the same events at a new version.
    Keep,
    /// It can't be confirmed any more.
    Reject,
    /// Ask a person: it is parked, and not pushed, until somebody says what shall become of it. What builds on it waits with it.
    Ask,
    /// Ask the aggregate's own merge function, which is given what it was decided on, what arrived, and what it says.
    Merge,
}

/// The events that one command decided for one stream. It is accepted whole or not at all.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Commit {
    /// Its identity, and its command's. It stays the same through every rebase.
    pub id: CommitId,
    /// The stream it belongs to.
    pub stream: StreamName,
    /// The version it was decided on.
    pub expected_version: ExpectedVersion,
    /// How often it was rebased; an answer to an older generation no longer counts.
    #[serde(default)]
    pub generation: u32,
    /// Of a commit that was rebased: the version of the stream that the device knew as confirmed before. Where the command was decided
    /// again, what stands beyond it had arrived; where the events were kept or merged, they had been decided on it. None at generation 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = 9_007_199_254_740_991_u64)))]
    pub since: Option<Version>,
    /// Who, where, when, and because of what.
    pub metadata: Arc<Metadata>,
    /// The command; none for events that were appended without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// From 1 to 10,000 events.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 10_000)))]
    pub events: Vec<Event>,
}

/// What is wrong with a commit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCommit {
    /// It has no events.
    #[error("a commit needs at least one event")]
    NoEvents,
    /// It has too many events.
    #[error("a commit of {count} events is over the limit of {MAX_EVENTS}")]
    TooManyEvents {
        /// How many it has.
        count: usize,
    },
    /// The command's type is empty or too long.
    #[error("a command type of {length} bytes is not within 1 to {MAX_TYPE}")]
    CommandType {
        /// Its length in bytes.
        length: usize,
    },
    /// The command's data is too large.
    #[error("the data of command {command_type} is {length} bytes of JSON, over the limit of {MAX_DATA}")]
    CommandTooLarge {
        /// The command's type.
        command_type: Arc<str>,
        /// The length of the data in bytes.
        length: usize,
    },
    /// Two of its events have the same id.
    #[error("event {index} has the id of an earlier event of the same commit")]
    RepeatedId {
        /// The later one's place in the commit, from 0.
        index: usize,
    },
    /// The actor is over 512 bytes or the traceparent over 128.
    #[error("the {field} of a commit is {length} bytes, over the limit of {limit}")]
    MetadataTooLong {
        /// Which field.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// One of its events is not valid.
    #[error(transparent)]
    Event(#[from] InvalidEvent),
}

impl Commit {
    /// Checks every bound of the commit, its command and its events.
    ///
    /// # Errors
    /// The first [`InvalidCommit`] found.
    pub fn check(&self) -> Result<(), InvalidCommit> {
        if self.events.is_empty() {
            return Err(InvalidCommit::NoEvents);
        }
        if self.events.len() > MAX_EVENTS {
            return Err(InvalidCommit::TooManyEvents { count: self.events.len() });
        }
        if let Some(Command { command_type, data }) = &self.command {
            if command_type.is_empty() || command_type.len() > MAX_TYPE {
                return Err(InvalidCommit::CommandType { length: command_type.len() });
            }
            if data.len() > MAX_DATA {
                let command_type = Arc::clone(command_type);
                return Err(InvalidCommit::CommandTooLarge { command_type, length: data.len() });
            }
        }
        let bounded =
            [("actor", &self.metadata.actor, 512), ("traceparent", &self.metadata.traceparent, 128)];
        for (field, text, limit) in bounded {
            let length = text.as_ref().map_or(0, String::len);
            if length > limit {
                return Err(InvalidCommit::MetadataTooLong { field, length, limit });
            }
        }
        let mut ids = std::collections::HashSet::with_capacity(self.events.len());
        for (index, event) in self.events.iter().enumerate() {
            event.check(index)?;
            if !ids.insert(event.id) {
                return Err(InvalidCommit::RepeatedId { index });
            }
        }
        Ok(())
    }

    /// The number of its events.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.events.len() as u64
    }
}

/// A commit that the authority has accepted.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfirmedCommit {
    /// The version of its first event within the stream, from 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 9_007_199_254_740_991_u64)))]
    pub first_version: Version,
    /// The position of its first event in the authority's log, from 1; the others follow without a gap.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 9_007_199_254_740_991_u64)))]
    pub first_position: Position,
    /// When the authority recorded it.
    pub recorded_at: Timestamp,
    /// The commit as it was accepted.
    pub commit: Commit,
}

impl ConfirmedCommit {
    /// The position of its last event.
    #[must_use]
    pub fn last_position(&self) -> Position {
        self.first_position + self.commit.count().saturating_sub(1)
    }
}

/// A commit that is durable on this device and not confirmed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingCommit {
    /// Its place in this device's queue, from 1; rising, never used again, kept through a rebase.
    pub sequence: u64,
    /// The version of its first event within the stream as this device sees it; provisional.
    pub first_version: Version,
    /// What to do with it when its stream moves.
    pub policy: Policy,
    /// Whether it was confirmed once and is offered again, because the server has lost it. It may be of any device.
    pub reoffered: bool,
    /// The commit.
    pub commit: Commit,
}

/// A commit that can't be confirmed any more, kept until the app retries or discards it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RejectedCommit {
    /// The commit as it last stood, with its command and events.
    pub commit: Commit,
    /// Why it was rejected.
    pub reason: Reason,
    /// When this device learned of it.
    pub rejected_at: Timestamp,
}

/// Why a commit was rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// A stable word to switch on: `domain` (decide refused), `policy` (its policy is to reject), `discarded` (it was asked about, and
    /// a person decided against it), `builds-on-rejected`,
    /// `server` (the server refused it), `command-id-taken` (its id is that of another command), `undecidable` (nobody here knows its aggregate or command any more).
    pub code: Arc<str>,
    /// The message for a person, as `decide` or the server gave it.
    pub message: String,
    /// The domain's own code, where its error carried one, or the URI of the server's problem type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The rejected commit that this one builds on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builds_on: Option<CommitId>,
}
