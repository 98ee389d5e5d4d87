//! Time travel for JavaScript.

use super::{
    core::{Core, json, parse},
    failure::read_failure,
};
use crate::{
    difference::difference,
    engine::At,
    id::CommitId,
    json::Json,
    time::Timestamp,
    version::{Position, Version},
};
use js_sys::Promise;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

/// A moment as JavaScript gives it: `CoreMoment` in `pkg/src/core.ts`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Moment {
    version: Option<Version>,
    position: Option<Position>,
    commit: Option<CommitId>,
    time: Option<Timestamp>,
    known: Option<Timestamp>,
}

/// Reads a moment.
pub(super) fn moment(argument: &str, text: &str) -> Result<At, JsValue> {
    Ok(match parse(argument, text)? {
        Moment { position: Some(position), .. } => At::Position(position),
        Moment { commit: Some(commit), version: Some(version), .. } => At::Event(commit, version),
        Moment { version: Some(version), .. } => At::Version(version),
        Moment { time: Some(time), .. } => At::Occurred(time),
        Moment { known: Some(known), .. } => At::Known(known),
        Moment { .. } => At::Now,
    })
}

#[wasm_bindgen]
impl Core {
    /// A row of a projection as it stood.
    #[wasm_bindgen(js_name = rowAt)]
    pub fn row_at(&self, projection: String, key: String, at: String) -> Promise {
        self.promise(async move |engine| {
            let at = moment("at", &at)?;
            let row = engine.row_at(&projection, &key, at).await.map_err(read_failure)?;
            Ok(row.map_or(JsValue::UNDEFINED, |row| row.as_str().into()))
        })
    }

    /// All rows of a projection as they stood.
    #[wasm_bindgen(js_name = rowsAt)]
    pub fn rows_at(&self, projection: String, at: String) -> Promise {
        self.promise(async move |engine| {
            let at = moment("at", &at)?;
            json(&engine.rows_at(&projection, at).await.map_err(read_failure)?)
        })
    }

    /// What became of rows between two moments.
    #[wasm_bindgen(js_name = rowsDifference)]
    pub fn rows_difference(
        &self,
        projection: String,
        key: Option<String>,
        from: String,
        to: String,
        limit: usize,
    ) -> Promise {
        self.promise(async move |engine| {
            let (from, to) = (moment("from", &from)?, moment("to", &to)?);
            let found = engine.rows_difference(&projection, key.as_deref(), from, to, limit).await;
            json(&found.map_err(read_failure)?)
        })
    }

    /// The fields in which two documents differ.
    #[wasm_bindgen(js_name = fieldChanges)]
    pub fn field_changes(&self, before: String, after: String) -> Result<JsValue, JsValue> {
        let (before, after): (Json, Json) = (parse("before", &before)?, parse("after", &after)?);
        json(&difference(Some(&before), Some(&after)))
    }
}
