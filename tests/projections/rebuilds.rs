//! Rows made anew beside the ones that are read.

use crate::stage::*;
use futures_executor::block_on;
use std::ops::ControlFlow;
use tidelog::{
    engine::ProjectionState,
    log::{
        Authority, MemoryStore,
        store::{Selection, Store, Table},
    },
    projection::{Definition, OnError},
    testing::{Fault, FaultyStore, ManualEnvironment, Samples, confirm, stream},
    version::ExpectedVersion,
};

fn version(version: u32) -> Definition {
    Definition { version, ..Definition::new("counts") }
}

async fn is_by(engine: &tidelog::engine::Engine<MemoryStore>, version: u32) -> bool {
    let rows = rows(engine, "counts").await;
    assert!(!rows.is_empty());
    rows.iter().all(|(_, row)| row.ends_with(&format!("\"by\":{version}}}")))
}

#[test]
fn a_changed_version_is_made_beside_the_old_rows_and_swapped_at_the_end() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let (engine, _) = open(store.clone(), &environment, &Counting::of(version(1))).await;
        import(&engine, 9_500).await;
        rest(&engine).await;
        let old = rows(&engine, "counts").await;
        engine.close();

        let second = Counting::of(version(2));
        let (engine, _) = open(store.clone(), &environment, &second).await;
        let status = engine.projection_status("counts").await.unwrap();
        assert_eq!((status.state, status.generation), (ProjectionState::Rebuilding, 1));
        assert_eq!(rows(&engine, "counts").await, old, "the old rows are read meanwhile");
        let mut told = Vec::new();
        let mut progress = |now: &tidelog::engine::RebuildProgress| {
            told.push((now.position, now.done));
            if now.position >= 5_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let stopped = engine.rebuild("counts", &mut progress).await.unwrap();
        assert!(!stopped.done && stopped.head == 9_500, "{stopped:?}");
        assert!(told.len() >= 4 && told.windows(2).all(|two| two[0].0 < two[1].0), "{told:?}");
        rest(&engine).await;
        assert_eq!(rows(&engine, "counts").await.len(), 400);
        assert!(is_by(&engine, 1).await, "it was given up: nothing goes on by itself in this opening");
        let seen = second.seen.get();
        engine.close();

        // the next opening goes on where it was
        let third = Counting::of(version(2));
        let (engine, _) = open(store.clone(), &environment, &third).await;
        rest(&engine).await;
        assert!(is_by(&engine, 2).await);
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 2).await);
        assert_eq!(seen + third.seen.get(), 9_500, "no event is folded twice");
        let status = engine.projection_status("counts").await.unwrap();
        assert_eq!((status.state, status.generation, status.version), (ProjectionState::Current, 2, 2));
        assert!(status.rebuild.is_none());
        engine.close();

        let stored = store.load(&[Selection::All(Table::ProjectionRows)]).await.unwrap();
        let of_old =
            stored.rows[0].iter().filter(|(key, _)| key.to_string().starts_with("counts\u{0}1\u{0}"));
        assert_eq!(of_old.count(), 0, "the old rows are gone");
        let (engine, _) = open(store, &environment, &third).await;
        let seen = third.seen.get();
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 2).await);
        assert_eq!(third.seen.get(), seen);
    });
}

#[test]
fn a_rebuild_that_is_asked_for_keeps_the_rows_current_meanwhile() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let (engine, _) = open(store, &environment, &Counting::of(version(1))).await;
        import(&engine, 3_500).await;
        rest(&engine).await;
        let mut steps = 0;
        while !engine.rebuild_step("counts").await.unwrap().done {
            append(&engine, 5_000 + steps, 1).await;
            assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
            steps += 1;
        }
        assert!(steps >= 3, "{steps}");
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
        assert_eq!(engine.projection_status("counts").await.unwrap().generation, 2);
        assert_eq!(
            engine.rebuild("nothing", &mut |_| ControlFlow::Continue(())).await.unwrap_err().code(),
            "unknown-projection"
        );
    });
}

