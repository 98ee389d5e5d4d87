//! What a stream says of itself.

use serde::Serialize;
use std::time::Duration;

/// The data of a `control` event: the first and the last of every stream that ends in order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Control<'a> {
    /// The identity of the log.
    pub(super) log_id: &'a str,
    /// Whether the log held nothing more at that moment.
    pub(super) up_to_date: bool,
    /// At the beginning: the longest silence to be expected, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) heartbeat: Option<u64>,
    /// At the end: connect again, with the id of the last event.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) closing: bool,
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
