//! The engine over the memory log: commands, reading, projections, what bad input does.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use futures_executor::block_on;
use support::*;
use tidelog::{
    engine::{At, Engine, ReadError, WriteError, WriteOptions},
    event::NewEvent,
    json::Json,
    log::{AppendError, Authority, MemoryStore, Place, Query},
    testing::ManualEnvironment,
    time::Timestamp,
    version::ExpectedVersion,
};

async fn open(store: &MemoryStore, environment: &ManualEnvironment) -> Engine<MemoryStore> {
    Engine::open(store.clone(), parts(Authority::Device, environment)).await.unwrap()
}

async fn run(engine: &Engine<MemoryStore>, lesson: &str) -> Result<u64, WriteError> {
    let receipt = engine.execute("course", "a", complete(lesson), WriteOptions::default()).await?;
    Ok(receipt.version)
}

fn event(event_type: &str, data: &str) -> NewEvent {
    NewEvent {
        event_type: event_type.into(),
        schema_version: None,
        data: Json::parse(data).unwrap(),
        id: None,
        occurred_at: None,
        custom: None,
    }
}

#[test]
fn a_command_becomes_events_with_their_story() {
    block_on(async {
        let engine = open(&MemoryStore::new(), &ManualEnvironment::new(1)).await;
        let options = WriteOptions { actor: Some("ada".into()), ..WriteOptions::default() };
        let receipt = engine.execute("course", "a", complete("l1"), options).await.unwrap();
        assert_eq!((receipt.version, receipt.confirmed, receipt.events.len()), (1, true, 1));
        let page = engine.read(&Query::default(), Place::START, 10).await.unwrap();
        assert_eq!(page.events, receipt.events);
        let event = &page.events[0];
        assert_eq!(event.metadata.correlation_id, receipt.commit_id.0);
        assert_eq!(event.metadata.actor.as_deref(), Some("ada"));
        assert_eq!(event.position, Some(1));

        let caused = WriteOptions {
            causation_id: Some(event.event.id.0),
            correlation_id: Some(event.metadata.correlation_id),
            ..WriteOptions::default()
        };
        let second = engine.execute("course", "b", complete("l1"), caused).await.unwrap();
        assert_eq!(second.events[0].metadata.causation_id, Some(event.event.id.0));
        assert_eq!(second.events[0].metadata.correlation_id, receipt.commit_id.0);
    });
}

