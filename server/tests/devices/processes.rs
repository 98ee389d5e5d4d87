//! Process managers on two devices: each effect once, whoever acts first and whatever the network does.

use super::{
    academy::*,
    network::{Fault, Network},
    world::{World, run, server_log},
};
use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tidelog::{
    engine::{Engine, Parts, SyncState, WriteError},
    environment::Environment,
    log::{Authority, MemoryStore},
    process::{ProcessState, StepState},
    testing::ManualEnvironment,
    time::Timestamp,
};
use tidelog_server::{Access, Config, Sqlite, Token, app, clock::Clock};

/// The server's clock, which goes with that of the devices.
#[derive(Clone)]
struct ServerClock(Arc<AtomicI64>);

impl Clock for ServerClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// The one clock of all devices and the server.
struct Time {
    devices: ManualEnvironment,
    server: ServerClock,
}

impl Time {
    fn advance(&self, milliseconds: i64) {
        self.devices.advance(milliseconds);
        self.server.0.store(self.devices.now().millis(), Ordering::Relaxed);
    }
}

fn world() -> (World, Time) {
    let devices = ManualEnvironment::new(3);
    let server = ServerClock(Arc::new(AtomicI64::new(devices.now().millis())));
    let access = Access::Tokens(vec![Token::parse(super::network::TOKEN).unwrap()]);
    let storage = Sqlite::in_memory().unwrap().with_clock(server.clone());
    let server_app = app(Config::new(Arc::new(storage), access));
    (World { server: Rc::new(RefCell::new(server_app)) }, Time { devices, server })
}

/// A device with the academy on it, and a clock that all devices share.
struct Device {
    engine: Engine<MemoryStore>,
    network: Network,
}

impl Device {
    async fn new(world: &World, clock: &Time) -> Self {
        let network = Network::new(Rc::clone(&world.server));
        let parts = Parts { poll_interval: super::world::POLL, ..academy(Authority::Server, &clock.devices) };
        let engine = Engine::open(MemoryStore::new(), parts).await.unwrap();
        engine.sync_pause();
        let (looping, transport) = (engine.clone(), network.clone());
        tokio::task::spawn_local(async move { looping.sync_run(transport).await });
        let device = Self { engine, network };
        device.sync().await;
        device.work().await;
        device
    }

