//! How much a snapshot saves: run by hand, it prints a table.
//!
//! ```sh
//! cargo test --release -p tidelog --test snapshot_speed -- --ignored --nocapture
//! wasm-pack test --headless --chrome -- --test snapshot_speed -- --include-ignored --nocapture
//! ```
#![cfg(feature = "testing")]
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)] // a measurement

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tidelog::{
    aggregate::{Aggregate, Context, Registry},
    engine::{At, Engine, Imported, Parts},
    event::NewEvent,
    json::Json,
    log::{Authority, store::Store},
    snapshot::{SnapshotPolicy, Snapshots},
    testing::{Database, ManualEnvironment, stream},
};

/// Marks of a class: a state of 200 rows however many events there are.
struct Marks;

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum Fact {
    Marked { learner: u64, mark: u64, remark: String },
}

impl Aggregate for Marks {
    const NAME: &'static str = "marks";
    type State = BTreeMap<u64, u64>;
    type Command = Fact;
    type Event = Fact;
    type Error = std::fmt::Error;

    fn decide(_: &Self::State, fact: Fact, _: &Context) -> Result<Vec<Fact>, std::fmt::Error> {
        Ok(vec![fact])
    }

    fn evolve(mut state: Self::State, Fact::Marked { learner, mark, .. }: &Fact) -> Self::State {
        state.insert(*learner, *mark);
        state
    }

    fn snapshots() -> Option<Snapshots<Self::State>> {
        Some(Snapshots::json())
    }
}

const EVENTS: u64 = 10_000;
const SINCE: u64 = 50;

fn marked(number: u64) -> NewEvent {
    let fact = Fact::Marked { learner: number % 200, mark: number % 100, remark: "x".repeat(120) };
    serde_json::from_str(Json::of(&fact).unwrap().as_str()).unwrap()
}

#[cfg(target_arch = "wasm32")]
fn milliseconds() -> f64 {
    js_sys::Date::now()
}

#[cfg(not(target_arch = "wasm32"))]
fn milliseconds() -> f64 {
    use std::sync::OnceLock;
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64() * 1_000.0
}

fn say(line: &str) {
    #[cfg(target_arch = "wasm32")]
    wasm_bindgen_test::console_log!("{line}");
    #[cfg(not(target_arch = "wasm32"))]
    println!("{line}");
}

async fn open<S: Store>(store: S, snapshots: SnapshotPolicy) -> Engine<S> {
    let mut registry = Registry::default();
    registry.add::<Marks>().unwrap();
    let surroundings = ManualEnvironment::new(1).surroundings();
    Engine::open(store, Parts { registry, snapshots, ..Parts::new(Authority::Device, surroundings) })
        .await
        .unwrap()
}

/// The median of cold loads, in milliseconds: with nothing in memory but the index.
async fn cold<D: Database>(database: &D, snapshots: &SnapshotPolicy) -> f64 {
    let mut taken = Vec::new();
    for _ in 0..9 {
        let engine = open(database.holder().await, snapshots.clone()).await;
        let began = milliseconds();
        let (_, version) = engine.load("marks", "class", At::Now).await.unwrap();
        taken.push(milliseconds() - began);
        assert_eq!(version, EVENTS + SINCE);
        engine.close();
    }
    taken.sort_by(f64::total_cmp);
    taken[taken.len() / 2]
}

async fn measure<D: Database>(database: &D) {
    let engine = open(database.holder().await, SnapshotPolicy::by_hand()).await;
    let imported = |numbers: std::ops::Range<u64>| Imported {
        stream: stream("marks-class"),
        expected_version: None,
        events: numbers.map(marked).collect(),
    };
    for from in (0..EVENTS).step_by(500) {
        engine.append_many(vec![imported(from..from + 500)]).await.unwrap();
    }
    engine.take_snapshot("marks", "class").await.unwrap();
    engine.append_many(vec![imported(EVENTS..EVENTS + SINCE)]).await.unwrap();
    engine.close();
    let folded = cold(database, &SnapshotPolicy::never()).await;
    let resumed = cold(database, &SnapshotPolicy::by_hand()).await;
    say(&format!(
        "load of {} events: {folded:.1} ms folded from the first; {resumed:.1} ms from a snapshot and {SINCE} events; {:.0} times as fast",
        EVENTS + SINCE,
        folded / resumed.max(0.1)
    ));
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
#[ignore = "a measurement, to be run by hand"]
fn a_long_stream_is_loaded_faster_from_a_snapshot() {
    futures_executor::block_on(measure(&tidelog::log::MemoryStore::new()));
}

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

#[cfg(target_arch = "wasm32")]
#[wasm_bindgen_test::wasm_bindgen_test]
#[ignore = "a measurement, to be run by hand"]
async fn a_long_stream_is_loaded_faster_from_a_snapshot() {
    let database = tidelog::testing::BrowserDatabase::new("snapshot speed");
    measure(&database).await;
    database.delete().await;
}
