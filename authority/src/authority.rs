//! The class that JavaScript holds: `Authority` in `pkg/src/testing/server.ts`.

use tidelog::{authority::MemoryLog, sync::transport::Answer, time::Timestamp};
use uuid::Uuid;
use wasm_bindgen::prelude::*;

/// A log in memory that answers as the server does.
#[wasm_bindgen]
pub struct Authority {
    log: MemoryLog,
}

#[wasm_bindgen]
impl Authority {
    /// An empty log with this identity, a UUID.
    ///
    /// # Errors
    /// The text is no UUID.
    #[wasm_bindgen(constructor)]
    pub fn new(id: &str) -> Result<Authority, JsError> {
        Ok(Self { log: MemoryLog::new(id.parse::<Uuid>()?) })
    }

    /// The answer to one exchange at this moment (milliseconds since 1970), as JSON `{ status, contentType, body }`.
    pub fn answer(&mut self, method: &str, path: &str, body: Option<String>, now: f64) -> String {
        let now = Timestamp(now as i64);
        let Answer { status, content_type, body, .. } = self.log.answer(method, path, body.as_deref(), now);
        serde_json::json!({ "status": status, "contentType": content_type, "body": body }).to_string()
    }

    /// What was accepted, in the order of positions: JSON of confirmed commits as the protocol has them.
    ///
    /// # Errors
    /// A commit can't be written as JSON.
    pub fn commits(&self) -> Result<String, JsError> {
        Ok(serde_json::to_string(&self.log.commits().collect::<Vec<_>>())?)
    }
}
