//! state(load) = fold of all events = state(snapshot + rest), for every policy, whoever is the authority.

use super::{
    ledger::{Digest, fold},
    world::{STREAMS, World, steps},
};
use proptest::prelude::*;
use tidelog::{
    engine::{At, Engine},
    log::{Authority, MemoryStore},
    snapshot::SnapshotPolicy,
    stream::StreamName,
    testing::block_on,
    version::Version,
};

fn policy() -> impl Strategy<Value = SnapshotPolicy> {
    let none = SnapshotPolicy { floor: None, ..SnapshotPolicy::default() };
    prop_oneof![
        2 => (1..12_u64, 1..4_usize)
            .prop_map({ let none = none.clone(); move |(every, keep)| SnapshotPolicy { every: Some(every), keep, ..none.clone() } }),
        1 => Just(SnapshotPolicy { floor: Some(600), ..none.clone() }),
        1 => Just(SnapshotPolicy { slower_than: Some(0), ..none.clone() }),
        1 => Just(SnapshotPolicy { every: Some(1), at_most_every: Some(50_000), ..none }),
        1 => Just(SnapshotPolicy::by_hand()),
        1 => Just(SnapshotPolicy::never()),
    ]
}

async fn load(engine: &Engine<MemoryStore>, id: &str, at: At) -> (Digest, Version) {
    let (state, version) = engine.load("ledger", id, at).await.unwrap();
    (state.downcast_ref::<Digest>().unwrap().clone(), version)
}

/// What an engine says of its streams is what their events say, now and at any version.
async fn agrees(engine: &Engine<MemoryStore>, pick: u64) {
    for id in STREAMS {
        let events = engine.log().load(&StreamName::of("ledger", id).unwrap(), 0).await.unwrap();
        let count = events.len() as u64;
        assert_eq!(load(engine, id, At::Now).await, (fold(&events), count), "{id} now");
        let at = pick % (count + 1);
        let prefix = &events[..at as usize];
        assert_eq!(load(engine, id, At::Version(at)).await, (fold(prefix), at), "{id} at {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_state_is_the_fold_of_its_events_with_and_without_snapshots(
        steps in steps(),
        policy in policy(),
        server in any::<bool>(),
        picks in proptest::collection::vec(any::<u64>(), 40),
    ) {
        block_on(async {
            let authority = if server { Authority::Server } else { Authority::Device };
            let mut world = World::new(authority, policy).await;
            for (step, pick) in steps.iter().zip(picks) {
                world.play(step).await;
                for player in &world.players {
                    agrees(&player.engine, pick).await;
                    // nothing in memory: from whatever snapshots there are
                    agrees(&world.open(&player.store, world.policy.clone()).await, pick).await;
                    for id in STREAMS {
                        let confirmed = player.engine.log().confirmed_version(&StreamName::of("ledger", id).unwrap());
                        for snapshot in player.engine.snapshots("ledger", id).await.unwrap() {
                            assert!(snapshot.version <= confirmed, "a snapshot at {} of {confirmed}", snapshot.version);
                        }
                    }
                }
            }
        });
    }
}
