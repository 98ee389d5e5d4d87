//! A purse, and worlds to pay in.

use futures_util::future::join;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use tidelog::{
    aggregate::{Aggregate, Context, Registry},
    commit::Command,
    engine::{At, Engine, Parts, WriteOptions},
    event::NewEvent,
    json::{Json, NotJson},
    log::{Authority, store::Store},
    metrics::Counter,
    snapshot::{Compression, SnapshotPolicy, Snapshots},
    testing::{Database, InProcessServer, ManualEnvironment},
};

/// A purse: what is in it, and what the last three payments were. An amount of 13 makes a state that can't be kept.
pub(crate) struct Purse;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Contents {
    pub(crate) total: i64,
    pub(crate) last: Vec<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum Ask {
    Pay { amount: i64 },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum Fact {
    Paid { amount: i64 },
}

#[derive(Debug, thiserror::Error)]
#[error("the purse would be empty")]
pub(crate) struct Empty;

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

pub(crate) struct World {
    pub(crate) clock: ManualEnvironment,
    pub(crate) policy: SnapshotPolicy,
    pub(crate) authority: Authority,
    pub(crate) compression: Option<Rc<dyn Compression>>,
}

impl World {
    pub(crate) fn new(policy: SnapshotPolicy) -> Self {
        Self { clock: ManualEnvironment::new(1), policy, authority: Authority::Device, compression: None }
    }

    pub(crate) fn every(events: u64) -> Self {
        Self::new(every(events))
    }

    pub(crate) fn parts(&self) -> Parts {
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
    pub(crate) async fn tab<D: Database>(&self, database: &D) -> Engine<D::Store> {
        self.over(database.holder().await).await
    }

    pub(crate) async fn over<S: Store>(&self, store: S) -> Engine<S> {
        Engine::open(store, self.parts()).await.unwrap()
    }
}

pub(crate) fn every(events: u64) -> SnapshotPolicy {
    SnapshotPolicy { every: Some(events), floor: None, ..SnapshotPolicy::default() }
}

pub(crate) fn paid(amount: i64) -> NewEvent {
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
pub(crate) async fn pay<S: Store>(tab: &Engine<S>, from: i64, count: i64) {
    let events = (from..from + count).map(|amount| paid(amount % 13)).collect();
    tab.append("purse-a", events, WriteOptions::default()).await.unwrap();
}

pub(crate) async fn ask<S: Store>(tab: &Engine<S>, amount: i64) -> u64 {
    let data = Json::parse(format!(r#"{{"amount":{amount}}}"#)).unwrap();
    let command = Command { command_type: "Pay".into(), data };
    tab.execute("purse", "a", command, WriteOptions::default()).await.unwrap().version
}

/// The state after so many payments, folded here.
pub(crate) fn folded(count: i64) -> Contents {
    let fold = |state, amount| Purse::evolve(state, &Fact::Paid { amount });
    (1..=count).map(|amount| amount % 13).fold(Contents::default(), fold)
}

pub(crate) async fn load_at<S: Store>(tab: &Engine<S>, at: At) -> (Contents, u64) {
    let (state, version) = tab.load("purse", "a", at).await.unwrap();
    (state.downcast_ref::<Contents>().unwrap().clone(), version)
}

pub(crate) async fn load<S: Store>(tab: &Engine<S>) -> (Contents, u64) {
    load_at(tab, At::Now).await
}

/// Does all that there is to do in the background.
pub(crate) async fn idle<S: Store>(tab: &Engine<S>) {
    while tab.maintain().await.unwrap() {}
}

pub(crate) fn count<S: Store>(tab: &Engine<S>, counter: Counter) -> u64 {
    tab.metrics().counters.of(counter)
}

pub(crate) async fn versions<S: Store>(tab: &Engine<S>) -> Vec<u64> {
    let listed = tab.snapshots("purse", "a").await.unwrap();
    listed.iter().filter(|snapshot| snapshot.current).map(|snapshot| snapshot.version).collect()
}

pub(crate) async fn sync<S: Store>(tab: &Engine<S>, server: &InProcessServer) {
    let (line, rest) = server.line();
    let stop = async {
        let _ = rest.await;
        tab.sync_stop();
    };
    join(tab.sync_run(line), stop).await;
}
