//! Queries as JavaScript asks them, and places as text.

use super::failure::{invalid, read_failure};
use crate::{
    engine::{Engine, ReadError},
    event::RecordedEvent,
    log::{Place, Query, store::Store},
    stream::StreamName,
    time::Timestamp,
    upcast::Versions,
    version::{Position, Version},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;
use wasm_bindgen::JsValue;

/// The most events of a page, whatever was asked for.
const MAX_PAGE: usize = 10_000;

/// `CoreQuery` in `pkg/src/read.ts`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Asked {
    stream: Option<StreamName>,
    aggregate: Option<Arc<str>>,
    types: Vec<Arc<str>>,
    correlation_id: Option<Uuid>,
    first: u64,
    last: u64,
    after: Option<String>,
    after_version: Option<Version>,
    after_position: Option<Position>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: usize,
    backwards: bool,
    confirmed_only: bool,
    #[serde(rename = "as")]
    versions: Versions,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            stream: None,
            aggregate: None,
            types: Vec::new(),
            correlation_id: None,
            first: 0,
            last: u64::MAX,
            after: None,
            after_version: None,
            after_position: None,
            from: None,
            to: None,
            limit: 500,
            backwards: false,
            confirmed_only: false,
            versions: Versions::default(),
        }
    }
}

impl Asked {
    /// Where to begin. Going backwards, what stands at the place is included; what `after` names is not.
    async fn from<S: Store>(&self, engine: &Engine<S>) -> Result<Option<Place>, ReadError> {
        let start = if self.backwards { Place::END } else { Place::START };
        let step = u64::from(self.backwards);
        Ok(match (&self.after, self.after_position, self.after_version, &self.stream) {
            (Some(place), ..) => read_place(place),
            (None, Some(position), ..) => Some(Place::Confirmed(position.saturating_sub(step))),
            (None, None, Some(version), Some(stream)) => {
                Some(engine.place_of(stream, version.saturating_sub(step)).await?)
            }
            (None, None, ..) => Some(start),
        })
    }
}

/// Reads a page, as JSON `{ events, next }`.
pub(super) async fn read_page<S: Store>(engine: &Engine<S>, asked: Asked) -> Result<JsValue, JsValue> {
    #[derive(Serialize)]
    struct Page {
        events: Vec<RecordedEvent>,
        next: Option<String>,
    }
    let from = asked.from(engine).await.map_err(read_failure)?;
    let from = from.ok_or_else(|| invalid("after", "not what a page gave as `next`"))?;
    let limit = asked.limit.clamp(1, MAX_PAGE);
    let (range, all) = (asked.first..=asked.last, 0..=u64::MAX);
    let (positions, versions) = if asked.stream.is_none() { (range, all) } else { (all, range) };
    let query = Query {
        stream: asked.stream,
        aggregate: asked.aggregate,
        types: asked.types,
        correlation: asked.correlation_id,
        from: asked.from,
        to: asked.to,
        positions,
        versions,
        backwards: asked.backwards,
        confirmed_only: asked.confirmed_only,
    };
    let page = engine.read_as(&query, from, limit, &asked.versions).await.map_err(read_failure)?;
    let page = Page { events: page.events, next: page.next.map(write_place) };
    let text = serde_json::to_string(&page).map_err(|error| invalid("answer", error))?;
    Ok(text.into())
}

/// A place as opaque text: `c` and a position, or `p`, a sequence, a dot and a number of events.
fn write_place(place: Place) -> String {
    match place {
        Place::Confirmed(position) => format!("c{position}"),
        Place::Pending(sequence, nth) => format!("p{sequence}.{nth}"),
    }
}

/// Reads what [`write_place`] wrote.
fn read_place(text: &str) -> Option<Place> {
    if let Some(position) = text.strip_prefix('c') {
        return Some(Place::Confirmed(position.parse().ok()?));
    }
    let (sequence, nth) = text.strip_prefix('p')?.split_once('.')?;
    Some(Place::Pending(sequence.parse().ok()?, nth.parse().ok()?))
}
