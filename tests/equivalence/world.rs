//! Players and what they do, in a random order.

use super::ledger::{Ask, Ledger, added, command};
use futures_util::future::join;
use proptest::prelude::*;
use tidelog::{
    aggregate::Registry,
    engine::{Engine, Parts, WriteError, WriteOptions},
    log::{Authority, MemoryStore},
    snapshot::SnapshotPolicy,
    testing::{InProcessServer, ManualEnvironment},
};

pub(crate) const STREAMS: [&str; 2] = ["a", "b"];
const PLAYERS: usize = 2;

/// One step of a history. Players and streams are given by number.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Ask(usize, usize, Ask),
    /// An import of so many events.
    Import(usize, usize, u64),
    /// Online until nothing is left to do.
    Sync(usize),
    /// All background work that there is.
    Idle(usize),
    /// A snapshot by hand.
    Snapshot(usize, usize),
    /// The page is loaded anew: everything in memory is gone.
    Reload(usize),
    /// Time goes by.
    Later(i64),
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        3 => (0..50_u64).prop_map(|amount| Ask::Add { amount }),
        3 => (0..50_u64).prop_map(|amount| Ask::AddToEven { amount }),
        1 => (0..50_u64).prop_map(|amount| Ask::Ensure { amount }),
        1 => Just(Ask::Seal),
    ]
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (player, stream) = (0..PLAYERS, 0..STREAMS.len());
    let step = prop_oneof![
        6 => (player.clone(), stream.clone(), ask()).prop_map(|(player, stream, ask)| Step::Ask(player, stream, ask)),
        3 => (player.clone(), stream.clone(), 1..24_u64)
            .prop_map(|(player, stream, count)| Step::Import(player, stream, count)),
        4 => player.clone().prop_map(Step::Sync),
        4 => player.clone().prop_map(Step::Idle),
        1 => (player.clone(), stream).prop_map(|(player, stream)| Step::Snapshot(player, stream)),
        2 => player.prop_map(Step::Reload),
        1 => (1..100_000_i64).prop_map(Step::Later),
    ];
    proptest::collection::vec(step, 1..40)
}

pub(crate) struct World {
    pub(crate) authority: Authority,
    pub(crate) policy: SnapshotPolicy,
    clock: ManualEnvironment,
    server: InProcessServer,
    pub(crate) players: Vec<Player>,
}

/// A device with a database of its own, or a tab on the one database of a device.
pub(crate) struct Player {
    pub(crate) store: MemoryStore,
    pub(crate) engine: Engine<MemoryStore>,
}

impl World {
    /// Devices of one server, or where this device is the authority its tabs.
    pub(crate) async fn new(authority: Authority, policy: SnapshotPolicy) -> Self {
        let clock = ManualEnvironment::new(1);
        let server = InProcessServer::new(&clock);
        let mut world = Self { authority, policy, clock, server, players: vec![] };
        let shared = MemoryStore::new();
        for _ in 0..PLAYERS {
            let store = match authority {
                Authority::Device => shared.clone(),
                Authority::Server => MemoryStore::new(),
            };
            let engine = world.open(&store, world.policy.clone()).await;
            world.players.push(Player { store, engine });
        }
        world
    }

    /// An engine with nothing in memory.
    pub(crate) async fn open(&self, store: &MemoryStore, snapshots: SnapshotPolicy) -> Engine<MemoryStore> {
        let mut registry = Registry::default();
        registry.add::<Ledger>().unwrap();
        let projections = super::projections::all();
        let parts = Parts {
            registry,
            snapshots,
            projections,
            ..Parts::new(self.authority, self.clock.surroundings())
        };
        Engine::open(store.clone(), parts).await.unwrap()
    }

    pub(crate) async fn play(&mut self, step: &Step) {
        match step {
            Step::Ask(player, stream, ask) => {
                let engine = &self.players[*player].engine;
                let options = WriteOptions::default();
                match engine.execute("ledger", STREAMS[*stream], command(ask), options).await {
                    Ok(_) | Err(WriteError::Decide(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            Step::Import(player, stream, count) => {
                let name = format!("ledger-{}", STREAMS[*stream]);
                let events = (0..*count).map(added).collect();
                self.players[*player].engine.append(&name, events, WriteOptions::default()).await.unwrap();
            }
            Step::Sync(player) => self.sync(*player).await,
            Step::Idle(player) => while self.players[*player].engine.maintain().await.unwrap() {},
            Step::Snapshot(player, stream) => {
                let engine = &self.players[*player].engine;
                match engine.take_snapshot("ledger", STREAMS[*stream]).await {
                    Ok(_) => {}
                    Err(error) => assert_eq!(error.code(), "unkeepable-state", "{error}"),
                }
            }
            Step::Reload(player) => {
                let engine = self.open(&self.players[*player].store, self.policy.clone()).await;
                self.players[*player].engine = engine;
            }
            Step::Later(milliseconds) => self.clock.advance(*milliseconds),
        }
        for player in &self.players {
            player.engine.heard("").await.unwrap();
        }
    }

    async fn sync(&self, player: usize) {
        if self.authority == Authority::Device {
            return;
        }
        let engine = &self.players[player].engine;
        let (line, rest) = self.server.line();
        let stop = async {
            let _ = rest.await;
            engine.sync_stop();
        };
        join(engine.sync_run(line), stop).await;
    }
}
