//! What an engine counts and measures while it works.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use futures_executor::block_on;
use std::{cell::Cell, cell::RefCell, rc::Rc};
use support::*;
use tidelog::{
    engine::{At, Changed, Engine, Host, WriteOptions},
    environment::{Environment, Surroundings},
    log::{Authority, MemoryStore},
    metrics::{Counter, Timing},
    testing::ManualEnvironment,
    time::Timestamp,
    version::ExpectedVersion,
};

/// A clock for measuring that moves on by a millisecond whenever it is looked at.
struct Ticking(ManualEnvironment, Cell<f64>);

impl Environment for Ticking {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
    fn random(&self) -> [u8; 10] {
        self.0.random()
    }
    fn elapsed(&self) -> f64 {
        self.1.set(self.1.get() + 1.0);
        self.1.get()
    }
}

/// Writes down every timing.
#[derive(Default)]
struct Listening(RefCell<Vec<(&'static str, f64, f64)>>);

impl Host for Listening {
    fn changed(&self, _: Changed) {}
    fn post(&self, _: &str) {}
    fn measuring(&self) -> bool {
        true
    }
    fn measured(&self, timing: &'static str, began: f64, took: f64) {
        self.0.borrow_mut().push((timing, began, took));
    }
}

async fn open(authority: Authority, clock: &ManualEnvironment, host: Rc<dyn Host>) -> Engine<MemoryStore> {
    let mut parts = parts_for(authority, clock, host);
    parts.surroundings = Surroundings::new(Rc::new(Ticking(clock.clone(), Cell::new(0.0))));
    Engine::open(MemoryStore::new(), parts).await.unwrap()
}

#[test]
fn work_is_counted_and_timed() {
    block_on(async {
        let clock = ManualEnvironment::new(1);
        let host = Rc::new(Listening::default());
        let engine = open(Authority::Device, &clock, Rc::clone(&host) as Rc<dyn Host>).await;
        let run = async |command, options| engine.execute("course", "a", command, options).await;
        run(complete("l1"), WriteOptions::default()).await.unwrap();
        run(complete("l1"), WriteOptions::default()).await.unwrap_err();
        run(command("EnsureLesson", r#"{"lesson":"l1"}"#), WriteOptions::default()).await.unwrap();
        let stale = WriteOptions { expected_version: Some(ExpectedVersion::Exact(7)), ..Default::default() };
        run(complete("l2"), stale).await.unwrap_err();
        engine.load("nothing", "a", At::Now).await.unwrap_err();
        engine.load("course", "a", At::Version(1)).await.unwrap();
        engine.row("progress", "a").await.unwrap();

        let metrics = engine.metrics();
        let counted = |counter| metrics.counters.of(counter);
        assert_eq!(
            (counted(Counter::Commits), counted(Counter::Events), counted(Counter::Silent)),
            (1, 1, 1)
        );
        assert_eq!(
            (counted(Counter::Refused), counted(Counter::Conflicts), counted(Counter::Failed)),
            (1, 1, 1)
        );
        assert_eq!(counted(Counter::Replayed), 1);
        let timed = |timing| metrics.latencies.of(timing).count;
        assert_eq!((timed(Timing::Execute), timed(Timing::Decide), timed(Timing::Append)), (2, 3, 1));
        assert_eq!((timed(Timing::Load), timed(Timing::Replay), timed(Timing::Query)), (1, 1, 1));
        let append = metrics.latencies.of(Timing::Append);
        assert_eq!((append.p50, append.p99, append.max), (1.0, 1.0, 1.0));
        assert_eq!(metrics.failures.len(), 1);
        assert_eq!(
            (metrics.failures[0].doing, metrics.failures[0].code.as_str()),
            ("load", "unknown-aggregate")
        );

        let appends: Vec<_> = host.0.borrow().iter().filter(|it| it.0 == "append").copied().collect();
        assert_eq!(appends.len(), 1);
        assert_eq!(appends[0].2, 1.0);

        clock.advance(5_000);
        engine.reset_metrics();
        let fresh = engine.metrics();
        assert_eq!(fresh.since.millis() - metrics.since.millis(), 5_000);
        assert_eq!(fresh.counters, Default::default());
        assert_eq!((fresh.latencies, fresh.failures.len()), (Default::default(), 0));
    });
}

#[test]
fn the_queue_is_as_old_as_its_first_commit_also_after_a_reload() {
    block_on(async {
        let clock = ManualEnvironment::new(1);
        let store = MemoryStore::new();
        let open = async || Engine::open(store.clone(), parts(Authority::Server, &clock)).await.unwrap();
        let engine = open().await;
        assert_eq!(engine.metrics().queue, Default::default());
        let decided = clock.surroundings().now().unwrap();
        for lesson in ["l1", "l2"] {
            engine.execute("course", "a", complete(lesson), WriteOptions::default()).await.unwrap();
            clock.advance(60_000);
        }
        let queue = engine.metrics().queue;
        assert_eq!((queue.commits, queue.events, queue.oldest), (2, 2, Some(decided)));
        engine.close();
        assert_eq!(open().await.metrics().queue, queue);
    });
}

#[test]
fn a_report_is_flat_json_with_the_names_of_the_measures() {
    block_on(async {
        let engine = open(Authority::Device, &ManualEnvironment::new(1), Rc::new(Listening::default())).await;
        let text = serde_json::to_string(&engine.metrics()).unwrap();
        for part in [
            r#""counters":{"commits":0,"#,
            r#""confirm":{"count":0,"mean":0.0,"p50":0.0"#,
            r#""queue":{"commits":0,"events":0}"#,
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    });
}