    /// Goes online until nothing is left to send, then offline again.
    async fn sync(&self) {
        let before = self.network.requests();
        self.engine.sync_resume();
        let settled = async {
            loop {
                let status = self.engine.status();
                let done = status.sync.state == SyncState::Idle && status.pending_commits == 0;
                if self.network.requests() > before && done {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), settled).await;
        assert!(waited.is_ok(), "sync did not come to rest: {:?}", self.engine.status());
        self.engine.sync_pause();
    }

    /// Lets the processes act, without a network.
    async fn work(&self) {
        settle(&self.engine).await;
    }

    async fn status(&self) -> ProcessState {
        self.engine.process("certification", "ada").await.unwrap().unwrap().status
    }

    async fn tell(&self, aggregate: &str, command: &str) {
        tell(&self.engine, aggregate, command).await.unwrap();
    }
}

async fn two() -> (World, Device, Device, Time) {
    let (world, time) = world();
    let (phone, tablet) = (Device::new(&world, &time).await, Device::new(&world, &time).await);
    (world, phone, tablet, time)
}

/// Both act and sync in turn until both have come to rest.
async fn agree(world: &World, devices: [&Device; 2]) {
    for _ in 0..8 {
        for device in devices {
            device.sync().await;
            device.work().await;
        }
    }
    let log = server_log(world).await;
    let ids: std::collections::HashSet<_> = log.iter().map(|it| it.commit.id).collect();
    assert_eq!(ids.len(), log.len());
    for device in devices {
        assert_eq!(device.engine.log().confirmed_commits(0, usize::MAX).await.unwrap(), log);
        assert_eq!(
            device.engine.log().rejected().await.unwrap(),
            [],
            "what a process lost is nobody's to resolve"
        );
        assert_eq!(device.engine.process_status("certification").await.unwrap().trouble, None);
    }
    assert_eq!(devices[0].status().await, devices[1].status().await);
}

#[test]
fn both_act_on_the_same_events_and_each_effect_happens_once() {
    run(async {
        let (world, phone, tablet, clock) = two().await;
        phone.tell("way", "Lesson").await;
        agree(&world, [&phone, &tablet]).await;
        clock.advance(7 * DAY);
        // both are offline when it is due; both let it ring
        phone.work().await;
        tablet.work().await;
        assert_eq!(phone.engine.status().pending_commits + tablet.engine.status().pending_commits, 2);
        agree(&world, [&phone, &tablet]).await;
        assert_eq!(effects(&phone.engine).await, ["inbox Reminded"]);

        tablet.tell("way", "Complete").await;
        tablet.sync().await;
        phone.sync().await;
        phone.work().await;
        tablet.work().await;
        agree(&world, [&tablet, &phone]).await;
        assert_eq!(effects(&tablet.engine).await[1..], ["certificate Given", "badge Given"]);
        let instance = phone.engine.process("certification", "ada").await.unwrap().unwrap();
        assert!(instance.steps.iter().all(|step| step.state == StepState::Done), "{instance:?}");
    });
}

#[test]
fn progress_that_came_first_silences_a_timeout_that_rang_offline() {
    run(async {
        let (world, phone, tablet, clock) = two().await;
        phone.tell("way", "Lesson").await;
        agree(&world, [&phone, &tablet]).await;
        clock.advance(6 * DAY);
        tablet.tell("way", "Lesson").await;
        tablet.sync().await;
        clock.advance(DAY);
        phone.work().await;
        assert_eq!(phone.engine.status().pending_commits, 1, "it rang: the phone knows of no progress");
        agree(&world, [&phone, &tablet]).await;
        assert!(effects(&phone.engine).await.is_empty(), "but the log knew better");
    });
}

/// One device finds the badge locked, the other does not know of it yet: the server's order decides which of the two answers counts,
/// and both go by it.
#[test]
fn devices_that_come_to_different_answers_agree_on_one() {
    for phone_first in [true, false] {
        run(async move {
            let (world, phone, tablet, _) = two().await;
            phone.tell("way", "Complete").await;
            phone.sync().await;
            tablet.sync().await;
            phone.tell("badge", "Lock").await; // still in the phone's queue
            phone.work().await;
            tablet.work().await;
            let order = if phone_first { [&phone, &tablet] } else { [&tablet, &phone] };
            agree(&world, order).await;
            let mut happened = effects(&phone.engine).await;
            happened.sort();
            let wanted: &[&str] = if phone_first {
                &["badge Locked", "certificate Given", "certificate TakenBack"]
            } else {
                &["badge Given", "badge Locked", "certificate Given"]
            };
            assert_eq!(happened, wanted);
            let status = if phone_first { ProcessState::Compensated } else { ProcessState::Running };
            assert_eq!(phone.status().await, status);
        });
    }
}

#[test]
fn a_step_that_the_server_comes_to_reject_is_made_up_for() {
    run(async {
        let (world, phone, tablet, _) = two().await;
        // only the phone acts: the tablet never looks after its processes until the end
        phone.tell("way", "Complete").await;
        phone.sync().await;
        tablet.sync().await;
        tablet.tell("badge", "Lock").await;
        tablet.sync().await;
        phone.work().await;
        assert_eq!(
            effects(&phone.engine).await,
            ["certificate Given", "badge Given"],
            "as far as the phone knows"
        );
        agree(&world, [&phone, &tablet]).await;
        let mut happened = effects(&phone.engine).await;
        happened.sort();
        assert_eq!(happened, ["badge Locked", "certificate Given", "certificate TakenBack"]);
        let failure = tablet.engine.process("certification", "ada").await.unwrap().unwrap().failure.unwrap();
        assert_eq!(failure.code, "locked", "the tablet knows why");
    });
}

#[test]
fn a_new_device_folds_what_has_been_and_does_nothing_again() {
    run(async {
        let (world, phone, tablet, clock) = two().await;
        phone.tell("way", "Lesson").await;
        phone.tell("way", "Complete").await;
        agree(&world, [&phone, &tablet]).await;
        // what was done is undone by a person: a replay that acted would do it again
        phone.tell("certificate", "TakeBack").await;
        phone.tell("badge", "TakeBack").await;
        agree(&world, [&phone, &tablet]).await;
        clock.advance(30 * DAY);
        let fresh = Device::new(&world, &clock).await;
        agree(&world, [&fresh, &phone]).await;
        assert_eq!(effects(&fresh.engine).await.len(), 4);
        assert!(fresh.engine.process_status("certification").await.unwrap().acting);
        // from now on it acts, also alone
        fresh.tell("way", "Lesson").await;
        fresh.sync().await;
        fresh.work().await;
        clock.advance(7 * DAY);
        fresh.work().await;
        fresh.sync().await;
        fresh.work().await;
        fresh.sync().await;
        assert_eq!(effects(&fresh.engine).await.last().unwrap(), "inbox Reminded");
    });
}

#[test]
fn whatever_the_network_does_each_effect_happens_once() {
    use Fault::{CutAnswer, LoseAnswer, LoseRequest, Repeat, Unavailable};
    for fault in [LoseRequest, LoseAnswer, CutAnswer, Repeat, Unavailable] {
        run(async move {
            let (world, phone, tablet, _) = two().await;
            tablet.tell("badge", "Lock").await;
            phone.tell("way", "Complete").await;
            for device in [&phone, &tablet] {
                device.network.plan([
                    None,
                    Some(fault),
                    None,
                    Some(fault),
                    Some(fault),
                    None,
                    None,
                    Some(fault),
                ]);
            }
            agree(&world, [&phone, &tablet]).await;
            let mut happened = effects(&phone.engine).await;
            happened.sort();
            assert_eq!(happened, ["badge Locked", "certificate Given", "certificate TakenBack"], "{fault:?}");
        });
    }
}

#[test]
fn a_process_that_is_gone_rejects_nothing_of_others() {
    run(async {
        let (world, phone, tablet, clock) = two().await;
        phone.tell("way", "Complete").await;
        agree(&world, [&phone, &tablet]).await;
        // an app without the process: the notes are events of a stream that it does not know
        let parts = Parts {
            processes: vec![],
            poll_interval: super::world::POLL,
            ..academy(Authority::Server, &clock.devices)
        };
        let engine = Engine::open(MemoryStore::new(), parts).await.unwrap();
        let network = Network::new(Rc::clone(&world.server));
        let (looping, transport) = (engine.clone(), network.clone());
        tokio::task::spawn_local(async move { looping.sync_run(transport).await });
        let plain = Device { engine, network };
        plain.sync().await;
        assert_eq!(effects(&plain.engine).await.len(), 2);
        let error: WriteError = tell(&plain.engine, "badge", "Give").await.unwrap_err();
        assert_eq!(error.code(), "refused");
        assert_eq!(plain.engine.advance_processes().await.unwrap(), None);
    });
}
