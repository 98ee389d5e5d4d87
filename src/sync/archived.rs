//! What is left of streams that the server has archived: a marker for each, in place of its events.

use super::protocol::Cursor;
use crate::{
    stream::StreamName,
    time::Timestamp,
    version::{Position, Version},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The marker of a stream that was archived whole: its events are no longer in the log, and no more can come. Its positions and versions
/// are never given to others.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Archived {
    /// The stream.
    pub stream: StreamName,
    /// The version of its last event, which is the number of its events.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub version: Version,
    /// The number of its commits.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub commits: u64,
    /// The position of its last event.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub position: Position,
    /// What its events were, as bytes: with the reference server, SHA-256 in hexadecimal digits.
    pub digest: Arc<str>,
    /// When it was archived, by the server's clock.
    pub archived_at: Timestamp,
    /// The name of the archive that it went to.
    pub archive: Arc<str>,
}

/// The answer to `GET …/archived?after=&limit=`.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchivedPage {
    /// The identity of the server's log.
    pub log_id: String,
    /// Markers, in the order in which the streams were archived.
    pub archived: Vec<Archived>,
    /// What to ask after next time, and what a pull names to be led past what is gone.
    pub cursor: Cursor,
    /// Whether the log had no more of them at that moment.
    pub up_to_date: bool,
}

/// How much of what a pull would bring is no longer in the log.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// The number of archived streams with events after the cursor; at most 10,000 are counted.
    pub streams: u64,
    /// The number of all events of these.
    pub events: u64,
    /// The position of the last of them.
    pub position: Position,
}

impl Gone {
    /// The most streams that are counted.
    pub const MOST_COUNTED: u64 = 10_000;

    /// Counts one more.
    pub fn count(&mut self, version: Version, position: Position) {
        self.streams += 1;
        self.events += version;
        self.position = self.position.max(position);
    }
}
