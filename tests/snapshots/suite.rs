//! The suite: every test over any database.
#![allow(unreachable_pub)] // the entries name them

use futures_util::future::{LocalBoxFuture, join};
use serde::{Deserialize, Serialize};
use std::{future::ready, rc::Rc};
use tidelog::{
    aggregate::{Aggregate, Context, Registry},
    commit::Command,
    engine::{At, Engine, Parts, WriteOptions},
    event::NewEvent,
    json::{Json, NotJson},
    log::{
        Authority,
        store::{Store, StoreError, Table},
    },
    metrics::Counter,
    snapshot::{Compression, SnapshotPolicy, Snapshots},
    testing::{Database, Fault, FaultyStore, InProcessServer, ManualEnvironment, flip_bit, rows},
};

/// A purse: what is in it, and what the last three payments were. An amount of 13 makes a state that can't be kept.
struct Purse;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    total: i64,
    last: Vec<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum Ask {
    Pay { amount: i64 },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum Fact {
    Paid { amount: i64 },
}

#[derive(Debug, thiserror::Error)]
#[error("the purse would be empty")]
struct Empty;

impl Aggregate for Purse {
    const NAME: &'static str = "purse";
    type State = Contents;
    type Command = Ask;
    type Event = Fact;
    type Error = Empty;

    fn decide(state: &Contents, Ask::Pay { amount }: Ask, _: &Context) -> Result<Vec<Fact>, Empty> {
        if state.total + amount < 0 { Err(Empty) } else { Ok(vec![Fact::Paid { amount }]) }
    }

    fn evolve(mut state: Contents, Fact::Paid { amount }: &Fact) -> Contents {
        state.total += amount;
        state.last.insert(0, *amount);
        state.last.truncate(3);
        state
    }

    fn snapshots() -> Option<Snapshots<Contents>> {
        let write = |state: &Contents| match state.last.first() {
            Some(13) => Err(NotJson("13 brings bad luck".into())),
            _ => Json::of(state),
        };
        Some(Snapshots { write, ..Snapshots::json() })
    }
}

struct World {
    clock: ManualEnvironment,
    policy: SnapshotPolicy,
    authority: Authority,
    compression: Option<Rc<dyn Compression>>,
}

impl World {
    fn new(policy: SnapshotPolicy) -> Self {
        Self { clock: ManualEnvironment::new(1), policy, authority: Authority::Device, compression: None }
    }

    fn every(events: u64) -> Self {
        Self::new(every(events))
    }

    fn parts(&self) -> Parts {
        let mut registry = Registry::default();
        registry.add::<Purse>().unwrap();
        Parts {
            registry,
            snapshots: self.policy.clone(),
            compression: self.compression.clone(),
            ..Parts::new(self.authority, self.clock.surroundings())
        }
    }

    /// A tab that has nothing in memory.
    async fn tab<D: Database>(&self, database: &D) -> Engine<D::Store> {
        self.over(database.holder().await).await
    }

    async fn over<S: Store>(&self, store: S) -> Engine<S> {
        Engine::open(store, self.parts()).await.unwrap()
    }
}

fn every(events: u64) -> SnapshotPolicy {
    SnapshotPolicy { every: Some(events), floor: None, ..SnapshotPolicy::default() }
}

fn paid(amount: i64) -> NewEvent {
    NewEvent {
        event_type: "Paid".into(),
        schema_version: None,
        data: Json::parse(format!(r#"{{"amount":{amount}}}"#)).unwrap(),
        id: None,
        occurred_at: None,
        custom: None,
    }
}

/// Payments of 1, 2, 3 … from an amount on.
async fn pay<S: Store>(tab: &Engine<S>, from: i64, count: i64) {
    let events = (from..from + count).map(|amount| paid(amount % 13)).collect();
    tab.append("purse-a", events, WriteOptions::default()).await.unwrap();
}

async fn ask<S: Store>(tab: &Engine<S>, amount: i64) -> u64 {
    let data = Json::parse(format!(r#"{{"amount":{amount}}}"#)).unwrap();
    let command = Command { command_type: "Pay".into(), data };
    tab.execute("purse", "a", command, WriteOptions::default()).await.unwrap().version
}

/// The state after so many payments, folded here.
fn folded(count: i64) -> Contents {
    let fold = |state, amount| Purse::evolve(state, &Fact::Paid { amount });
    (1..=count).map(|amount| amount % 13).fold(Contents::default(), fold)
}

async fn load_at<S: Store>(tab: &Engine<S>, at: At) -> (Contents, u64) {
    let (state, version) = tab.load("purse", "a", at).await.unwrap();
    (state.downcast_ref::<Contents>().unwrap().clone(), version)
}

async fn load<S: Store>(tab: &Engine<S>) -> (Contents, u64) {
    load_at(tab, At::Now).await
}

/// Does all that there is to do in the background.
async fn idle<S: Store>(tab: &Engine<S>) {
    while tab.maintain().await.unwrap() {}
}

fn count<S: Store>(tab: &Engine<S>, counter: Counter) -> u64 {
    tab.metrics().counters.of(counter)
}

async fn versions<S: Store>(tab: &Engine<S>) -> Vec<u64> {
    let listed = tab.snapshots("purse", "a").await.unwrap();
    listed.iter().filter(|snapshot| snapshot.current).map(|snapshot| snapshot.version).collect()
}

async fn sync<S: Store>(tab: &Engine<S>, server: &InProcessServer) {
    let (line, rest) = server.line();
    let stop = async {
        let _ = rest.await;
        tab.sync_stop();
    };
    join(tab.sync_run(line), stop).await;
}

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
