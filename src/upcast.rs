//! Decoding: the one place where stored events become events of today's shape.
//!
//! Invariant: every path on which a stored event reaches a decider, a projection or the app goes through [`Decoder`].

use crate::{event::RecordedEvent, json::Json};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, rc::Rc, sync::Arc};

/// The most steps one event may take through the chain; more means that the steps go in a circle.
pub const MAX_STEPS: usize = 64;

/// What an upcaster sees of an event, and what it gives back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: Arc<str>,
    /// The version of the shape of `data`.
    pub schema_version: u32,
    /// The fact itself.
    pub data: Json,
}

/// One step: from one shape to none (drop), one, or several (split).
pub type Step = Rc<dyn Fn(Shape) -> Result<Vec<Shape>, String>>;

/// An event could not be brought to today's shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpcastError {
    /// A step broke.
    #[error("upcasting {event_type} version {schema_version} (event {version} of {stream}) failed: {reason}")]
    Failed {
        /// The type the step was for.
        event_type: Arc<str>,
        /// The schema version the step was for.
        schema_version: u32,
        /// The stream.
        stream: String,
        /// The event's version in its stream.
        version: u64,
        /// What the step said.
        reason: String,
    },
    /// The steps go in a circle.
    #[error("upcasting {event_type} version {schema_version} does not end within {MAX_STEPS} steps")]
    Endless {
        /// The type of the event as stored.
        event_type: Arc<str>,
        /// Its schema version as stored.
        schema_version: u32,
    },
    /// There are two steps from the same type and version.
    #[error("there are two upcasters from {event_type} version {schema_version}")]
    Ambiguous {
        /// The type.
        event_type: Arc<str>,
        /// The schema version.
        schema_version: u32,
    },
}

/// The chain of steps, keyed by type and schema version.
#[derive(Clone, Default)]
pub struct Decoder {
    steps: HashMap<(Arc<str>, u32), Step>,
}

impl Decoder {
    /// Adds the step from this type and schema version.
    ///
    /// # Errors
    /// [`UpcastError::Ambiguous`] if there is one already.
    pub fn add(&mut self, event_type: &str, schema_version: u32, step: Step) -> Result<(), UpcastError> {
        let key = (Arc::from(event_type), schema_version);
        if self.steps.contains_key(&key) {
            return Err(UpcastError::Ambiguous { event_type: key.0, schema_version });
        }
        self.steps.insert(key, step);
        Ok(())
    }

    /// Whether there are no steps: then stored types are today's types.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// What is known of the steps without calling them: their types and schema versions, sorted. Where it differs, states that
    /// were made of decoded events may differ too.
    #[must_use]
    pub fn signature(&self) -> String {
        let mut steps: Vec<_> =
            self.steps.keys().map(|(from, version)| format!("{from}@{version};")).collect();
        steps.sort_unstable();
        steps.concat()
    }

    /// Brings events to today's shape. What an event is split into shares its id, version and position.
    ///
    /// # Errors
    /// The first [`UpcastError`] met.
    pub fn decode(&self, events: Vec<RecordedEvent>) -> Result<Vec<RecordedEvent>, UpcastError> {
        if self.steps.is_empty() {
            return Ok(events);
        }
        let mut decoded = Vec::with_capacity(events.len());
        for event in events {
            if self.step(&event.event.event_type, event.event.schema_version).is_none() {
                decoded.push(event);
            } else {
                self.walk(&event, &mut decoded)?;
            }
        }
        Ok(decoded)
    }

    fn step(&self, event_type: &Arc<str>, schema_version: u32) -> Option<&Step> {
        self.steps.get(&(Arc::clone(event_type), schema_version))
    }

    fn walk(&self, stored: &RecordedEvent, decoded: &mut Vec<RecordedEvent>) -> Result<(), UpcastError> {
        let fact = &stored.event;
        let mut open = vec![Shape {
            event_type: Arc::clone(&fact.event_type),
            schema_version: fact.schema_version,
            data: fact.data.clone(),
        }];
        let mut steps = 0;
        while let Some(shape) = open.pop() {
            let Some(step) = self.step(&shape.event_type, shape.schema_version) else {
                let mut event = stored.clone();
                event.event.event_type = shape.event_type;
                event.event.schema_version = shape.schema_version;
                event.event.data = shape.data;
                decoded.push(event);
                continue;
            };
            steps += 1;
            if steps > MAX_STEPS {
                return Err(UpcastError::Endless {
                    event_type: Arc::clone(&fact.event_type),
                    schema_version: fact.schema_version,
                });
            }
            let (event_type, schema_version) = (Arc::clone(&shape.event_type), shape.schema_version);
            let next = step(shape).map_err(|reason| UpcastError::Failed {
                event_type,
                schema_version,
                stream: stored.stream.as_str().into(),
                version: stored.version,
                reason,
            })?;
            open.extend(next.into_iter().rev());
        }
        Ok(())
    }
}
