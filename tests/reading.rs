//! Reading a large log: by every filter, page by page, opening no more of it than the answer takes.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use futures_executor::block_on;
use futures_util::TryStreamExt;
use std::{cell::RefCell, collections::HashSet, rc::Rc};
use support::*;
use tidelog::{
    engine::{Engine, Imported, Parts, WriteOptions},
    event::{NewEvent, RecordedEvent},
    json::Json,
    log::{
        Authority, MemoryStore, Place, Query,
        store::{Batch, Key, Loaded, Selection, Store, StoreError, Table, Written},
    },
    stream::StreamName,
    testing::ManualEnvironment,
    time::Timestamp,
    upcast::{Decoder, Shape, Upcaster},
};

/// Storage that remembers which blocks were read.
#[derive(Clone, Default)]
struct Watched {
    rows: MemoryStore,
    opened: Rc<RefCell<HashSet<Key>>>,
}

impl Store for Watched {
    async fn load(&self, selections: &[Selection]) -> Result<Loaded, StoreError> {
        for selection in selections {
            if let Selection::Keys(Table::Confirmed, keys) = selection {
                self.opened.borrow_mut().extend(keys.iter().cloned());
            }
        }
        self.rows.load(selections).await
    }

    async fn write(&self, batch: Batch) -> Result<Written, StoreError> {
        self.rows.write(batch).await
    }

    fn close(&self) {
        self.rows.close();
    }
}

const START: i64 = 1_767_225_600_000;
const EVENTS: u64 = 30_000;

