//! Tabs of one database: what one writes the others see, and one of them speaks for sync.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use futures_executor::{LocalPool, block_on};
use futures_util::task::LocalSpawnExt;
use std::{cell::RefCell, collections::VecDeque, future::pending, rc::Rc};
use support::*;
use tidelog::{
    engine::{Changed, Engine, Host, SyncState, WriteOptions},
    log::{Authority, MemoryStore},
    sync::transport::{Answer, NoAnswer, Transport},
    testing::ManualEnvironment,
};

/// What one tab posted, for the other to hear.
#[derive(Default)]
struct Channel(RefCell<VecDeque<String>>);

impl Host for Channel {
    fn changed(&self, _: Changed) {}
    fn post(&self, message: &str) {
        self.0.borrow_mut().push_back(message.into());
    }
}

struct Tab {
    engine: Engine<MemoryStore>,
    channel: Rc<Channel>,
}

async fn tab(store: &MemoryStore, seed: u64, authority: Authority) -> Tab {
    let channel = Rc::new(Channel::default());
    let host = Rc::clone(&channel) as Rc<dyn Host>;
    let parts = parts_for(authority, &ManualEnvironment::new(seed), host);
    Tab { engine: Engine::open(store.clone(), parts).await.unwrap(), channel }
}

/// Hands messages to and fro until there are none.
async fn talk(one: &Tab, two: &Tab) {
    loop {
        let (from, to) = match (one.channel.0.borrow().is_empty(), two.channel.0.borrow().is_empty()) {
            (false, _) => (one, two),
            (true, false) => (two, one),
            (true, true) => return,
        };
        let message = from.channel.0.borrow_mut().pop_front();
        to.engine.heard(&message.unwrap()).await.unwrap();
    }
}

/// A server that never answers.
struct Silence;

impl Transport for Silence {
    async fn send(&self, _: &str, _: &str, _: Option<String>) -> Result<Answer, NoAnswer> {
        pending().await
    }
    async fn renew_token(&self) -> bool {
        false
    }
    async fn sleep(&self, _: u64) {
        pending().await
    }
}

#[test]
fn what_one_tab_writes_the_other_sees() {
    block_on(async {
        let store = MemoryStore::new();
        let one = tab(&store, 1, Authority::Device).await;
        let two = tab(&store, 2, Authority::Device).await;
        one.engine.execute("course", "a", complete("l1"), WriteOptions::default()).await.unwrap();
        talk(&one, &two).await;
        assert_eq!(completed(&two.engine, "a").await, ["l1"]);
        assert_eq!(lessons(&two.engine, "a").await, ["l1"]);
    });
}

#[test]
fn the_tab_that_runs_the_loop_speaks_for_all() {
    let mut pool = LocalPool::new();
    let store = MemoryStore::new();
    let (one, two) = pool.run_until(async {
        (tab(&store, 1, Authority::Server).await, tab(&store, 2, Authority::Server).await)
    });
    assert_eq!(two.engine.status().sync.state, SyncState::Following);
    let leader = one.engine.clone();
    pool.spawner().spawn_local(async move { leader.sync_run(Silence).await }).unwrap();
    pool.run_until_stalled();
    pool.run_until(talk(&one, &two));
    assert_eq!(one.engine.status().sync.state, SyncState::Pulling);
    assert!(one.engine.status().sync.leader);
    assert_eq!(two.engine.status().sync.state, SyncState::Following);

    // pausing in one tab pauses the loop in the other, and a tab that opens later knows
    two.engine.sync_pause();
    pool.run_until(talk(&one, &two));
    pool.run_until_stalled();
    assert_eq!(one.engine.status().sync.state, SyncState::Paused);
    let three = pool.run_until(tab(&store, 3, Authority::Server));
    pool.run_until(talk(&one, &three));
    assert_eq!(three.engine.status().sync.state, SyncState::Paused);

    one.engine.close();
    pool.run_until_stalled();
    assert!(!one.engine.status().sync.leader);
}
