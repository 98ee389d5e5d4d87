//! Where projections stand.

use super::{Inner, RebuildProgress, View, rebuild::progress};
use crate::{
    engine::{Engine, ReadError},
    log::store::Store,
    projection::{Kind, ProjectError},
    stream::StreamName,
    time::Timestamp,
    version::{Position, Version},
};
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// What a projection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProjectionState {
    /// Its rows are those of the log's end.
    Current,
    /// It has events to take in.
    Behind,
    /// Its rows are being made anew; those that are read are the old ones.
    Rebuilding,
    /// An event failed and is tried again.
    Retrying,
    /// An event failed: it stays before it until the log is opened again or the projection is rebuilt.
    Stopped,
}

/// What went wrong last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectionError {
    /// A stable word: `projection-failed`, `upcast-failed`, or one of the log's.
    pub code: &'static str,
    /// What happened, for a developer.
    pub message: Arc<str>,
    /// The stream of the event that failed, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamName>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// Its position.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// When, if the clock could tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// How often that event has failed.
    pub failures: u8,
    /// When it is tried again, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
}

impl ProjectionError {
    /// As an error of reading.
    pub(super) fn failure(&self, projection: &Arc<str>) -> ReadError {
        let place = match (&self.stream, self.version) {
            (Some(stream), Some(version)) => format!("event {version} of {stream}: "),
            _ => String::new(),
        };
        let prefix = format!("projection {projection} failed: ");
        let reason = self.message.strip_prefix(&prefix).unwrap_or(&self.message);
        let reason = if reason.contains(&place) { reason.to_owned() } else { format!("{place}{reason}") };
        ReadError::Project(ProjectError { projection: Arc::clone(projection), event: 0, reason })
    }
}

/// Where a projection stands.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectionStatus {
    /// Its name.
    pub name: Arc<str>,
    /// When its rows follow the log.
    #[serde(serialize_with = "kind_name")]
    pub kind: Kind,
    /// The version of its function.
    pub version: u32,
    /// What it is doing.
    pub state: ProjectionState,
    /// The position of the last confirmed event that the rows have seen.
    pub position: Position,
    /// The position of the last confirmed event of the log.
    pub head: Position,
    /// How far it is behind: `head` less `position`.
    pub lag: u64,
    /// The number of rows that confirmed events make.
    pub rows: u64,
    /// The events that made them.
    pub events: u64,
    /// The number of the rows' generation: another one after a rebuild.
    pub generation: u64,
    /// The number of parked streams.
    pub parked: u64,
    /// The number of events passed over.
    pub skipped: u64,
    /// The position up to which the rows are stored.
    pub stored: Position,
    /// Whether an app of another version stores rows of its own, so that this one's stay in memory.
    pub detached: bool,
    /// How far the new rows are, while they are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebuild: Option<RebuildProgress>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ProjectionError>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's shape
fn kind_name<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}

impl<S: Store> Engine<S> {
    /// Where a projection stands, without bringing it up.
    ///
    /// # Errors
    /// [`ReadError::UnknownProjection`], or a store that can't be read at the first look.
    pub async fn projection_status(&self, projection: &str) -> Result<ProjectionStatus, ReadError> {
        let view = self.inner.view(projection)?;
        let _turn = view.turn.lock().await;
        self.inner.load(view).await?;
        self.inner.status_of(view)
    }

    /// Where all projections stand, in the order they were given.
    ///
    /// # Errors
    /// As [`Engine::projection_status`].
    pub async fn projection_statuses(&self) -> Result<Vec<ProjectionStatus>, ReadError> {
        let mut statuses = Vec::with_capacity(self.inner.views.len());
        for view in &self.inner.views {
            let _turn = view.turn.lock().await;
            self.inner.load(view).await?;
            statuses.push(self.inner.status_of(view)?);
        }
        Ok(statuses)
    }
}

impl<S: Store> Inner<S> {
    /// Where the projections stand that have been looked at. Reads nothing.
    pub(in crate::engine) fn known_projections(&self) -> Vec<ProjectionStatus> {
        self.views.iter().filter_map(|view| self.status_of(view).ok()).collect()
    }

    fn status_of(&self, view: &View) -> Result<ProjectionStatus, ReadError> {
        let head = self.log.head();
        let definition = view.definition();
        let status = view.with(|state| {
            let live = &state.live;
            let is_current = state.is_current(definition, &head);
            let doing = match (&live.halted, is_current && state.shadow.is_none()) {
                (_, false) => ProjectionState::Rebuilding,
                (Some(halted), true) if halted.retry_at.is_some() => ProjectionState::Retrying,
                (Some(_), true) => ProjectionState::Stopped,
                (None, true) if live.position < head.position => ProjectionState::Behind,
                (None, true) => ProjectionState::Current,
            };
            let shadow_stopped = state.shadow.as_ref().is_some_and(|shadow| shadow.halted.is_some());
            ProjectionStatus {
                name: Arc::clone(&definition.name),
                kind: definition.kind,
                version: definition.version,
                state: if shadow_stopped { ProjectionState::Stopped } else { doing },
                position: live.position,
                head: head.position,
                lag: head.position.saturating_sub(live.position),
                rows: live.layer.len() as u64,
                events: live.events,
                generation: live.number,
                parked: live.parked.len() as u64,
                skipped: live.skipped,
                stored: state.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.live.position),
                detached: state.detached,
                rebuild: state.shadow.as_ref().map(|shadow| progress(shadow, head.position, false)),
                error: state.error.clone(),
            }
        });
        status.ok_or_else(|| ReadError::UnknownProjection(definition.name.to_string()))
    }
}
