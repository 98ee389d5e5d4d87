//! What a reaction may know beside state and event.

use crate::time::Timestamp;
use serde::Serialize;

/// What a reaction may know beside state and event. All of it comes from the log, so that every device comes to the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessContext {
    /// The instance.
    pub instance: String,
    /// The moment of the event: when the authority recorded it, or when it occurred while it is pending.
    pub now: Timestamp,
    /// Whether the event is pending still: see [`ProcessManager::ON_PENDING`](super::ProcessManager::ON_PENDING).
    pub pending: bool,
}
