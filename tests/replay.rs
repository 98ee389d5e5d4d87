//! Replaying: filters, batches, progress, pause, cancel, failures, and that nothing happens by it.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use futures_executor::block_on;
use futures_util::{FutureExt, future::join};
use std::{cell::RefCell, collections::BTreeSet, rc::Rc};
use support::*;
use tidelog::{
    aggregate::{Decider, Registry},
    engine::{Engine, WriteError, WriteOptions},
    event::{NewEvent, RecordedEvent},
    json::Json,
    log::{Authority, MemoryStore, store::Table},
    projection::erase,
    replay::{
        Control, Ended, Evolving, Filter, HandleError, Handler, OnError, Progress as Reached, Projecting,
        Replay,
    },
    stream::StreamName,
    testing::{ManualEnvironment, flip_bit, rows},
    time::Timestamp,
    upcast::{Decoder, Shape, Upcaster},
};

fn lesson(name: &str) -> NewEvent {
    NewEvent {
        event_type: "LessonCompleted".into(),
        schema_version: None,
        data: Json::parse(format!(r#"{{"lesson":"{name}"}}"#)).unwrap(),
        id: None,
        occurred_at: None,
        custom: None,
    }
}

fn note() -> NewEvent {
    NewEvent { event_type: "Noted".into(), data: Json::parse("{}").unwrap(), ..lesson("") }
}

/// Ten courses of three lessons each, and a note in each after them; an event a second.
async fn engine() -> Engine<MemoryStore> {
    let environment = ManualEnvironment::new(1);
    let engine = Engine::open(MemoryStore::new(), parts(Authority::Device, &environment)).await.unwrap();
    for round in 1..=3 {
        for id in 0..10 {
            let event = lesson(&format!("l{round}"));
            engine.append(&format!("course-{id}"), vec![event], WriteOptions::default()).await.unwrap();
            environment.advance(1_000);
        }
    }
    for id in 0..10 {
        engine.append(&format!("note-{id}"), vec![note()], WriteOptions::default()).await.unwrap();
        environment.advance(1_000);
    }
    engine
}

/// Keeps what it is given, and refuses what it is told to.
#[derive(Default)]
struct Keeper {
    batches: Vec<Vec<u64>>,
    progress: Vec<Reached>,
    refuses: Vec<u64>,
}

impl Keeper {
    fn positions(&self) -> Vec<u64> {
        self.batches.concat()
    }
}

impl Handler for Keeper {
    fn handle(&mut self, events: &[RecordedEvent]) -> Result<(), HandleError> {
        let positions: Vec<u64> = events.iter().map(|event| event.position.unwrap()).collect();
        let bad = positions.iter().position(|position| self.refuses.contains(position));
        let taken = &positions[..bad.unwrap_or(positions.len())];
        if !taken.is_empty() {
            self.batches.push(taken.to_vec());
        }
        bad.map_or(Ok(()), |index| Err(HandleError { index: Some(index), reason: "not this one".into() }))
    }

    fn progress(&mut self, progress: &Reached) {
        self.progress.push(*progress);
    }
}

#[test]
fn everything_comes_once_and_in_order_whatever_the_batch() {
    block_on(async {
        let engine = engine().await;
        for batch in [1, 7, 500, 0, usize::MAX] {
            let mut keeper = Keeper::default();
            let replay = Replay { batch, ..Replay::default() };
            let report = engine.replay(&replay, &mut keeper, &Control::default()).await.unwrap();
            assert_eq!(keeper.positions(), (1..=40).collect::<Vec<_>>(), "batch {batch}");
            assert!(keeper.batches.iter().all(|it| it.len() <= batch.max(1)));
            assert_eq!(report.ended, Ended::Done);
            assert_eq!(report.progress, Reached { events: 40, total: 40, position: 40, failed: 0 });
            assert!(
                keeper.progress.iter().all(|it| it.total == 40),
                "exact from the start: {:?}",
                keeper.progress
            );
        }
    });
}

#[test]
fn filters_choose_by_type_aggregate_stream_time_and_position() {
    block_on(async {
        let engine = engine().await;
        let start = 1_767_225_600_000;
        let stream = |name: &str| StreamName::parse(name).unwrap();
        let of = async |replay: Replay| {
            let mut keeper = Keeper::default();
            let report = engine.replay(&replay, &mut keeper, &Control::default()).await.unwrap();
            assert_eq!(report.progress.events, report.progress.total, "an estimate ends as the truth");
            keeper.positions()
        };
        let by = async |filter| of(Replay { filter, batch: 3, ..Replay::default() }).await;
        let all = Filter::default;
        assert_eq!(by(Filter { types: vec!["Noted".into()], ..all() }).await, (31..=40).collect::<Vec<_>>());
        assert_eq!(
            by(Filter { aggregates: vec!["note".into()], ..all() }).await,
            (31..=40).collect::<Vec<_>>()
        );
        let both = Filter { aggregates: vec!["note".into(), "course".into()], ..all() };
        assert_eq!(by(both).await.len(), 40);
        assert_eq!(by(Filter { streams: vec![stream("course-3")], ..all() }).await, [4, 14, 24]);
        let two = Filter { streams: vec![stream("course-3"), stream("note-0")], ..all() };
        assert_eq!(by(two).await, [4, 14, 24, 31]);
        let (from, to) = (Some(Timestamp(start + 8_000)), Some(Timestamp(start + 10_000)));
        assert_eq!(by(Filter { from, to, ..all() }).await, [9, 10]);
        let narrow = Filter { streams: vec![stream("course-3")], types: vec!["Noted".into()], ..all() };
        assert!(by(narrow).await.is_empty());
        let some = Replay { after: 12, until: Some(15), ..Replay::default() };
        assert_eq!(of(some).await, [13, 14, 15]);
        let beyond = Replay { after: 90, until: Some(95), ..Replay::default() };
        assert!(of(beyond).await.is_empty());
    });
}

#[test]
fn the_total_is_estimated_where_it_can_t_be_known() {
    block_on(async {
        let engine = engine().await;
        let mut keeper = Keeper::default();
        let filter = Filter { types: vec!["LessonCompleted".into()], ..Filter::default() };
        let replay = Replay { filter, batch: 5, ..Replay::default() };
        engine.replay(&replay, &mut keeper, &Control::default()).await.unwrap();
        assert!(
            keeper.progress.iter().all(|it| it.events <= it.total && it.total <= 40),
            "{:?}",
            keeper.progress
        );
        assert!(keeper.progress.windows(2).all(|pair| pair[0].position < pair[1].position));
        assert_eq!(keeper.progress.last().map(|it| (it.events, it.total)), Some((30, 30)));
    });
}

#[test]
fn a_paused_replay_waits_and_a_cancelled_one_ends_and_can_be_continued() {
    block_on(async {
        let engine = engine().await;
        let control = Control::default();
        let seen = RefCell::new(Vec::new());
        let mut handler = |events: &[RecordedEvent]| -> Result<(), HandleError> {
            seen.borrow_mut().extend(events.iter().filter_map(|event| event.position));
            if seen.borrow().len() == 10 {
                control.pause();
            }
            Ok(())
        };
        let replay = Replay { batch: 10, ..Replay::default() };
        let mut running = Box::pin(engine.replay(&replay, &mut handler, &control));
        assert!((&mut running).now_or_never().is_none(), "it waits");
        assert!((&mut running).now_or_never().is_none(), "and goes on waiting");
        assert!(control.is_paused());
        assert_eq!(seen.borrow().len(), 10);
        assert_eq!(control.progress(), Reached { events: 10, total: 40, position: 10, failed: 0 });
        control.resume();
        let report = running.await.unwrap();
        assert_eq!((report.ended, seen.borrow().len()), (Ended::Done, 40));

        let control = Control::default();
        control.pause();
        let mut keeper = Keeper::default();
        let cancelling = async { control.cancel() };
        let (report, ()) = join(engine.replay(&replay, &mut keeper, &control), cancelling).await;
        let report = report.unwrap();
        assert_eq!((report.ended, report.progress.position), (Ended::Cancelled, 0));
        let rest = Replay { after: report.progress.position, ..Replay::default() };
        engine.replay(&rest, &mut keeper, &Control::default()).await.unwrap();
        assert_eq!(keeper.positions(), (1..=40).collect::<Vec<_>>());
    });
}

#[test]
fn a_failure_stops_it_before_the_event_or_is_collected() {
    block_on(async {
        let engine = engine().await;
        let mut keeper = Keeper { refuses: vec![14, 15, 30], ..Keeper::default() };
        let replay = Replay { batch: 10, ..Replay::default() };
        let report = engine.replay(&replay, &mut keeper, &Control::default()).await.unwrap();
        assert_eq!(report.ended, Ended::Failed);
        assert_eq!((report.progress.events, report.progress.position), (13, 13));
        assert_eq!(keeper.positions(), (1..=13).collect::<Vec<_>>());
        let failure = &report.failures[0];
        assert_eq!((failure.position, failure.version), (14, Some(2)));
        assert_eq!(failure.stream.as_ref().map(StreamName::as_str), Some("course-3"));
        assert_eq!(failure.reason, "not this one");

        keeper.refuses.clear();
        let rest = Replay { after: report.progress.position, ..replay.clone() };
        assert_eq!(engine.replay(&rest, &mut keeper, &Control::default()).await.unwrap().ended, Ended::Done);
        assert_eq!(keeper.positions(), (1..=40).collect::<Vec<_>>(), "it goes on with the one that failed");

        let mut keeper = Keeper { refuses: vec![14, 15, 30], ..Keeper::default() };
        let collecting = Replay { on_error: OnError::Collect(2), ..replay };
        let report = engine.replay(&collecting, &mut keeper, &Control::default()).await.unwrap();
        assert_eq!((report.ended, report.progress.failed, report.failures.len()), (Ended::Done, 3, 2));
        let others: Vec<u64> = (1..=40).filter(|it| ![14, 15, 30].contains(it)).collect();
        assert_eq!(keeper.positions(), others);
    });
}

#[test]
fn a_batch_that_fails_as_a_whole_is_one_failure() {
    block_on(async {
        let engine = engine().await;
        let mut failing = |events: &[RecordedEvent]| match events[0].position {
            Some(11) => Err(HandleError { index: None, reason: "no network".into() }),
            _ => Ok(()),
        };
        let replay = Replay { batch: 10, on_error: OnError::Collect(5), ..Replay::default() };
        let report = engine.replay(&replay, &mut failing, &Control::default()).await.unwrap();
        assert_eq!((report.ended, report.progress.failed, report.progress.events), (Ended::Done, 1, 40));
        assert_eq!((report.failures[0].position, report.failures[0].stream.as_ref()), (11, None));
        let stopping = Replay { batch: 10, ..Replay::default() };
        let report = engine.replay(&stopping, &mut failing, &Control::default()).await.unwrap();
        assert_eq!((report.ended, report.progress.position, report.progress.events), (Ended::Failed, 10, 10));
    });
}

#[test]
fn projections_and_aggregates_are_handlers() {
    block_on(async {
        let engine = engine().await;
        let mut rows = Projecting::new(erase::<Progress>());
        let filter = Filter { streams: vec![StreamName::parse("course-3").unwrap()], ..Filter::default() };
        let replay = Replay { filter, ..Replay::default() };
        engine.replay(&replay, &mut rows, &Control::default()).await.unwrap();
        assert_eq!(rows.rows().len(), 1);
        assert_eq!(rows.row("3").map(Json::as_str), Some(r#"["l1","l2","l3"]"#));

        let mut registry = Registry::default();
        registry.add::<Course>().unwrap();
        let course: Rc<dyn Decider> = Rc::clone(registry.get("course").unwrap());
        let mut states = Evolving::new(course);
        let replay = Replay { until: Some(20), ..Replay::default() };
        engine.replay(&replay, &mut states, &Control::default()).await.unwrap();
        assert_eq!(states.streams(), 10);
        let state = states.state(&StreamName::parse("course-9").unwrap()).unwrap();
        let state: &BTreeSet<String> = state.downcast_ref().unwrap();
        assert_eq!(state.iter().collect::<Vec<_>>(), ["l1", "l2"]);
    });
}

#[test]
fn a_handler_can_t_make_anything_happen() {
    block_on(async {
        let engine = engine().await;
        let mut refused = Vec::new();
        let mut writing = |_: &[RecordedEvent]| -> Result<(), HandleError> {
            let options = WriteOptions::default;
            let attempts = [
                engine
                    .execute("course", "0", complete("l9"), options())
                    .now_or_never()
                    .map(|it| it.map(|_| ())),
                engine
                    .append("course-0", vec![lesson("l9")], options())
                    .now_or_never()
                    .map(|it| it.map(|_| ())),
                engine.append_many(vec![]).now_or_never().map(|it| it.map(|_| ())),
            ];
            refused.extend(attempts);
            Ok(())
        };
        engine.replay(&Replay::default(), &mut writing, &Control::default()).await.unwrap();
        assert_eq!(refused.len(), 3);
        for attempt in refused {
            assert!(matches!(attempt, Some(Err(WriteError::Replaying))), "{attempt:?}");
        }
        assert_eq!(engine.log().head().position, 40);
        engine.execute("course", "0", complete("l9"), WriteOptions::default()).await.unwrap();
    });
}

#[test]
fn events_go_through_the_decoder_and_one_that_can_t_be_decoded_is_told() {
    block_on(async {
        let environment = ManualEnvironment::new(1);
        let mut parts = parts(Authority::Device, &environment);
        let step = |shape: Shape| match shape.data.as_str() {
            "{}" => Err("nothing in it".into()),
            data => {
                let data = Json::parse(data.replace("unit", "lesson")).map_err(|error| error.to_string())?;
                Ok(vec![Shape { event_type: "LessonCompleted".into(), schema_version: 2, data }])
            }
        };
        let upcaster = Upcaster::new("LessonDone", 1).becomes("LessonCompleted", 2).by(step);
        parts.decoder = Decoder::new(vec![upcaster]).unwrap();
        let engine = Engine::open(MemoryStore::new(), parts).await.unwrap();
        let old = |data: &str| NewEvent {
            event_type: "LessonDone".into(),
            data: Json::parse(data).unwrap(),
            ..lesson("")
        };
        let events = vec![old(r#"{"unit":"l1"}"#), old("{}"), lesson("l2")];
        engine.append("course-a", events, WriteOptions::default()).await.unwrap();

        let filter = Filter { types: vec!["LessonCompleted".into()], ..Filter::default() };
        let replay = Replay { filter, on_error: OnError::Collect(9), ..Replay::default() };
        let mut rows = Projecting::new(erase::<Progress>());
        let report = engine.replay(&replay, &mut rows, &Control::default()).await.unwrap();
        assert_eq!(rows.row("a").map(Json::as_str), Some(r#"["l1","l2"]"#), "types are those of today");
        assert_eq!((report.progress.events, report.progress.failed), (2, 1));
        assert!(report.failures[0].reason.contains("nothing in it"), "{:?}", report.failures);

        let mut keeper = Keeper::default();
        let report = engine.replay(&Replay::default(), &mut keeper, &Control::default()).await.unwrap();
        assert_eq!((report.ended, report.progress.position), (Ended::Failed, 1));
        assert_eq!(keeper.positions(), [1]);
    });
}

#[test]
fn a_damaged_block_is_told_and_passed() {
    block_on(async {
        let environment = ManualEnvironment::new(1);
        let store = MemoryStore::new();
        let engine = Engine::open(store.clone(), parts(Authority::Device, &environment)).await.unwrap();
        for name in ["l1", "l2", "l3"] {
            engine.append("course-a", vec![lesson(name)], WriteOptions::default()).await.unwrap();
        }
        let blocks = rows(&store, Table::Confirmed).await;
        assert_eq!(blocks.len(), 3);
        flip_bit(&store, Table::Confirmed, &blocks[1].0, 0.9).await;
        let engine = Engine::open(store, parts(Authority::Device, &environment)).await.unwrap();

        let mut keeper = Keeper::default();
        let collecting = Replay { on_error: OnError::Collect(9), ..Replay::default() };
        let report = engine.replay(&collecting, &mut keeper, &Control::default()).await.unwrap();
        assert_eq!(keeper.positions(), [1, 3]);
        assert_eq!((report.ended, report.failures.len()), (Ended::Done, 1));
        assert!(report.failures[0].reason.contains("corrupt"), "{:?}", report.failures);
        let report =
            engine.replay(&Replay::default(), &mut Keeper::default(), &Control::default()).await.unwrap();
        assert_eq!((report.ended, report.progress.position), (Ended::Failed, 1));
    });
}
