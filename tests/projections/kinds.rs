//! When rows follow the log.

use crate::stage::*;
use futures_executor::{LocalPool, block_on};
use futures_util::task::LocalSpawnExt;
use std::{cell::Cell, rc::Rc};
use tidelog::{
    engine::ProjectionState,
    log::{Authority, MemoryStore},
    projection::{Definition, Kind},
    testing::ManualEnvironment,
};

fn kind(kind: Kind) -> Definition {
    Definition { kind, ..Definition::new("counts") }
}

#[test]
fn an_immediate_projection_has_seen_what_a_resolved_write_wrote() {
    for authority in [Authority::Device, Authority::Server] {
        block_on(async {
            let projector = Counting::of(kind(Kind::Immediate));
            let environment = ManualEnvironment::new(1);
            let (engine, _) = open_as(MemoryStore::new(), &environment, authority, &projector).await;
            for number in 0..5 {
                append(&engine, number, 1).await;
                assert_eq!(projector.seen.get(), number + 1, "{authority:?}");
            }
            import(&engine, 10).await;
            assert_eq!(projector.seen.get(), 15);
            assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
            assert_eq!(projector.seen.get(), 15, "nothing was left for the read");
        });
    }
}

#[test]
fn a_background_projection_follows_when_there_is_time_or_when_it_is_read() {
    block_on(async {
        let projector = Counting::of(kind(Kind::Background));
        let (engine, _) = open(MemoryStore::new(), &ManualEnvironment::new(1), &projector).await;
        append(&engine, 0, 5).await;
        assert_eq!(projector.seen.get(), 0);
        rest(&engine).await;
        assert_eq!(projector.seen.get(), 5);
        append(&engine, 5, 5).await;
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
        assert_eq!(projector.seen.get(), 10);
    });
}

#[test]
fn a_batch_projection_follows_when_asked_or_after_so_many_events() {
    block_on(async {
        let projector = Counting::of(kind(Kind::Batch { every: Some(20) }));
        let (engine, _) = open(MemoryStore::new(), &ManualEnvironment::new(1), &projector).await;
        append(&engine, 0, 19).await;
        rest(&engine).await;
        assert!(rows(&engine, "counts").await.is_empty());
        let status = engine.projection_status("counts").await.unwrap();
        assert_eq!((status.state, status.lag), (ProjectionState::Behind, 19));
        append(&engine, 19, 1).await;
        rest(&engine).await;
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
        append(&engine, 20, 3).await;
        assert_eq!(engine.wait_for("counts", None).await.unwrap(), 23);
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
    });
    block_on(async {
        let projector = Counting::of(kind(Kind::Batch { every: None }));
        let (engine, _) = open(MemoryStore::new(), &ManualEnvironment::new(1), &projector).await;
        append(&engine, 0, 30).await;
        rest(&engine).await;
        assert_eq!(projector.seen.get(), 0);
        engine.wait_for("counts", None).await.unwrap();
        assert_eq!(projector.seen.get(), 30);
    });
}

#[test]
fn waiting_for_a_position_ends_when_it_is_reached_and_not_before() {
    let projector = Counting::of(kind(Kind::Background));
    let mut pool = LocalPool::new();
    let (engine, _) = pool.run_until(open(MemoryStore::new(), &ManualEnvironment::new(1), &projector));
    pool.run_until(append(&engine, 0, 3));
    let reached = Rc::new(Cell::new(None));
    let (waiting, told) = (engine.clone(), Rc::clone(&reached));
    let wait = async move { told.set(Some(waiting.wait_for("counts", Some(5)).await)) };
    pool.spawner().spawn_local(wait).unwrap();
    pool.run_until_stalled();
    assert!(reached.take().is_none());
    pool.run_until(append(&engine, 3, 1));
    pool.run_until_stalled();
    assert!(reached.take().is_none());
    pool.run_until(append(&engine, 4, 1));
    pool.run_until_stalled();
    assert_eq!(reached.take().unwrap().unwrap(), 5);

    let (waiting, told) = (engine.clone(), Rc::clone(&reached));
    let wait = async move { told.set(Some(waiting.wait_for("counts", Some(50)).await)) };
    pool.spawner().spawn_local(wait).unwrap();
    pool.run_until_stalled();
    engine.close();
    pool.run_until_stalled();
    assert_eq!(reached.take().unwrap().unwrap_err().code(), "closed");
}
