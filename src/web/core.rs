//! The class that JavaScript holds.

use super::{
    failure::{invalid, read_failure, write_failure},
    hooks::Hooks,
    open::Following,
    own::js_state,
    query::read_page,
    storage::PageStore,
    travel::moment,
    value::value,
};
use crate::{
    engine::{Engine, Receipt, Status},
    event::RecordedEvent,
    id::CommitId,
    stream::StreamName,
    version::Version,
};
use futures_util::future::LocalBoxFuture;
use js_sys::{Array, Promise};
use serde::{Serialize, de::DeserializeOwned};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

/// An open log: `Core` in `pkg/src/core.ts`.
#[wasm_bindgen]
pub struct Core {
    pub(super) engine: Engine<PageStore>,
    hooks: Hooks,
    storage: Storage,
}

/// Where the log is kept.
#[derive(Clone, Serialize)]
pub(super) struct Storage {
    /// `indexeddb` or `memory`.
    #[serde(rename = "storage")]
    pub(super) kind: &'static str,
    /// Why it is memory, if IndexedDB was wanted.
    #[serde(rename = "storageReason", skip_serializing_if = "Option::is_none")]
    pub(super) why_memory: Option<String>,
}

impl Core {
    pub(super) fn new(engine: Engine<PageStore>, hooks: Hooks, storage: Storage) -> Self {
        Self { engine, hooks, storage }
    }

    /// Runs a call on the engine as a promise. Boxed, so that what drives a future is in the wasm once and not per call.
    pub(super) fn promise<F>(&self, call: impl FnOnce(Engine<PageStore>) -> F) -> Promise
    where
        F: Future<Output = Result<JsValue, JsValue>> + 'static,
    {
        let running: LocalBoxFuture<'static, _> = Box::pin(call(self.engine.clone()));
        future_to_promise(running)
    }
}

pub(super) fn parse<T: DeserializeOwned>(argument: &str, text: &str) -> Result<T, JsValue> {
    serde_json::from_str(text).map_err(|error| invalid(argument, error))
}

pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Result<JsValue, JsValue> {
    let text = serde_json::to_string(value).map_err(|error| invalid("answer", error))?;
    Ok(text.into())
}

fn commit_id(text: &str) -> Result<CommitId, JsValue> {
    text.parse().map_err(|error| invalid("commitId", error))
}

fn stream_name(name: &str) -> Result<StreamName, JsValue> {
    StreamName::parse(name).map_err(|error| read_failure(error.into()))
}

fn receipt_json(receipt: &Receipt) -> Result<JsValue, JsValue> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Shape<'a> {
        commit_id: CommitId,
        stream: &'a str,
        version: Version,
        events: &'a [RecordedEvent],
    }
    json(&Shape {
        commit_id: receipt.commit_id,
        stream: receipt.stream.as_str(),
        version: receipt.version,
        events: &receipt.events,
    })
}

#[wasm_bindgen]
impl Core {
    /// Runs a command.
    pub fn execute(&self, aggregate: String, id: String, command: String, options: String) -> Promise {
        self.promise(async move |engine| {
            let (command, options) = (parse("command", &command)?, parse("options", &options)?);
            receipt_json(&engine.execute(&aggregate, &id, command, options).await.map_err(write_failure)?)
        })
    }

    /// Appends events without a command.
    pub fn append(&self, stream: String, events: String, options: String) -> Promise {
        self.promise(async move |engine| {
            let (events, options) = (parse("events", &events)?, parse("options", &options)?);
            receipt_json(&engine.append(&stream, events, options).await.map_err(write_failure)?)
        })
    }

    /// Appends many commits, all or none.
    #[wasm_bindgen(js_name = appendMany)]
    pub fn append_many(&self, commits: String) -> Promise {
        self.promise(async move |engine| {
            let commits = parse("commits", &commits)?;
            Ok((engine.append_many(commits).await.map_err(write_failure)? as f64).into())
        })
    }

    /// The state of an aggregate and its version, as an array of the two.
    pub fn load(&self, aggregate: String, id: String, at: String) -> Promise {
        self.promise(async move |engine| {
            let at = moment("at", &at)?;
            let (state, version) = engine.load(&aggregate, &id, at).await.map_err(read_failure)?;
            let state = js_state(&aggregate, &state)?;
            Ok(Array::of2(&state, &(version as f64).into()).into())
        })
    }

    /// A page of events.
    pub fn read(&self, query: String) -> Promise {
        self.promise(async move |engine| read_page(&engine, parse("query", &query)?).await)
    }

    /// The version of a stream, pending events included.
    pub fn version(&self, stream: &str) -> Result<f64, JsValue> {
        Ok(self.engine.log().version(&stream_name(stream)?) as f64)
    }

    /// The names of the streams.
    pub fn streams(&self, aggregate: Option<String>) -> Vec<String> {
        let streams = self.engine.log().streams(aggregate.as_deref());
        streams.iter().map(|name| name.as_str().to_owned()).collect()
    }

