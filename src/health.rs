//! Health: whether something needs attention, and what. Judged from plain signs, so that the rules can be read in one place.

use crate::{metrics::Queue, time::Timestamp};
use serde::Serialize;
use std::sync::Arc;

/// How old the oldest commit of the queue may be, in milliseconds: a day. A device that was offline for longer has work that nobody
/// else has seen for long.
pub const OLD_QUEUE: i64 = 24 * 60 * 60 * 1_000;
/// How long the sync may fail before it counts as failing rather than degraded, in milliseconds: an hour.
pub const LONG_FAILURE: i64 = 60 * 60 * 1_000;
/// The share of the quota from which storage counts as low.
pub const LOW_STORAGE: f64 = 0.9;
/// The share of the quota from which storage counts as full.
pub const FULL_STORAGE: f64 = 0.99;

/// How well something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    /// Nothing needs attention.
    #[default]
    Ok,
    /// It works, and something should be seen to.
    Degraded,
    /// Something does not work.
    Failing,
}

/// How a log is, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The worst of the reasons; ok without any.
    pub state: HealthState,
    /// What needs attention, in no particular order.
    pub reasons: Vec<HealthReason>,
}

/// One thing that needs attention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthReason {
    /// A stable word to switch on: `storage-memory`, `storage-low`, `storage-full`, `work-at-risk`, `queue-old`, `sync-failing`,
    /// `unauthorized`, `rejected`, `corrupt`, `projection-stopped`, `dead-letters`, `process-stopped`, `process-stuck`. More may come.
    pub code: &'static str,
    /// How bad it is.
    pub state: HealthState,
    /// What it is, for a person.
    pub message: String,
}

/// How safe storage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// Kept until a person deletes it.
    Durable,
    /// The browser may clear it when space runs short.
    BestEffort,
    /// It ends with the program.
    Memory,
}

/// What an engine can't know by itself and is told by its host. What is not known is no reason to worry.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Storage.
    pub storage: StorageSigns,
    /// How the sync stands, if another tab runs it.
    pub sync: Option<SyncSigns>,
}

/// How the sync stands.
#[derive(Clone, Debug, Default)]
pub struct SyncSigns {
    /// Whether the server does not know the token.
    pub unauthorized: bool,
    /// Why the last exchange failed, until one succeeds: a code and a message.
    pub failure: Option<(String, String)>,
    /// When a round last reached the server's end, in milliseconds since 1970.
    pub last_synced_at: Option<i64>,
}

/// How a process manager stands.
#[derive(Clone, Debug, Default)]
pub struct ProcessSigns {
    /// Its name.
    pub name: Arc<str>,
    /// How many of its instances wait for a person: parked ones, and those whose compensation was refused.
    pub stuck: u64,
    /// What keeps it from going on, or the instance that is named.
    pub trouble: Option<(Option<String>, String)>,
}

/// What is known of storage.
#[derive(Clone, Debug, Default)]
pub struct StorageSigns {
    /// How safe it is.
    pub standing: Option<Safety>,
    /// Why it is memory, where something durable was wanted.
    pub reason: Option<String>,
    /// Bytes that may be used.
    pub quota: Option<f64>,
    /// Bytes that are used.
    pub usage: Option<f64>,
}

/// What health is judged from.
#[derive(Clone, Debug, Default)]
pub struct Signs {
    /// The clock now.
    pub now: Timestamp,
    /// Storage.
    pub storage: StorageSigns,
    /// The sync.
    pub sync: SyncSigns,
    /// The commits that wait for the server.
    pub queue: Queue,
    /// Events that are on this device only.
    pub only_here: u64,
    /// Rejected commits that wait for the app.
    pub rejected: u64,
    /// Rows that can't be read.
    pub corrupt: u64,
    /// The names of projections that have stopped.
    pub stopped: Vec<Arc<str>>,
    /// Streams that projections have parked.
    pub parked: u64,
    /// The process managers.
    pub processes: Vec<ProcessSigns>,
}

impl Signs {
    /// How that is.
    #[must_use]
    pub fn health(&self) -> Health {
        use HealthState::{Degraded, Failing};
        let mut health = Health::default();
        let mut because = |state: HealthState, code, message: String| {
            health.state = health.state.max(state);
            health.reasons.push(HealthReason { code, state, message });
        };
        if let Some(reason) = &self.storage.reason {
            because(Degraded, "storage-memory", format!("nothing outlives the page: {reason}"));
        }
        if let (Some(quota), Some(usage)) = (self.storage.quota, self.storage.usage) {
            let used = usage / quota;
            // whole numbers, for printing fractions costs a page five kilobytes
            let [used_mb, quota_mb] = [usage, quota].map(|bytes| (bytes / 1e6) as u64);
            let message = || format!("{used_mb} of {quota_mb} MB of storage are used");
            if used >= FULL_STORAGE {
                because(Failing, "storage-full", message());
            } else if used >= LOW_STORAGE {
                because(Degraded, "storage-low", message());
            }
        }
        let at_risk = matches!(self.storage.standing, Some(Safety::BestEffort | Safety::Memory));
        if self.only_here > 0 && at_risk {
            let message =
                format!("{} events are on this device only, which may clear its storage", self.only_here);
            because(Degraded, "work-at-risk", message);
        }
        let since = |moment: Timestamp| self.now.millis().saturating_sub(moment.millis());
        if let Some(age) = self.queue.oldest.map(since).filter(|age| *age > OLD_QUEUE) {
            let message = format!(
                "{} commits wait for the server, the first for {} hours",
                self.queue.commits,
                age / 3_600_000
            );
            because(Degraded, "queue-old", message);
        }
        if self.sync.unauthorized {
            because(Failing, "unauthorized", "the server does not take the token".into());
        } else if let Some((code, message)) = &self.sync.failure {
            let well = self.sync.last_synced_at.map(Timestamp).or(self.queue.oldest);
            let long = well.is_some_and(|at| since(at) > LONG_FAILURE);
            let message = format!("the last exchange with the server failed: {message} ({code})");
            because(if long { Failing } else { Degraded }, "sync-failing", message);
        }
        if self.rejected > 0 {
            because(Degraded, "rejected", format!("{} rejected commits wait for the app", self.rejected));
        }
        if self.corrupt > 0 {
            because(Failing, "corrupt", format!("{} rows can't be read", self.corrupt));
        }
        for name in &self.stopped {
            because(Failing, "projection-stopped", format!("the projection {name} has stopped"));
        }
        if self.parked > 0 {
            because(Degraded, "dead-letters", format!("{} streams are parked by projections", self.parked));
        }
        for ProcessSigns { name, stuck, trouble } in &self.processes {
            match trouble {
                Some((None, message)) => because(
                    Failing,
                    "process-stopped",
                    format!("the process manager {name} has stopped: {message}"),
                ),
                Some((Some(id), message)) => because(
                    Degraded,
                    "process-stuck",
                    format!("{id} of the process manager {name} does not go on: {message}"),
                ),
                None => {}
            }
            if *stuck > 0 {
                let message = format!("{stuck} instances of the process manager {name} wait for a person");
                because(Degraded, "process-stuck", message);
            }
        }
        health
    }
}
