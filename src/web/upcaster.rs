//! Upcasters written in JavaScript.

use super::{failure::invalid, thrown_message};
use crate::upcast::{Shape, Upcaster};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// `CoreUpcaster` in `pkg/src/core.ts`.
    #[derive(Clone)]
    pub type JsUpcaster;

    #[wasm_bindgen(method, getter)]
    fn rule(this: &JsUpcaster) -> String;
    #[wasm_bindgen(method, getter)]
    fn functions(this: &JsUpcaster) -> u8;
    #[wasm_bindgen(method, catch)]
    fn upcast(this: &JsUpcaster, event: &str) -> Result<String, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn downcast(this: &JsUpcaster, event: &str) -> Result<Option<String>, JsValue>;
}

/// An upcaster of the app.
pub(super) fn upcaster(app: JsUpcaster) -> Result<Upcaster, JsValue> {
    let mut upcaster: Upcaster =
        serde_json::from_str(&app.rule()).map_err(|error| invalid("upcasters", error))?;
    let (forth, back) = (app.functions() & 1 != 0, app.functions() & 2 != 0);
    if forth {
        let app = app.clone();
        upcaster = upcaster.by(move |shape| {
            let newer = app.upcast(&text(&shape)?).map_err(|value| thrown_message(&value))?;
            serde_json::from_str(&newer).map_err(|error| error.to_string())
        });
    }
    if back {
        upcaster = upcaster.back_by(move |shape| {
            let older = app.downcast(&text(&shape)?).map_err(|value| thrown_message(&value))?;
            older.map(|older| serde_json::from_str(&older)).transpose().map_err(|error| error.to_string())
        });
    }
    Ok(upcaster)
}

fn text(shape: &Shape) -> Result<String, String> {
    serde_json::to_string(shape).map_err(|error| error.to_string())
}
