//! A replay, a rebuilt view or a new device that goes through the log again sends the mail again.
//!
//! The cure: processes act on what is new to this device after history has ended, and every command they send has an id that the
//! log takes once.

#[path = "../support/academy.rs"]
mod academy;

use academy::*;
use futures_executor::block_on;
use tidelog::{
    engine::{At, Engine, Parts},
    log::{Authority, MemoryStore},
    testing::ManualEnvironment,
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
