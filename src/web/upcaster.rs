//! Upcasters written in JavaScript.

use super::thrown_message;
use crate::upcast::{Decoder, Shape, UpcastError};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// `CoreUpcaster` in `pkg/src/core.ts`.
    pub type JsUpcaster;

    #[wasm_bindgen(method, getter, js_name = type)]
    fn event_type(this: &JsUpcaster) -> String;
    #[wasm_bindgen(method, getter)]
    fn from(this: &JsUpcaster) -> u32;
    #[wasm_bindgen(method, catch)]
    fn upcast(this: &JsUpcaster, event: &str) -> Result<String, JsValue>;
}

/// Adds a step of the app to the chain.
pub(super) fn add_step(decoder: &mut Decoder, app: JsUpcaster) -> Result<(), UpcastError> {
    let (event_type, from) = (app.event_type(), app.from());
    let step = move |shape: Shape| {
        let text = serde_json::to_string(&shape).map_err(|error| error.to_string())?;
        let newer = app.upcast(&text).map_err(|value| thrown_message(&value))?;
        serde_json::from_str(&newer).map_err(|error| error.to_string())
    };
    decoder.add(&event_type, from, Rc::new(step))
}
