//! Snapshots, for JavaScript.

use super::{
    core::{Core, json},
    failure::read_failure,
    hooks::Hooks,
    thrown_message,
};
use crate::{
    aggregate::State,
    json::Json,
    snapshot::{Compression, Fingerprint, Keeper, SnapshotPolicy},
};
use futures_util::future::LocalBoxFuture;
use js_sys::{Promise, Uint8Array};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// `CoreKeeper` in `pkg/src/core.ts`.
    pub type JsKeeper;

    #[wasm_bindgen(method, getter)]
    fn policy(this: &JsKeeper) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn fingerprint(this: &JsKeeper) -> String;
    #[wasm_bindgen(method, catch)]
    fn write(this: &JsKeeper, state: &JsValue) -> Result<String, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn read(this: &JsKeeper, stored: &str) -> Result<JsValue, JsValue>;
}

/// How the states of an aggregate of the app are kept.
pub(super) struct AppKeeper {
    policy: Option<SnapshotPolicy>,
    fingerprint: Fingerprint,
    app: JsKeeper,
}

impl AppKeeper {
    pub(super) fn new(app: JsKeeper) -> Result<Self, serde_json::Error> {
        let policy = app.policy().map(|policy| serde_json::from_str(&policy)).transpose()?;
        Ok(Self { policy, fingerprint: Fingerprint::of(&[&app.fingerprint()]), app })
    }
}

impl Keeper for AppKeeper {
    fn policy(&self) -> Option<&SnapshotPolicy> {
        self.policy.as_ref()
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn write(&self, state: &State) -> Result<Json, String> {
        let state = state.downcast_ref().ok_or("the state is none of JavaScript's")?;
        let text = self.app.write(state).map_err(|value| thrown_message(&value))?;
        Json::trusted(&text).map_err(|error| error.to_string())
    }

    fn read(&self, stored: &Json) -> Result<State, String> {
        let state = self.app.read(stored.as_str()).map_err(|value| thrown_message(&value))?;
        Ok(Rc::new(state))
    }
}

/// The page's own compression.
impl Compression for Hooks {
    fn compress(&self, bytes: Vec<u8>) -> LocalBoxFuture<'static, Option<Vec<u8>>> {
        packed(self.pack(Uint8Array::from(&bytes[..]), false))
    }

    fn decompress(&self, bytes: Vec<u8>) -> LocalBoxFuture<'static, Option<Vec<u8>>> {
        packed(self.pack(Uint8Array::from(&bytes[..]), true))
    }
}

fn packed(promise: Result<Promise, JsValue>) -> LocalBoxFuture<'static, Option<Vec<u8>>> {
    Box::pin(async move {
        let bytes = JsFuture::from(promise.ok()?).await.ok()?;
        bytes.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec)
    })
}

#[wasm_bindgen]
impl Core {
    /// Takes a snapshot now: what it is, or undefined if there is no confirmed event.
    #[wasm_bindgen(js_name = takeSnapshot)]
    pub fn take_snapshot(&self, aggregate: String, id: String) -> Promise {
        self.promise(async move |engine| {
            let taken = engine.take_snapshot(&aggregate, &id).await.map_err(read_failure)?;
            taken.map_or(Ok(JsValue::UNDEFINED), |taken| json(&taken))
        })
    }

    /// The snapshots of an instance.
    pub fn snapshots(&self, aggregate: String, id: String) -> Promise {
        self.promise(async move |engine| {
            json(&engine.snapshots(&aggregate, &id).await.map_err(read_failure)?)
        })
    }

    /// Removes the snapshots of an instance, or of all instances; how many there were.
    #[wasm_bindgen(js_name = discardSnapshots)]
    pub fn discard_snapshots(&self, aggregate: String, id: Option<String>) -> Promise {
        self.promise(async move |engine| {
            let count = engine.discard_snapshots(&aggregate, id.as_deref()).await.map_err(read_failure)?;
            Ok((count as f64).into())
        })
    }
}
