//! Replays for JavaScript: step by step, so that whoever waits between two steps pauses or cancels.

use super::{
    core::{Core, json, parse},
    failure::read_failure,
};
use crate::{
    event::RecordedEvent,
    replay::{Cursor, Failure, Progress, Replay},
};
use js_sys::Promise;
use serde::Serialize;
use wasm_bindgen::prelude::*;

/// `CoreReplayStep` in `pkg/src/core.ts`.
#[derive(Serialize)]
struct Step {
    events: Vec<RecordedEvent>,
    failures: Vec<Failure>,
    cursor: Cursor,
    progress: Progress,
    done: bool,
}

#[wasm_bindgen]
impl Core {
    /// The next events of a replay. Without a cursor it begins.
    #[wasm_bindgen(js_name = replayStep)]
    pub fn replay_step(&self, replay: String, cursor: Option<String>) -> Promise {
        self.promise(async move |engine| {
            let replay: Replay = parse("replay", &replay)?;
            let mut cursor = match cursor {
                Some(cursor) => parse("cursor", &cursor)?,
                None => engine.replay_from(&replay),
            };
            let (mut events, mut failures) = (Vec::new(), Vec::new());
            if cursor.position < cursor.end {
                let found = engine.replay_step(&replay, &mut cursor).await.map_err(read_failure)?;
                (events, failures) = (found.events, found.failures);
            }
            let (progress, done) = (cursor.progress(0), cursor.position >= cursor.end);
            json(&Step { events, failures, cursor, progress, done })
        })
    }
}
