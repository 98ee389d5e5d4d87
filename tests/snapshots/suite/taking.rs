//! When snapshots are taken, and that loads begin with them.

use super::purse::*;
use tidelog::{
    engine::{At, Engine, WriteOptions},
    json::Json,
    metrics::Counter,
    snapshot::SnapshotPolicy,
    testing::Database,
};

pub async fn a_load_begins_with_the_latest_snapshot(database: &impl Database) {
    let world = World::every(20);
    let tab = world.tab(database).await;
    pay(&tab, 1, 50).await;
    assert_eq!(load(&tab).await, (folded(50), 50));
    assert_eq!((count(&tab, Counter::SnapshotHits), count(&tab, Counter::SnapshotMisses)), (0, 1));
    idle(&tab).await;
    assert_eq!(versions(&tab).await, [50]);

    let cold = world.tab(database).await;
    pay(&cold, 51, 3).await;
    assert_eq!(load(&cold).await, (folded(53), 53));
    assert_eq!((count(&cold, Counter::SnapshotHits), count(&cold, Counter::SnapshotMisses)), (1, 0));
    assert_eq!(count(&cold, Counter::Replayed), 3, "only the events after the snapshot are folded");

    // warm commands count too: the next one is due at 70
    for amount in 54..=69 {
        ask(&cold, amount % 13).await;
    }
    idle(&cold).await;
    assert_eq!(versions(&cold).await, [50]);
    ask(&cold, 70 % 13).await;
    idle(&cold).await;
    assert_eq!(versions(&cold).await, [50, 70]);
    assert_eq!(load(&world.tab(database).await).await, (folded(70), 70));
}

pub async fn every_policy_gives_the_same_states(database: &impl Database) {
    let none = || SnapshotPolicy { floor: None, ..SnapshotPolicy::default() };
    let policies = [
        SnapshotPolicy::default(),
        SnapshotPolicy { floor: Some(1), ..none() },
        SnapshotPolicy { every: Some(1), keep: 1, ..none() },
        SnapshotPolicy { slower_than: Some(0), ..none() },
        SnapshotPolicy { every: Some(10), at_most_every: Some(60_000), ..none() },
        SnapshotPolicy::by_hand(),
        SnapshotPolicy::never(),
    ];
    for (round, policy) in (0..).zip(policies) {
        let world = World::new(policy);
        let tab = world.tab(database).await;
        pay(&tab, round * 40 + 1, 40).await;
        for _ in 0..2 {
            assert_eq!(
                load(&tab).await,
                (folded(round * 40 + 40), round as u64 * 40 + 40),
                "{:?}",
                world.policy
            );
            idle(&tab).await;
        }
        let cold = world.tab(database).await;
        assert_eq!(load(&cold).await.0, folded(round * 40 + 40), "{:?}", world.policy);
    }
}

pub async fn the_last_ones_are_kept(database: &impl Database) {
    let world = World::new(SnapshotPolicy { keep: 3, ..every(10) });
    let tab = world.tab(database).await;
    for round in 0..6 {
        pay(&tab, round * 20 + 1, 20).await;
        load(&tab).await;
        idle(&tab).await;
    }
    assert_eq!(versions(&tab).await, [80, 100, 120]);
    let fewer = World::new(SnapshotPolicy { keep: 1, ..every(10) }).tab(database).await;
    pay(&fewer, 121, 20).await;
    load(&fewer).await;
    idle(&fewer).await;
    assert_eq!(versions(&fewer).await, [140]);
}

pub async fn what_the_policy_never_takes_is_not_read(database: &impl Database) {
    let tab = World::every(20).tab(database).await;
    pay(&tab, 1, 40).await;
    load(&tab).await;
    idle(&tab).await;
    let never = World::new(SnapshotPolicy::never()).tab(database).await;
    assert_eq!(load(&never).await, (folded(40), 40));
    assert_eq!((count(&never, Counter::SnapshotHits), count(&never, Counter::SnapshotMisses)), (0, 0));
    assert_eq!(never.take_snapshot("purse", "a").await.unwrap_err().code(), "unkeepable-state");
}

