//! Process managers written in JavaScript, and how they stand.

use super::{
    core::{Core, json},
    failure::{read_failure, write_failure},
    thrown_message,
};
use crate::{
    event::RecordedEvent,
    json::Json,
    process::{Correlation, Manager, ProcessContext, ProcessError, Reaction},
    time::Timestamp,
};
use js_sys::Promise;
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// `CoreProcess` in `pkg/src/core.ts`.
    pub type JsProcess;

    #[wasm_bindgen(method, getter)]
    fn name(this: &JsProcess) -> String;
    #[wasm_bindgen(method, getter)]
    fn types(this: &JsProcess) -> Vec<String>;
    #[wasm_bindgen(method, getter, js_name = onPending)]
    fn on_pending(this: &JsProcess) -> bool;
    #[wasm_bindgen(method, catch)]
    fn correlate(this: &JsProcess, events: &str) -> Result<String, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn advance(
        this: &JsProcess,
        state: Option<String>,
        event: &str,
        context: &str,
        reacts: bool,
    ) -> Result<String, JsValue>;
    #[wasm_bindgen(method, catch, js_name = timedOut)]
    fn timed_out(this: &JsProcess, state: &str, name: &str, context: &str) -> Result<String, JsValue>;
}

/// A process manager of the app.
pub(super) struct JsManager {
    name: Arc<str>,
    types: Vec<Arc<str>>,
    app: JsProcess,
}

impl JsManager {
    pub(super) fn new(app: JsProcess) -> Self {
        let types = app.types().into_iter().map(Arc::from).collect();
        Self { name: app.name().into(), types, app }
    }

    fn failed(&self, place: &str, reason: String) -> ProcessError {
        ProcessError { process: Arc::clone(&self.name), place: place.to_owned(), reason }
    }

    fn text<T: Serialize + ?Sized>(&self, place: &str, value: &T) -> Result<String, ProcessError> {
        serde_json::to_string(value).map_err(|error| self.failed(place, error.to_string()))
    }

    fn answer<T: DeserializeOwned>(
        &self,
        place: &str,
        answer: Result<String, JsValue>,
    ) -> Result<T, ProcessError> {
        let answer = answer.map_err(|thrown| self.failed(place, thrown_message(&thrown)))?;
        serde_json::from_str(&answer).map_err(|error| self.failed(place, error.to_string()))
    }
}

impl Manager for JsManager {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn types(&self) -> &[Arc<str>] {
        &self.types
    }

    fn on_pending(&self) -> bool {
        self.app.on_pending()
    }

    fn correlate(&self, events: &[RecordedEvent]) -> Result<Vec<Correlation>, ProcessError> {
        let events = self.text("correlate", events)?;
        self.answer("correlate", self.app.correlate(&events))
    }

    fn advance(
        &self,
        state: Option<&Json>,
        event: &RecordedEvent,
        context: &ProcessContext,
        reacts: bool,
    ) -> Result<(Json, Vec<Reaction>), ProcessError> {
        let place = &context.instance;
        let state = state.map(|state| state.as_str().to_owned());
        let (event, context) = (self.text(place, event)?, self.text(place, context)?);
        self.answer(place, self.app.advance(state, &event, &context, reacts))
    }

    fn timed_out(
        &self,
        state: &Json,
        name: &str,
        context: &ProcessContext,
    ) -> Result<Vec<Reaction>, ProcessError> {
        let place = &context.instance;
        let context = self.text(place, context)?;
        self.answer(place, self.app.timed_out(state.as_str(), name, &context))
    }
}

#[wasm_bindgen]
impl Core {
    /// Lets the processes go on by what there is.
    #[wasm_bindgen(js_name = advanceProcesses)]
    pub fn advance_processes(&self) -> Promise {
        #[derive(Serialize)]
        struct Shape {
            due: Option<Timestamp>,
            troubled: bool,
        }
        self.promise(async move |engine| {
            let due = engine.advance_processes().await.map_err(write_failure)?;
            json(&Shape { due, troubled: engine.are_processes_troubled() })
        })
    }

    /// The instances of a process, or the one of this id.
    pub fn processes(&self, process: String, id: Option<String>) -> Promise {
        self.promise(async move |engine| {
            let found = match id {
                Some(id) => engine.process(&process, &id).await.map(|found| found.into_iter().collect()),
                None => engine.processes(&process).await,
            };
            json(&found.map_err(read_failure)?)
        })
    }

    /// Where a process stands.
    #[wasm_bindgen(js_name = processStatus)]
    pub fn process_status(&self, process: String) -> Promise {
        self.promise(async move |engine| json(&engine.process_status(&process).await.map_err(read_failure)?))
    }

    /// Asks for another attempt.
    #[wasm_bindgen(js_name = retryProcess)]
    pub fn retry_process(&self, process: String, id: String) -> Promise {
        self.promise(async move |engine| {
            engine.retry_process(&process, &id).await.map_err(write_failure)?;
            Ok(JsValue::UNDEFINED)
        })
    }
}
