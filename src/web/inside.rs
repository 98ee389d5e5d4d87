//! Seeing inside, for JavaScript.

use super::core::{Core, json};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
impl Core {
    /// What this opening has counted and measured.
    pub fn metrics(&self) -> Result<JsValue, JsValue> {
        json(&self.engine.metrics())
    }

    /// Begins to count and measure anew.
    #[wasm_bindgen(js_name = resetMetrics)]
    pub fn reset_metrics(&self) {
        self.engine.reset_metrics();
    }
}
