//! Projections written in JavaScript.

use super::thrown_message;
use crate::{
    event::RecordedEvent,
    json::Json,
    log::crc32,
    projection::{ChangedRows, CurrentRow, Definition, Kind, OnError, ProjectError, Projector, Then},
};
use serde::Deserialize;
use std::sync::Arc;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// `CoreProjection` in `pkg/src/core.ts`.
    pub type JsProjection;

    #[wasm_bindgen(method, getter)]
    fn definition(this: &JsProjection) -> String;
    #[wasm_bindgen(method, catch)]
    fn project(
        this: &JsProjection,
        events: &str,
        row: &dyn Fn(String) -> Option<String>,
    ) -> Result<String, JsValue>;

    /// What a projection throws.
    type Thrown;

    #[wasm_bindgen(method, getter)]
    fn event(this: &Thrown) -> Option<f64>;
}

/// `CoreDefinition` in `pkg/src/core.ts`.
#[derive(Deserialize)]
struct Given {
    name: Arc<str>,
    types: Vec<Arc<str>>,
    from: Vec<Arc<str>>,
    version: u32,
    fingerprint: String,
    indexes: Vec<Arc<str>>,
    kind: String,
    every: Option<u64>,
    retries: u8,
    then: String,
}

impl Given {
    fn definition(self) -> Definition {
        let kind = match &*self.kind {
            "immediate" => Kind::Immediate,
            "batch" => Kind::Batch { every: self.every },
            _ => Kind::Background,
        };
        let then = match &*self.then {
            "skip" => Then::Skip,
            "stop" => Then::Stop,
            _ => Then::Park,
        };
        Definition {
            name: self.name,
            types: self.types,
            aggregates: self.from,
            version: self.version,
            fingerprint: crc32(&[self.fingerprint.as_bytes()]),
            indexes: self.indexes,
            kind,
            on_error: OnError { retries: self.retries, then },
        }
    }
}

/// A projection of the app.
pub(super) struct JsProjector {
    definition: Definition,
    app: JsProjection,
}

impl JsProjector {
    pub(super) fn new(app: JsProjection) -> Result<Self, serde_json::Error> {
        let definition = serde_json::from_str::<Given>(&app.definition())?.definition();
        Ok(Self { definition, app })
    }
}

impl Projector for JsProjector {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    fn project(&self, events: &[RecordedEvent], row: &CurrentRow<'_>) -> Result<ChangedRows, ProjectError> {
        let failed = |event: Option<f64>, reason: String| ProjectError {
            projection: Arc::clone(&self.definition.name),
            event: event.unwrap_or_default() as usize,
            reason,
        };
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let events = serde_json::to_string(events).map_err(|error| failed(None, error.to_string()))?;
        let current = |key: String| row(&key).map(|row| row.as_str().to_owned());
        let changed = self.app.project(&events, &current).map_err(|value| {
            let event = value.is_object().then(|| value.unchecked_ref::<Thrown>().event()).flatten();
            failed(event, thrown_message(&value))
        })?;
        let changed: Vec<(String, Option<Json>)> =
            serde_json::from_str(&changed).map_err(|error| failed(None, error.to_string()))?;
        Ok(changed.into_iter().map(|(key, row)| (key.into(), row)).collect())
    }
}
