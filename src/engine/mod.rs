//! The engine: wires log, aggregates, projections and sync together.
//!
//! Everything here is single-threaded and asynchronous at the edges only: `decide`, `evolve`, upcasters, projections, rebase and
//! the sync machine are pure functions that it calls between two awaits. No borrow is held across an await.

mod adopting;
mod append;
mod archiving;
mod commits;
mod conflicts;
mod driver;
mod dump;
mod error;
mod execute;
mod export;
mod fencing;
mod following;
mod given;
mod import;
mod inside;
mod middleware;
mod news;
mod outcome;
mod outgoing;
mod past;
mod processes;
mod projections;
mod pulling;
mod pushing;
mod read;
mod rebasing;
mod replay;
mod rewinding;
mod signal;
mod snapshots;
mod states;
mod status;
mod travel;

pub use crate::replay::At;
pub use append::Imported;
pub use archiving::ArchivedStream;
pub use commits::{ListedRejection, QueuedCommit};
pub use conflicts::ListedConflict;
pub use dump::{Dump, DumpedCommit, MAX_DUMPED};
pub use error::{ReadError, WriteError};
pub use execute::{Receipt, WriteOptions};
pub use export::Export;
pub use import::Import;
pub use middleware::{
    AppendContext, CommandContext, Middleware, NextAppend, NextCommand, NextQuery, QueryContext, QueryKind,
};
pub use outcome::Outcome;
pub use processes::{ListedProcess, ListedStep, ListedTimeout, ProcessStatus, Trouble};
pub use projections::{
    DeadLetter, ProjectionError, ProjectionState, ProjectionStatus, RebuildProgress, Replayed,
};
pub use status::{Renamed, Rewound, Status, SyncError, SyncState, SyncStatus};
pub use travel::{RowDifference, RowsDifference, StateDifference};

use crate::{
    aggregate::Registry,
    conflict::Met,
    environment::Surroundings,
    id::{CommitId, DeviceId, SessionId},
    log::{
        Authority, Log, LogError,
        store::{Closing, Store, StoreError},
    },
    metrics::{Listener, Meter},
    process::Manager,
    projection::Projector,
    snapshot::{Compression, SnapshotPolicy},
    sync::follow::Follow,
    time::Timestamp,
    upcast::{Decoder, Versions},
};
use driver::Driver;
use processes::Process;
use projections::View;
use signal::Signal;
use snapshots::Keeping;
use states::States;
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

/// What an engine is made of.
pub struct Parts {
    /// Who confirms.
    pub authority: Authority,
    /// Time and randomness.
    pub surroundings: Surroundings,
    /// The aggregates.
    pub registry: Registry,
    /// The projections; of two with the same name the first counts.
    pub projections: Vec<Rc<dyn Projector>>,
    /// The upcasters.
    pub decoder: Decoder,
    /// On whose behalf commands are given, unless a command says otherwise.
    pub actor: Option<String>,
    /// Milliseconds between looks at the server while idle.
    pub poll_interval: u64,
    /// The schema versions that the server takes of types, where it or other apps on the log are older than this app: events that are
    /// newer are pushed in these shapes. A commit that can't be is rejected (`no-downcast`) and kept. Empty (the default): as stored.
    pub push_as: Versions,
    /// When snapshots are taken, unless an aggregate says otherwise.
    pub snapshots: SnapshotPolicy,
    /// What compresses snapshots, if a policy asks for it.
    pub compression: Option<Rc<dyn Compression>>,
    /// Whom to tell.
    pub host: Rc<dyn Host>,
    /// What stands around commands, appends and queries, the outermost first.
    pub middleware: Vec<Rc<dyn Middleware>>,
    /// The process managers; of two with the same name the first counts. None has the name of an aggregate.
    pub processes: Vec<Rc<dyn Manager>>,
    /// The streams that the device follows, from now on; none (the default): what it was told last, at first everything. The streams of
    /// process managers are followed with them.
    pub follow: Option<Follow>,
}

