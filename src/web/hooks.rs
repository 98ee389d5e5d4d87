//! What the core takes from the page: clock, randomness, network, and who is told.

use super::{failure::read_failure, thrown_message};
use crate::{
    conflict::Met,
    engine::{Changed, Host, ReadError},
    environment::Environment,
    log::{
        Holder, LogError,
        store::{Closing, StoreError},
    },
    sync::{
        live::{Heard, News, Way},
        protocol::Cursor,
        transport::{Answer, NoAnswer, Transport},
    },
    time::Timestamp,
};
use futures_util::future::LocalBoxFuture;
use js_sys::{Math, Promise, Uint8Array};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// `CoreHooks` in `pkg/src/core.ts`.
    #[derive(Clone, PartialEq)]
    pub type Hooks;

    #[wasm_bindgen(method, catch)]
    fn now(this: &Hooks) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn elapsed(this: &Hooks) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn measuring(this: &Hooks) -> bool;
    #[wasm_bindgen(method, catch)]
    fn measured(this: &Hooks, timing: &str, began: f64, took: f64) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn random(this: &Hooks, into: &mut [u8]) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn send(this: &Hooks, method: &str, path: &str, body: Option<String>) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = renewToken)]
    fn renew_token(this: &Hooks) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn listen(this: &Hooks, way: &str, after: &str, follow: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = hangUp)]
    fn hang_up(this: &Hooks) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn sleep(this: &Hooks, milliseconds: f64) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn changed(this: &Hooks, streams: Option<Vec<String>>, sync: bool) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn pack(this: &Hooks, bytes: Uint8Array, unpack: bool) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn post(this: &Hooks, message: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn met(this: &Hooks, conflicts: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn failed(this: &Hooks, failure: JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn later(this: &Hooks, milliseconds: f64) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn blocked(this: &Hooks) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn crashed(this: &Hooks, message: &str) -> Result<(), JsValue>;

    /// What `send` resolves to, or rejects with.
    type Exchange;

    #[wasm_bindgen(method, getter)]
    fn status(this: &Exchange) -> u16;
    #[wasm_bindgen(method, getter, js_name = contentType)]
    fn content_type(this: &Exchange) -> String;
    #[wasm_bindgen(method, getter)]
    fn body(this: &Exchange) -> String;
    #[wasm_bindgen(method, getter, js_name = retryAfter)]
    fn retry_after(this: &Exchange) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    fn code(this: &Exchange) -> Option<String>;

    /// What `listen` resolves to.
    type Sign;

    #[wasm_bindgen(method, getter)]
    fn heard(this: &Sign) -> String;
    #[wasm_bindgen(method, getter)]
    fn after(this: &Sign) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn page(this: &Sign) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn wait(this: &Sign) -> Option<f64>;
}

thread_local! {
    /// Everyone who has opened a log of this wasm.
    static OPENED: RefCell<Vec<Hooks>> = const { RefCell::new(Vec::new()) };
}

impl Hooks {
    /// Tells this page if the core panics, whoever's call that was: the memory is everybody's, and promises under way would
    /// stay without an answer.
    pub(super) fn tell_of_crashes(&self) {
        OPENED.with_borrow_mut(|opened| {
            if opened.is_empty() {
                std::panic::set_hook(Box::new(|info| {
                    let message = info.to_string();
                    let opened = OPENED.try_with(|opened| opened.try_borrow().map(|opened| opened.clone()));
                    for hooks in opened.into_iter().flatten().flatten() {
                        // what it throws would hide why the core panicked
                        let _ = hooks.crashed(&message);
                    }
                }));
            }
            opened.push(self.clone());
        });
    }

    /// No longer tells this page.
    pub(super) fn closed(&self) {
        OPENED.with_borrow_mut(|opened| opened.retain(|hooks| hooks != self));
    }
}

impl Environment for Hooks {
    fn now(&self) -> Timestamp {
        // a clock that fails is one that can't be right: the engine says so
        Timestamp(Hooks::now(self).map_or(0, |millis| millis as i64))
    }

    fn random(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        if Hooks::random(self, &mut bytes).is_err() {
            bytes.fill_with(|| (Math::random() * 256.0) as u8);
        }
        bytes
    }

    fn elapsed(&self) -> f64 {
        Hooks::elapsed(self).unwrap_or(0.0)
    }
}

impl Host for Hooks {
    fn changed(&self, change: Changed) {
        // the page mends what it throws itself; the log is what it is either way
        let _ = Hooks::changed(self, change.streams, change.sync);
    }

    fn post(&self, message: &str) {
        let _ = Hooks::post(self, message);
    }

    fn failed(&self, error: &ReadError) {
        let _ = Hooks::failed(self, read_failure(error.clone()));
    }

    fn met(&self, conflicts: &[Met]) {
        // in parts, so that no message to other tabs is very large
        for part in conflicts.chunks(100) {
            if let Ok(text) = serde_json::to_string(part) {
                // the page mends what it throws itself; the log is what it is either way
                let _ = Hooks::met(self, &text);
            }
        }
    }

    fn later(&self, milliseconds: u64) {
        let _ = Hooks::later(self, milliseconds as f64);
    }

    fn measuring(&self) -> bool {
        Hooks::measuring(self)
    }

    fn measured(&self, timing: &'static str, began: f64, took: f64) {
        // a page that can't take it in has lost a mark in a profile
        let _ = Hooks::measured(self, timing, began, took);
    }
}

impl Holder for Hooks {
    fn blocked(&self) -> LocalBoxFuture<'static, ()> {
        let patience = Hooks::blocked(self);
        Box::pin(async move {
            if let Ok(patience) = patience {
                // an app that fails to wait has waited long enough
                let _ = JsFuture::from(patience).await;
            }
        })
    }

    fn taken_away(&self, why: Closing) {
        Host::failed(self, &LogError::from(StoreError::Closed { why }).into());
    }
}

impl Transport for Hooks {
    async fn send(&self, method: &str, path: &str, body: Option<String>) -> Result<Answer, NoAnswer> {
        let answer = match Hooks::send(self, method, path, body) {
            Ok(promise) => JsFuture::from(promise).await,
            Err(thrown) => Err(thrown),
        };
        match answer {
            Ok(answer) => {
                let answer: Exchange = answer.unchecked_into();
                Ok(Answer {
                    status: answer.status(),
                    content_type: answer.content_type(),
                    body: answer.body(),
                    retry_after: answer.retry_after().map(|millis| millis as u64),
                })
            }
            Err(thrown) => Err(NoAnswer {
                reason: thrown_message(&thrown),
                timeout: thrown.is_object()
                    && thrown.unchecked_into::<Exchange>().code().as_deref() == Some("timeout"),
            }),
        }
    }

    async fn renew_token(&self) -> bool {
        match Hooks::renew_token(self) {
            Ok(promise) => JsFuture::from(promise).await.is_ok_and(|renewed| renewed.is_truthy()),
            Err(_) => false,
        }
    }

    async fn sleep(&self, milliseconds: u64) {
        if let Ok(promise) = Hooks::sleep(self, milliseconds as f64) {
            // a sleep that fails is a short one
            let _ = JsFuture::from(promise).await;
        }
    }

    async fn listen(&self, way: Way, after: &Cursor, follow: &str) -> Heard {
        let way = if way == Way::Stream { "stream" } else { "long-poll" };
        let Ok(promise) = Hooks::listen(self, way, &after.0, follow) else { return Heard::Broken };
        match JsFuture::from(promise).await {
            Ok(sign) => heard(&sign.unchecked_into()),
            Err(_) => Heard::Broken,
        }
    }

    fn hang_up(&self) {
        // what can't be closed is not listened to all the same
        let _ = Hooks::hang_up(self);
    }
}

/// What the page heard. A page of commits that can't be read is not said again by another try, but a pull says what is wrong with it.
fn heard(sign: &Sign) -> Heard {
    match sign.heard().as_str() {
        "open" => Heard::Open,
        "quiet" => Heard::Quiet,
        "closed" => Heard::Closed,
        "unfit" => Heard::Unfit,
        "busy" => Heard::Busy(sign.wait().unwrap_or_default() as u64),
        "news" => match (sign.after(), sign.page().map(|page| serde_json::from_str(&page))) {
            (Some(after), Some(Ok(page))) => Heard::News(Box::new(News { after: Cursor(after), page })),
            _ => Heard::Broken,
        },
        _ => Heard::Broken,
    }
}
