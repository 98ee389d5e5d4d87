//! Projections written in JavaScript.

use super::thrown_message;
use crate::{
    event::RecordedEvent,
    json::Json,
    projection::{ChangedRows, CurrentRow, ProjectError, Projector},
};
use std::sync::Arc;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// `CoreProjection` in `pkg/src/core.ts`.
    pub type JsProjection;

    #[wasm_bindgen(method, getter)]
    fn name(this: &JsProjection) -> String;
    #[wasm_bindgen(method, getter)]
    fn types(this: &JsProjection) -> Vec<String>;
    #[wasm_bindgen(method, catch)]
    fn project(
        this: &JsProjection,
        events: &str,
        row: &dyn Fn(String) -> Option<String>,
    ) -> Result<String, JsValue>;
}

/// A projection of the app.
pub(super) struct JsProjector {
    name: Arc<str>,
    types: Vec<Arc<str>>,
    app: JsProjection,
}

impl JsProjector {
    pub(super) fn new(app: JsProjection) -> Self {
        let types = app.types().into_iter().map(Arc::from).collect();
        Self { name: app.name().into(), types, app }
    }
}

impl Projector for JsProjector {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn types(&self) -> &[Arc<str>] {
        &self.types
    }

    fn project(&self, events: &[RecordedEvent], row: &CurrentRow<'_>) -> Result<ChangedRows, ProjectError> {
        let failed = |reason: String| ProjectError { projection: Arc::clone(&self.name), reason };
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let events = serde_json::to_string(events).map_err(|error| failed(error.to_string()))?;
        let current = |key: String| row(&key).map(|row| row.as_str().to_owned());
        let changed = self.app.project(&events, &current).map_err(|value| failed(thrown_message(&value)))?;
        let changed: Vec<(String, Option<Json>)> =
            serde_json::from_str(&changed).map_err(|error| failed(error.to_string()))?;
        Ok(changed.into_iter().map(|(key, row)| (key.into(), row)).collect())
    }
}
