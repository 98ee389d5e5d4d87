//! Seeing inside, for JavaScript.

use super::{core::Core, failure::read_failure, value::value};
use crate::health::{Safety, StorageSigns, SyncSigns, Told};
use js_sys::Promise;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// `CoreTold` in `pkg/src/core.ts`. Read by getters, which cost a fifth of a deserializer of its own.
    pub type JsTold;

    #[wasm_bindgen(method, getter)]
    fn standing(this: &JsTold) -> String;
    #[wasm_bindgen(method, getter)]
    fn reason(this: &JsTold) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn quota(this: &JsTold) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    fn usage(this: &JsTold) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    fn unauthorized(this: &JsTold) -> bool;
    #[wasm_bindgen(method, getter)]
    fn failure(this: &JsTold) -> Option<Vec<String>>;
    #[wasm_bindgen(method, getter, js_name = lastSyncedAt)]
    fn last_synced_at(this: &JsTold) -> Option<f64>;
}

impl JsTold {
    fn told(&self) -> Told {
        let standing = match self.standing().as_str() {
            "durable" => Safety::Durable,
            "memory" => Safety::Memory,
            _ => Safety::BestEffort,
        };
        let storage = StorageSigns {
            standing: Some(standing),
            reason: self.reason(),
            quota: self.quota(),
            usage: self.usage(),
        };
        let sync = SyncSigns {
            unauthorized: self.unauthorized(),
            failure: self.failure().and_then(|failure| <[String; 2]>::try_from(failure).ok()).map(Into::into),
            last_synced_at: self.last_synced_at().map(|moment| moment as i64),
        };
        Told { storage, sync: Some(sync) }
    }
}

#[wasm_bindgen]
impl Core {
    /// What this opening has counted and measured.
    pub fn metrics(&self) -> Result<JsValue, JsValue> {
        value(&self.engine.metrics())
    }

    /// Begins to count and measure anew.
    #[wasm_bindgen(js_name = resetMetrics)]
    pub fn reset_metrics(&self) {
        self.engine.reset_metrics();
    }

    /// Whether something needs attention.
    pub fn health(&self, told: &JsTold) -> Result<JsValue, JsValue> {
        value(&self.engine.health(told.told()))
    }

    /// How the log stands, without what is in it.
    pub fn dump(&self, told: &JsTold, names: bool) -> Promise {
        let told = told.told();
        self.promise(async move |engine| value(&engine.dump(told, names).await.map_err(read_failure)?))
    }
}
