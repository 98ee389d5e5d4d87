//! What is known about a commit beside its events.

use crate::{
    id::{DeviceId, SessionId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Who decided a commit, where, when, and because of what. Every event of the commit shares it.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The id of the first message of the chain that led here; a command that nothing caused starts a chain of its own.
    pub correlation_id: Uuid,
    /// The id of the event or command that directly caused this commit's command; none if a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<Uuid>,
    /// The person or system on whose behalf it was decided, in the app's own words. At most 512 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 512)))]
    pub actor: Option<String>,
    /// The device that decided it.
    pub device_id: DeviceId,
    /// The opening of the database that decided it.
    pub session_id: SessionId,
    /// The device's clock at the decision.
    pub occurred_at: Timestamp,
    /// The W3C trace context at the decision (<https://www.w3.org/TR/trace-context/>). At most 128 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 128)))]
    pub traceparent: Option<String>,
}
