//! Aggregates written in JavaScript.

use super::{
    snapshots::{AppKeeper, JsKeeper},
    thrown_message,
};
use crate::{
    aggregate::{Context, DecideError, Decider, EvolveError, State, is_evolved_by},
    commit::{Command, Policy},
    event::{NewEvent, RecordedEvent},
    merge::{Meeting, Merged},
    snapshot::Keeper,
};
use serde::Serialize;
use std::{collections::BTreeMap, rc::Rc, sync::Arc};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// `CoreAggregate` in `pkg/src/core.ts`.
    pub type JsAggregate;

    #[wasm_bindgen(method, getter)]
    fn name(this: &JsAggregate) -> String;
    #[wasm_bindgen(method, getter)]
    fn policies(this: &JsAggregate) -> String;
    #[wasm_bindgen(method, getter)]
    fn events(this: &JsAggregate) -> Option<Vec<String>>;
    #[wasm_bindgen(method, getter)]
    fn keeper(this: &JsAggregate) -> Option<JsKeeper>;
    #[wasm_bindgen(method, catch)]
    fn initial(this: &JsAggregate) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn evolve(this: &JsAggregate, state: &JsValue, events: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn decide(this: &JsAggregate, command: &str, state: &JsValue, context: &str) -> Result<String, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn merge(
        this: &JsAggregate,
        command: &str,
        base: &JsValue,
        theirs: &JsValue,
        mine: &JsValue,
        told: &str,
    ) -> Result<Option<String>, JsValue>;

    /// What `decide` and `evolve` of the contract throw.
    type Thrown;

    #[wasm_bindgen(method, getter)]
    fn domain(this: &Thrown) -> Option<bool>;
    #[wasm_bindgen(method, getter)]
    fn code(this: &Thrown) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn version(this: &Thrown) -> Option<f64>;
}

fn thrown(value: JsValue) -> Option<Thrown> {
    value.is_object().then(|| value.unchecked_into())
}

fn js_state(state: &State) -> JsValue {
    state.downcast_ref().cloned().unwrap_or(JsValue::UNDEFINED)
}

/// An aggregate of the app. Its states stay JavaScript values, held by reference.
pub(super) struct JsDecider {
    name: Arc<str>,
    policies: BTreeMap<String, Policy>,
    events: Option<Vec<Arc<str>>>,
    keeper: Option<AppKeeper>,
    app: JsAggregate,
}

impl JsDecider {
    pub(super) fn new(app: JsAggregate) -> Result<Self, serde_json::Error> {
        let policies = serde_json::from_str(&app.policies())?;
        let events = app.events().map(|events| events.into_iter().map(Arc::from).collect());
        let keeper = app.keeper().map(AppKeeper::new).transpose()?;
        Ok(Self { name: app.name().into(), policies, events, keeper, app })
    }

    fn evolve_error(&self, stream: &str, version: u64, value: &JsValue) -> EvolveError {
        let reason = thrown_message(value);
        EvolveError { aggregate: Arc::clone(&self.name), stream: stream.into(), version, reason }
    }

    fn failed(&self, command: &Command, reason: String) -> DecideError {
        let command_type = Arc::clone(&command.command_type);
        DecideError::Failed { aggregate: Arc::clone(&self.name), command_type, reason }
    }
}

impl Decider for JsDecider {
    fn keeper(&self) -> Option<&dyn Keeper> {
        self.keeper.as_ref().map(|keeper| keeper as &dyn Keeper)
    }

    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn policy(&self, command_type: &str) -> Policy {
        self.policies.get(command_type).copied().unwrap_or_default()
    }

    fn events(&self) -> Option<&[Arc<str>]> {
        self.events.as_deref()
    }

    fn initial(&self) -> Result<State, EvolveError> {
        let state = self.app.initial().map_err(|value| self.evolve_error("", 0, &value))?;
        Ok(Rc::new(state))
    }

    fn evolve(&self, state: State, events: &[RecordedEvent]) -> Result<State, EvolveError> {
        let Some(first) = events.first() else { return Ok(state) };
        let (stream, before) = (first.stream.as_str(), first.version.saturating_sub(1));
        let state = js_state(&state);
        let events: Vec<_> = events.iter().filter(|event| is_evolved_by(self, event)).collect();
        let text = serde_json::to_string(&events)
            .map_err(|error| self.evolve_error(stream, before, &error.to_string().into()))?;
        let evolved = self.app.evolve(&state, &text).map_err(|value| {
            let mut error = self.evolve_error(stream, before, &value);
            if let Some(failed_on) = thrown(value).and_then(|thrown| thrown.version()) {
                error.version = (failed_on as u64).saturating_sub(1);
            }
            error
        })?;
        Ok(Rc::new(evolved))
    }

    fn decide(
        &self,
        command: &Command,
        state: &State,
        context: &Context,
    ) -> Result<Vec<NewEvent>, DecideError> {
        let (asked, context) = (self.text(command, command)?, self.text(command, context)?);
        let decided = self.app.decide(&asked, &js_state(state), &context);
        self.read(command, &decided.map_err(|thrown| self.refused(command, thrown))?)
    }

    fn merge(&self, meeting: &Meeting<'_>) -> Result<Merged<NewEvent>, DecideError> {
        /// What goes with the states.
        #[derive(Serialize)]
        struct Told<'a> {
            theirs: &'a [RecordedEvent],
            mine: &'a [RecordedEvent],
            context: &'a Context,
        }
        let Meeting { command, base, theirs, mine, context } = meeting;
        let told = Told { theirs: theirs.events, mine: mine.events, context };
        let (asked, told) = (self.text(command, command)?, self.text(command, &told)?);
        let (base, theirs, mine) = (js_state(base), js_state(theirs.state), js_state(mine.state));
        let merged = self.app.merge(&asked, &base, &theirs, &mine, &told);
        match merged.map_err(|thrown| self.refused(command, thrown))? {
            Some(events) => self.read(command, &events).map(Merged::Events),
            None => Ok(Merged::Keep),
        }
    }
}

impl JsDecider {
    fn text(&self, command: &Command, value: &impl Serialize) -> Result<String, DecideError> {
        serde_json::to_string(value).map_err(|error| self.failed(command, error.to_string()))
    }

    fn read(&self, command: &Command, events: &str) -> Result<Vec<NewEvent>, DecideError> {
        serde_json::from_str(events).map_err(|error| self.failed(command, error.to_string()))
    }

    fn refused(&self, command: &Command, value: JsValue) -> DecideError {
        let message = thrown_message(&value);
        match thrown(value) {
            Some(refusal) if refusal.domain() == Some(true) => {
                DecideError::Refused { code: refusal.code(), message }
            }
            _ => self.failed(command, message),
        }
    }
}
