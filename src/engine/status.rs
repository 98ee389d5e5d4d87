//! Where the engine stands, as plain data.

use super::Engine;
use crate::{
    id::DeviceId,
    log::{Authority, store::Store},
    sync::{
        live::Way,
        machine::{Doing, Machine},
    },
};
use serde::Serialize;
use std::sync::Arc;

/// What sync is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyncState {
    /// There is no server: this device is the authority.
    #[default]
    Off,
    /// Another tab runs the loop, or none does yet.
    Following,
    /// In step with the server as far as known.
    Idle,
    /// A push is under way.
    Pushing,
    /// A pull is under way.
    Pulling,
    /// A failure is being waited out.
    Waiting,
    /// There is no network.
    Offline,
    /// The app paused it.
    Paused,
    /// The server does not know the token.
    Unauthorized,
}

/// Sync as the app sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncStatus {
    /// What it is doing.
    pub state: SyncState,
    /// Whether this tab runs the loop.
    pub leader: bool,
    /// When a round last reached the server's end, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_synced_at: Option<i64>,
    /// The last failure, until a round succeeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<SyncError>,
    /// While waiting: when the next attempt is due, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<i64>,
    /// How the tab that runs the loop hears of news.
    pub live: Way,
    /// That the server had lost history, and what is being done about it: the last time since this tab opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewound: Option<Rewound>,
    /// That this database turned out to be a copy of another, and goes on as a device of its own: the last time since this tab opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed: Option<Renamed>,
    /// Whether the past of streams is being fetched that came to be followed: until then they are here with their first events only.
    pub fetching: bool,
}

/// Another copy of this database syncs too: a copied profile, a restored backup of the disk. This one has taken an id of its own; nothing is
/// lost, and both go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Renamed {
    /// When it was found out, in milliseconds since 1970.
    pub at: i64,
    /// The id that the other copy goes on with.
    pub from: DeviceId,
    /// The id of this device from now on.
    pub to: DeviceId,
}

/// The server was restored from a backup: what it lost and this device has is offered to it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rewound {
    /// When it was found out, in milliseconds since 1970.
    pub at: i64,
    /// The position of the last event that both sides were found to have in common.
    pub position: u64,
    /// How many commits are offered again, those of other devices included.
    pub commits: u64,
}

/// Why the last exchange failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncError {
    /// A stable word: see [`crate::sync::machine::Failure`].
    pub code: String,
    /// What happened, for a person.
    pub message: String,
    /// With `log-changed`: the identity of the log that answers, for [`Engine::adopt`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_id: Option<Arc<str>>,
}

/// Where the engine stands.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// This device.
    pub device_id: String,
    /// The position of the last confirmed event here.
    pub position: u64,
    /// Confirmed events here.
    pub confirmed_events: u64,
    /// Commits that only this device has.
    pub pending_commits: u64,
    /// Events that only this device has.
    pub pending_events: u64,
    /// When the first of them was decided, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_since: Option<i64>,
    /// Rejected commits that wait for the app.
    pub rejected: u64,
    /// Pending commits that a person is asked about.
    pub conflicts: u64,
    /// Commits of other devices that the server has lost and that can't be brought back from here: see [`Engine::orphans`].
    pub orphans: u64,
    /// Streams that the server has archived: see [`Engine::archived`].
    pub archived: usize,
    /// Blocks of the log.
    pub blocks: u64,
    /// How far the server's log has been pulled.
    pub cursor: String,
    /// Rows that don't hold what was written.
    pub corrupt: Vec<CorruptRow>,
    /// Sync.
    pub sync: SyncStatus,
}

/// A row that does not hold what was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CorruptRow {
    /// Its table.
    pub table: &'static str,
    /// Its key.
    pub key: String,
    /// What is wrong.
    pub reason: String,
}

impl SyncState {
    /// What a running machine amounts to for the app.
    pub(super) fn of(machine: &Machine) -> Self {
        if machine.paused {
            return Self::Paused;
        }
        if !machine.online {
            return Self::Offline;
        }
        match machine.doing {
            Doing::Idle => Self::Idle,
            Doing::Pulling => Self::Pulling,
            Doing::Pushing => Self::Pushing,
            Doing::Waiting => Self::Waiting,
            Doing::Asking | Doing::Unauthorized => Self::Unauthorized,
        }
    }
}

impl<S: Store> Engine<S> {
    /// Where the engine stands. Reads nothing.
    #[must_use]
    pub fn status(&self) -> Status {
        let head = self.inner.log.head();
        let corrupt = self.inner.log.corrupt().into_iter();
        let mut sync = self.inner.driver.status();
        sync.fetching = self.inner.is_fetching();
        sync.state = match self.inner.log.authority() {
            Authority::Device => SyncState::Off,
            Authority::Server => sync.state,
        };
        Status {
            device_id: self.inner.log.device().to_string(),
            position: head.position,
            confirmed_events: head.confirmed_events,
            pending_commits: head.pending_commits,
            pending_events: head.pending_events,
            pending_since: self.inner.queue().oldest.map(crate::time::Timestamp::millis),
            rejected: head.rejected,
            conflicts: head.parked,
            orphans: head.orphans,
            archived: self.inner.log.archive().count(),
            blocks: head.blocks,
            cursor: head.cursor.0,
            corrupt: corrupt
                .map(|(table, key, reason)| CorruptRow { table: table.name(), key: key.to_string(), reason })
                .collect(),
            sync,
        }
    }
}
