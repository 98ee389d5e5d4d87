//! Events that a projection can't take in: parked, passed over, tried again, or the end of it.

use crate::stage::*;
use futures_executor::block_on;
use tidelog::{
    engine::{ProjectionState, ReadError},
    log::MemoryStore,
    projection::{Definition, OnError, Then},
    testing::ManualEnvironment,
};

fn on_error(on_error: OnError) -> Definition {
    Definition { on_error, ..Definition::new("counts") }
}

#[test]
fn a_failing_event_parks_its_stream_and_others_go_on() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let projector = Counting::of(Definition::new("counts"));
        projector.poison("thing-3 2");
        let (engine, host) = open(store.clone(), &environment, &projector).await;
        append(&engine, 0, 15).await;
        assert_eq!(
            engine.row("counts", "3").await.unwrap().unwrap().as_str(),
            r#"{"count":1,"last":3,"by":1}"#
        );
        append(&engine, 20, 15).await;
        let seen = rows(&engine, "counts").await;
        let all = folded(&engine, 1).await;
        let others = |rows: &[(String, String)]| {
            rows.iter().filter(|(key, _)| key != "3").cloned().collect::<Vec<_>>()
        };
        assert_eq!(others(&seen), others(&all));
        assert_eq!(host.failures.borrow().len(), 1, "{:?}", host.failures);
        assert!(host.failures.borrow()[0].contains("event 2 of thing-3: poison"), "{:?}", host.failures);
        let letters = engine.dead_letters("counts").await.unwrap();
        assert_eq!(letters.len(), 1);
        assert_eq!((letters[0].stream.as_str(), letters[0].version, letters[0].waiting), ("thing-3", 2, 3));
        assert!(letters[0].message.contains("poison"));
        let status = engine.projection_status("counts").await.unwrap();
        assert_eq!((status.state, status.parked, status.lag), (ProjectionState::Current, 1, 0));
        rest(&engine).await;
        engine.close();

        // it is still parked after a reload, and still the later events of its stream wait
        let healed = Counting::of(Definition::new("counts"));
        let (engine, _) = open(store.clone(), &environment, &healed).await;
        append(&engine, 43, 1).await;
        assert_eq!(
            engine.row("counts", "3").await.unwrap().unwrap().as_str(),
            r#"{"count":1,"last":3,"by":1}"#
        );
        assert_eq!(engine.dead_letters("counts").await.unwrap()[0].waiting, 4);
        let replayed = engine.replay_dead_letters("counts", Some("thing-3")).await.unwrap();
        assert_eq!((replayed.streams, replayed.failed), (1, 0));
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
        append(&engine, 44, 10).await;
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
        rest(&engine).await;
        engine.close();
        let (engine, _) = open(store, &environment, &healed).await;
        assert!(engine.dead_letters("counts").await.unwrap().is_empty());
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
    });
}

#[test]
fn a_replay_that_fails_again_keeps_what_went_in() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let projector = Counting::of(Definition::new("counts"));
        projector.poison("thing-1 1");
        projector.poison("thing-2 1");
        let (engine, _) = open(store, &environment, &projector).await;
        append(&engine, 0, 14).await;
        append(&engine, 20, 14).await;
        assert_eq!(engine.dead_letters("counts").await.unwrap().len(), 2);
        projector.heal();
        projector.poison("thing-1 3");
        let replayed = engine.replay_dead_letters("counts", None).await.unwrap();
        assert_eq!((replayed.streams, replayed.failed), (1, 1));
        let letters = engine.dead_letters("counts").await.unwrap();
        assert_eq!((letters[0].stream.as_str(), letters[0].version, letters[0].waiting), ("thing-1", 3, 2));
        assert!(engine.row("counts", "1").await.unwrap().unwrap().as_str().starts_with("{\"count\":2,"));
        projector.heal();
        engine.replay_dead_letters("counts", None).await.unwrap();
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
        let refused = engine.replay_dead_letters("counts", Some("thing-1")).await.unwrap_err();
        assert!(matches!(refused, ReadError::NotParked(_)), "{refused}");
        assert_eq!(
            engine.replay_dead_letters("counts", Some("thing")).await.unwrap_err().code(),
            "invalid-stream"
        );
    });
}

#[test]
fn an_event_is_passed_over_where_the_projection_says_so() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let projector = Counting::of(on_error(OnError::SKIP));
        projector.poison("thing-3 2");
        let (engine, _) = open(store, &environment, &projector).await;
        append(&engine, 0, 10).await;
        append(&engine, 20, 10).await;
        append(&engine, 40, 10).await;
        let row = engine.row("counts", "3").await.unwrap().unwrap();
        assert_eq!(row.as_str(), r#"{"count":2,"last":43,"by":1}"#);
        let status = engine.projection_status("counts").await.unwrap();
        assert_eq!((status.skipped, status.parked, status.position), (1, 0, 30));
    });
}

