//! How a replay is asked for, how far it is, and how it ended.

use super::Filter;
use crate::{
    event::RecordedEvent,
    stream::StreamName,
    version::{Position, Version},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What to replay. Only confirmed events are: pending ones are provisional, and a replay may take long.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Replay {
    /// Which events.
    pub filter: Filter,
    /// Only events after this position; 0 for all. To go on where an earlier replay ended: the position of its report.
    pub after: Position,
    /// Only events up to this position. Default: the log's end at the beginning of the replay, so that it ends.
    pub until: Option<Position>,
    /// The most events handed over at once, from 1 to 10,000. Default 500.
    pub batch: usize,
    /// What to do with an event that can't be read, decoded or handled.
    pub on_error: OnError,
}

impl Default for Replay {
    fn default() -> Self {
        Self { filter: Filter::default(), after: 0, until: None, batch: 500, on_error: OnError::Stop }
    }
}

/// What to do with an event that can't be read, decoded or handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// End there. The report's position is before it, so that a later replay begins with it.
    #[default]
    Stop,
    /// Note it and go on. The first so many are kept in the report, all are counted.
    Collect(usize),
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Events handed over, those that failed included.
    pub events: u64,
    /// How many there will have been. Exact if only streams or aggregates are chosen (or nothing is) and it begins at the start;
    /// otherwise estimated from the part of the log that it is through.
    pub total: u64,
    /// The position that it is through with.
    pub position: Position,
    /// Failures so far.
    pub failed: u64,
}

/// What could not be read, decoded or handled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The position of the event, or of the first of the batch or block that failed as a whole.
    pub position: Position,
    /// The event's stream; none if it was a batch or a block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamName>,
    /// The event's version in its stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The event's type in today's shape.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<Arc<str>>,
    /// What went wrong.
    pub reason: String,
}

impl Failure {
    /// Of one event.
    #[must_use]
    pub fn of_event(event: &RecordedEvent, reason: String) -> Self {
        Self {
            position: event.position.unwrap_or(0),
            stream: Some(event.stream.clone()),
            version: Some(event.version),
            event_type: Some(Arc::clone(&event.event.event_type)),
            reason,
        }
    }
}

/// How a replay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// Everything was gone through.
    Done,
    /// It was cancelled between two batches.
    Cancelled,
    /// It stopped at a failure: the last one in the report.
    Failed,
}

/// What a replay did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How it ended.
    pub ended: Ended,
    /// How far it got.
    #[serde(flatten)]
    pub progress: Progress,
    /// What failed, the first ones.
    pub failures: Vec<Failure>,
}

/// Where a replay stands between two batches: all that it knows, so that it costs nothing while it is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The position that it began after.
    pub(crate) start: Position,
    /// The position that it ends with.
    pub(crate) end: Position,
    /// The position that it is through with.
    pub(crate) position: Position,
    /// Events handed over.
    pub(crate) events: u64,
    /// The most events there can be.
    pub(crate) most: u64,
    /// Whether there are exactly so many.
    pub(crate) exact: bool,
}

impl Cursor {
    pub(crate) fn progress(&self, failed: u64) -> Progress {
        let total = if self.exact {
            self.most
        } else {
            let (covered, span) = (self.position - self.start, self.end.saturating_sub(self.start));
            estimate(self.events, covered, span).min(self.most)
        };
        let total = if self.position >= self.end { self.events } else { total.max(self.events) };
        Progress { events: self.events, total, position: self.position, failed }
    }
}

/// How many events there are in a span of positions if `events` were found in the part covered: as dense in the rest.
fn estimate(events: u64, covered: u64, span: u64) -> u64 {
    if covered == 0 { span } else { (events as f64 * (span as f64 / covered as f64)).round() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_exact_or_estimated_and_never_below_what_was_done() {
        let cursor = Cursor { start: 100, end: 300, position: 100, events: 0, most: 200, exact: false };
        assert_eq!(cursor.progress(0).total, 200, "nothing is known yet: at most all of them");
        let half = Cursor { position: 200, events: 30, ..cursor };
        assert_eq!(half.progress(0).total, 60);
        let dense = Cursor { position: 110, events: 10, most: 50, ..cursor };
        assert_eq!(dense.progress(0).total, 50, "no more than there can be");
        let exact = Cursor { position: 110, events: 3, most: 70, exact: true, ..cursor };
        assert_eq!(exact.progress(2), Progress { events: 3, total: 70, position: 110, failed: 2 });
        let over = Cursor { position: 300, events: 42, ..cursor };
        assert_eq!(over.progress(0).total, 42);
    }
}
