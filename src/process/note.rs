//! Notes: the events in a process's own stream, `<process>-<instance>`. They say what no other event says.

use super::{Errand, Failure};
use crate::{event::NewEvent, id::CommitId, json::Json, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// A step, or what should make up for one, was refused.
pub const STEP_FAILED: &str = "ProcessStepFailed";
/// A step had nothing to do, or was called off.
pub const STEP_SKIPPED: &str = "ProcessStepSkipped";
/// A timeout rang.
pub const TIMED_OUT: &str = "ProcessTimedOut";
/// Somebody asked for another attempt.
pub const RETRIED: &str = "ProcessRetried";

/// All of them.
pub const TYPES: [&str; 4] = [STEP_FAILED, STEP_SKIPPED, TIMED_OUT, RETRIED];

/// What a note says. Each type uses some of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Note {
    /// The id that the step's commit would have had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<CommitId>,
    /// The command, `aggregate-id: type`, for people who read the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Why it was refused: a stable word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it was refused, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The name of the timeout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Arc<str>>,
    /// When it was due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// The event that led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Uuid>,
}

impl Note {
    /// Of a step that was refused, or that had nothing to do.
    #[must_use]
    pub fn of_step(id: CommitId, errand: &Errand, failure: Option<(String, String)>) -> Self {
        let (code, message) = failure.unzip();
        let Errand { aggregate, id: instance, command, .. } = errand;
        let command = Some(format!("{aggregate}-{instance}: {}", command.command_type));
        Self { step: Some(id), command, code, message, ..Self::default() }
    }

    /// As an event.
    #[must_use]
    pub fn event(&self, event_type: &str) -> NewEvent {
        NewEvent {
            event_type: event_type.into(),
            schema_version: Some(1),
            data: Json::of(self).unwrap_or_else(|_| Json::null()),
            id: None,
            occurred_at: None,
            custom: None,
        }
    }

    pub(super) fn failure(self, command: &Errand, at: Timestamp) -> Failure {
        let command = Some(Arc::clone(&command.command.command_type));
        Failure {
            code: self.code.unwrap_or_default(),
            message: self.message.unwrap_or_default(),
            command,
            at,
        }
    }
}