pub async fn a_snapshot_is_taken_after_a_slow_load_and_not_too_soon_after_the_last(database: &impl Database) {
    let policy = SnapshotPolicy { slower_than: Some(0), floor: None, ..SnapshotPolicy::default() };
    let world = World::new(SnapshotPolicy { at_most_every: Some(60_000), ..policy });
    let taken = async |tab: &Engine<_>, from| {
        pay(tab, from, 20).await;
        load(tab).await;
        idle(tab).await;
        versions(tab).await
    };
    let tab = world.tab(database).await;
    assert_eq!(taken(&tab, 1).await, [20]);
    world.clock.advance(59_999);
    assert_eq!(taken(&tab, 21).await, [20]);
    // the moment of the last one is stored with it
    let cold = world.tab(database).await;
    assert_eq!(taken(&cold, 41).await, [20]);
    world.clock.advance(1);
    assert_eq!(taken(&cold, 61).await, [20, 80]);
    // a clock that was set back does not put snapshots off until it has caught up
    world.clock.advance(-86_400_000);
    assert_eq!(taken(&cold, 81).await, [80, 100]);
}

pub async fn taken_listed_and_discarded_by_hand(database: &impl Database) {
    let world = World::new(SnapshotPolicy::by_hand());
    let tab = world.tab(database).await;
    assert_eq!(tab.take_snapshot("purse", "a").await, Ok(None), "there is no event yet");
    pay(&tab, 1, 30).await;
    load(&tab).await;
    idle(&tab).await;
    assert_eq!(versions(&tab).await, [0_u64; 0]);
    let taken = tab.take_snapshot("purse", "a").await.unwrap().unwrap();
    assert_eq!((taken.version, taken.stream.as_str(), taken.current), (30, "purse-a", true));
    assert_eq!(taken.size, Json::of(&folded(30)).unwrap().len() as u64);
    assert!(taken.stored > taken.size);
    assert_eq!(tab.snapshots("purse", "a").await, Ok(vec![taken]));
    assert_eq!(tab.snapshots("purse", "b").await, Ok(vec![]));

    let cold = world.tab(database).await;
    load(&cold).await;
    assert_eq!(count(&cold, Counter::SnapshotHits), 1);
    cold.append("purse-b", vec![paid(1)], WriteOptions::default()).await.unwrap();
    cold.take_snapshot("purse", "b").await.unwrap().unwrap();
    assert_eq!(cold.discard_snapshots("purse", Some("b")).await, Ok(1));
    assert_eq!(versions(&cold).await, [30]);
    assert_eq!(cold.discard_snapshots("purse", None).await, Ok(1));
    assert_eq!(cold.discard_snapshots("purse", None).await, Ok(0));
    assert_eq!(load(&cold).await, (folded(30), 30));

    assert_eq!(tab.take_snapshot("shop", "a").await.unwrap_err().code(), "unknown-aggregate");
    assert_eq!(tab.snapshots("purse", "").await.unwrap_err().code(), "invalid-stream");
    assert_eq!(tab.discard_snapshots("", None).await.unwrap_err().code(), "invalid-stream");
}

pub async fn the_past_begins_with_the_nearest_snapshot_before_it(database: &impl Database) {
    let world = World::new(SnapshotPolicy { keep: 10, ..every(20) });
    let tab = world.tab(database).await;
    for round in 0..5 {
        pay(&tab, round * 20 + 1, 20).await;
        load(&tab).await;
        idle(&tab).await;
    }
    assert_eq!(versions(&tab).await, [20, 40, 60, 80, 100]);
    for (version, replayed) in [(0, 0), (10, 10), (20, 0), (39, 19), (40, 0), (45, 5), (99, 19), (100, 0)] {
        let cold = world.tab(database).await;
        assert_eq!(load_at(&cold, At::Version(version)).await, (folded(version as i64), version));
        assert_eq!(count(&cold, Counter::Replayed), replayed, "at {version}");
    }
    assert_eq!(load_at(&tab, At::Version(1_000)).await, (folded(100), 100));
}
