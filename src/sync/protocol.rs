//! The messages between a client and a server, the same types on both sides. docs/protocol.md says what they mean.

pub use super::archived::{Archived, ArchivedPage, Gone};

use super::flat::FlatOutcome;
use crate::{
    commit::{Commit, ConfirmedCommit},
    id::{CommitId, DeviceId},
    version::{ExpectedVersion, Position, Version},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The version of the protocol that this code speaks.
pub const PROTOCOL: u32 = 1;
/// The most commits in one push.
pub const MAX_PUSH_COMMITS: usize = 1_000;
/// The most bytes in the body of one push.
pub const MAX_PUSH_BYTES: usize = 4 << 20;
/// The most events in a pulled page. A page never cuts a commit, so one large commit may exceed it.
pub const MAX_PAGE_EVENTS: usize = 1_000;
/// The most missing events that a conflict carries; a pull brings all.
pub const MAX_MISSING_EVENTS: usize = 64;

/// How far a log has been pulled: opaque, sortable as text. The empty cursor stands before the first event.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// The body of `POST …/commits`.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Push {
    /// The version of the protocol, [`PROTOCOL`].
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1)))]
    pub protocol: u32,
    /// The device that pushes.
    pub device_id: DeviceId,
    /// Whose push it is and which one, so that two devices that take themselves for the same are told apart. None: not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<Producer>,
    /// The cursor that the device had reached when it read what it pushes: what was decided on another history than the log has now
    /// is refused as a whole. None: not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// From 1 to [`MAX_PUSH_COMMITS`] commits, in the order of the device's queue.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 1_000)))]
    pub commits: Vec<Commit>,
}

/// Who pushes, and how many pushes it has made: the fence of docs/protocol.md, "Producers".
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Producer {
    /// The device.
    pub id: DeviceId,
    /// Rises when the device begins to count anew; at most 2^53 - 1.
    #[cfg_attr(feature = "schema", schemars(range(max = 9_007_199_254_740_991_u64)))]
    pub epoch: u64,
    /// Rises with every push of the epoch, whatever became of those before it; at most 2^53 - 1.
    #[cfg_attr(feature = "schema", schemars(range(max = 9_007_199_254_740_991_u64)))]
    pub sequence: u64,
}

/// The answer to a push: one outcome per commit, in the same order.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pushed {
    /// The identity of the server's log. Another one than before means another log.
    pub log_id: String,
    /// The outcomes.
    pub outcomes: Vec<PushOutcome>,
}

/// What became of one pushed commit. In JSON one flat object: `id`, `generation`, `status`, and the fields of that status.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "FlatOutcome", try_from = "FlatOutcome")]
pub struct PushOutcome {
    /// The commit.
    pub id: CommitId,
    /// The generation that was pushed.
    pub generation: u32,
    /// What became of it.
    pub result: PushResult,
    /// With a conflict by an exact expected version: the commits that the stream holds beyond it, the first
    /// [`MAX_MISSING_EVENTS`] events of them; a pull brings all.
    pub missing: Vec<ConfirmedCommit>,
}

/// The outcomes of a pushed commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushResult {
    /// It is in the log.
    Committed {
        /// The version of its first event.
        first_version: Version,
        /// The position of its first event.
        first_position: Position,
    },
    /// It was in the log already; nothing was written.
    Duplicate {
        /// The version of its first event.
        first_version: Version,
        /// The position of its first event.
        first_position: Position,
    },
    /// The stream is not at the version it was decided on. Nothing was written.
    Conflict {
        /// What the commit expected.
        expected: ExpectedVersion,
        /// The stream's version.
        actual: Version,
    },
    /// It can never be accepted as it is. Nothing was written.
    Rejected {
        /// Why.
        problem: Problem,
    },
    /// It builds on an earlier commit of the same push that was not accepted. Nothing was written.
    Blocked {
        /// The earlier commit.
        by: CommitId,
    },
}

/// The answer to `GET …/events?after=&limit=`.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// The identity of the server's log.
    pub log_id: String,
    /// Whole commits, in the order of their positions.
    pub commits: Vec<ConfirmedCommit>,
    /// What to ask after next time.
    pub cursor: Cursor,
    /// Whether the log held nothing more at that moment.
    pub up_to_date: bool,
    /// What is the same as long as the client may read the same streams; none if it may read all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// What stands for the markers of all streams that the log has archived; none if it has archived none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<Cursor>,
}

