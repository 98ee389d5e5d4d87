//! What a reader asks for, and what it gets.

use super::Place;
use crate::{
    event::RecordedEvent,
    stream::StreamName,
    time::Timestamp,
    version::{Position, Version},
};
use std::{ops::RangeInclusive, sync::Arc};
use uuid::Uuid;

/// Which events to read. Everything that is given must hold; `Query::default()` asks for all events, the first one first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Only this stream.
    pub stream: Option<StreamName>,
    /// Only streams of this aggregate.
    pub aggregate: Option<Arc<str>>,
    /// Only these types; none means all.
    pub types: Vec<Arc<str>>,
    /// Only the chain of messages with this correlation id.
    pub correlation: Option<Uuid>,
    /// Only events that occurred at this moment or later.
    pub from: Option<Timestamp>,
    /// Only events that occurred before this moment.
    pub to: Option<Timestamp>,
    /// Only these positions, both ends included. Pending events have none: they come after every position, and so are only
    /// among those asked for where the range has no end, which is `u64::MAX`.
    pub positions: RangeInclusive<Position>,
    /// Only these versions, both ends included. Makes sense together with `stream`.
    pub versions: RangeInclusive<Version>,
    /// Latest first.
    pub backwards: bool,
    /// Only confirmed events.
    pub confirmed_only: bool,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            stream: None,
            aggregate: None,
            types: Vec::new(),
            correlation: None,
            from: None,
            to: None,
            positions: 0..=u64::MAX,
            versions: 0..=u64::MAX,
            backwards: false,
            confirmed_only: false,
        }
    }
}

impl Query {
    /// Whether pending events can be among those asked for.
    pub(super) fn wants_pending(&self) -> bool {
        !self.confirmed_only && *self.positions.end() == u64::MAX
    }

    /// Whether events may have to be passed over to find those asked for.
    pub(super) fn is_filtered(&self) -> bool {
        let all = Self { backwards: self.backwards, confirmed_only: self.confirmed_only, ..Self::default() };
        *self != all
    }

    /// Whether events of this stream are asked for, as far as its name tells.
    pub(super) fn wants_stream(&self, name: &StreamName) -> bool {
        self.stream.as_ref().is_none_or(|stream| stream == name)
            && self.aggregate.as_ref().is_none_or(|aggregate| name.aggregate() == &**aggregate)
    }

    /// Whether an event that occurred at this moment is asked for, as far as that tells.
    pub(super) fn wants_moment(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }
}

/// A page of events. It may hold fewer than asked for, even none, and still have a next one: there is nothing more only
/// when `next` is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// The events, in the order asked for.
    pub events: Vec<RecordedEvent>,
    /// Where to go on; none if there is nothing more.
    pub next: Option<Place>,
}