#[test]
fn a_projection_stops_where_it_says_so() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let projector = Counting::of(on_error(OnError::STOP));
        projector.poison("thing-3 2");
        let (engine, host) = open(store.clone(), &environment, &projector).await;
        append(&engine, 0, 10).await;
        append(&engine, 20, 10).await;
        let status = engine.projection_status("counts").await.unwrap();
        assert_eq!(status.state, ProjectionState::Behind);
        let stopped = rows(&engine, "counts").await;
        assert_eq!(
            stopped.iter().filter(|(_, row)| row.starts_with("{\"count\":2,")).count(),
            3,
            "{stopped:?}"
        );
        let status = engine.projection_status("counts").await.unwrap();
        assert_eq!((status.state, status.position, status.lag), (ProjectionState::Stopped, 13, 7));
        let error = status.error.unwrap();
        assert_eq!(
            (error.stream.unwrap().as_str(), error.version, error.position),
            ("thing-3", Some(2), Some(14))
        );
        let waited = engine.wait_for("counts", None).await.unwrap_err();
        assert_eq!(waited.code(), "projection-failed");
        assert!(waited.to_string().contains("event 2 of thing-3"), "{waited}");
        rest(&engine).await;
        assert_eq!(rows(&engine, "counts").await, stopped);
        assert_eq!(host.failures.borrow().len(), 1);
        engine.close();
        projector.heal();
        let (engine, _) = open(store, &environment, &projector).await;
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
    });
}

#[test]
fn an_event_is_tried_again_with_longer_and_longer_waits() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let projector = Counting::of(on_error(OnError { retries: 3, then: Then::Park }));
        projector.poison("thing-3 1");
        let (engine, host) = open(store, &environment, &projector).await;
        append(&engine, 0, 6).await;
        assert_eq!(rows(&engine, "counts").await.len(), 3);
        let status = engine.projection_status("counts").await.unwrap();
        assert_eq!((status.state, status.position), (ProjectionState::Retrying, 3));
        assert_eq!(*host.later.borrow(), [250]);
        rest(&engine).await;
        assert_eq!(*host.later.borrow(), [250], "not before it is due");
        for wait in [250, 500] {
            environment.advance(wait);
            rest(&engine).await;
        }
        assert_eq!(*host.later.borrow(), [250, 500, 1_000]);
        assert!(engine.dead_letters("counts").await.unwrap().is_empty());
        environment.advance(1_000);
        rest(&engine).await;
        assert_eq!(engine.dead_letters("counts").await.unwrap().len(), 1);
        assert_eq!(rows(&engine, "counts").await.len(), 5);

        // one that recovers in time leaves nothing behind
        projector.poison("thing-8 1");
        append(&engine, 8, 3).await;
        assert_eq!(rows(&engine, "counts").await.len(), 5);
        projector.heal();
        environment.advance(250);
        rest(&engine).await;
        assert_eq!(rows(&engine, "counts").await.len(), 7);
        assert_eq!(engine.dead_letters("counts").await.unwrap().len(), 1);
    });
}

#[test]
fn an_event_that_no_upcaster_can_read_parks_its_stream() {
    use std::rc::Rc;
    use tidelog::{
        engine::{Engine, Parts},
        log::Authority,
        projection::Projector,
        upcast::{Decoder, Shape, Upcaster},
    };
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let projector = Counting::of(Definition::new("counts"));
        let (engine, _) = open(store.clone(), &environment, &projector).await;
        append(&engine, 0, 16).await;
        engine.close();
        let step = |shape: Shape| match shape.data.as_str() {
            "4" => Err("unreadable".into()),
            _ => Ok(vec![Shape { schema_version: 2, ..shape }]),
        };
        let decoder = Decoder::new(vec![Upcaster::new("Happened", 1).by(step)]).unwrap();
        let projections = vec![Rc::clone(&projector) as Rc<dyn Projector>];
        let parts =
            Parts { projections, decoder, ..Parts::new(Authority::Device, environment.surroundings()) };
        let engine = Engine::open(store, parts).await.unwrap();
        let seen = rows(&engine, "counts").await;
        assert_eq!(seen.len(), 9, "all but the stream of the event: {seen:?}");
        let letters = engine.dead_letters("counts").await.unwrap();
        assert_eq!((letters[0].stream.as_str(), letters[0].version, letters[0].waiting), ("thing-4", 1, 2));
        assert!(letters[0].message.contains("unreadable"), "{}", letters[0].message);
        let replayed = engine.replay_dead_letters("counts", None).await.unwrap();
        assert_eq!((replayed.streams, replayed.failed), (0, 1));
    });
}
