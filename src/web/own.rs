//! The app's own module: what [`export!`](crate::export) provides, and states of Rust on their way to JavaScript.

use super::failure::{invalid, register_failure};
use crate::{aggregate::State, rules::Rules};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

thread_local! {
    /// The rules of this module; none in the module of the npm package itself.
    static RULES: RefCell<Rules> = RefCell::default();
}

/// Adds rules to those that every log of this module is opened with. [`export!`](crate::export) calls it; a crate with a start
/// function of its own calls it there.
pub fn provide(rules: fn(&mut Rules)) {
    RULES.with_borrow_mut(rules);
}

/// The rules of this module, which must hold the aggregates, projections and process managers that the app names. Of the process
/// managers only those that are named act.
pub(super) fn provided(
    aggregates: &[String],
    projections: &[String],
    processes: &[String],
) -> Result<Rules, JsValue> {
    let rules = RULES.with_borrow(Rules::clone);
    let registry = rules.registry().map_err(register_failure)?;
    let missing = |kind: &str, name: &str| {
        invalid(
            kind,
            format!(
                "the wasm module has no {name:?}: name it in `tidelog::export!` and give the module to open() as `wasm`"
            ),
        )
    };
    if let Some(name) = aggregates.iter().find(|name| registry.get(name).is_none()) {
        return Err(missing("aggregates", name));
    }
    let has = |name: &str| rules.projections().iter().any(|projection| **projection.name() == *name);
    if let Some(name) = projections.iter().find(|name| !has(name)) {
        return Err(missing("projections", name));
    }
    let has = |name: &str| rules.processes().iter().any(|process| **process.name() == *name);
    if let Some(name) = processes.iter().find(|name| !has(name)) {
        return Err(missing("processes", name));
    }
    Ok(rules)
}

/// A state as JavaScript has it: the app's own value, or what serde writes of a state in Rust.
pub(super) fn js_state(aggregate: &str, state: &State) -> Result<JsValue, JsValue> {
    if let Some(state) = state.downcast_ref::<JsValue>() {
        return Ok(state.clone());
    }
    let text =
        RULES.with_borrow(|rules| rules.state(aggregate, state)).map_err(|error| invalid("state", error))?;
    text.map_or(Ok(JsValue::UNDEFINED), |text| js_sys::JSON::parse(text.as_str()))
}
