//! The lines of an exported log.

use crate::{
    commit::{Commit, ConfirmedCommit, Policy, RejectedCommit},
    id::DeviceId,
    log::{Authority, crc32},
    sync::protocol::Cursor,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The format of the lines.
pub const FORMAT: u32 = 1;

/// One line: an object with one property, which says what it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Line {
    Tidelog(Header),
    Confirmed(Box<ConfirmedCommit>),
    Pending(Box<Pending>),
    Rejected(Box<RejectedCommit>),
    Check(Check),
    End(End),
}

/// What the log is that the lines are of.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Header {
    pub(crate) format: u32,
    pub(crate) exported_at: Timestamp,
    /// The device that wrote it. Whoever imports it stays the device that it is.
    pub(crate) device_id: DeviceId,
    /// Whether a server confirms.
    pub(crate) server: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log_id: Option<Arc<str>>,
    /// How far the server's log had been pulled.
    #[serde(default)]
    pub(crate) cursor: Cursor,
    /// Whether it is all of the log.
    pub(crate) whole: bool,
}

impl Header {
    pub(crate) fn authority(&self) -> Authority {
        if self.server { Authority::Server } else { Authority::Device }
    }
}

/// A commit that waits for the server.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) policy: Policy,
    pub(crate) commit: Commit,
}

/// What the lines since the check before, or the beginning, add up to.
#[derive(Serialize, Deserialize)]
pub(crate) struct Check {
    /// The lines before this one, from the first.
    pub(crate) lines: u64,
    /// The CRC-32 of the lines since the last check, each with its line feed, in hexadecimal.
    pub(crate) crc32: String,
}

/// The last line: what there was. A cursor stands here, as it holds for the whole only.
#[derive(Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) lines: u64,
    pub(crate) commits: u64,
    pub(crate) events: u64,
    pub(crate) cursor: Cursor,
    /// The rules of the streams that are here up to the cursor; none if all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) follow: Option<Vec<String>>,
}

/// The check of some lines.
pub(crate) fn seal(lines: u64, text: &str) -> Check {
    Check { lines, crc32: format!("{:08x}", crc32(&[text.as_bytes()])) }
}