#[test]
fn a_rebuild_survives_death_around_any_write() {
    for fault in [Fault::DeathBefore, Fault::DeathAfter, Fault::Repeated] {
        for at in 0..6 {
            block_on(async {
                let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
                let (engine, _) = open(store.clone(), &environment, &Counting::of(version(1))).await;
                import(&engine, 4_700).await;
                rest(&engine).await;
                engine.close();
                let (faulty, faults) = FaultyStore::new(store.clone());
                let life = async {
                    let (engine, _) = open(faulty, &environment, &Counting::of(version(2))).await;
                    rest(&engine).await;
                };
                for _ in 0..at {
                    faults.plan(Fault::None);
                }
                faults.plan(fault.clone());
                futures_util::future::select(Box::pin(life), Box::pin(faults.death())).await;
                let (engine, _) = open(store, &environment, &Counting::of(version(2))).await;
                rest(&engine).await;
                assert_eq!(rows(&engine, "counts").await, folded(&engine, 2).await, "{fault:?} at {at}");
            });
        }
    }
}

#[test]
fn a_small_log_is_made_anew_at_the_first_look() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let (engine, _) = open(store.clone(), &environment, &Counting::of(version(1))).await;
        append(&engine, 0, 50).await;
        rest(&engine).await;
        engine.close();
        let (engine, _) = open(store, &environment, &Counting::of(version(2))).await;
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 2).await);
    });
}

#[test]
fn another_fingerprint_makes_the_rows_anew_and_another_index_does_not() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        for (definition, seen) in [
            (version(1), 40),
            (Definition { indexes: vec!["count".into()], ..version(1) }, 0),
            (Definition { fingerprint: 9, ..version(1) }, 40),
        ] {
            let projector = Counting::of(definition);
            let (engine, _) = open(store.clone(), &environment, &projector).await;
            if engine.log().head().position == 0 {
                append(&engine, 0, 40).await;
            }
            rest(&engine).await;
            assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
            assert_eq!(projector.seen.get(), seen);
            engine.close();
        }
    });
}

#[test]
fn a_rebuild_that_meets_a_failing_event_says_so_and_keeps_the_old_rows() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let (engine, _) = open(store.clone(), &environment, &Counting::of(version(1))).await;
        import(&engine, 1_500).await;
        rest(&engine).await;
        engine.close();
        let second = Counting::of(Definition { on_error: OnError::STOP, ..version(2) });
        second.poison("thing-7 2");
        let (engine, host) = open(store, &environment, &second).await;
        let refused = engine.rebuild("counts", &mut |_| ControlFlow::Continue(())).await.unwrap_err();
        assert!(refused.to_string().contains("event 2 of thing-7"), "{refused}");
        assert!(is_by(&engine, 1).await);
        rest(&engine).await;
        let status = engine.projection_status("counts").await.unwrap();
        assert_eq!((status.state, status.rebuild.unwrap().position), (ProjectionState::Stopped, 407));
        assert_eq!(host.failures.borrow().len(), 1);
        second.heal();
        engine.rebuild("counts", &mut |_| ControlFlow::Continue(())).await.unwrap();
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 2).await);
    });
}

#[test]
fn rows_of_a_log_that_is_handed_over_to_a_server_are_made_anew() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let projector = Counting::of(version(1));
        let (engine, _) = open(store.clone(), &environment, &projector).await;
        append(&engine, 0, 12).await;
        rest(&engine).await;
        engine.close();
        // what was confirmed here is pending now
        let (engine, _) = open_as(store, &environment, Authority::Server, &projector).await;
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
        let samples = Samples::new(3);
        let commit = samples.commit("thing-99", ExpectedVersion::Any, 2);
        let change = tidelog::log::Change {
            seen: engine.log().head(),
            confirmed: vec![confirm(commit, 1, 1)],
            log_id: Some("the server's".into()),
            revises: true,
            ..Default::default()
        };
        assert_eq!(engine.log().apply(change).await, Ok(tidelog::log::Applied::Done));
        assert_eq!(engine.log().version(&stream("thing-99")), 2);
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
    });
}
