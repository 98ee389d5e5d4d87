//! Events that have happened, as a story begins with them.

use crate::{
    event::{Event, NewEvent, RecordedEvent},
    id::{CommitId, DeviceId, EventId, SessionId},
    metadata::Metadata,
    stream::StreamName,
    testing::NOW,
    time::Timestamp,
};
use serde::Serialize;
use std::{collections::HashMap, sync::Arc};
use uuid::Uuid;

/// An event of a stream.
#[derive(Clone, Debug)]
pub struct Happened {
    pub(super) stream: StreamName,
    pub(super) event: NewEvent,
    pub(super) actor: Option<String>,
}

/// An event that has happened in a stream: anything that serde writes as `{ "type": …, "data": … }`, such as an aggregate's event
/// or `json!({ … })`. A `schemaVersion`, `id`, `occurredAt` or `custom` beside them counts too.
///
/// # Panics
/// If the name is no stream's, or the event can't be written so.
#[must_use]
#[track_caller]
pub fn happened<E: Serialize>(stream: &str, event: E) -> Happened {
    let stream = StreamName::parse(stream).expect("the name of a stream");
    Happened { stream, event: new_event(&event), actor: None }
}

impl Happened {
    /// On whose behalf it happened.
    #[must_use]
    pub fn by(mut self, actor: &str) -> Self {
        self.actor = Some(actor.to_owned());
        self
    }

    /// When it happened; else at 2026-01-01T00:00:00Z.
    #[must_use]
    pub fn at(mut self, moment: Timestamp) -> Self {
        self.event.occurred_at = Some(moment);
        self
    }
}

/// An event as it is appended.
#[track_caller]
pub(super) fn new_event<E: Serialize>(event: &E) -> NewEvent {
    let text = serde_json::to_string(event).expect("an event can be written as JSON");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text} is no event {{type, data}}: {error}"))
}

/// The events as readers see them, one after the other.
pub(super) fn recorded(events: impl IntoIterator<Item = Happened>) -> Vec<RecordedEvent> {
    let mut versions: HashMap<StreamName, u64> = HashMap::new();
    let events = events.into_iter().zip(1_u64..).map(|(happened, position)| {
        let Happened { stream, event, actor } = happened;
        let version = versions.entry(stream.clone()).or_default();
        *version += 1;
        let id = Uuid::from_u128(u128::from(position) << 64);
        let NewEvent { event_type, schema_version, data, id: known, occurred_at, custom } = event;
        let id_of_event = known.unwrap_or(EventId(Uuid::from_u128(id.as_u128() | 1)));
        RecordedEvent {
            event: Event {
                id: id_of_event,
                event_type,
                schema_version: schema_version.unwrap_or(1),
                data,
                occurred_at,
                custom,
            },
            stream,
            version: *version,
            position: Some(position),
            recorded_at: Some(NOW),
            commit_id: CommitId(id),
            metadata: Arc::new(Metadata {
                correlation_id: id,
                causation_id: None,
                actor,
                device_id: DeviceId(Uuid::from_u128(1)),
                session_id: SessionId(Uuid::from_u128(1)),
                occurred_at: NOW,
                traceparent: None,
            }),
        }
    });
    events.collect()
}
