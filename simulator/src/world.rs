//! Devices, a server and time, and what can happen to them.

use crate::{
    app::Promises,
    badge::App,
    cheat,
    clock::Clock,
    device::{Device, Seat},
    executor::{Executor, Owner},
    random::Random,
    server::Server,
    step::{ARCHIVED, DEVICES, RULES, Step, Write},
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use tidelog::{
    log::{MemoryStore, store::StoreError},
    sync::follow::Follow,
    testing::Fault,
};

pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) executor: Executor,
    pub(crate) server: Server,
    pub(crate) devices: Vec<Device>,
    pub(crate) promises: Rc<RefCell<Promises>>,
    owners: Rc<Cell<u32>>,
    seeds: Random,
    forgeries: Random,
    schedule: Random,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let seeds = Random::new(seed ^ 0x5eed);
        let (clock, executor) = (Clock::default(), Executor::default());
        let server = Server::new(&clock, &executor, seeds.next());
        let mut world = Self {
            clock,
            executor,
            server,
            devices: vec![],
            promises: Rc::default(),
            owners: Rc::new(Cell::new(Owner::NETWORK.0)),
            schedule: Random::new(seeds.next()),
            seeds,
            forgeries: Random::new(seed ^ 0xf0f0),
        };
        let apps = Random::new(seed ^ 0xa99);
        for _ in 0..DEVICES {
            let app = if apps.one_in(3) { App::Newer } else { App::Older };
            world.add_device(MemoryStore::new(), app);
        }
        world
    }

    fn add_device(&mut self, store: MemoryStore, app: App) {
        let seed = self.seeds.next();
        let device = Device::new(store, &self.server, &self.clock, &self.executor, &self.owners, seed, app);
        device.open_tab();
        self.devices.push(device);
    }

    pub(crate) fn seat(&self, device: usize, tab: usize) -> Option<(&Device, Seat)> {
        let device = self.devices.get(device)?;
        let seats = device.seats();
        Some((device, seats.get(tab % seats.len().max(1))?.clone()))
    }

    pub(crate) fn take(&mut self, step: Step) {
        match step {
            Step::Give { device, tab, ask, named, caused } => self.give(device, tab, ask, named, caused),
            Step::OpenTab { device } => {
                if let Some(device) = self.devices.get(device).filter(|device| device.seats().len() < 4) {
                    device.open_tab();
                }
            }
            Step::CloseTab { device, tab } => {
                if let Some((device, seat)) = self.seat(device, tab) {
                    device.close_tab(seat.owner);
                }
            }
            Step::KillTab { device, tab } => {
                if let Some((device, seat)) = self.seat(device, tab) {
                    device.kill_tab(seat.owner);
                }
            }
            Step::Freeze { device, tab } => {
                if let Some((device, seat)) = self.seat(device, tab) {
                    seat.frozen.set(true);
                    device.elect();
                }
            }
            Step::Thaw { device } => self.thaw(device),
            Step::Online { device, online } => {
                if let Some(device) = self.devices.get(device) {
                    device.set_online(online);
                }
            }
            Step::Trouble { percent } => self.server.set_trouble(percent.into()),
            Step::Storage { device, tab, write } => {
                if let Some((_, seat)) = self.seat(device, tab) {
                    seat.faults.plan(fault(write));
                }
            }
            Step::Clock { device, minutes } => {
                if let Some(device) = self.devices.get(device) {
                    device.skew(i64::from(minutes) * 60_000);
                }
            }
            Step::ExpireTokens => self.server.expire_tokens(),
            Step::Front { front, up } => self.server.set_up(front, up),
            Step::BackUp => self.server.back_up(),
            Step::RestoreBackup => {
                self.server.restore();
            }
            Step::Clone { device } => {
                if let Some((store, app)) =
                    self.devices.get(device).map(|it| (it.store().duplicate(), it.app()))
                {
                    self.add_device(store, app);
                }
            }
            Step::Resolve { device, tab, retry } => self.resolve(device, tab, retry),
            Step::Maintain { device, tab } => {
                if let Some((device, seat)) = self.seat(device, tab) {
                    device.maintain(&seat);
                }
            }
            Step::Follow { device, tab, rules, forget } => {
                if let Some((device, seat)) = self.seat(device, tab)
                    && let Ok(follow) = Follow::of(RULES[rules].iter().copied())
                {
                    device.follow(&seat, follow.forgetting(forget));
                }
            }
            Step::Update { device } => {
                if let Some(device) = self.devices.get(device) {
                    device.update();
                }
            }
            Step::Archive { stream } => self.server.archive(ARCHIVED[stream]),
            Step::Forge { forgery } => cheat::forge(&self.server, forgery, &self.forgeries),
            Step::Sync { device, tab } => {
                if let Some((_, seat)) = self.seat(device, tab) {
                    seat.engine.sync_now();
                }
            }
        }
    }

    pub(crate) fn thaw(&self, device: usize) {
        let Some(device) = self.devices.get(device) else { return };
        device.seats().iter().for_each(|seat| seat.frozen.set(false));
        device.elect();
    }

    /// Lets things go on. False if there is nothing to do but to wait.
    pub(crate) fn poll(&self) -> bool {
        let mut frozen = vec![];
        self.devices.iter().for_each(|device| device.note_frozen(&mut frozen));
        let went_on = self.executor.step(&self.schedule, |owner| frozen.contains(&owner));
        self.devices.iter().for_each(Device::bury);
        went_on
    }

    /// All that can be done without waiting.
    pub(crate) fn drain(&self) -> Result<(), String> {
        for _ in 0..200_000 {
            if !self.poll() {
                return Ok(());
            }
        }
        Err("something goes on for ever without waiting".into())
    }

    /// Everything goes: tabs and what surrounds them hold each other.
    pub(crate) fn end(&self) {
        for device in &self.devices {
            for seat in device.seats() {
                device.kill_tab(seat.owner);
            }
        }
        for owner in 0..=self.owners.get() {
            self.executor.end(Owner(owner));
        }
    }
}

fn fault(write: Write) -> Fault {
    match write {
        Write::DiesBefore => Fault::DeathBefore,
        Write::DiesAfter => Fault::DeathAfter,
        Write::IsRepeated => Fault::Repeated,
        Write::IsDenied => Fault::Denied(StoreError::Failed { reason: "planned".into() }),
        Write::MeetsQuota => Fault::Refused(StoreError::QuotaExceeded),
    }
}
