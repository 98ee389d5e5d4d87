//! Events: immutable facts.

use crate::{
    aggregate::read_tagged,
    commit::Commit,
    id::{CommitId, EventId},
    json::{Json, NotJson},
    metadata::Metadata,
    stream::StreamName,
    time::Timestamp,
    version::{Position, Version},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::sync::Arc;

/// The longest event or command type, in bytes of UTF-8.
pub const MAX_TYPE: usize = 256;
/// The largest `data` of an event or command, in bytes of JSON text: 1 MiB.
pub const MAX_DATA: usize = 1 << 20;
/// The largest bag of the app's own metadata, in bytes of JSON text: 64 KiB.
pub const MAX_CUSTOM: usize = 1 << 16;

/// A fact as it stands in a commit.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its identity.
    pub id: EventId,
    /// What happened, in the past tense. From 1 to 256 bytes.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub event_type: Arc<str>,
    /// The version of the shape of `data`, from 1. A missing one means 1.
    #[serde(default = "first_schema_version")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub schema_version: u32,
    /// The fact itself. At most 1 MiB of JSON text.
    pub data: Json,
    /// When it happened, if that was another moment than the commit's (as for imported history).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// The app's own keys. At most 64 KiB of JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<Json>,
}

pub(crate) fn first_schema_version() -> u32 {
    1
}

/// A fact that is not yet in a commit: what `decide` returns and `append` takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewEvent {
    /// What happened, in the past tense. From 1 to 256 bytes.
    #[serde(rename = "type")]
    pub event_type: Arc<str>,
    /// The version of the shape of `data`, from 1. None means today's: the newest that the upcasters know, 1 where they know none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_version: Option<u32>,
    /// The fact itself. At most 1 MiB of JSON text.
    #[serde(default = "Json::null")]
    pub data: Json,
    /// Its identity, if the app has one already (an import that may run twice). Otherwise one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EventId>,
    /// When it happened, if not now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// The app's own keys. At most 64 KiB of JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<Json>,
}

/// What is wrong with an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEvent {
    /// The type is empty.
    #[error("event {index} has an empty type")]
    EmptyType {
        /// Its place in the commit, from 0.
        index: usize,
    },
    /// The type is too long.
    #[error("event {index} has a type of {length} bytes, over the limit of {MAX_TYPE}")]
    TypeTooLong {
        /// Its place in the commit, from 0.
        index: usize,
        /// The length of the type in bytes.
        length: usize,
    },
    /// The schema version is 0.
    #[error("event {index} ({event_type}) has schema version 0; the first is 1")]
    SchemaVersion {
        /// Its place in the commit, from 0.
        index: usize,
        /// Its type.
        event_type: Arc<str>,
    },
    /// The data is too large.
    #[error(
        "the data of event {index} ({event_type}) is {length} bytes of JSON, over the limit of {MAX_DATA}"
    )]
    DataTooLarge {
        /// Its place in the commit, from 0.
        index: usize,
        /// Its type.
        event_type: Arc<str>,
        /// The length of the data in bytes.
        length: usize,
    },
    /// The app's own metadata is too large.
    #[error(
        "the custom metadata of event {index} ({event_type}) is {length} bytes, over the limit of {MAX_CUSTOM}"
    )]
    CustomTooLarge {
        /// Its place in the commit, from 0.
        index: usize,
        /// Its type.
        event_type: Arc<str>,
        /// The length of the bag in bytes.
        length: usize,
    },
}

