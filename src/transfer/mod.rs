//! In and out: a log, or a part of it, as text that others can read, and back.
//!
//! Two forms are written. [`Form::Log`] is lines of JSON (NDJSON, <https://github.com/ndjson/ndjson-spec>) with all that a log
//! holds: confirmed, pending and rejected commits as they are stored, under a header, with a checksum after every chunk. It is
//! a backup: restored on a fresh profile it makes the same log. [`Form::CloudEvents`] is for others: one CloudEvents 1.0 event
//! (<https://github.com/cloudevents/spec>) for each event, in today's shape, as lines or as one array.
//!
//! The checksum is a CRC-32: it finds what storage and networks do to a file, and the log has it already. It is no signature;
//! who can change the file can change the checksum too. An import reads either form, recognises what is there already by its id, and
//! so can be begun again after an interruption.

mod cloud_event;
mod error;
mod line;
mod moment;
mod pieces;
mod selection;

pub(crate) use cloud_event::{CloudEvent, of_recorded};
pub use error::ImportError;
pub use line::FORMAT;
pub(crate) use line::{End, Header, Line, Pending, seal};
pub(crate) use pieces::Pieces;
pub use selection::Selection;

use crate::{event::NewEvent, stream::StreamName, upcast::Versions};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The events that one chunk of an export holds, about; an import writes as many in one transaction.
pub const CHUNK: usize = 1_000;
/// The longest line or event that an import takes, in bytes: 64 MiB.
pub const MAX_PIECE: usize = 64 << 20;

/// What an export looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Everything, as it is stored: a line of JSON for each commit.
    #[default]
    Log,
    /// A CloudEvents event a line.
    CloudEvents,
    /// One JSON array of CloudEvents events: the batch format.
    CloudEventsBatch,
}

/// What to export.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExportOptions {
    /// What it looks like.
    pub form: Form,
    /// Which commits; all if none is said.
    pub selection: Selection,
    /// The schema versions that are wanted of types, in CloudEvents. [`Form::Log`] keeps events as they are stored.
    #[serde(rename = "as")]
    pub versions: Versions,
    /// The `source` of CloudEvents: a URI that names where they come from. Default `urn:tidelog:` and the id of the server's log,
    /// or of this device.
    pub source: Option<Arc<str>>,
}

/// How an import takes in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The same log again: the same positions, moments, queue and rejected list. Only a whole log can be restored, and only
    /// into an empty one, or one that an interrupted restore has begun.
    Restore,
    /// Its events, as new commits at the end of this log. What is here already stays as it is.
    Merge,
}

/// How an import goes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ImportOptions {
    /// How to take it in. By default a whole log is restored where it can be, and everything else is merged.
    pub mode: Option<Mode>,
    /// The name of what rows come from, such as the table: the ids of their events are made from it and from the keys of the
    /// rows, so that a row is imported once.
    pub source: Option<Arc<str>>,
}

/// A row of another database, as the events that it begins with here.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// What tells it from other rows of its source. At most 512 bytes.
    pub key: Arc<str>,
    /// The stream that begins with it; there must be none yet.
    pub stream: StreamName,
    /// The events.
    pub events: Vec<NewEvent>,
}

/// How far an export or import has come, and in the end what it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Commits written.
    pub commits: u64,
    /// Events written.
    pub events: u64,
    /// Of an import: commits that were here already, by their ids.
    pub duplicates: u64,
    /// Of an export: the events of the log, before the selection; those gone through are at most so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Of an import: how it takes in what it reads, as soon as that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
}
