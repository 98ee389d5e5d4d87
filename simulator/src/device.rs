//! Devices: a database each, and tabs that come and go on it.

use crate::{
    academy::{self, Counts},
    badge::{self, App, Shelf},
    clock::{Clock, DeviceClock},
    executor::{Executor, Owner},
    random::Random,
    server::Server,
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use tidelog::{
    engine::{Changed, Engine, Host, Parts},
    environment::Surroundings,
    log::{Authority, MemoryStore},
    projection::erase,
    snapshot::SnapshotPolicy,
    sync::follow::Follow,
    testing::{Faults, FaultyStore},
};

pub(crate) type Tab = Engine<FaultyStore<MemoryStore>>;

/// A tab that is open.
#[derive(Clone)]
pub(crate) struct Seat {
    pub(crate) owner: Owner,
    pub(crate) engine: Tab,
    pub(crate) faults: Rc<Faults>,
    pub(crate) frozen: Rc<Cell<bool>>,
    /// The version of the app that it was opened with.
    pub(crate) app: App,
    leads: Rc<Cell<bool>>,
}

/// A device. Clones are the same device.
#[derive(Clone)]
pub(crate) struct Device(Rc<Inner>);

struct Inner {
    store: MemoryStore,
    online: Rc<Cell<bool>>,
    skew: Rc<Cell<i64>>,
    seats: RefCell<Vec<Seat>>,
    forgets: Rc<Cell<bool>>,
    is_partial: Rc<Cell<bool>>,
    app: Cell<App>,
    server: Server,
    clock: Clock,
    executor: Executor,
    owners: Rc<Cell<u32>>,
    random: Random,
}

/// What a tab tells its surroundings.
struct Voice {
    device: Device,
    owner: Owner,
}

impl Host for Voice {
    fn changed(&self, _: Changed) {}

    fn post(&self, message: &str) {
        for seat in self.device.seats().into_iter().filter(|seat| seat.owner != self.owner) {
            let (clock, message) = (self.device.0.clock.clone(), message.to_owned());
            let late = self.device.0.random.below(20) as u64;
            self.device.0.executor.spawn(seat.owner, async move {
                clock.sleep(late).await;
                // a tab that can't read the log says so when it is asked something
                let _ = seat.engine.heard(&message).await;
            });
        }
    }
}

impl Device {
    pub(crate) fn new(
        store: MemoryStore,
        server: &Server,
        clock: &Clock,
        executor: &Executor,
        owners: &Rc<Cell<u32>>,
        seed: u64,
        app: App,
    ) -> Self {
        Self(Rc::new(Inner {
            store,
            online: Rc::new(Cell::new(true)),
            skew: Rc::default(),
            seats: RefCell::default(),
            forgets: Rc::default(),
            is_partial: Rc::default(),
            app: Cell::new(app),
            server: server.clone(),
            clock: clock.clone(),
            executor: executor.clone(),
            owners: Rc::clone(owners),
            random: Random::new(seed),
        }))
    }

    pub(crate) fn store(&self) -> &MemoryStore {
        &self.0.store
    }

    pub(crate) fn seats(&self) -> Vec<Seat> {
        self.0.seats.borrow().clone()
    }

    pub(crate) fn set_online(&self, online: bool) {
        self.0.online.set(online);
        for seat in self.seats() {
            seat.engine.set_online(online);
        }
    }

    /// Moves the device's clock against that of the world.
    pub(crate) fn skew(&self, milliseconds: i64) {
        self.0.skew.set(milliseconds);
    }

    /// Opens a tab: it is there when its engine is.
    pub(crate) fn open_tab(&self) {
        let owner = Owner(self.0.owners.get() + 1);
        self.0.owners.set(owner.0);
        let device = self.clone();
        self.0.executor.spawn(owner, async move {
            let Some(seat) = device.seat(owner).await else { return };
            device.0.seats.borrow_mut().push(seat);
            device.elect();
        });
    }

    async fn seat(&self, owner: Owner) -> Option<Seat> {
        let (store, faults) = FaultyStore::new(self.0.store.clone());
        faults.set_yields(true);
        let environment = DeviceClock::new(&self.0.clock, self.0.random.next(), &self.0.skew);
        let app = self.app();
        let parts = Parts {
            registry: academy::registry(app).ok()?,
            decoder: badge::decoder(app).ok()?,
            projections: vec![erase::<Counts>(), erase::<Shelf>()],
            snapshots: SnapshotPolicy::default(),
            poll_interval: 20_000,
            host: Rc::new(Voice { device: self.clone(), owner }),
            ..Parts::new(Authority::Server, Surroundings::new(Rc::new(environment)))
        };
        let engine = Engine::open(store, parts).await.ok()?;
        engine.set_online(self.0.online.get());
        Some(Seat { owner, engine, faults, frozen: Rc::default(), app, leads: Rc::default() })
    }

    /// The version of the app that it opens.
    pub(crate) fn app(&self) -> App {
        self.0.app.get()
    }

    /// It gets the newer version of the app: tabs with the older one are gone, but for one that is just being opened.
    pub(crate) fn update(&self) {
        self.0.app.set(App::Newer);
        for seat in self.seats() {
            self.kill_tab(seat.owner);
        }
        self.open_tab();
    }

    /// The tab is gone, in the middle of whatever it did.
    pub(crate) fn kill_tab(&self, owner: Owner) {
        self.0.seats.borrow_mut().retain(|seat| seat.owner != owner);
        self.0.executor.end(owner);
        self.elect();
    }

    /// The tab closes its log; what is under way ends by itself.
    pub(crate) fn close_tab(&self, owner: Owner) {
        if let Some(seat) = self.seats().into_iter().find(|seat| seat.owner == owner) {
            seat.engine.close();
            self.0.seats.borrow_mut().retain(|seat| seat.owner != owner);
            self.elect();
        }
    }

    /// Tabs whose storage died with them are gone.
    pub(crate) fn bury(&self) {
        let dead = || self.0.seats.borrow().iter().find(|seat| seat.faults.is_dead()).map(|seat| seat.owner);
        while let Some(owner) = dead() {
            self.kill_tab(owner);
        }
    }

    /// Adds the tabs that are frozen.
    pub(crate) fn note_frozen(&self, frozen: &mut Vec<Owner>) {
        let seats = self.0.seats.borrow();
        frozen.extend(seats.iter().filter(|seat| seat.frozen.get()).map(|seat| seat.owner));
    }

    /// Whether there are tabs, and something holds for all of them.
    pub(crate) fn all_seats(&self, holds: impl Fn(&Seat) -> bool) -> bool {
        let seats = self.0.seats.borrow();
        !seats.is_empty() && seats.iter().all(holds)
    }

    /// One tab leads. A frozen one loses the lead, and does not know it when it wakes up.
    pub(crate) fn elect(&self) {
        let seats = self.seats();
        if seats.iter().any(|seat| seat.leads.get() && !seat.frozen.get()) {
            return;
        }
        if let Some(next) = seats.into_iter().find(|seat| !seat.frozen.get() && !seat.leads.get()) {
            next.leads.set(true);
            let line = self.0.server.line(&self.0.online);
            let engine = next.engine.clone();
            let leads = Rc::clone(&next.leads);
            self.0.executor.spawn(next.owner, async move {
                engine.sync_run(line).await;
                leads.set(false);
            });
        }
    }

    /// The app wants to follow other streams.
    pub(crate) fn follow(&self, seat: &Seat, follow: Follow) {
        self.0.forgets.set(self.forgets() || follow.forgets());
        self.0.is_partial.set(true);
        let engine = seat.engine.clone();
        // where storage fails, what was followed before is followed on
        self.0.executor.spawn(seat.owner, async move { drop(engine.follow(follow).await) });
    }

    /// Whether it was ever told to forget what it does not follow.
    pub(crate) fn forgets(&self) -> bool {
        self.0.forgets.get()
    }

    /// Whether it ever followed a part of the log.
    pub(crate) fn is_partial(&self) -> bool {
        self.0.is_partial.get()
    }

    /// Background work of a tab, until there is none.
    pub(crate) fn maintain(&self, seat: &Seat) {
        let engine = seat.engine.clone();
        self.0.executor.spawn(seat.owner, async move { while let Ok(true) = engine.maintain().await {} });
    }
}
