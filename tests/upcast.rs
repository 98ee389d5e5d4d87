//! Upcasting happens at decoding, on every path on which a stored event is read.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use futures_executor::block_on;
use std::rc::Rc;
use support::*;
use tidelog::{
    engine::{At, Engine, WriteOptions},
    event::NewEvent,
    json::Json,
    log::{Authority, MemoryStore, Place, Query},
    testing::ManualEnvironment,
    upcast::{Decoder, Shape, Step, UpcastError},
};

fn to(event_type: &'static str, schema_version: u32, rewrite: fn(&str) -> String) -> Step {
    Rc::new(move |shape: Shape| {
        let data = Json::parse(rewrite(shape.data.as_str())).map_err(|error| error.to_string())?;
        Ok(vec![Shape { event_type: event_type.into(), schema_version, data }])
    })
}

fn old(event_type: &str, schema_version: u32, data: &str) -> NewEvent {
    NewEvent {
        event_type: event_type.into(),
        schema_version,
        data: Json::parse(data).unwrap(),
        id: None,
        occurred_at: None,
        custom: None,
    }
}

/// `LessonDone { unit }` (1) was renamed, `LessonCompleted { name }` (1) became `LessonCompleted { lesson }` (2), `LessonsDone`
/// (1) is several at once, `Opened` (1) is no longer of interest.
fn decoder() -> Decoder {
    let mut decoder = Decoder::default();
    decoder.add("LessonDone", 1, to("LessonCompleted", 1, |data| data.replace("unit", "name"))).unwrap();
    decoder
        .add("LessonCompleted", 1, to("LessonCompleted", 2, |data| data.replace("name", "lesson")))
        .unwrap();
    let split = |shape: Shape| {
        let names: Vec<String> = shape.data.to().map_err(|error| error.to_string())?;
        let each = names.iter().map(|name| Shape {
            event_type: "LessonDone".into(),
            schema_version: 1,
            data: Json::parse(format!(r#"{{"unit":"{name}"}}"#)).unwrap(),
        });
        Ok(each.collect())
    };
    decoder.add("LessonsDone", 1, Rc::new(split)).unwrap();
    decoder.add("Opened", 1, Rc::new(|_| Ok(vec![]))).unwrap();
    decoder
}

async fn open(store: &MemoryStore, decoder: Decoder) -> Engine<MemoryStore> {
    let mut parts = parts(Authority::Device, &ManualEnvironment::new(1));
    parts.decoder = decoder;
    Engine::open(store.clone(), parts).await.unwrap()
}

#[test]
fn every_path_sees_todays_shape() {
    block_on(async {
        let engine = open(&MemoryStore::new(), decoder()).await;
        let history = vec![
            old("Opened", 1, "{}"),
            old("LessonDone", 1, r#"{"unit":"l1"}"#),
            old("LessonsDone", 1, r#"["l2","l3"]"#),
            old("LessonCompleted", 1, r#"{"name":"l4"}"#),
            old("LessonCompleted", 2, r#"{"lesson":"l5"}"#),
        ];
        engine.append("course-a", history, WriteOptions::default()).await.unwrap();

        assert_eq!(completed(&engine, "a").await, ["l1", "l2", "l3", "l4", "l5"]);
        assert_eq!(lessons(&engine, "a").await, ["l1", "l2", "l3", "l4", "l5"]);
        let (_, version) = engine.load("course", "a", At::Version(3)).await.unwrap();
        assert_eq!(version, 3);
        let page = engine.read(&Query::default(), Place::START, 100).await.unwrap();
        assert!(page.events.iter().all(|it| &*it.event.event_type == "LessonCompleted"));
        // what one event is split into shares its place
        assert_eq!(page.events.iter().map(|it| it.version).collect::<Vec<_>>(), [2, 3, 3, 4, 5]);
        let again = engine.execute("course", "a", complete("l3"), WriteOptions::default()).await.unwrap_err();
        assert_eq!(again.code(), "refused");
    });
}

#[test]
fn a_step_that_breaks_names_the_event() {
    block_on(async {
        let mut decoder = Decoder::default();
        decoder.add("LessonDone", 1, Rc::new(|_| Err("no name".into()))).unwrap();
        let engine = open(&MemoryStore::new(), decoder).await;
        engine.append("course-a", vec![old("LessonDone", 1, "{}")], WriteOptions::default()).await.unwrap();
        let error = engine.load("course", "a", At::Now).await.map(|_| ()).unwrap_err();
        assert_eq!(error.code(), "upcast-failed");
        assert!(error.to_string().contains("event 1 of course-a"), "{error}");
        assert_eq!(engine.row("progress", "a").await.unwrap_err().code(), "upcast-failed");
        // other streams go on
        engine.execute("course", "b", complete("l1"), WriteOptions::default()).await.unwrap();
        assert_eq!(completed(&engine, "b").await, ["l1"]);
    });
}

#[test]
fn chains_that_circle_or_fork_are_errors() {
    block_on(async {
        let mut decoder = Decoder::default();
        decoder.add("A", 1, to("B", 1, str::to_owned)).unwrap();
        decoder.add("B", 1, to("A", 1, str::to_owned)).unwrap();
        let fork = decoder.add("A", 1, to("C", 1, str::to_owned)).unwrap_err();
        assert!(matches!(fork, UpcastError::Ambiguous { .. }));
        let engine = open(&MemoryStore::new(), decoder).await;
        engine.append("course-a", vec![old("A", 1, "{}")], WriteOptions::default()).await.unwrap();
        let error = engine.read(&Query::default(), Place::START, 10).await.unwrap_err();
        assert!(error.to_string().contains("does not end"), "{error}");
    });
}
