//! News are taken for the answer of a pull only where they begin where this device stands.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use futures_executor::{LocalPool, block_on};
use futures_util::{StreamExt, task::LocalSpawnExt};
use std::{
    cell::{Cell, RefCell},
    future::pending,
    rc::Rc,
};
use support::*;
use tidelog::{
    authority::{MemoryLog, PageLimit, Streams, candidate::Candidate},
    engine::Engine,
    log::{Authority, MemoryStore, Query},
    sync::{
        live::{Heard, News, Way},
        protocol::Cursor,
        transport::{Answer, NoAnswer, Transport},
    },
    testing::{ManualEnvironment, NOW, Samples},
    version::ExpectedVersion::Any,
};
use uuid::Uuid;

/// A server that, once somebody listens, takes two commits of somebody else, and tells of the second only.
struct Line {
    log: Rc<RefCell<MemoryLog>>,
    calls: Cell<u32>,
}

impl Line {
    /// The news after the first `known` of the two commits.
    fn news(&self, known: usize) -> News {
        let mut log = self.log.borrow_mut();
        let samples = Samples::new(1);
        let mut after = log.cursor();
        for (index, stream) in ["course-a", "course-b"].into_iter().enumerate() {
            let commit = Candidate::Commit(Box::new(samples.commit(stream, Any, 1)));
            log.push(vec![commit], NOW).unwrap();
            if index + 1 == known {
                after = log.cursor();
            }
        }
        let page = log.page(&after, PageLimit::default(), &Streams::all()).unwrap();
        News { after, page }
    }
}

impl Transport for Line {
    async fn send(&self, method: &str, path: &str, body: Option<String>) -> Result<Answer, NoAnswer> {
        Ok(self.log.borrow_mut().answer(method, path, body.as_deref(), NOW))
    }

    async fn renew_token(&self) -> bool {
        false
    }

    async fn sleep(&self, _: u64) {
        pending().await
    }

    async fn listen(&self, _: Way, _: &Cursor, _: &str) -> Heard {
        self.calls.set(self.calls.get() + 1);
        match self.calls.get() {
            1 => Heard::Open,
            2 => Heard::News(Box::new(self.news(1))),
            _ => pending().await,
        }
    }
}

#[test]
fn news_that_begin_further_on_leave_no_gap() {
    let mut pool = LocalPool::new();
    let environment = ManualEnvironment::new(1);
    let parts = parts(Authority::Server, &environment);
    let engine: Engine<MemoryStore> = block_on(Engine::open(MemoryStore::new(), parts)).unwrap();
    let log = Rc::new(RefCell::new(MemoryLog::new(Uuid::from_u128(7))));
    let line = Line { log: Rc::clone(&log), calls: Cell::new(0) };
    let running = engine.clone();
    pool.spawner().spawn_local(async move { running.sync_run(line).await }).unwrap();
    pool.run_until_stalled();
    let events: Vec<_> = block_on(engine.events(Query::default()).collect());
    let streams: Vec<_> = events.into_iter().map(|event| event.unwrap().stream.to_string()).collect();
    assert_eq!(streams, ["course-a", "course-b"]);
    assert_eq!(engine.log().head().cursor, log.borrow().cursor());
}
