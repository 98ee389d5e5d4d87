//! A replay, a rebuilt view or a new device that goes through the log again sends the mail again.
//!
//! The cure: processes act on what is new to this device after history has ended, and every command they send has an id that the
//! log takes once.

#[path = "../support/academy.rs"]
mod academy;

use academy::*;
use futures_executor::block_on;
use futures_util::future::join;
use tidelog::{
    engine::{At, Engine, Parts, WriteOptions},
    log::{Authority, MemoryStore},
    testing::{FaultyStore, ManualEnvironment},
};

#[test]
fn going_through_the_log_again_does_nothing_again() {
    block_on(async {
        let environment = ManualEnvironment::new(1);
        let store = MemoryStore::new();
        let engine = open(store.clone(), &environment).await;
        settle(&engine).await;
        for command in ["Lesson", "Complete"] {
            tell(&engine, "way", command).await.unwrap();
        }
        settle(&engine).await;
        let happened = effects(&engine).await;
        assert_eq!(happened, ["certificate Given", "badge Given"]);
        // a person takes it back: acting on the old event once more would give it again
        tell(&engine, "certificate", "TakeBack").await.unwrap();
        tell(&engine, "badge", "TakeBack").await.unwrap();
        settle(&engine).await;
        engine.load("way", "ada", At::Version(1)).await.unwrap();
        engine.close();

        // the same log in a database that knows nothing of the process's progress
        let copy = MemoryStore::new();
        let plain = Parts { processes: vec![], ..academy(Authority::Device, &environment) };
        let copied = Engine::open(copy.clone(), plain).await.unwrap();
        let commits = open(store, &environment).await.log().confirmed_commits(0, usize::MAX).await.unwrap();
        for commit in commits {
            let draft = tidelog::log::Draft { commit: commit.commit, policy: Default::default() };
            copied.log().append(vec![draft], vec![], commit.recorded_at).await.unwrap();
        }
        copied.close();
        environment.advance(30 * DAY);
        let again = open(copy, &environment).await;
        settle(&again).await;
        assert_eq!(effects(&again).await.len(), 4, "{:?}", effects(&again).await);
    });
}

/// Here no id saves the day: nobody has carried anything out, so the log would take every command.
#[test]
fn what_happened_before_there_was_a_process_is_not_acted_upon() {
    block_on(async {
        let environment = ManualEnvironment::new(1);
        let store = MemoryStore::new();
        let plain = Parts { processes: vec![], ..academy(Authority::Device, &environment) };
        let before = Engine::open(store.clone(), plain).await.unwrap();
        tell(&before, "way", "Lesson").await.unwrap();
        before.execute("way", "bob", ask("Complete"), WriteOptions::default()).await.unwrap();
        before.close();
        environment.advance(30 * DAY);
        let engine = open(store, &environment).await;
        settle(&engine).await;
        environment.advance(30 * DAY);
        settle(&engine).await;
        assert!(effects(&engine).await.is_empty(), "{:?}", effects(&engine).await);

        // what comes now is acted upon
        tell(&engine, "way", "Lesson").await.unwrap();
        settle(&engine).await;
        environment.advance(7 * DAY);
        settle(&engine).await;
        assert_eq!(effects(&engine).await, ["inbox Reminded"]);
    });
}

/// Here no history saves the day: to both tabs the event is new. The inbox takes whatever it is sent.
#[test]
fn what_two_tabs_act_upon_happens_once() {
    block_on(async {
        let environment = ManualEnvironment::new(1);
        let store = MemoryStore::new();
        let tab = || open(FaultyStore::yielding(store.clone()), &environment);
        let (one, other) = (tab().await, tab().await);
        settle(&one).await;
        tell(&one, "way", "Lesson").await.unwrap();
        for week in 1..=3 {
            join(settle(&one), settle(&other)).await;
            assert_eq!(effects(&one).await.len(), week - 1);
            environment.advance(7 * DAY);
            join(settle(&one), settle(&other)).await;
            other.log().catch_up().await.unwrap();
            for tab in [&one, &other] {
                assert_eq!(effects(tab).await, vec!["inbox Reminded"; week]);
            }
        }
    });
}
