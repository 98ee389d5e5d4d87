//! Which events a replay goes through.

use crate::{event::RecordedEvent, log::Query, stream::StreamName, time::Timestamp, upcast::Decoder};
use serde::Deserialize;
use std::sync::Arc;

/// Which events a replay goes through: those that meet every condition. The default is all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Filter {
    /// Only these types, in today's shape; none means all.
    pub types: Vec<Arc<str>>,
    /// Only streams of these aggregates; none means all.
    pub aggregates: Vec<Arc<str>>,
    /// Only these streams; none means all.
    pub streams: Vec<StreamName>,
    /// Only events that occurred at this moment or later.
    pub from: Option<Timestamp>,
    /// Only events that occurred before this moment.
    pub to: Option<Timestamp>,
}

impl Filter {
    /// Whether an event in today's shape passes.
    #[must_use]
    pub fn passes(&self, event: &RecordedEvent) -> bool {
        let occurred = event.occurred_at();
        (self.types.is_empty() || self.types.contains(&event.event.event_type))
            && self.passes_stream(&event.stream)
            && self.from.is_none_or(|from| occurred >= from)
            && self.to.is_none_or(|to| occurred < to)
    }

    /// Whether events of a stream can pass.
    #[must_use]
    pub fn passes_stream(&self, stream: &StreamName) -> bool {
        (self.aggregates.is_empty() || self.aggregates.iter().any(|name| **name == *stream.aggregate()))
            && (self.streams.is_empty() || self.streams.contains(stream))
    }

    /// Whether only the stream decides what passes.
    pub(crate) fn is_by_stream(&self) -> bool {
        self.types.is_empty() && self.from.is_none() && self.to.is_none()
    }

    /// The part that the log itself can answer, so that blocks without such events are not opened: the types under which events of
    /// the types asked for may be stored. What is decoded is filtered again.
    pub(crate) fn query(&self, decoder: &Decoder) -> Query {
        let single = |names: &[Arc<str>]| match names {
            [name] => Some(Arc::clone(name)),
            _ => None,
        };
        Query {
            stream: if let [stream] = &*self.streams { Some(stream.clone()) } else { None },
            aggregate: single(&self.aggregates),
            types: decoder.stored_types(&self.types),
            from: self.from,
            to: self.to,
            confirmed_only: true,
            ..Query::default()
        }
    }
}
