//! Rows and their checkpoint are one write: whatever dies between two writes, rows are the fold of all events.

use crate::stage::*;
use futures_executor::block_on;
use futures_util::{
    FutureExt,
    future::{Either, select},
};
use tidelog::{
    log::MemoryStore,
    log::store::{Selection, Store, Table},
    projection::Definition,
    testing::{Fault, FaultyStore, ManualEnvironment, flip_bit, rows as stored_rows},
};

/// Runs to the end, or until the holder dies; whether it died.
async fn until_death(work: impl Future<Output = ()>, faults: &tidelog::testing::Faults) -> bool {
    let work = Box::pin(work);
    match select(work, Box::pin(faults.death())).await {
        Either::Left(_) => false,
        Either::Right(_) => true,
    }
}

#[test]
fn a_reload_continues_at_the_checkpoint() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let first = Counting::of(Definition::new("counts"));
        let (engine, _) = open(store.clone(), &environment, &first).await;
        append(&engine, 0, 60).await;
        rest(&engine).await;
        assert_eq!(first.seen.get(), 60);
        let expected = folded(&engine, 1).await;
        assert_eq!(rows(&engine, "counts").await, expected);
        let status = engine.projection_status("counts").await.unwrap();
        assert_eq!((status.position, status.stored, status.lag, status.events), (60, 60, 0, 60));
        engine.close();

        let second = Counting::of(Definition::new("counts"));
        let (engine, _) = open(store.clone(), &environment, &second).await;
        assert_eq!(rows(&engine, "counts").await, expected);
        assert_eq!(second.seen.get(), 0, "nothing is folded again");
        append(&engine, 60, 5).await;
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
        assert_eq!(second.seen.get(), 5);
    });
}

#[test]
fn rows_are_the_fold_of_all_events_whatever_dies_around_any_write() {
    for fault in [Fault::DeathBefore, Fault::DeathAfter, Fault::Repeated] {
        for at in 0..40 {
            block_on(async {
                let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
                let (faulty, faults) = FaultyStore::new(store.clone());
                let projector = Counting::of(Definition::new("counts"));
                let life = async {
                    let (engine, _) = open(faulty, &environment, &projector).await;
                    for round in 0..4 {
                        append(&engine, round * 7, 7).await;
                        rest(&engine).await;
                    }
                };
                for _ in 0..at {
                    faults.plan(Fault::None);
                }
                faults.plan(fault.clone());
                let died = until_death(life, &faults).await;
                let again = Counting::of(Definition::new("counts"));
                let (engine, host) = open(store, &environment, &again).await;
                let what = format!("{fault:?} at write {at}, died: {died}");
                assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await, "{what}");
                append(&engine, 100, 3).await;
                rest(&engine).await;
                assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await, "{what}");
                assert!(host.failures.borrow().is_empty(), "{what}: {:?}", host.failures);
            });
        }
    }
}

#[test]
fn what_is_stored_and_damaged_is_made_anew() {
    for (table, at) in [
        (Table::Checkpoints, 0.1),
        (Table::Checkpoints, 0.9),
        (Table::ProjectionRows, 0.0),
        (Table::ProjectionRows, 0.7),
    ] {
        block_on(async {
            let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
            let projector = Counting::of(Definition::new("counts"));
            let (engine, _) = open(store.clone(), &environment, &projector).await;
            append(&engine, 0, 40).await;
            rest(&engine).await;
            engine.close();
            let key = stored_rows(&store, table).await[0].0.clone();
            flip_bit(&store, table, &key, at).await;
            for _ in 0..2 {
                let (engine, _) = open(store.clone(), &environment, &projector).await;
                assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
                append(&engine, 40, 1).await;
                rest(&engine).await;
                assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
                engine.close();
            }
            let seen = projector.seen.get();
            let (engine, _) = open(store, &environment, &projector).await;
            assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
            assert_eq!(projector.seen.get(), seen, "made anew once, and stored");
        });
    }
}

#[test]
fn a_store_that_is_full_keeps_no_one_from_reading() {
    use tidelog::log::store::StoreError;
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let (faulty, faults) = FaultyStore::new(store.clone());
        let projector = Counting::of(Definition::new("counts"));
        let (engine, host) = open(faulty, &environment, &projector).await;
        append(&engine, 0, 9).await;
        faults.plan(Fault::Refused(StoreError::QuotaExceeded));
        rest(&engine).await;
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
        assert!(host.failures.borrow()[0].contains("quota"), "{:?}", host.failures);
        let status = engine.projection_status("counts").await.unwrap();
        assert_eq!((status.position, status.stored), (9, 0));
        assert_eq!(status.error.unwrap().code, "quota-exceeded");
        append(&engine, 9, 1).await;
        rest(&engine).await;
        let status = engine.projection_status("counts").await.unwrap();
        assert_eq!((status.position, status.stored, status.error), (10, 10, None));
    });
}

#[test]
fn nothing_is_stored_beyond_what_is_needed() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let projector = Counting::of(Definition::new("counts"));
        let (engine, _) = open(store.clone(), &environment, &projector).await;
        for round in 0..50 {
            append(&engine, round * 4, 4).await;
            rest(&engine).await;
        }
        let loaded = store.load(&[Selection::All(Table::ProjectionRows), Selection::All(Table::Checkpoints)]);
        let loaded = loaded.now_or_never().unwrap().unwrap();
        assert!(loaded.rows[0].len() <= 12, "{} segments for ten rows", loaded.rows[0].len());
        assert_eq!(loaded.rows[1].len(), 1);
    });
}
