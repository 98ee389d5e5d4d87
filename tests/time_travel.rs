//! States and rows as they stood, and what changed since.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use futures_executor::block_on;
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};
use support::*;
use tidelog::{
    engine::{At, Engine, ReadError, WriteOptions},
    event::{NewEvent, RecordedEvent},
    json::Json,
    log::{Authority, MemoryStore, Place, Query},
    projection::{ChangedRows, CurrentRow, Definition, OnError, ProjectError, Projector},
    testing::ManualEnvironment,
    time::Timestamp,
    upcast::{Decoder, Shape, Upcaster},
};

const START: i64 = 1_767_225_600_000;

async fn open(authority: Authority, environment: &ManualEnvironment) -> Engine<MemoryStore> {
    Engine::open(MemoryStore::new(), parts(authority, environment)).await.unwrap()
}

async fn complete_lesson(engine: &Engine<MemoryStore>, id: &str, lesson: &str) -> RecordedEvent {
    let options = WriteOptions::default();
    let receipt = engine.execute("course", id, complete(lesson), options).await.unwrap();
    receipt.events.into_iter().next().unwrap()
}

/// A lesson that was done at another moment than it is recorded.
fn done(lesson: &str, occurred_at: i64) -> NewEvent {
    NewEvent {
        event_type: "LessonCompleted".into(),
        schema_version: None,
        data: Json::parse(format!(r#"{{"lesson":"{lesson}"}}"#)).unwrap(),
        id: None,
        occurred_at: Some(Timestamp(occurred_at)),
        custom: None,
    }
}

async fn state(engine: &Engine<MemoryStore>, id: &str, at: At) -> (Vec<String>, u64) {
    let (state, version) = engine.load("course", id, at).await.unwrap();
    (state.downcast_ref::<BTreeSet<String>>().unwrap().iter().cloned().collect(), version)
}

/// The rows, as `a: l1 l2`.
async fn rows(engine: &Engine<MemoryStore>, at: At) -> Vec<String> {
    let rows = engine.rows_at("progress", at).await.unwrap();
    rows.iter().map(|(key, row)| format!("{key}: {}", row.to::<Vec<String>>().unwrap().join(" "))).collect()
}

#[test]
fn a_row_stands_as_it_did_after_a_position() {
    block_on(async {
        let engine = open(Authority::Device, &ManualEnvironment::new(1)).await;
        for (id, lesson) in [("a", "l1"), ("b", "l1"), ("a", "l2")] {
            complete_lesson(&engine, id, lesson).await;
        }
        assert_eq!(rows(&engine, At::Position(0)).await, Vec::<String>::new());
        assert_eq!(rows(&engine, At::Position(1)).await, ["a: l1"]);
        assert_eq!(rows(&engine, At::Position(2)).await, ["a: l1", "b: l1"]);
        assert_eq!(rows(&engine, At::Position(99)).await, ["a: l1 l2", "b: l1"]);
        assert_eq!(rows(&engine, At::Now).await, ["a: l1 l2", "b: l1"]);
        let row = engine.row_at("progress", "a", At::Position(2)).await.unwrap().unwrap();
        assert_eq!(row.as_str(), r#"["l1"]"#);
        assert_eq!(engine.row_at("progress", "b", At::Position(1)).await.unwrap(), None);
        assert_eq!(state(&engine, "a", At::Position(2)).await, (vec!["l1".into()], 1));
    });
}

#[test]
fn what_had_happened_and_what_was_known_are_two_questions() {
    block_on(async {
        let environment = ManualEnvironment::new(1);
        let engine = open(Authority::Device, &environment).await;
        let day = 86_400_000;
        environment.set(Timestamp(START + day));
        complete_lesson(&engine, "a", "l1").await;
        // done on a train on the second day, recorded on the fourth
        environment.set(Timestamp(START + 4 * day));
        engine.append("course-b", vec![done("l1", START + 2 * day)], WriteOptions::default()).await.unwrap();
        let third = Timestamp(START + 3 * day);
        assert_eq!(rows(&engine, At::Known(third)).await, ["a: l1"]);
        assert_eq!(rows(&engine, At::Occurred(third)).await, ["a: l1", "b: l1"]);
        assert_eq!(state(&engine, "b", At::Known(third)).await.1, 0);
        assert_eq!(state(&engine, "b", At::Occurred(third)).await.1, 1);
    });
}

#[test]
fn a_moment_never_skips_an_event_of_a_stream_but_streams_don_t_hold_each_other_back() {
    block_on(async {
        let engine = open(Authority::Device, &ManualEnvironment::new(1)).await;
        let write = WriteOptions::default;
        // the clock of the second device is wrong: its lesson claims to be earlier than the one before it
        engine.append("course-a", vec![done("l1", 10), done("l2", 30)], write()).await.unwrap();
        engine.append("course-a", vec![done("l3", 20)], write()).await.unwrap();
        engine.append("course-b", vec![done("l1", 15)], write()).await.unwrap();
        let at = At::Occurred(Timestamp(25));
        assert_eq!(rows(&engine, at).await, ["a: l1", "b: l1"]);
        assert_eq!(state(&engine, "a", at).await, (vec!["l1".into()], 1));
    });
}

#[test]
fn a_pending_event_is_a_moment_too() {
    block_on(async {
        let environment = ManualEnvironment::new(1);
        let engine = open(Authority::Server, &environment).await;
        let first = complete_lesson(&engine, "a", "l1").await;
        let second = complete_lesson(&engine, "b", "l1").await;
        complete_lesson(&engine, "a", "l2").await;
        assert_eq!(first.position, None, "there is no server to confirm it");
        assert_eq!(rows(&engine, At::Event(first.commit_id, 1)).await, ["a: l1"]);
        assert_eq!(rows(&engine, At::Event(second.commit_id, 1)).await, ["a: l1", "b: l1"]);
        assert_eq!(rows(&engine, At::Position(9)).await, Vec::<String>::new(), "nothing is confirmed");
        assert_eq!(state(&engine, "a", At::Event(first.commit_id, 1)).await.1, 1);
        assert_eq!(rows(&engine, At::Known(Timestamp(START))).await, ["a: l1 l2", "b: l1"]);
    });
}

#[test]
fn moments_that_are_none_have_their_error() {
    block_on(async {
        let engine = open(Authority::Device, &ManualEnvironment::new(1)).await;
        let event = complete_lesson(&engine, "a", "l1").await;
        let refused = engine.rows_at("progress", At::Version(1)).await.unwrap_err();
        assert_eq!(refused.code(), "invalid-argument");
        assert!(refused.to_string().contains("ask by position, event or moment"), "{refused}");
        let gone = At::Event(tidelog::id::CommitId(event.event.id.0), 1);
        for error in [
            engine.rows_at("progress", gone).await.unwrap_err(),
            engine.load("course", "a", gone).await.map(|_| ()).unwrap_err(),
            engine.rows_difference("progress", None, At::Now, gone, 9).await.unwrap_err(),
        ] {
            assert!(matches!(error, ReadError::UnknownCommit(_)), "{error}");
        }
        let unknown = engine.row_at("marks", "a", At::Position(1)).await.unwrap_err();
        assert!(matches!(unknown, ReadError::UnknownProjection(_)), "{unknown}");
    });
}

#[test]
fn the_difference_tells_which_fields_and_which_events() {
    block_on(async {
        let engine = open(Authority::Device, &ManualEnvironment::new(1)).await;
        for (id, lesson) in [("a", "l1"), ("b", "l1"), ("a", "l2"), ("c", "l1"), ("a", "l3")] {
            complete_lesson(&engine, id, lesson).await;
        }
        let of = async |key, from, to, limit| {
            engine.rows_difference("progress", key, from, to, limit).await.unwrap()
        };
        let all = of(None, At::Position(2), At::Now, 10).await;
        let found: Vec<_> = all
            .rows
            .iter()
            .flat_map(|row| row.changes.iter().map(move |change| format!("{}{}", row.key, change.path)))
            .collect();
        assert_eq!(found, ["a/1", "a/2", "c"]);
        assert_eq!((all.events.len(), all.total), (3, 3));

        let one = of(Some("a"), At::Position(2), At::Now, 1).await;
        assert_eq!(one.rows.len(), 1);
        assert_eq!(one.rows[0].before.as_ref().unwrap().as_str(), r#"["l1"]"#);
        assert_eq!(one.rows[0].after.as_ref().unwrap().as_str(), r#"["l1","l2","l3"]"#);
        assert_eq!(
            (one.events.len(), one.total),
            (1, 2),
            "the limit bounds what is kept, not what is counted"
        );
        assert_eq!(one.events[0].position, Some(3));

        let back = of(Some("c"), At::Now, At::Position(2), 10).await;
        assert_eq!(back.rows[0].after, None, "the second moment is the earlier one");
        assert_eq!((back.rows[0].changes.len(), back.total), (1, 1));
        let same = of(Some("b"), At::Position(2), At::Now, 10).await;
        assert_eq!(
            (same.rows[0].before.clone(), same.rows[0].changes.len()),
            (same.rows[0].after.clone(), 0)
        );
        assert_eq!(of(Some("nobody"), At::Position(2), At::Now, 10).await.rows, []);
        let none = of(None, At::Position(5), At::Now, 10).await;
        assert_eq!((none.rows.len(), none.total), (0, 0));
    });
}

#[test]
fn the_difference_of_an_aggregate_is_what_lies_between_its_versions() {
    block_on(async {
        let environment = ManualEnvironment::new(1);
        let engine = open(Authority::Device, &environment).await;
        for lesson in ["l1", "l2", "l3", "l4"] {
            complete_lesson(&engine, "a", lesson).await;
            complete_lesson(&engine, "b", lesson).await;
            environment.advance(1_000);
        }
        let half = At::Occurred(Timestamp(START + 1_000));
        let since = engine.state_difference("course", "a", half, At::Now, 10).await.unwrap();
        assert_eq!((since.before.1, since.after.1, since.total), (2, 4, 2));
        let versions: Vec<_> = since.events.iter().map(|event| event.version).collect();
        assert_eq!(versions, [3, 4]);
        let bounded = engine.state_difference("course", "a", At::Now, At::Version(0), 3).await.unwrap();
        let versions: Vec<_> = bounded.events.iter().map(|event| event.version).collect();
        assert_eq!((versions, bounded.total), (vec![1, 2, 3], 4));
    });
}

#[test]
fn the_past_is_told_in_today_s_shape() {
    block_on(async {
        let mut parts = parts(Authority::Device, &ManualEnvironment::new(1));
        let rename = |shape: Shape| {
            let data = Json::parse(shape.data.as_str().replace("unit", "lesson"));
            let data = data.map_err(|error| error.to_string())?;
            Ok(vec![Shape { event_type: "LessonCompleted".into(), schema_version: 2, data }])
        };
        let upcaster = Upcaster::new("LessonDone", 1).becomes("LessonCompleted", 2).by(rename);
        parts.decoder = Decoder::new(vec![upcaster]).unwrap();
        let engine = Engine::open(MemoryStore::new(), parts).await.unwrap();
        let old = NewEvent {
            event_type: "LessonDone".into(),
            data: Json::parse(r#"{"unit":"l1"}"#).unwrap(),
            ..done("", START)
        };
        engine.append("course-a", vec![old], WriteOptions::default()).await.unwrap();
        complete_lesson(&engine, "a", "l2").await;

        assert_eq!(rows(&engine, At::Position(1)).await, ["a: l1"]);
        assert_eq!(state(&engine, "a", At::Version(1)).await.0, ["l1"]);
        let of_row =
            engine.rows_difference("progress", Some("a"), At::Position(0), At::Now, 9).await.unwrap();
        let of_state = engine.state_difference("course", "a", At::Version(0), At::Now, 9).await.unwrap();
        for events in [of_row.events, of_state.events] {
            let types: Vec<_> = events.iter().map(|event| &*event.event.event_type).collect();
            assert_eq!(types, ["LessonCompleted", "LessonCompleted"]);
        }
    });
}

/// How many lessons each course has; it can't take in `l2`.
struct Fussy(Definition);

impl Projector for Fussy {
    fn definition(&self) -> &Definition {
        &self.0
    }

    fn project(&self, events: &[RecordedEvent], row: &CurrentRow<'_>) -> Result<ChangedRows, ProjectError> {
        let mut rows = BTreeMap::new();
        for (at, event) in events.iter().enumerate() {
            if event.event.data.as_str().contains("l2") {
                let projection = self.0.name.clone();
                return Err(ProjectError { projection, event: at, reason: "not l2".into() });
            }
            let key = event.stream.id().to_owned();
            let stored = || row(&key).map_or(0, |row| row.to::<u64>().unwrap());
            let count = rows.get(&key).copied().unwrap_or_else(stored) + 1;
            rows.insert(key, count);
        }
        Ok(rows.into_iter().map(|(key, count)| (key.into(), Some(Json::of(&count).unwrap()))).collect())
    }
}

#[test]
fn an_event_that_fails_does_in_the_past_what_it_does_in_the_present() {
    block_on(async {
        for (on_error, expected) in [
            (OnError::PARK, Some(vec!["a: 1", "b: 2"])),
            (OnError::SKIP, Some(vec!["a: 2", "b: 2"])),
            (OnError::STOP, None),
        ] {
            let fussy = Fussy(Definition { on_error, ..Definition::new("fussy") });
            let mut parts = parts(Authority::Device, &ManualEnvironment::new(1));
            parts.projections = vec![Rc::new(fussy)];
            let engine = Engine::open(MemoryStore::new(), parts).await.unwrap();
            for (id, lesson) in [("a", "l1"), ("b", "l1"), ("a", "l2"), ("b", "l3"), ("a", "l3")] {
                complete_lesson(&engine, id, lesson).await;
            }
            let past = engine.rows_at("fussy", At::Position(5)).await;
            let since = engine.rows_difference("fussy", Some("a"), At::Position(0), At::Position(5), 9).await;
            let Some(expected) = expected else {
                assert!(matches!(past, Err(ReadError::Project(_))), "{past:?}");
                assert!(matches!(since, Err(ReadError::Project(_))), "{since:?}");
                continue;
            };
            let shown = |rows: Vec<(String, Json)>| -> Vec<String> {
                rows.iter().map(|(key, row)| format!("{key}: {}", row.as_str())).collect()
            };
            assert_eq!(shown(past.unwrap()), expected);
            assert_eq!(shown(engine.rows("fussy").await.unwrap()), expected, "as the engine keeps them");
            let since = since.unwrap();
            assert_eq!(format!("a: {}", since.rows[0].after.as_ref().unwrap().as_str()), expected[0]);
            assert_eq!(since.total, if on_error == OnError::PARK { 1 } else { 2 });
        }
    });
}

proptest! {
    /// The rows at a position are the fold of the events up to it; so is a state; and the difference between two positions leads
    /// from one to the other.
    #[test]
    fn the_past_is_the_fold_of_its_events(
        history in prop::collection::vec((0_u8..4, 0_u8..6), 0..40),
        cuts in (0_u64..45, 0_u64..45),
    ) {
        block_on(async {
            let engine = open(Authority::Device, &ManualEnvironment::new(1)).await;
            for (id, lesson) in history {
                let stream = format!("course-{id}");
                engine.append(&stream, vec![done(&format!("l{lesson}"), 0)], WriteOptions::default()).await.unwrap();
            }
            let events = engine.read(&Query::default(), Place::START, 100).await.unwrap().events;
            let expected = |position: u64| {
                let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
                for event in events.iter().filter(|event| event.position.unwrap() <= position) {
                    let data: serde_json::Value = event.event.data.to().unwrap();
                    rows.entry(event.stream.id().into()).or_default().push(data["lesson"].as_str().unwrap().into());
                }
                rows
            };
            for cut in [cuts.0, cuts.1] {
                let found = engine.rows_at("progress", At::Position(cut)).await.unwrap();
                let found: BTreeMap<_, Vec<String>> =
                    found.into_iter().map(|(key, row)| (key, row.to().unwrap())).collect();
                assert_eq!(found, expected(cut));
                for (id, lessons) in expected(cut) {
                    let lessons: BTreeSet<_> = lessons.into_iter().collect();
                    let lessons: Vec<_> = lessons.into_iter().collect();
                    assert_eq!(state(&engine, &id, At::Position(cut)).await.0, lessons);
                }
            }
            let (from, to) = (At::Position(cuts.0), At::Position(cuts.1));
            let difference = engine.rows_difference("progress", None, from, to, 100).await.unwrap();
            let (before, after) = (expected(cuts.0), expected(cuts.1));
            let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
            let changed: Vec<_> = keys.into_iter().filter(|key| before.get(*key) != after.get(*key)).collect();
            assert_eq!(difference.rows.iter().map(|row| &row.key).collect::<Vec<_>>(), changed);
            let last = events.len() as u64;
            assert_eq!(difference.total, cuts.0.min(last).abs_diff(cuts.1.min(last)));
        });
    }
}
