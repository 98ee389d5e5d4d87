//! What a feed is made of: one JSON message for each event.

use super::asked::Payload;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use tidelog::{
    commit::ConfirmedCommit,
    id::{CommitId, EventId},
    json::Json,
    metadata::Metadata,
    stream::StreamName,
    time::Timestamp,
    version::{Position, Version},
};

/// An event of a feed: the fact, where it stands, and what its commit knows. It has the shape that events have in the npm package.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FeedEvent {
    /// Its identity.
    id: EventId,
    /// What happened, in the past tense.
    #[serde(rename = "type")]
    event_type: Arc<str>,
    /// The version of the shape of `data`, from 1.
    schema_version: u32,
    /// The fact itself, as the text it came as.
    data: Json,
    /// The stream it belongs to.
    stream: StreamName,
    /// Its number within the stream, from 1.
    version: Version,
    /// Its number within the log, from 1.
    position: Position,
    /// The commit it came in.
    commit_id: CommitId,
    /// Who, where, when, and because of what.
    metadata: FeedMetadata,
}

/// What the commit of an event knows, when it was recorded, and the app's own keys of the event.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FeedMetadata {
    #[serde(flatten)]
    commit: Metadata,
    /// The server's clock when the commit was accepted, in milliseconds since 1970.
    recorded_at: Timestamp,
    /// The app's own keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<Json>,
}

/// One message.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Message {
    Event(Box<FeedEvent>),
    Data(Json),
}

/// The messages of commits, in the order of their positions.
pub(super) fn messages(commits: Vec<ConfirmedCommit>, payload: Payload) -> Vec<Message> {
    let of_commit = |confirmed: ConfirmedCommit| {
        let ConfirmedCommit { first_version, first_position, recorded_at, commit } = confirmed;
        commit.events.into_iter().zip(0_u64..).map(move |(event, offset)| match payload {
            Payload::Data => Message::Data(event.data),
            Payload::Event => {
                let occurred_at = event.occurred_at.unwrap_or(commit.metadata.occurred_at);
                let known = Metadata { occurred_at, ..(*commit.metadata).clone() };
                Message::Event(Box::new(FeedEvent {
                    id: event.id,
                    event_type: event.event_type,
                    schema_version: event.schema_version,
                    data: event.data,
                    stream: commit.stream.clone(),
                    version: first_version + offset,
                    position: first_position + offset,
                    commit_id: commit.id,
                    metadata: FeedMetadata { commit: known, recorded_at, custom: event.custom },
                }))
            }
        })
    };
    commits.into_iter().flat_map(of_commit).collect()
}
