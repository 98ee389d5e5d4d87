//! Events as CloudEvents 1.0 (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>), JSON format.
//!
//! `subject` is the stream, `time` when it happened. What has no place there goes into extension attributes, whose names may
//! hold lower-case letters and digits only: `schemaversion`, `streamversion`, `commitid`, `correlationid`, `causationid`,
//! `actor`, `deviceid`, `sessionid`, `recordedtime`, `custom` (JSON as text), and of the documented extensions `sequence`
//! (the position, as text) and `traceparent`.

use super::{ImportError, moment};
use crate::{
    command_id::derive,
    commit::Commit,
    event::{Event, RecordedEvent},
    id::{CommitId, DeviceId, EventId, SessionId},
    json::Json,
    metadata::Metadata,
    stream::StreamName,
    version::ExpectedVersion,
};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, sync::Arc};
use uuid::Uuid;

/// One event.
#[derive(Serialize, Deserialize)]
pub(crate) struct CloudEvent<'e> {
    specversion: Cow<'e, str>,
    id: Cow<'e, str>,
    source: Cow<'e, str>,
    #[serde(rename = "type")]
    event_type: Cow<'e, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<Cow<'e, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    datacontenttype: Option<Cow<'e, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schemaversion: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    streamversion: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commitid: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    correlationid: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    causationid: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor: Option<Cow<'e, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deviceid: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sessionid: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recordedtime: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<Cow<'e, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    custom: Option<Cow<'e, str>>,
}

/// A recorded event; `part` is its number among those that one stored event was split into, from 0.
pub(crate) fn of_recorded<'e>(recorded: &'e RecordedEvent, part: usize, source: &'e str) -> CloudEvent<'e> {
    let (fact, metadata) = (&recorded.event, &recorded.metadata);
    let id = if part == 0 { fact.id.to_string() } else { format!("{}/{part}", fact.id) };
    CloudEvent {
        specversion: "1.0".into(),
        id: id.into(),
        source: source.into(),
        event_type: (&*fact.event_type).into(),
        subject: Some(recorded.stream.as_str().into()),
        time: moment::write(recorded.occurred_at()),
        datacontenttype: Some("application/json".into()),
        data: Some(fact.data.clone()),
        schemaversion: Some(fact.schema_version),
        streamversion: Some(recorded.version.to_string()),
        sequence: recorded.position.map(|position| position.to_string()),
        commitid: Some(recorded.commit_id.0),
        correlationid: Some(metadata.correlation_id),
        causationid: metadata.causation_id,
        actor: metadata.actor.as_deref().map(Into::into),
        deviceid: Some(metadata.device_id.0),
        sessionid: Some(metadata.session_id.0),
        recordedtime: recorded.recorded_at.and_then(moment::write),
        traceparent: metadata.traceparent.as_deref().map(Into::into),
        custom: fact.custom.as_ref().map(|custom| custom.as_str().into()),
    }
}

impl CloudEvent<'_> {
    /// The commit that the event belongs to, alone or with its neighbours: what was exported from here says which. The event of
    /// another system is a commit of its own. `device` and `session` are those of the import.
    pub(crate) fn into_commit(self, item: u64, unknown: &Metadata) -> Result<Commit, ImportError> {
        let unreadable = |reason: String| ImportError::Unreadable { item, reason };
        if self.specversion != "1.0" {
            return Err(unreadable(format!("CloudEvents version {:?} is not 1.0", self.specversion)));
        }
        let subject = self.subject.as_deref().unwrap_or_default();
        let stream = StreamName::parse(subject).map_err(|error| {
            unreadable(format!("its subject is no stream ({error}): import it with a mapping that names one"))
        })?;
        let time = self.time.as_deref().map(|time| {
            moment::read(time).ok_or_else(|| unreadable(format!("its time {time:?} is none of RFC 3339")))
        });
        let time = time.transpose()?;
        // ids of other systems are any text, once in a source
        let id = self.id.parse().unwrap_or_else(|_| derive(&[&self.source, &self.id]));
        let custom = self.custom.map(Json::parse).transpose();
        let occurred_at = time.unwrap_or(unknown.occurred_at);
        let commit_id = self.commitid.unwrap_or_else(|| derive(&[&id.to_string(), "commit"]));
        Ok(Commit {
            id: CommitId(commit_id),
            stream,
            expected_version: ExpectedVersion::Any,
            generation: 0,
            since: None,
            metadata: Arc::new(Metadata {
                correlation_id: self.correlationid.unwrap_or(commit_id),
                causation_id: self.causationid,
                actor: self.actor.map(Cow::into_owned).or_else(|| unknown.actor.clone()),
                device_id: self.deviceid.map_or(unknown.device_id, DeviceId),
                session_id: self.sessionid.map_or(unknown.session_id, SessionId),
                occurred_at,
                traceparent: self.traceparent.map(Cow::into_owned),
            }),
            command: None,
            events: vec![Event {
                id: EventId(id),
                event_type: self.event_type.as_ref().into(),
                schema_version: self.schemaversion.unwrap_or(1),
                data: self.data.unwrap_or_else(Json::null),
                occurred_at: None,
                custom: custom.map_err(|error| unreadable(format!("its attribute custom is {error}")))?,
            }],
        })
    }
}
