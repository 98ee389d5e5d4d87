//! A newer version of the app writes a type of event that the older one has never heard of; the older one, still open in another tab
//! or on another device, meets it and cannot start any more (AxonFramework, issues 413 and 4625). The same happens with events
//! that were stored before there were schema versions.
//!
//! The cure: unknown types and versions follow a policy, which by default keeps them and goes on, and a missing version means 1.

use tidelog::{
    aggregate::{Aggregate, Context, Registry},
    engine::{At, Engine, Parts, WriteOptions},
    event::{Event, NewEvent},
    json::Json,
    log::{Authority, MemoryStore, Place, Query},
    testing::{ManualEnvironment, block_on},
    upcast::{Decoder, UnknownEvents, Upcaster},
};

/// How often a door was opened: the older app.
struct Door;

#[derive(serde::Deserialize)]
#[serde(tag = "type", content = "data")]
enum Ask {
    Open,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(tag = "type", content = "data")]
enum Fact {
    Opened { times: u64 },
}

impl Aggregate for Door {
    const NAME: &'static str = "door";
    type State = u64;
    type Command = Ask;
    type Event = Fact;
    type Error = std::fmt::Error;

    fn decide(_: &u64, Ask::Open: Ask, _: &Context) -> Result<Vec<Fact>, std::fmt::Error> {
        Ok(vec![Fact::Opened { times: 1 }])
    }

    fn evolve(sum: u64, Fact::Opened { times }: &Fact) -> u64 {
        sum + times
    }
}

async fn open(store: &MemoryStore, decoder: Decoder) -> Engine<MemoryStore> {
    let mut registry = Registry::default();
    registry.add::<Door>().unwrap();
    let environment = ManualEnvironment::new(1);
    let parts = Parts { registry, decoder, ..Parts::new(Authority::Device, environment.surroundings()) };
    Engine::open(store.clone(), parts).await.unwrap()
}

fn event(event_type: &str, version: u32, data: &str) -> NewEvent {
    NewEvent {
        event_type: event_type.into(),
        schema_version: Some(version),
        data: Json::parse(data).unwrap(),
        id: None,
        occurred_at: None,
        custom: None,
    }
}

/// Opened in version 2 counts its openings; the older app knows version 1 only, where it was once each.
fn decoder() -> Decoder {
    Decoder::new(vec![
        Upcaster::new("Opened", 1)
            .steps(serde_json::from_str(r#"[{ "add": "times", "value": 1 }]"#).unwrap()),
    ])
    .unwrap()
}

#[test]
fn the_older_app_goes_on_beside_the_newer_one() {
    block_on(async {
        let store = MemoryStore::new();
        let newer = open(&store, decoder()).await;
        let written = vec![
            event("Opened", 2, r#"{"times":1}"#),
            event("Painted", 1, r#"{"colour":"red"}"#),
            event("Opened", 3, r#"{"openings":[7]}"#),
        ];
        newer.append("door-1", written, WriteOptions::default()).await.unwrap();

        let older = open(&store, decoder()).await;
        let (state, version) = older.load("door", "1", At::Now).await.unwrap();
        assert_eq!((state.downcast_ref::<u64>(), version), (Some(&1), 3));
        let opened = older.execute(
            "door",
            "1",
            serde_json::from_str(r#"{"type":"Open"}"#).unwrap(),
            WriteOptions::default(),
        );
        assert_eq!(opened.await.unwrap().version, 4);
        let page = older.read(&Query::default(), Place::START, 9).await.unwrap();
        assert_eq!(page.events.len(), 4, "readers are shown what they don't know");
        assert_eq!(page.events[1].event.data.as_str(), r#"{"colour":"red"}"#);

        // an app that would rather stop says so, and is told which event it was
        let strict = open(&store, decoder().unknown(UnknownEvents::Error)).await;
        let error = strict.load("door", "1", At::Now).await.map(|_| ()).unwrap_err();
        assert_eq!(error.code(), "unknown-event");
        assert!(error.to_string().contains("Painted version 1 (event 2 of door-1)"), "{error}");
    });
}

#[test]
fn an_event_without_a_schema_version_has_the_first() {
    let id = "01990a0a-0000-7000-8000-000000000001";
    let stored: Event =
        serde_json::from_str(&format!(r#"{{"id":"{id}","type":"Opened","data":{{}}}}"#)).unwrap();
    assert_eq!(stored.schema_version, 1);
    block_on(async {
        let engine = open(&MemoryStore::new(), decoder()).await;
        engine
            .append("door-1", vec![event("Opened", stored.schema_version, "{}")], WriteOptions::default())
            .await
            .unwrap();
        let (state, _) = engine.load("door", "1", At::Now).await.unwrap();
        assert_eq!(state.downcast_ref::<u64>(), Some(&1));
    });
}