impl Parts {
    /// The parts that every engine needs; everything else is empty or as it is by default, for `Parts { …, ..Parts::new(…) }`.
    #[must_use]
    pub fn new(authority: Authority, surroundings: Surroundings) -> Self {
        Self {
            authority,
            surroundings,
            registry: Registry::default(),
            projections: Vec::new(),
            decoder: Decoder::default(),
            actor: None,
            poll_interval: 5_000,
            push_as: Versions::default(),
            snapshots: SnapshotPolicy::default(),
            compression: None,
            host: Rc::new(Alone),
            middleware: Vec::new(),
            processes: Vec::new(),
            follow: None,
        }
    }
}

/// What changed in the log. With no streams and no sync nothing has, but there is background work: see [`Engine::maintain`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The streams with new or other events; none means that any may have changed.
    pub streams: Option<Vec<String>>,
    /// Whether queue, rejected list or sync status changed.
    pub sync: bool,
}

/// Whom the engine tells. It is called between two awaits, when the engine holds no borrow: calling back is allowed.
pub trait Host {
    /// The log or the sync status changed, by this tab, another one, or the server.
    fn changed(&self, change: Changed);
    /// A message for the other tabs; they give it to [`Engine::heard`].
    fn post(&self, message: &str);
    /// Something went wrong in the background, in a projection: nobody awaits it. Each failure is told once.
    fn failed(&self, _error: &ReadError) {}
    /// Pending commits did not stay as they were, because their streams moved. It is told once, in the tab that found it, after it is
    /// durable; what others should know it passes on itself.
    fn met(&self, _conflicts: &[Met]) {}
    /// There will be something to do after so many milliseconds: call [`Engine::maintain`] then.
    fn later(&self, _milliseconds: u64) {}
    /// Whether it wants to be told of every single timing. It is asked once, at the opening.
    fn measuring(&self) -> bool {
        false
    }
    /// Something took so many milliseconds, from a moment of [`Surroundings::elapsed`] on. `timing` is the name of a
    /// [`Timing`](crate::metrics::Timing).
    fn measured(&self, _timing: &'static str, _began: f64, _took: f64) {}
}

/// A host that does not listen, for tests and tools without tabs.
pub struct Alone;

impl Host for Alone {
    fn changed(&self, _: Changed) {}
    fn post(&self, _: &str) {}
}

/// An open database with its rules. Clones share it.
pub struct Engine<S: Store> {
    inner: Rc<Inner<S>>,
}

impl<S: Store> Clone for Engine<S> {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner) }
    }
}

struct Inner<S: Store> {
    log: Log<S>,
    registry: Registry,
    decoder: Decoder,
    surroundings: Surroundings,
    views: Vec<View>,
    processes: Vec<Process>,
    states: RefCell<States>,
    keeping: Keeping,
    turns: RefCell<HashMap<String, Rc<futures_util::lock::Mutex<()>>>>,
    signal: Signal,
    driver: Driver,
    /// The shapes that the server takes.
    push_as: Versions,
    host: Rc<dyn Host>,
    middleware: Vec<Rc<dyn Middleware>>,
    meter: Meter,
    /// When the first commit of the queue was decided.
    oldest: Cell<Option<Timestamp>>,
    session: SessionId,
    actor: Option<String>,
    /// The commits that a rebase of this opening found to have nothing left to say: they leave no other trace.
    absorbed: RefCell<Vec<CommitId>>,
    /// The commits of this opening that came to the authority from elsewhere first, under the same id.
    superseded: RefCell<Vec<CommitId>>,
    closed: Cell<bool>,
    /// Whether a handler of a replay is running: commands are refused then.
    replaying: Cell<bool>,
}

