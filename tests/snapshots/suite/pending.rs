//! Snapshots while commits wait for the server.

use super::purse::*;
use tidelog::{
    engine::{At, Engine},
    log::{Authority, store::Table},
    metrics::Counter,
    snapshot::SnapshotPolicy,
    testing::{Database, InProcessServer, rows},
};

pub async fn pending_events_are_in_no_snapshot(database: &impl Database) {
    let world = World { authority: Authority::Server, ..World::every(1) };
    let tab = world.tab(database).await;
    pay(&tab, 1, 40).await;
    load(&tab).await;
    ask(&tab, 1).await;
    idle(&tab).await;
    assert_eq!(tab.take_snapshot("purse", "a").await, Ok(None));
    assert_eq!(count(&tab, Counter::SnapshotsTaken), 0);
    assert!(rows(&database.holder().await, Table::Snapshots).await.is_empty());
}

/// Two devices pay offline from one purse; the payments of one are decided again behind those of the other, and some are
/// refused. Snapshots are taken whenever there is an occasion.
pub async fn what_a_rebase_rolls_back_was_in_no_snapshot(database: &impl Database) {
    let world = World { authority: Authority::Server, ..World::every(1) };
    let server = InProcessServer::new(&world.clock);
    let other = Engine::open(tidelog::log::MemoryStore::new(), world.parts()).await.unwrap();
    let tab = world.tab(database).await;
    pay(&tab, 1, 30).await;
    sync(&tab, &server).await;
    sync(&other, &server).await;
    let total = load(&tab).await.0.total;
    idle(&tab).await;
    assert_eq!(versions(&tab).await, [30]);

    // both take everything out; here it is known by a snapshot of every state there could be one of
    ask(&other, -total).await;
    sync(&other, &server).await;
    for amount in [-total, 5, -5, 6] {
        ask(&tab, amount).await;
        load(&tab).await;
        idle(&tab).await;
        let _none_new = tab.take_snapshot("purse", "a").await.unwrap();
    }
    assert_eq!(versions(&tab).await, [30], "what is pending is in no snapshot");
    sync(&tab, &server).await;
    idle(&tab).await;

    // taking everything out a second time was refused; of the others each was decided again: 5 - 5 + 6
    assert_eq!(tab.status().rejected, 1);
    let expected = (6, 34);
    let cold = world.tab(database).await;
    for engine in [&tab, &cold] {
        let (state, version) = load(engine).await;
        assert_eq!((state.total, version), expected);
    }
    assert_eq!(count(&cold, Counter::SnapshotHits), 1);
    for version in versions(&cold).await {
        let at = load_at(&cold, At::Version(version)).await;
        assert_eq!(
            at,
            load_at(&world_without_snapshots(&world).tab(database).await, At::Version(version)).await
        );
    }
}

fn world_without_snapshots(world: &World) -> World {
    World {
        clock: world.clock.clone(),
        policy: SnapshotPolicy::never(),
        authority: world.authority,
        compression: None,
    }
}

pub async fn what_was_confirmed_meanwhile_gets_its_snapshot(database: &impl Database) {
    let world = World { authority: Authority::Server, ..World::every(20) };
    let server = InProcessServer::new(&world.clock);
    let tab = world.tab(database).await;
    for amount in 1..=25 {
        ask(&tab, amount % 13).await;
    }
    idle(&tab).await;
    assert_eq!(versions(&tab).await, [0_u64; 0]);
    sync(&tab, &server).await;
    idle(&tab).await;
    assert_eq!(versions(&tab).await, [25]);
    assert_eq!(load(&world.tab(database).await).await, (folded(25), 25));
}