#[test]
fn rules_hold_and_nothing_is_written_when_they_refuse() {
    block_on(async {
        let engine = open(&MemoryStore::new(), &ManualEnvironment::new(1)).await;
        assert_eq!(run(&engine, "l1").await.unwrap(), 1);
        let refused = run(&engine, "l1").await.unwrap_err();
        assert_eq!(refused.code(), "refused");
        assert_eq!(refused.to_string(), "lesson l1 is completed already");
        assert_eq!(engine.log().head().position, 1);
        let silent = engine
            .execute("course", "a", command("EnsureLesson", r#"{"lesson":"l1"}"#), WriteOptions::default())
            .await
            .unwrap();
        assert_eq!((silent.version, silent.events.len()), (1, 0));
    });
}

#[test]
fn bad_input_has_its_error_and_writes_nothing() {
    block_on(async {
        let environment = ManualEnvironment::new(1);
        let engine = open(&MemoryStore::new(), &environment).await;
        let options = WriteOptions::default;
        let execute = |aggregate: &'static str, id: String, command| {
            let engine = engine.clone();
            async move { engine.execute(aggregate, &id, command, options()).await.unwrap_err() }
        };
        assert_eq!(execute("shop", "a".into(), complete("l1")).await.code(), "unknown-aggregate");
        assert_eq!(execute("course", String::new(), complete("l1")).await.code(), "invalid-stream");
        assert_eq!(execute("course", "x".repeat(600), complete("l1")).await.code(), "invalid-stream");
        assert_eq!(execute("course", "a".into(), command("Fly", "{}")).await.code(), "unknown-command");
        assert_eq!(
            execute("course", "a".into(), command("CompleteLesson", "[]")).await.code(),
            "unknown-command"
        );

        let append = |events| {
            let engine = engine.clone();
            async move { engine.append("course-a", events, options()).await.unwrap_err() }
        };
        assert_eq!(append(vec![event("", "{}")]).await.code(), "invalid-event");
        assert_eq!(append(vec![]).await.code(), "invalid-event");
        let large = format!("\"{}\"", "x".repeat(1 << 20));
        assert_eq!(append(vec![event("Fine", "{}"), event("Large", &large)]).await.code(), "too-large");

        environment.set(Timestamp(0));
        let error = execute("course", "a".into(), complete("l1")).await;
        assert_eq!(error.code(), "implausible-clock");
        assert!(error.to_string().contains("2020"), "{error}");
        assert_eq!(engine.log().head().position, 0);
        assert!(matches!(engine.row("marks", "a").await, Err(ReadError::UnknownProjection(_))));
    });
}

#[test]
fn an_expected_version_that_misses_carries_the_missing_events() {
    block_on(async {
        let engine = open(&MemoryStore::new(), &ManualEnvironment::new(1)).await;
        for lesson in ["l1", "l2", "l3"] {
            run(&engine, lesson).await.unwrap();
        }
        let options =
            WriteOptions { expected_version: Some(ExpectedVersion::Exact(1)), ..WriteOptions::default() };
        let by_append =
            engine.append("course-a", vec![event("Note", "{}")], options.clone()).await.unwrap_err();
        let by_execute = engine.execute("course", "a", complete("l9"), options).await.unwrap_err();
        for error in [by_append, by_execute] {
            let WriteError::Append(AppendError::Conflict { actual, missing, .. }) = error else {
                panic!("{error}");
            };
            assert_eq!(actual, 3);
            assert_eq!(missing.iter().map(|event| event.version).collect::<Vec<_>>(), [2, 3]);
        }
    });
}

#[test]
fn concurrent_commands_of_one_stream_all_count() {
    block_on(async {
        let store = MemoryStore::new();
        let environment = ManualEnvironment::new(1);
        let (one, two) = (open(&store, &environment).await, open(&store, &environment).await);
        let lessons: Vec<String> = (0..40).map(|number| format!("l{number:02}")).collect();
        let runs = lessons
            .iter()
            .enumerate()
            .map(|(index, lesson)| run(if index % 2 == 0 { &one } else { &two }, lesson));
        let mut versions: Vec<u64> =
            futures_util::future::join_all(runs).await.into_iter().map(Result::unwrap).collect();
        versions.sort_unstable();
        assert_eq!(versions, (1..=40).collect::<Vec<_>>());
        one.heard("").await.unwrap();
        two.heard("").await.unwrap();
        assert_eq!(completed(&one, "a").await, lessons);
        assert_eq!(completed(&two, "a").await, lessons);
    });
}

#[test]
fn the_past_can_be_asked_by_version_and_by_moment() {
    block_on(async {
        let environment = ManualEnvironment::new(1);
        let engine = open(&MemoryStore::new(), &environment).await;
        let start = 1_767_225_600_000;
        for lesson in ["l1", "l2", "l3"] {
            run(&engine, lesson).await.unwrap();
            environment.advance(1_000);
        }
        let versions = [
            (At::Now, 3),
            (At::Version(2), 2),
            (At::Version(9), 3),
            (At::Occurred(Timestamp(start - 1)), 0),
            (At::Occurred(Timestamp(start + 1_000)), 2),
            (At::Known(Timestamp(start + 999)), 1),
        ];
        for (at, version) in versions {
            assert_eq!(engine.load("course", "a", at).await.unwrap().1, version, "{at:?}");
        }
    });
}

#[test]
fn rows_follow_the_log() {
    block_on(async {
        let engine = open(&MemoryStore::new(), &ManualEnvironment::new(1)).await;
        assert!(lessons(&engine, "a").await.is_empty());
        run(&engine, "l1").await.unwrap();
        run(&engine, "l2").await.unwrap();
        assert_eq!(lessons(&engine, "a").await, ["l1", "l2"]);
        assert_eq!(engine.rows("progress").await.unwrap().len(), 1);
    });
}