impl<S: Store> Engine<S> {
    /// Opens the log and puts the parts around it.
    ///
    /// # Errors
    /// [`WriteError::Log`] if storage can't be opened, [`WriteError::Clock`] if the clock can't be right,
    /// [`UpcastError::Gap`](crate::upcast::UpcastError::Gap) if no upcaster leads on from a version of [`Parts::push_as`].
    pub async fn open(store: S, parts: Parts) -> Result<Self, WriteError> {
        processes::check_names(&parts)?;
        parts.decoder.check_reaches(&parts.push_as).map_err(ReadError::from)?;
        let fresh = DeviceId(parts.surroundings.id()?);
        let session = SessionId(parts.surroundings.id()?);
        let log = Log::open(store, parts.authority).await?;
        log.device_id(fresh).await?;
        let mut decoder = parts.decoder;
        decoder.learn(&parts.registry, &parts.projections, &parts.processes);
        let keeping = Keeping::new(parts.snapshots, parts.compression, decoder.signature());
        let views = parts.projections.into_iter().map(|projector| View::new(projector, &decoder)).collect();
        let host = Rc::clone(&parts.host);
        let listener = host
            .measuring()
            .then(|| -> Listener { Rc::new(move |timing, began, took| host.measured(timing, began, took)) });
        let engine = Self {
            inner: Rc::new(Inner {
                log,
                registry: parts.registry,
                decoder,
                meter: Meter::new(parts.surroundings.clone(), listener),
                oldest: Cell::new(None),
                middleware: parts.middleware,
                surroundings: parts.surroundings,
                views,
                processes: parts.processes.into_iter().map(Process::new).collect(),
                states: RefCell::default(),
                keeping,
                turns: RefCell::default(),
                signal: Signal::default(),
                driver: Driver::new(parts.poll_interval),
                push_as: parts.push_as,
                host: parts.host,
                session,
                actor: parts.actor,
                absorbed: RefCell::default(),
                superseded: RefCell::default(),
                closed: Cell::new(false),
                replaying: Cell::new(false),
            }),
        };
        // what is decided from now on is no history to them
        for process in &engine.inner.processes {
            engine.inner.remember_process(process).await?;
        }
        if parts.authority == Authority::Server {
            if let Some(follow) = parts.follow {
                engine.inner.log.follow(follow.streams().clone(), follow.forgets()).await?;
            }
            engine.inner.look_for_oldest().await;
            engine.inner.greet();
        }
        Ok(engine)
    }

    /// The log underneath.
    #[must_use]
    pub fn log(&self) -> &Log<S> {
        &self.inner.log
    }

    /// The identity of this device. It becomes another one if this database turns out to be a copy: see [`Renamed`].
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.inner.log.device()
    }

    /// Takes in a message that another tab posted.
    ///
    /// # Errors
    /// [`ReadError::Log`] if the log can't be read.
    pub async fn heard(&self, message: &str) -> Result<(), ReadError> {
        if self.inner.heard(message) {
            self.inner.host.changed(Changed { streams: Some(vec![]), sync: true });
            return Ok(());
        }
        if self.inner.log.catch_up().await? {
            self.inner.look_for_oldest().await;
            self.inner.announce(None);
        }
        Ok(())
    }

    /// One step of background work: projections follow the log, snapshots that are due are taken, small blocks are merged. Whether there
    /// is more to do. Call it while nothing else is going on, after an opening and after changes.
    ///
    /// # Errors
    /// [`ReadError::Log`] if the log can't be read or written; nothing is lost then. What fails in a projection is told to
    /// [`Host::failed`] and stands in its status.
    pub async fn maintain(&self) -> Result<bool, ReadError> {
        self.inner.check_open()?;
        let more = self.inner.advance().await;
        if self.inner.keep_next().await {
            return Ok(true);
        }
        Ok(self.inner.forget_unfollowed().await? || self.inner.log.merge().await? || more)
    }

    /// Lets go of the database and ends the sync loop.
    pub fn close(&self) {
        self.inner.closed.set(true);
        self.inner.driver.stop();
        self.inner.log.close();
        self.inner.signal.notify();
    }
}

impl<S: Store> Inner<S> {
    fn check_open(&self) -> Result<(), ReadError> {
        if self.closed.get() {
            return Err(LogError::Store(StoreError::Closed { why: Closing::Here }).into());
        }
        Ok(())
    }

    /// This tab changed the log: tells the host, who waits here, the sync loop and the other tabs.
    fn wrote(&self, streams: Option<Vec<String>>) {
        self.host.post(driver::CHANGED);
        self.announce(streams);
    }

    /// The log is not what it was: tells the host, who waits here, and the sync loop.
    fn announce(&self, streams: Option<Vec<String>>) {
        if self.log.head().pending_commits > 0 {
            self.driver.want();
        }
        self.signal.notify();
        self.host.changed(Changed { streams, sync: true });
    }
}
