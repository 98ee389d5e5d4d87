//! Snapshots that can't be used, and states that can't be kept.

use super::purse::*;
use futures_util::future::{LocalBoxFuture, join};
use std::{future::ready, rc::Rc};
use tidelog::{
    engine::{Engine, WriteOptions},
    json::Json,
    log::{
        Authority,
        store::{StoreError, Table},
    },
    metrics::Counter,
    snapshot::{Compression, SnapshotPolicy},
    testing::{Database, Fault, FaultyStore, InProcessServer, ManualEnvironment, flip_bit, rows},
};

pub async fn damaged_snapshots_are_replaced(database: &impl Database) {
    let world = World::every(20);
    let tab = world.tab(database).await;
    for round in 0..2 {
        pay(&tab, round * 30 + 1, 30).await;
        load(&tab).await;
        idle(&tab).await;
    }
    let store = database.holder().await;
    let keys: Vec<_> = rows(&store, Table::Snapshots).await.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 2);
    flip_bit(&store, Table::Snapshots, &keys[1], 0.9).await;

    let cold = world.tab(database).await;
    assert_eq!(load(&cold).await, (folded(60), 60));
    assert_eq!(count(&cold, Counter::SnapshotsUnreadable), 1);
    assert_eq!(count(&cold, Counter::SnapshotHits), 1, "the one before it stands in");
    idle(&cold).await;
    assert_eq!(versions(&cold).await, [30, 60]);
    let again = world.tab(database).await;
    assert_eq!(load(&again).await, (folded(60), 60));
    assert_eq!((count(&again, Counter::SnapshotsUnreadable), count(&again, Counter::Replayed)), (0, 0));
}

/// A log of this device is handed over to a server, where somebody else's payments come first: what was confirmed here is
/// pending again, and ends at other versions.
pub async fn a_snapshot_of_another_history_is_removed(database: &impl Database) {
    let alone = World::every(20);
    let tab = alone.tab(database).await;
    pay(&tab, 1, 40).await;
    load(&tab).await;
    idle(&tab).await;
    assert_eq!(versions(&tab).await, [40]);
    tab.close();

    // another seed: what others record has other ids
    let clock = ManualEnvironment::new(2);
    let world = World { authority: Authority::Server, clock, ..World::every(1_000) };
    let server = InProcessServer::new(&world.clock);
    let other = Engine::open(tidelog::log::MemoryStore::new(), world.parts()).await.unwrap();
    let foreign = (0..100).map(|_| paid(7)).collect();
    other.append("purse-a", foreign, WriteOptions::default()).await.unwrap();
    sync(&other, &server).await;

    let tab = world.tab(database).await;
    assert_eq!(load(&tab).await, (folded(40), 40), "all of it is pending now");
    sync(&tab, &server).await;
    let (state, version) = load(&tab).await;
    assert_eq!((state.total, version), (700 + folded(40).total, 140));
    let cold = world.tab(database).await;
    assert_eq!(load(&cold).await, (state, version));
    let ahead = count(&tab, Counter::SnapshotsAhead) + count(&cold, Counter::SnapshotsAhead);
    assert_eq!(ahead, 1, "found once, and gone");
    idle(&tab).await;
    idle(&cold).await;
    assert!(!versions(&cold).await.contains(&40));
}

pub async fn a_tab_that_is_behind_catches_up_with_a_snapshot(database: &impl Database) {
    let world = World::every(20);
    let behind = world.tab(database).await;
    pay(&behind, 1, 20).await;
    let ahead = world.tab(database).await;
    pay(&ahead, 21, 20).await;
    load(&ahead).await;
    idle(&ahead).await;
    assert_eq!(versions(&ahead).await, [40]);
    assert_eq!(load(&behind).await, (folded(40), 40));
    assert_eq!((count(&behind, Counter::SnapshotsAhead), count(&behind, Counter::SnapshotHits)), (0, 1));
}