impl Event {
    /// Checks the bounds of type, schema version, data and custom metadata; `index` is its place in the commit.
    ///
    /// # Errors
    /// The first [`InvalidEvent`] found.
    pub fn check(&self, index: usize) -> Result<(), InvalidEvent> {
        let event_type = || Arc::clone(&self.event_type);
        if self.event_type.is_empty() {
            return Err(InvalidEvent::EmptyType { index });
        }
        if self.event_type.len() > MAX_TYPE {
            return Err(InvalidEvent::TypeTooLong { index, length: self.event_type.len() });
        }
        if self.schema_version == 0 {
            return Err(InvalidEvent::SchemaVersion { index, event_type: event_type() });
        }
        if self.data.len() > MAX_DATA {
            return Err(InvalidEvent::DataTooLarge {
                index,
                event_type: event_type(),
                length: self.data.len(),
            });
        }
        match &self.custom {
            Some(custom) if custom.len() > MAX_CUSTOM => {
                Err(InvalidEvent::CustomTooLarge { index, event_type: event_type(), length: custom.len() })
            }
            _ => Ok(()),
        }
    }
}

/// An event as a reader sees it: the fact, where it stands, and what its commit knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// The fact.
    pub event: Event,
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its number within the stream, from 1. Provisional while it is pending.
    pub version: Version,
    /// Its place in the authority's log; none while it is pending.
    pub position: Option<Position>,
    /// When the authority recorded it; none while it is pending.
    pub recorded_at: Option<Timestamp>,
    /// The commit it came in.
    pub commit_id: CommitId,
    /// What the commit knows.
    pub metadata: Arc<Metadata>,
}

impl RecordedEvent {
    /// Whether the authority has accepted it.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.position.is_some()
    }

    /// The fact as a type of the app's own that serde reads from `{ "type", "data" }`, as an aggregate's events are. For
    /// projections.
    ///
    /// # Errors
    /// [`NotJson`] if the event is none of that type, or its data has another shape.
    pub fn fact<E: DeserializeOwned>(&self) -> Result<E, NotJson> {
        read_tagged(&self.event.event_type, self.event.data.as_str()).map_err(NotJson)
    }

    /// When it happened: its own moment if it has one, else the commit's.
    #[must_use]
    pub fn occurred_at(&self) -> Timestamp {
        self.event.occurred_at.unwrap_or(self.metadata.occurred_at)
    }

    /// The events of a commit whose first has version `first_version` and, if confirmed, this position and moment.
    pub fn of_commit(
        commit: Commit,
        first_version: Version,
        confirmed: Option<(Position, Timestamp)>,
    ) -> impl Iterator<Item = Self> {
        let Commit { id, stream, metadata, events, .. } = commit;
        events.into_iter().zip(0_u64..).map(move |(event, offset)| Self {
            event,
            stream: stream.clone(),
            version: first_version + offset,
            position: confirmed.map(|(position, _)| position + offset),
            recorded_at: confirmed.map(|(_, at)| at),
            commit_id: id,
            metadata: Arc::clone(&metadata),
        })
    }
}

/// The JSON that crosses to JavaScript: the fact flat, the metadata as one object.
impl Serialize for RecordedEvent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Shape<'a> {
            id: EventId,
            #[serde(rename = "type")]
            event_type: &'a str,
            schema_version: u32,
            data: &'a Json,
            stream: &'a StreamName,
            version: Version,
            position: Option<Position>,
            status: &'static str,
            commit_id: CommitId,
            metadata: Meta<'a>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Meta<'a> {
            #[serde(flatten)]
            commit: &'a Metadata,
            #[serde(skip_serializing_if = "Option::is_none")]
            recorded_at: Option<Timestamp>,
            #[serde(skip_serializing_if = "Option::is_none")]
            custom: &'a Option<Json>,
        }
        let mut commit = None;
        if let Some(occurred_at) = self.event.occurred_at {
            commit = Some(Metadata { occurred_at, ..(*self.metadata).clone() });
        }
        Shape {
            id: self.event.id,
            event_type: &self.event.event_type,
            schema_version: self.event.schema_version,
            data: &self.event.data,
            stream: &self.stream,
            version: self.version,
            position: self.position,
            status: if self.is_confirmed() { "confirmed" } else { "pending" },
            commit_id: self.commit_id,
            metadata: Meta {
                commit: commit.as_ref().unwrap_or(&self.metadata),
                recorded_at: self.recorded_at,
                custom: &self.event.custom,
            },
        }
        .serialize(serializer)
    }
}
