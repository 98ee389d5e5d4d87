//! Projections: rows, queries, status, rebuilds and dead letters.

use super::{
    core::{Core, json, parse},
    failure::read_failure,
};
use crate::{json::Json, projection::RowPage};
use js_sys::Promise;
use serde::Serialize;
use wasm_bindgen::prelude::*;

/// A page as JSON, with its stamp.
#[derive(Serialize)]
struct Page<'a> {
    rows: Vec<(&'a str, &'a Json)>,
    count: usize,
    stamp: u64,
}

impl<'a> Page<'a> {
    fn of(page: &'a RowPage) -> Self {
        let rows = page.rows.iter().map(|(key, row)| (&**key, row)).collect();
        Self { rows, count: page.count, stamp: page.stamp }
    }
}

#[wasm_bindgen]
impl Core {
    /// A row of a projection.
    pub fn row(&self, projection: String, key: String) -> Promise {
        self.promise(async move |engine| {
            let row = engine.row(&projection, &key).await.map_err(read_failure)?;
            Ok(row.map_or(JsValue::UNDEFINED, |row| row.as_str().into()))
        })
    }

    /// All rows of a projection.
    pub fn rows(&self, projection: String) -> Promise {
        self.promise(async move |engine| json(&engine.rows(&projection).await.map_err(read_failure)?))
    }

    /// The rows that a query finds; undefined if they are those of a stamp.
    #[wasm_bindgen(js_name = queryRows)]
    pub fn query_rows(&self, projection: String, query: String, stamp: f64) -> Promise {
        self.promise(async move |engine| {
            let query = parse("query", &query)?;
            let page = engine.query(&projection, &query).await.map_err(read_failure)?;
            if page.stamp as f64 == stamp {
                return Ok(JsValue::UNDEFINED);
            }
            json(&Page::of(&page))
        })
    }

    /// Where projections stand: one, or all.
    #[wasm_bindgen(js_name = projectionStatus)]
    pub fn projection_status(&self, projection: Option<String>) -> Promise {
        self.promise(async move |engine| match projection {
            Some(name) => json(&engine.projection_status(&name).await.map_err(read_failure)?),
            None => json(&engine.projection_statuses().await.map_err(read_failure)?),
        })
    }

    /// Brings a projection up to the log's end, of whatever kind it is.
    #[wasm_bindgen(js_name = bringUp)]
    pub fn bring_up(&self, projection: String) -> Promise {
        self.promise(async move |engine| {
            Ok((engine.wait_for(&projection, Some(0)).await.map_err(read_failure)? as f64).into())
        })
    }

    /// One step of a rebuild, or its end for now.
    #[wasm_bindgen(js_name = rebuildProjection)]
    pub fn rebuild_projection(&self, projection: String, cancel: bool) -> Promise {
        self.promise(async move |engine| {
            if cancel {
                engine.rebuild_cancel(&projection).await.map_err(read_failure)?;
                return Ok(JsValue::UNDEFINED);
            }
            json(&engine.rebuild_step(&projection).await.map_err(read_failure)?)
        })
    }

    /// The parked streams of a projection.
    #[wasm_bindgen(js_name = deadLetters)]
    pub fn dead_letters(&self, projection: String) -> Promise {
        self.promise(async move |engine| json(&engine.dead_letters(&projection).await.map_err(read_failure)?))
    }

    /// Takes in the events of parked streams, or of one.
    #[wasm_bindgen(js_name = replayDeadLetters)]
    pub fn replay_dead_letters(&self, projection: String, stream: Option<String>) -> Promise {
        self.promise(async move |engine| {
            let replayed = engine.replay_dead_letters(&projection, stream.as_deref()).await;
            json(&replayed.map_err(read_failure)?)
        })
    }
}