/// Lessons of 300 learners, a minute apart, and in the last tenth of the log notes of a type of their own and one exam.
fn history() -> Vec<Imported> {
    let commit = |number: u64| {
        let (aggregate, event_type) = match number {
            27_500 => ("exam", "HandedIn"),
            27_000.. if number.is_multiple_of(100) => ("course", "Noted"),
            _ => ("course", "LessonCompleted"),
        };
        let text = "x".repeat(100);
        Imported {
            stream: StreamName::of(aggregate, &format!("learner-{}", number % 300)).unwrap(),
            expected_version: None,
            events: vec![NewEvent {
                event_type: event_type.into(),
                schema_version: None,
                data: Json::parse(format!(r#"{{"lesson":"l{number}","text":"{text}"}}"#)).unwrap(),
                id: None,
                occurred_at: Some(Timestamp(START + 60_000 * number.cast_signed())),
                custom: None,
            }],
        }
    };
    (0..EVENTS).map(commit).collect()
}

struct Library {
    store: Watched,
    blocks: usize,
}

impl Library {
    async fn new() -> Self {
        let store = Watched::default();
        let engine = Engine::open(store.clone(), parts(Authority::Device, &ManualEnvironment::new(1))).await;
        let engine = engine.unwrap();
        for chunk in history().chunks(1_000) {
            engine.append_many(chunk.to_vec()).await.unwrap();
        }
        Self { blocks: engine.log().head().blocks as usize, store }
    }

    /// An engine that has read nothing yet.
    async fn engine(&self) -> Engine<Watched> {
        self.store.opened.borrow_mut().clear();
        let store = Watched { rows: self.store.rows.clone(), opened: Rc::clone(&self.store.opened) };
        Engine::open(store, parts(Authority::Device, &ManualEnvironment::new(2))).await.unwrap()
    }

    /// The events of a query, and how many blocks were read for them.
    async fn read(&self, query: Query) -> (Vec<RecordedEvent>, usize) {
        let engine = self.engine().await;
        let events: Vec<_> = engine.events(query).try_collect().await.unwrap();
        (events, self.store.opened.borrow().len())
    }
}

#[test]
fn a_filtered_read_over_a_large_log_opens_only_the_blocks_that_may_hold_an_answer() {
    block_on(async {
        let library = Library::new().await;
        assert!(library.blocks > 40, "{} blocks", library.blocks);
        let few = library.blocks / 5;
        let minute = |number: i64| Some(Timestamp(START + 60_000 * number));
        let cases = [
            (Query { from: minute(10_000), to: minute(10_300), ..Query::default() }, 300),
            (Query { positions: 15_001..=15_050, ..Query::default() }, 50),
            (Query { types: vec!["Noted".into()], ..Query::default() }, 29),
            (Query { aggregate: Some("exam".into()), ..Query::default() }, 1),
            (Query { aggregate: Some("shop".into()), ..Query::default() }, 0),
            (Query { types: vec!["Never".into()], ..Query::default() }, 0),
            (
                Query {
                    stream: Some(StreamName::parse("course-learner-7").unwrap()),
                    versions: 11..=15,
                    ..Query::default()
                },
                5,
            ),
        ];
        for (mut query, count) in cases {
            for backwards in [false, true] {
                query.backwards = backwards;
                let (events, opened) = library.read(query.clone()).await;
                assert_eq!(events.len(), count, "{query:?}");
                assert!(opened <= few, "{query:?} opened {opened} of {} blocks", library.blocks);
                let positions = events.iter().map(|event| event.position);
                assert!(if backwards { positions.rev().is_sorted() } else { positions.is_sorted() });
            }
        }
        let (all, opened) = library.read(Query::default()).await;
        assert_eq!((all.len() as u64, opened), (EVENTS, library.blocks));
    });
}

/// A page is answered from the blocks that hold it: the rest of the log is not even opened.
#[test]
fn pages_open_the_log_piece_by_piece() {
    block_on(async {
        let library = Library::new().await;
        let engine = library.engine().await;
        // every 300th event: sparse, and no directory tells anything
        let query = Query { aggregate: Some("course".into()), ..Query::default() };
        let (mut from, mut seen, mut before) = (Some(Place::START), 0, 0);
        while let Some(place) = from {
            let page = engine.read(&query, place, 200).await.unwrap();
            let opened = library.store.opened.borrow().len();
            assert!(opened - before <= 8, "a page of 200 events opened {} blocks", opened - before);
            (from, seen, before) = (page.next, seen + page.events.len() as u64, opened);
            if seen >= 6_000 {
                break;
            }
        }
        assert!(
            before < library.blocks / 2,
            "6,000 events of {EVENTS} opened {before} of {} blocks",
            library.blocks
        );

        // what can be found nowhere takes several calls, each of which reads a bounded part
        let query = Query { correlation: Some(uuid::Uuid::nil()), ..Query::default() };
        let engine = library.engine().await;
        let page = engine.read(&query, Place::START, 200).await.unwrap();
        assert!(page.events.is_empty() && page.next.is_some());
        assert!(library.store.opened.borrow().len() < library.blocks);
    });
}

#[test]
fn a_correlation_id_finds_the_whole_chain() {
    block_on(async {
        let store = MemoryStore::new();
        let engine = Engine::open(store, parts(Authority::Server, &ManualEnvironment::new(1))).await.unwrap();
        let first = engine.execute("course", "a", complete("l1"), WriteOptions::default()).await.unwrap();
        engine.execute("course", "b", complete("l1"), WriteOptions::default()).await.unwrap();
        let options = WriteOptions { correlation_id: Some(first.commit_id.0), ..WriteOptions::default() };
        engine.execute("course", "c", complete("l1"), options).await.unwrap();
        let query = Query { correlation: Some(first.commit_id.0), ..Query::default() };
        let chain: Vec<_> = engine.events(query).try_collect().await.unwrap();
        assert_eq!(
            chain.iter().map(|event| event.stream.as_str()).collect::<Vec<_>>(),
            ["course-a", "course-c"]
        );
        assert!(engine.log().exists(&StreamName::parse("course-a").unwrap()));
        assert!(!engine.log().exists(&StreamName::parse("course-z").unwrap()));
    });
}

/// A filter by type was applied to the types in the log, so that events that upcasters have renamed since were never found.
#[test]
fn types_are_those_of_today() {
    block_on(async {
        let renamed = |shape: Shape| {
            Ok(vec![Shape { event_type: "LessonCompleted".into(), schema_version: 2, ..shape }])
        };
        let upcaster = Upcaster::new("LessonDone", 1).becomes("LessonCompleted", 2).by(renamed);
        let decoder = Decoder::new(vec![upcaster]).unwrap();
        let parts = Parts { decoder, ..parts(Authority::Device, &ManualEnvironment::new(1)) };
        let engine = Engine::open(MemoryStore::new(), parts).await.unwrap();
        let old = |event_type: &str| NewEvent {
            event_type: event_type.into(),
            schema_version: None,
            data: Json::null(),
            id: None,
            occurred_at: None,
            custom: None,
        };
        let events = vec![old("LessonDone"), old("Noted"), old("LessonCompleted")];
        engine.append("course-a", events, WriteOptions::default()).await.unwrap();
        let of_type = |event_type: &str| Query { types: vec![event_type.into()], ..Query::default() };
        let found: Vec<_> = engine.events(of_type("LessonCompleted")).try_collect().await.unwrap();
        assert_eq!(found.iter().map(|event| event.version).collect::<Vec<_>>(), [1, 3]);
        let none: Vec<_> = engine.events(of_type("LessonDone")).try_collect().await.unwrap();
        assert!(none.is_empty());
    });
}
