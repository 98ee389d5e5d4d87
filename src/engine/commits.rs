//! The queue and the rejected list as a reader sees them, and where a version stands.

use super::{Engine, ReadError};
use crate::{
    commit::{Command, Commit, PendingCommit, Policy, Reason, RejectedCommit},
    event::{Event, RecordedEvent},
    id::{CommitId, DeviceId},
    log::{Place, store::Store},
    stream::StreamName,
    time::Timestamp,
    version::{ExpectedVersion, Version},
};
use serde::Serialize;
use std::sync::Arc;

/// A commit that waits for the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueuedCommit {
    /// Its place in this device's queue; rising, with gaps.
    pub sequence: u64,
    /// Its identity.
    pub commit_id: CommitId,
    /// Its stream.
    pub stream: StreamName,
    /// The version it was decided on.
    pub expected_version: ExpectedVersion,
    /// How often it was rebased.
    pub generation: u32,
    /// What becomes of it if its stream moves.
    pub policy: Policy,
    /// Whether it was confirmed once and is offered again, because the server has lost it. It may be of any device.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reoffered: bool,
    /// Its command, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// Its events in today's shape.
    pub events: Vec<RecordedEvent>,
}

/// A rejected commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedRejection {
    /// Its identity.
    pub commit_id: CommitId,
    /// Its stream.
    pub stream: StreamName,
    /// The version it was last decided on.
    pub expected_version: ExpectedVersion,
    /// How often it was rebased.
    pub generation: u32,
    /// Its command, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// Its events as they last stood, in today's shape. They are in no stream, so they have no version.
    pub events: Vec<Event>,
    /// Why it was rejected.
    pub reason: Reason,
    /// When this device learned of it.
    pub rejected_at: Timestamp,
    /// Of an orphan: the device that decided it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<DeviceId>,
    /// Of an orphan: on whose behalf, if its app said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}

impl<S: Store> Engine<S> {
    /// The first `limit` commits that wait for the server, in the order they go.
    ///
    /// # Errors
    /// [`ReadError`] if the log can't be read or an upcaster fails.
    pub async fn queue(&self, limit: usize) -> Result<Vec<QueuedCommit>, ReadError> {
        let pending = self.inner.log.pending(0, limit, usize::MAX).await?;
        let queued = pending.into_iter().take(limit).map(|pending| {
            let PendingCommit { sequence, first_version, policy, reoffered, commit } = pending;
            let Commit { id: commit_id, ref stream, expected_version, generation, .. } = commit;
            let (stream, command) = (stream.clone(), commit.command.clone());
            let events = self.decoded(commit, first_version)?;
            Ok(QueuedCommit {
                sequence,
                commit_id,
                stream,
                expected_version,
                generation,
                policy,
                reoffered,
                command,
                events,
            })
        });
        queued.collect()
    }

    /// The rejected commits, the oldest rejection first.
    ///
    /// # Errors
    /// As [`Engine::queue`].
    pub async fn rejected(&self) -> Result<Vec<ListedRejection>, ReadError> {
        self.listed(self.inner.log.rejected().await?)
    }

    /// Commits of other devices that were confirmed once, that the server has lost, and that it did not take back from here: they are
    /// nobody's to resolve on this device. If one of the devices that have them brings them back, they are no longer listed.
    ///
    /// # Errors
    /// As [`Engine::queue`].
    pub async fn orphans(&self) -> Result<Vec<ListedRejection>, ReadError> {
        let orphans = self.inner.log.orphans().await?;
        let who: Vec<_> = orphans.iter().map(|it| Arc::clone(&it.commit.metadata)).collect();
        let mut listed = self.listed(orphans)?;
        for (orphan, metadata) in listed.iter_mut().zip(who) {
            orphan.device_id = Some(metadata.device_id);
            orphan.actor.clone_from(&metadata.actor);
        }
        Ok(listed)
    }

    /// Takes an orphan off the list for good, on this device: whether it was there.
    ///
    /// # Errors
    /// [`ReadError::Log`] if storage fails.
    pub async fn forget_orphan(&self, id: CommitId) -> Result<bool, ReadError> {
        let found = self.inner.log.forget_orphan(id).await?;
        if found {
            self.inner.wrote(Some(vec![]));
        }
        Ok(found)
    }

    fn listed(&self, rejected: Vec<RejectedCommit>) -> Result<Vec<ListedRejection>, ReadError> {
        let listed = rejected.into_iter().map(|RejectedCommit { commit, reason, rejected_at }| {
            let Commit { id: commit_id, ref stream, expected_version, generation, .. } = commit;
            let (stream, command) = (stream.clone(), commit.command.clone());
            let events = self.decoded(commit, 0)?.into_iter().map(|recorded| recorded.event).collect();
            Ok(ListedRejection {
                commit_id,
                stream,
                expected_version,
                generation,
                command,
                events,
                reason,
                rejected_at,
                device_id: None,
                actor: None,
            })
        });
        listed.collect()
    }

    fn decoded(&self, commit: Commit, first_version: Version) -> Result<Vec<RecordedEvent>, ReadError> {
        Ok(self.inner.decoder.show(RecordedEvent::of_commit(commit, first_version, None).collect())?)
    }

    /// The place right after the event of a stream that has this version: the start for 0, the end beyond the last one.
    ///
    /// # Errors
    /// [`ReadError`] if the log can't be read.
    pub async fn place_of(&self, stream: &StreamName, version: Version) -> Result<Place, ReadError> {
        let Some(before) = version.checked_sub(1) else { return Ok(Place::START) };
        let log = &self.inner.log;
        let Some(event) = log.load(stream, before).await?.into_iter().next() else { return Ok(Place::END) };
        if let Some(position) = event.position {
            return Ok(Place::Confirmed(position));
        }
        let Some(sequence) = log.pending_sequence(event.commit_id) else { return Ok(Place::END) };
        let commit = log.pending(sequence.saturating_sub(1), 1, usize::MAX).await?.into_iter().next();
        let first_version = commit.map_or(version, |commit| commit.first_version);
        Ok(Place::Pending(sequence, version.saturating_sub(first_version) + 1))
    }
}