/// The answer to `GET …`: what the server speaks and offers.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The versions of the protocol that the server speaks.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub protocols: Vec<u32>,
    /// What it takes at most.
    pub limits: AboutLimits,
    /// What it offers beyond pushes and pulls: `stream`, `wait`, `feed` and `archive`. Others may come.
    pub features: Vec<String>,
}

/// What a server takes at most.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AboutLimits {
    /// Bytes in the body of one push.
    pub push_bytes: u64,
    /// Commits in one push.
    pub push_commits: u64,
    /// Events that one pull may ask for.
    pub page_events: u64,
    /// Seconds that an answer may be asked to wait for, if the server lets answers wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u64>,
}

/// Problem details (RFC 9457): every error of the server, and the reason of a rejected commit.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A stable URI to switch on, such as `urn:tidelog:problem:unauthorized`.
    #[serde(rename = "type")]
    pub problem_type: Arc<str>,
    /// A short summary of the type.
    pub title: String,
    /// The HTTP status; absent within a push's outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What happened this time: what, where, and the limit it broke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// With `urn:tidelog:problem:rule`: the domain's own word for the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// With [`problem::UNSUPPORTED_PROTOCOL`]: the versions of the protocol that the server speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supported: Option<Vec<u32>>,
    /// With [`problem::ARCHIVED`]: how much the pull would have brought that is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Gone>,
    /// With [`problem::STREAM_ARCHIVED`]: the marker of the stream, if the client may read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<Box<Archived>>,
}

/// The URIs of problem types.
pub mod problem {
    /// How they all begin.
    pub const PREFIX: &str = "urn:tidelog:problem:";
    /// No token, or one that the server does not know. 401.
    pub const UNAUTHORIZED: &str = "urn:tidelog:problem:unauthorized";
    /// The token is known but may not do this. 403, or in a push: of one commit.
    pub const FORBIDDEN: &str = "urn:tidelog:problem:forbidden";
    /// There is no such log or resource. 404.
    pub const NOT_FOUND: &str = "urn:tidelog:problem:not-found";
    /// The method does not exist on this resource. 405.
    pub const METHOD_NOT_ALLOWED: &str = "urn:tidelog:problem:method-not-allowed";
    /// The body is larger than the server takes, or holds too many commits. 413.
    pub const TOO_LARGE: &str = "urn:tidelog:problem:too-large";
    /// The body is not what the protocol says. 400 (or 415 for another media type).
    pub const INVALID_REQUEST: &str = "urn:tidelog:problem:invalid-request";
    /// The protocol version is not one that the server speaks. 400.
    pub const UNSUPPORTED_PROTOCOL: &str = "urn:tidelog:problem:unsupported-protocol";
    /// The cursor is none, or was made by another log. 400.
    pub const INVALID_CURSOR: &str = "urn:tidelog:problem:invalid-cursor";
    /// The cursor was made by this log, and what stood there is no more: the server was restored from a backup. 410.
    pub const HISTORY_LOST: &str = "urn:tidelog:problem:history-lost";
    /// Events that the answer would hold were archived, and the request does not say that it knows. 410.
    pub const ARCHIVED: &str = "urn:tidelog:problem:archived";
    /// Somebody else pushes as this producer, and is further. 409.
    pub const FENCED: &str = "urn:tidelog:problem:fenced";
    /// The body did not arrive in time; retrying is safe. 408.
    pub const TIMEOUT: &str = "urn:tidelog:problem:timeout";
    /// The token is used more than the server allows; retrying later is safe. 429.
    pub const RATE_LIMITED: &str = "urn:tidelog:problem:rate-limited";
    /// The server itself failed; retrying later is safe. 500 or 503.
    pub const UNAVAILABLE: &str = "urn:tidelog:problem:unavailable";
    /// In a push: the commit breaks a bound.
    pub const INVALID_COMMIT: &str = "urn:tidelog:problem:invalid-commit";
    /// In a push: an event id stands in the log already, in another commit.
    pub const DUPLICATE_EVENT: &str = "urn:tidelog:problem:duplicate-event";
    /// In a push: the stream was archived, and takes no more events.
    pub const STREAM_ARCHIVED: &str = "urn:tidelog:problem:stream-archived";
    /// In a push: a rule of the app's domain refuses it, in the words of its detail and code.
    pub const RULE: &str = "urn:tidelog:problem:rule";
    /// In a push: its events are not what its command leads to, as far as the server can tell.
    pub const NOT_DECIDED: &str = "urn:tidelog:problem:not-decided";
}
