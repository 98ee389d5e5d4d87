//! A dump for a bug report: how a log stands, without what is in it.
//!
//! It holds no data of events and commands and no states. What could name a person is left out too, unless it is asked for: actors,
//! streams (an id may be a login), and messages (a rule may quote what it refuses). Streams are numbered instead, so that one can
//! still see which commits belong together.

use super::{Engine, ReadError, Status, status::SyncError};
use crate::{
    commit::{Commit, PendingCommit, Policy, RejectedCommit},
    health::{HealthState, Told},
    id::CommitId,
    log::store::Store,
    metrics::Metrics,
    stream::StreamName,
    time::Timestamp,
    version::ExpectedVersion,
};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

/// The most commits of the queue, and of the rejected ones, in a dump.
pub const MAX_DUMPED: usize = 100;

/// How a log stands, without what is in it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dump {
    /// The version of this library.
    pub library: &'static str,
    /// The clock.
    pub taken_at: Timestamp,
    /// Whether names were asked for.
    pub names: bool,
    /// Where the engine stands.
    pub status: Status,
    /// The aggregates that are registered.
    pub aggregates: Vec<Arc<str>>,
    /// The projections that are registered.
    pub projections: Vec<Arc<str>>,
    /// How many streams there are, by aggregate.
    pub streams: BTreeMap<String, u64>,
    /// The first commits of the queue; the status says how many there are.
    pub queue: Vec<DumpedCommit>,
    /// The first rejected commits, likewise.
    pub rejected: Vec<DumpedCommit>,
    /// What was counted and measured.
    pub metrics: Metrics,
    /// What needs attention: the codes of the reasons.
    pub health: Vec<(HealthState, &'static str)>,
}

/// A commit without its data.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DumpedCommit {
    /// Its identity.
    pub commit_id: CommitId,
    /// Its stream: the aggregate and a number, unless names were asked for.
    pub stream: String,
    /// The version it was decided on.
    pub expected_version: ExpectedVersion,
    /// How often it was rebased.
    pub generation: u32,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// On whose behalf, if names were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The type of its command and the bytes of its data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<(Arc<str>, usize)>,
    /// The type and the schema version of its events, and the bytes of their data.
    pub events: Vec<(Arc<str>, u32, usize)>,
    /// What becomes of it if its stream moves, while it is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// The code of the reason why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
    /// The message of that reason, if names were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Puts numbers in the place of names.
struct Masks {
    names: bool,
    streams: Vec<StreamName>,
}

impl Masks {
    fn stream(&mut self, stream: &StreamName) -> String {
        if self.names {
            return stream.as_str().to_owned();
        }
        let known = self.streams.iter().position(|known| known == stream);
        let number = known.unwrap_or_else(|| {
            self.streams.push(stream.clone());
            self.streams.len() - 1
        });
        format!("{}-#{}", stream.aggregate(), number + 1)
    }

    fn status(&self, mut status: Status) -> Status {
        if !self.names {
            for row in &mut status.corrupt {
                // rows that are not blocks have names in their keys
                if !row.key.bytes().all(|byte| byte.is_ascii_digit()) {
                    row.key = "#".into();
                }
            }
            if let Some(SyncError { message, .. }) = &mut status.sync.error {
                message.clear();
            }
        }
        status
    }

    fn commit(&mut self, commit: Commit) -> DumpedCommit {
        DumpedCommit {
            commit_id: commit.id,
            stream: self.stream(&commit.stream),
            expected_version: commit.expected_version,
            generation: commit.generation,
            decided_at: commit.metadata.occurred_at,
            actor: commit.metadata.actor.clone().filter(|_| self.names),
            command: commit.command.map(|command| (command.command_type, command.data.len())),
            events: commit
                .events
                .into_iter()
                .map(|event| (event.event_type, event.schema_version, event.data.len()))
                .collect(),
            policy: None,
            reason: None,
            message: None,
        }
    }
}

impl<S: Store> Engine<S> {
    /// How the log stands, for a bug report: without any data, and without names of streams and people unless `names` is true.
    ///
    /// # Errors
    /// [`ReadError`] if queue or rejected list can't be read.
    pub async fn dump(&self, told: Told, names: bool) -> Result<Dump, ReadError> {
        let log = &self.inner.log;
        let mut masks = Masks { names, streams: Vec::new() };
        let mut streams = BTreeMap::new();
        for stream in log.streams(None) {
            *streams.entry(stream.aggregate().to_owned()).or_default() += 1;
        }
        let mut queue = Vec::new();
        for PendingCommit { policy, commit, .. } in log.pending(0, MAX_DUMPED, usize::MAX).await? {
            queue.push(DumpedCommit { policy: Some(policy), ..masks.commit(commit) });
        }
        let mut rejected = Vec::new();
        for RejectedCommit { commit, reason, .. } in log.rejected().await?.into_iter().take(MAX_DUMPED) {
            let message = names.then_some(reason.message);
            rejected.push(DumpedCommit { reason: Some(reason.code), message, ..masks.commit(commit) });
        }
        let health = self.health(told);
        Ok(Dump {
            library: env!("CARGO_PKG_VERSION"),
            taken_at: self.inner.surroundings.stated(),
            names,
            status: masks.status(self.status()),
            aggregates: self.inner.registry.deciders().map(|decider| Arc::clone(decider.name())).collect(),
            projections: self.inner.views.iter().map(|view| Arc::clone(view.projector().name())).collect(),
            streams,
            queue,
            rejected,
            metrics: self.metrics(),
            health: health.reasons.into_iter().map(|reason| (reason.state, reason.code)).collect(),
        })
    }
}
