//! The app is updated: `evolve` now means something else. A snapshot that the old code has made would go on giving its states,
//! silently, for as long as it is there (seen in AxonFramework, issue 566).
//!
//! The cure: a snapshot carries a fingerprint of the code that made it, and another code's is discarded, replayed, rewritten.

use serde::{Deserialize, Serialize};
use tidelog::{
    aggregate::{Aggregate, Context, Registry},
    engine::{At, Engine, Parts, WriteOptions},
    event::NewEvent,
    json::Json,
    log::{Authority, MemoryStore},
    metrics::Counter,
    snapshot::{SnapshotPolicy, Snapshots},
    testing::{ManualEnvironment, block_on},
    upcast::{Decoder, Shape, Upcaster},
};

/// Points of a learner. In version 2 of the app a passed exam counts ten points instead of one.
struct Points<const SCHEMA: u32>;

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Nothing {}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum Fact {
    Passed { weight: u64 },
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Sum {
    points: u64,
}

impl<const SCHEMA: u32> Aggregate for Points<SCHEMA> {
    const NAME: &'static str = "points";
    const SCHEMA_VERSION: u32 = SCHEMA;
    type State = Sum;
    type Command = Nothing;
    type Event = Fact;
    type Error = std::fmt::Error;

    fn decide(_: &Sum, command: Nothing, _: &Context) -> Result<Vec<Fact>, std::fmt::Error> {
        match command {}
    }

    fn evolve(state: Sum, Fact::Passed { weight }: &Fact) -> Sum {
        Sum { points: state.points + weight * if SCHEMA == 1 { 1 } else { 10 } }
    }

    fn snapshots() -> Option<Snapshots<Sum>> {
        Some(Snapshots::json())
    }
}

async fn open<A: Aggregate>(store: &MemoryStore, decoder: Decoder) -> Engine<MemoryStore> {
    let mut registry = Registry::default();
    registry.add::<A>().unwrap();
    let snapshots = SnapshotPolicy { every: Some(10), ..SnapshotPolicy::default() };
    let surroundings = ManualEnvironment::new(1).surroundings();
    let parts = Parts { registry, snapshots, decoder, ..Parts::new(Authority::Device, surroundings) };
    Engine::open(store.clone(), parts).await.unwrap()
}

async fn points(engine: &Engine<MemoryStore>) -> u64 {
    let (state, _) = engine.load("points", "ada", At::Now).await.unwrap();
    state.downcast_ref::<Sum>().unwrap().points
}

async fn with_snapshot() -> MemoryStore {
    let store = MemoryStore::new();
    let old = open::<Points<1>>(&store, Decoder::default()).await;
    let passed = |_| NewEvent {
        event_type: "Passed".into(),
        schema_version: Some(1),
        data: Json::parse(r#"{"weight":1}"#).unwrap(),
        id: None,
        occurred_at: None,
        custom: None,
    };
    old.append("points-ada", (0..30).map(passed).collect(), WriteOptions::default()).await.unwrap();
    assert_eq!(points(&old).await, 30);
    while old.maintain().await.unwrap() {}
    assert_eq!(old.snapshots("points", "ada").await.unwrap().len(), 1);
    store
}

#[test]
fn a_snapshot_of_old_code_is_discarded_replayed_and_rewritten() {
    block_on(async {
        let store = with_snapshot().await;
        let new = open::<Points<2>>(&store, Decoder::default()).await;
        assert_eq!(points(&new).await, 300);
        let counted = |engine: &Engine<_>, counter| engine.metrics().counters.of(counter);
        assert_eq!(counted(&new, Counter::SnapshotsOutdated), 1);
        assert!(new.snapshots("points", "ada").await.unwrap().iter().all(|snapshot| !snapshot.current));
        while new.maintain().await.unwrap() {}
        let rewritten = new.snapshots("points", "ada").await.unwrap();
        assert!(matches!(&rewritten[..], [one] if one.current && one.version == 30), "{rewritten:?}");

        let again = open::<Points<2>>(&store, Decoder::default()).await;
        assert_eq!(points(&again).await, 300);
        assert_eq!(
            (counted(&again, Counter::SnapshotHits), counted(&again, Counter::SnapshotsOutdated)),
            (1, 0)
        );
    });
}

/// The state is made of decoded events: an upcaster changes it as much as `evolve` does.
#[test]
fn a_new_upcaster_makes_snapshots_old() {
    block_on(async {
        let store = with_snapshot().await;
        let double = |shape: Shape| {
            let data = Json::parse(r#"{"weight":2}"#).map_err(|error| error.to_string())?;
            Ok(vec![Shape { schema_version: 2, data, ..shape }])
        };
        let decoder = Decoder::new(vec![Upcaster::new("Passed", 1).by(double)]).unwrap();
        let new = open::<Points<1>>(&store, decoder).await;
        assert_eq!(points(&new).await, 60);
    });
}
