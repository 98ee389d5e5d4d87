//! The edge to JavaScript: one class, [`Core`], and what it takes from outside. The contract is written down in `pkg/src/core.ts`.
//!
//! Everything here translates and delegates; no rule of the log, of sync or of a decision lives in this folder. Structured values
//! cross as JSON text, many events at a time. What JavaScript throws is caught at every call: an exception that ran through our
//! frames would leave borrows behind.

mod aggregate;
mod core;
mod failure;
mod hooks;
mod inside;
mod open;
mod own;
mod process;
mod projection;
mod projections;
mod query;
mod replay;
mod snapshots;
mod storage;
mod transfer;
mod travel;
mod upcaster;
mod value;

pub use aggregate::JsAggregate;
pub use core::Core;
pub use hooks::Hooks;
pub use open::open_core;
pub use own::provide;
pub use process::JsProcess;
pub use projection::JsProjection;
pub use snapshots::JsKeeper;
pub use upcaster::JsUpcaster;
#[doc(hidden)]
pub use wasm_bindgen;

use wasm_bindgen::JsValue;

/// The message of whatever JavaScript threw.
fn thrown_message(thrown: &JsValue) -> String {
    let message =
        js_sys::Reflect::get(thrown, &"message".into()).ok().and_then(|message| message.as_string());
    message.or_else(|| thrown.as_string()).unwrap_or_else(|| "something without a message was thrown".into())
}