    /// Waits until a commit is settled.
    pub fn outcome(&self, stream: String, commit: String) -> Promise {
        self.promise(async move |engine| {
            let (stream, commit) = (stream_name(&stream)?, commit_id(&commit)?);
            json(&engine.outcome(&stream, commit).await.map_err(read_failure)?)
        })
    }

    /// The first pending commits.
    pub fn queue(&self, limit: usize) -> Promise {
        self.promise(async move |engine| json(&engine.queue(limit).await.map_err(read_failure)?))
    }

    /// The rejected commits.
    pub fn rejected(&self) -> Promise {
        self.promise(async move |engine| json(&engine.rejected().await.map_err(read_failure)?))
    }

    /// The streams that the server has archived.
    pub fn archived(&self) -> Result<JsValue, JsValue> {
        json(&self.engine.archived())
    }

    /// Other devices' commits that the server has lost and that can't be brought back from here.
    pub fn orphans(&self) -> Promise {
        self.promise(async move |engine| json(&engine.orphans().await.map_err(read_failure)?))
    }

    /// Takes an orphan off the list.
    pub fn forget(&self, commit: String) -> Promise {
        self.promise(async move |engine| {
            Ok(engine.forget_orphan(commit_id(&commit)?).await.map_err(read_failure)?.into())
        })
    }

    /// Takes another log for this database's.
    pub fn adopt(&self, log_id: String) -> Promise {
        self.promise(async move |engine| {
            Ok((engine.adopt(&log_id).await.map_err(read_failure)? as f64).into())
        })
    }

    /// Gives a rejected command again, or another in its place.
    pub fn retry(&self, commit: String, command: Option<String>, options: String) -> Promise {
        self.promise(async move |engine| {
            let command = command.map(|command| parse("command", &command)).transpose()?;
            let (commit, options) = (commit_id(&commit)?, parse("options", &options)?);
            receipt_json(&engine.retry_as(commit, command, options).await.map_err(write_failure)?)
        })
    }

    /// The commits that a person is asked about.
    pub fn conflicts(&self) -> Promise {
        self.promise(async move |engine| json(&engine.conflicts().await.map_err(read_failure)?))
    }

    /// Answers a question.
    pub fn resolve(&self, commit: String, choice: String) -> Promise {
        self.promise(async move |engine| {
            let choice = parse("choice", &choice)?;
            engine.resolve(commit_id(&commit)?, choice).await.map_err(write_failure)?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Takes a commit off the rejected list.
    pub fn discard(&self, commit: String) -> Promise {
        self.promise(async move |engine| {
            Ok(engine.discard(commit_id(&commit)?).await.map_err(write_failure)?.into())
        })
    }

    /// Where the engine stands.
    pub fn status(&self) -> Result<JsValue, JsValue> {
        #[derive(Serialize)]
        struct Shape<'a> {
            #[serde(flatten)]
            engine: Status,
            #[serde(flatten)]
            storage: &'a Storage,
        }
        value(&Shape { engine: self.engine.status(), storage: &self.storage })
    }

    /// Runs the sync loop.
    #[wasm_bindgen(js_name = syncRun)]
    pub fn sync_run(&self) -> Promise {
        let hooks = self.hooks.clone();
        self.promise(async move |engine| {
            engine.sync_run(hooks).await;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Ends the sync loop of this tab.
    #[wasm_bindgen(js_name = syncStop)]
    pub fn sync_stop(&self) {
        self.engine.sync_stop();
    }

    /// Asks for a round now, in whatever tab.
    #[wasm_bindgen(js_name = syncNow)]
    pub fn sync_now(&self) {
        self.engine.sync_now();
    }

    /// Follows other streams from now on: `follow` is JSON `{ streams, forget? }`.
    #[wasm_bindgen(js_name = syncFollow)]
    pub fn sync_follow(&self, follow: String) -> Promise {
        self.promise(async move |engine| {
            let follow = parse::<Following>("follow", &follow)?.read("follow")?;
            engine.follow(follow).await.map_err(read_failure)?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Pauses, in all tabs.
    #[wasm_bindgen(js_name = syncPause)]
    pub fn sync_pause(&self) {
        self.engine.sync_pause();
    }

    /// Goes on, in all tabs.
    #[wasm_bindgen(js_name = syncResume)]
    pub fn sync_resume(&self) {
        self.engine.sync_resume();
    }

    /// Whether there is a network.
    #[wasm_bindgen(js_name = setOnline)]
    pub fn set_online(&self, online: bool) {
        self.engine.set_online(online);
    }

    /// Takes in a message of another tab.
    pub fn heard(&self, message: String) -> Promise {
        self.promise(async move |engine| {
            engine.heard(&message).await.map_err(read_failure)?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// One step of background merging.
    pub fn maintain(&self) -> Promise {
        self.promise(async move |engine| Ok(engine.maintain().await.map_err(read_failure)?.into()))
    }

    /// Lets go of the database.
    pub fn close(&self) {
        self.engine.close();
        self.hooks.closed();
    }
}
