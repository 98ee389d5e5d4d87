//! Opening a log for JavaScript.

use super::{
    aggregate::{JsAggregate, JsDecider},
    core::{Core, Storage},
    failure::{invalid, read_failure, register_failure, write_failure},
    hooks::Hooks,
    own::provided,
    process::{JsManager, JsProcess},
    projection::{JsProjection, JsProjector},
    storage::{PageStore, Wanted},
    upcaster::{JsUpcaster, upcaster},
};
use crate::{
    engine::{Engine, Parts},
    environment::Surroundings,
    log::{Authority, LogError, store::Durability},
    process::Manager,
    projection::Projector,
    snapshot::SnapshotPolicy,
    sync::follow::Follow,
    upcast::{Decoder, UnknownEvents, Versions},
};
use serde::Deserialize;
use std::{rc::Rc, sync::Arc};
use wasm_bindgen::prelude::*;

/// `CoreSettings` in `pkg/src/core.ts`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    name: String,
    storage: Wanted,
    durability: Durability,
    sync: bool,
    poll_interval: u64,
    #[serde(default)]
    push_as: Versions,
    follow: Option<Following>,
    actor: Option<String>,
    #[serde(default)]
    unknown_events: UnknownEvents,
    known_events: Option<Vec<(Arc<str>, Option<u32>)>>,
    /// The aggregates that this module has to bring.
    #[serde(default)]
    rust_aggregates: Vec<String>,
    /// The projections that this module has to bring.
    #[serde(default)]
    rust_projections: Vec<String>,
    /// The process managers that this module has to bring, and that act.
    #[serde(default)]
    rust_processes: Vec<String>,
    #[serde(default)]
    snapshots: SnapshotPolicy,
}

/// What an app wants to follow.
#[derive(Deserialize)]
pub(super) struct Following {
    streams: Vec<String>,
    #[serde(default)]
    forget: bool,
}

impl Following {
    /// The same, checked.
    pub(super) fn read(&self, argument: &str) -> Result<Follow, JsValue> {
        let follow = Follow::of(self.streams.iter().map(String::as_str));
        follow.map(|follow| follow.forgetting(self.forget)).map_err(|error| invalid(argument, error))
    }
}

/// Opens the log of a name, with the rules of the app.
///
/// # Errors
/// A `CoreFailure`.
#[wasm_bindgen(js_name = openCore)]
pub async fn open_core(
    settings: JsValue,
    aggregates: Vec<JsAggregate>,
    projections: Vec<JsProjection>,
    upcasters: Vec<JsUpcaster>,
    processes: Vec<JsProcess>,
    hooks: Hooks,
) -> Result<Core, JsValue> {
    hooks.tell_of_crashes();
    let opened = open(settings, aggregates, projections, upcasters, processes, hooks.clone()).await;
    if opened.is_err() {
        hooks.closed();
    }
    opened
}

async fn open(
    settings: JsValue,
    aggregates: Vec<JsAggregate>,
    projections: Vec<JsProjection>,
    upcasters: Vec<JsUpcaster>,
    processes: Vec<JsProcess>,
    hooks: Hooks,
) -> Result<Core, JsValue> {
    let settings: Settings =
        serde_wasm_bindgen::from_value(settings).map_err(|error| invalid("options", error))?;
    let rules = provided(&settings.rust_aggregates, &settings.rust_projections, &settings.rust_processes)?;
    let mut registry = rules.registry().map_err(register_failure)?.clone();
    for aggregate in aggregates {
        let decider = JsDecider::new(aggregate).map_err(|error| invalid("aggregates", error))?;
        registry.add_decider(Rc::new(decider)).map_err(register_failure)?;
    }
    let upcasters = upcasters.into_iter().map(upcaster).collect::<Result<_, _>>()?;
    let decoder = Decoder::new(upcasters).map_err(|error| read_failure(error.into()))?;
    let mut decoder = decoder.unknown(settings.unknown_events);
    if let Some(known) = settings.known_events {
        decoder = decoder.known(known);
    }
    let mut projectors: Vec<Rc<dyn Projector>> = Vec::with_capacity(projections.len());
    for app in projections {
        projectors.push(Rc::new(JsProjector::new(app).map_err(|error| invalid("projections", error))?));
    }
    projectors.extend(rules.projections().iter().cloned());
    let mut managers: Vec<Rc<dyn Manager>> = Vec::with_capacity(processes.len());
    for app in processes {
        managers.push(Rc::new(JsManager::new(app)));
    }
    let named =
        |manager: &&Rc<dyn Manager>| settings.rust_processes.iter().any(|name| **name == **manager.name());
    managers.extend(rules.processes().iter().filter(named).cloned());
    let authority = if settings.sync { Authority::Server } else { Authority::Device };
    let parts = Parts {
        registry,
        projections: projectors,
        processes: managers,
        decoder,
        actor: settings.actor,
        poll_interval: settings.poll_interval,
        push_as: settings.push_as,
        follow: settings.follow.map(|follow| follow.read("sync.follow")).transpose()?,
        snapshots: settings.snapshots,
        compression: Some(Rc::new(hooks.clone())),
        host: Rc::new(hooks.clone()),
        ..Parts::new(authority, Surroundings::new(Rc::new(hooks.clone())))
    };
    let holder = Rc::new(hooks.clone());
    let (store, why_memory) = PageStore::open(&settings.name, settings.storage, settings.durability, holder)
        .await
        .map_err(|error| read_failure(LogError::from(error).into()))?;
    let storage = Storage { kind: store.kind(), why_memory };
    let engine = Engine::open(store, parts).await.map_err(write_failure)?;
    Ok(Core::new(engine, hooks, storage))
}
