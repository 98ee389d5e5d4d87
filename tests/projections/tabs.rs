//! Several tabs on one database: each follows by itself, what is stored is stored once, and all see the same.

use crate::stage::*;
use futures_executor::block_on;
use tidelog::{
    engine::Engine,
    log::MemoryStore,
    projection::Definition,
    testing::{FaultyStore, ManualEnvironment},
};

fn version(version: u32) -> Definition {
    Definition { version, ..Definition::new("counts") }
}

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[test]
fn tabs_that_write_and_store_in_any_order_agree_and_a_later_one_too() {
    for seed in 1..30 {
        block_on(async {
            let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(seed));
            let mut random = Random(seed);
            let mut tabs: Vec<Engine<MemoryStore>> = Vec::new();
            for _ in 0..3 {
                tabs.push(open(store.clone(), &environment, &Counting::of(version(1))).await.0);
            }
            for step in 0..120 {
                let tab = &tabs[random.below(3) as usize];
                match random.below(5) {
                    0 | 1 => append(tab, step * 10, random.below(4) + 1).await,
                    2 => rest(tab).await,
                    3 => tab.heard("log").await.unwrap(),
                    _ => {
                        tab.heard("log").await.unwrap();
                        assert_eq!(rows(tab, "counts").await, folded(tab, 1).await, "seed {seed}");
                    }
                }
            }
            for tab in &tabs {
                tab.heard("log").await.unwrap();
                rest(tab).await;
                assert_eq!(rows(tab, "counts").await, folded(tab, 1).await, "seed {seed}");
            }
            let late = Counting::of(version(1));
            let (engine, _) = open(store, &environment, &late).await;
            assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await, "seed {seed}");
            assert_eq!(late.seen.get(), 0, "seed {seed}: all of it was stored");
        });
    }
}

#[test]
fn tabs_that_rebuild_at_once_end_with_the_same_rows() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let (engine, _) = open(store.clone(), &environment, &Counting::of(version(1))).await;
        import(&engine, 9_300).await;
        rest(&engine).await;
        engine.close();
        let one = open(FaultyStore::yielding(store.clone()), &environment, &Counting::of(version(2))).await.0;
        let two = open(FaultyStore::yielding(store.clone()), &environment, &Counting::of(version(2))).await.0;
        futures_util::future::join(rest(&one), rest(&two)).await;
        for tab in [&one, &two] {
            assert_eq!(rows(tab, "counts").await, folded(tab, 2).await);
        }
        let late = Counting::of(version(2));
        let (engine, _) = open(store, &environment, &late).await;
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 2).await);
        assert_eq!(late.seen.get(), 0);
    });
}

#[test]
fn a_tab_with_the_app_of_yesterday_keeps_its_rows_to_itself() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let old = open(store.clone(), &environment, &Counting::of(version(1))).await.0;
        append(&old, 0, 30).await;
        rest(&old).await;
        let new = open(store.clone(), &environment, &Counting::of(version(2))).await.0;
        rest(&new).await;
        append(&old, 30, 5).await;
        rest(&old).await;
        assert!(old.projection_status("counts").await.unwrap().detached);
        assert_eq!(rows(&old, "counts").await, folded(&old, 1).await);
        new.heard("log").await.unwrap();
        append(&new, 40, 5).await;
        rest(&new).await;
        old.heard("log").await.unwrap();
        rest(&old).await;
        assert_eq!(rows(&old, "counts").await, folded(&old, 1).await);
        assert_eq!(rows(&new, "counts").await, folded(&new, 2).await);
        assert!(!new.projection_status("counts").await.unwrap().detached);
        let late = Counting::of(version(2));
        let (engine, _) = open(store, &environment, &late).await;
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 2).await);
        assert_eq!(late.seen.get(), 0, "the new rows are stored, and nobody has made them anew");
    });
}

#[test]
fn what_one_tab_replays_the_others_see() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let projector = Counting::of(version(1));
        projector.poison("thing-3 1");
        let one = open(store.clone(), &environment, &projector).await.0;
        let two = open(store, &environment, &projector).await.0;
        append(&one, 0, 20).await;
        rest(&one).await;
        two.heard("log").await.unwrap();
        rest(&two).await;
        projector.heal();
        one.replay_dead_letters("counts", None).await.unwrap();
        assert_eq!(rows(&one, "counts").await, folded(&one, 1).await);
        append(&two, 20, 1).await;
        rest(&two).await;
        assert_eq!(rows(&two, "counts").await, folded(&two, 1).await);
        assert!(two.dead_letters("counts").await.unwrap().is_empty());
    });
}