pub async fn tabs_take_snapshots_at_once(database: &impl Database) {
    let world = World::every(10);
    let (one, two) = (
        world.over(FaultyStore::yielding(database.holder().await)).await,
        world.over(FaultyStore::yielding(database.holder().await)).await,
    );
    for round in 0..5 {
        pay(if round % 2 == 0 { &one } else { &two }, round * 20 + 1, 20).await;
        join(one.heard(""), two.heard("")).await.0.unwrap();
        let (first, second) = join(load(&one), load(&two)).await;
        assert_eq!(first, second);
        join(idle(&one), idle(&two)).await;
        join(one.take_snapshot("purse", "a"), two.take_snapshot("purse", "a")).await.0.unwrap();
    }
    assert_eq!(load(&world.tab(database).await).await, (folded(100), 100));
    let kept = versions(&one).await;
    assert!(kept.contains(&100) && kept.len() <= 3, "{kept:?}");
}

pub async fn a_state_that_json_would_change_is_not_kept(database: &impl Database) {
    let world = World::every(20);
    let tab = world.tab(database).await;
    pay(&tab, 1, 39).await;
    ask(&tab, 13).await;
    idle(&tab).await;
    assert_eq!(versions(&tab).await, [0_u64; 0]);
    assert_eq!(count(&tab, Counter::SnapshotsUnkeepable), 1);
    let error = tab.take_snapshot("purse", "a").await.unwrap_err();
    assert_eq!(error.code(), "unkeepable-state");
    assert!(error.to_string().contains("13 brings bad luck"), "{error}");
    // it is not tried again at every event, but it is once there are as many again
    ask(&tab, 1).await;
    idle(&tab).await;
    assert_eq!(count(&tab, Counter::SnapshotsUnkeepable), 2, "the one by hand, and none since");
    for amount in 1..=20 {
        ask(&tab, amount % 13).await;
    }
    idle(&tab).await;
    assert_eq!(versions(&tab).await, [61]);
}

/// Not smaller, but another: enough to see that what comes back is what went in.
struct Backwards;

impl Compression for Backwards {
    fn compress(&self, mut bytes: Vec<u8>) -> LocalBoxFuture<'static, Option<Vec<u8>>> {
        bytes.reverse();
        Box::pin(ready(Some(bytes)))
    }

    fn decompress(&self, bytes: Vec<u8>) -> LocalBoxFuture<'static, Option<Vec<u8>>> {
        self.compress(bytes)
    }
}

pub async fn snapshots_are_compressed_where_they_can_be(database: &impl Database) {
    let policy = SnapshotPolicy { compress: true, ..every(20) };
    let can = World { compression: Some(Rc::new(Backwards)), ..World::new(policy.clone()) };
    let cannot = World::new(policy);
    let tab = can.tab(database).await;
    pay(&tab, 1, 30).await;
    load(&tab).await;
    idle(&tab).await;
    let stored = rows(&database.holder().await, Table::Snapshots).await;
    let mut plain = Json::of(&folded(30)).unwrap().as_str().as_bytes().to_vec();
    assert!(!stored[0].1.ends_with(&plain));
    plain.reverse();
    assert!(stored[0].1.ends_with(&plain));
    let cold = can.tab(database).await;
    assert_eq!(load(&cold).await, (folded(30), 30));
    assert_eq!(count(&cold, Counter::SnapshotHits), 1);

    // where nothing can decompress it, it is unreadable and replaced by one as it is
    let other = cannot.tab(database).await;
    assert_eq!(load(&other).await, (folded(30), 30));
    assert_eq!(count(&other, Counter::SnapshotsUnreadable), 1);
    idle(&other).await;
    let cold = cannot.tab(database).await;
    assert_eq!(load(&cold).await, (folded(30), 30));
    assert_eq!(count(&cold, Counter::SnapshotHits), 1);
}

pub async fn storage_that_refuses_snapshots_harms_nobody(database: &impl Database) {
    let world = World::every(20);
    let (store, faults) = FaultyStore::new(database.holder().await);
    let tab = world.over(store).await;
    pay(&tab, 1, 30).await;
    assert_eq!(load(&tab).await, (folded(30), 30));
    faults.plan(Fault::Refused(StoreError::QuotaExceeded));
    idle(&tab).await;
    assert_eq!((count(&tab, Counter::SnapshotsFailed), count(&tab, Counter::SnapshotsTaken)), (1, 0));
    assert_eq!(load(&tab).await, (folded(30), 30));
    faults.plan(Fault::Refused(StoreError::QuotaExceeded));
    assert_eq!(tab.take_snapshot("purse", "a").await.unwrap_err().code(), "quota-exceeded");
    ask(&tab, 31 % 13).await;
    assert_eq!(load(&tab).await.1, 31);
}
