//! A server, and devices that sync with it.

use super::{
    academy::{Inbox, OfBadge, OfCertificate, Thing, Way},
    domain::{self, command},
    network::{Network, TOKEN},
};
use axum::Router;
use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};
use tidelog::{
    aggregate::RegisterError,
    commit::{Command, ConfirmedCommit, RejectedCommit},
    engine::{Changed, Engine, Host, Middleware, Receipt, SyncState, WriteError, WriteOptions},
    log::{Authority, MemoryStore},
    testing::ManualEnvironment,
};
use tidelog_server::{Access, Config, Domain, Rules, Sqlite, Token, app};
use tokio::{sync::Notify, task::LocalSet, time::timeout};

/// The poll interval of all devices, in milliseconds: longer than any back-off here is allowed to be.
pub(crate) const POLL: u64 = 1_000_000;

/// Runs a test on one thread, where engines can live.
pub(crate) fn run<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

pub(crate) struct World {
    pub(crate) server: Rc<RefCell<Router>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { server: Rc::new(RefCell::new(server())) }
    }

    /// One whose server has other rules.
    pub(crate) fn with(rules: impl Fn() -> Result<Domain, RegisterError> + Send + Sync + 'static) -> Self {
        Self { server: Rc::new(RefCell::new(server_with(rules))) }
    }

    pub(crate) async fn device(&self, seed: u64) -> Device {
        Device::open(MemoryStore::new(), seed, Network::new(Rc::clone(&self.server))).await
    }
}

/// It has the rules of the devices: whatever these decide must come out the same there.
fn server() -> Router {
    server_with(|| {
        let academy = Domain::default().aggregate::<Way>()?.aggregate::<Inbox>()?;
        let academy = academy.aggregate::<Thing<OfCertificate>>()?.aggregate::<Thing<OfBadge>>()?;
        academy.aggregate::<domain::Course>()?.aggregate::<domain::Exam>()
    })
}

fn server_with(rules: impl Fn() -> Result<Domain, RegisterError> + Send + Sync + 'static) -> Router {
    let access = Access::Tokens(vec![Token::parse(TOKEN).unwrap()]);
    let rules = Some(Rules::start(rules).unwrap());
    app(Config { rules, ..Config::new(Arc::new(Sqlite::in_memory().unwrap()), access) })
}

#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) engine: Engine<MemoryStore>,
    pub(crate) store: MemoryStore,
    pub(crate) network: Network,
    changed: Rc<Bell>,
}

/// Rings at each change.
#[derive(Default)]
struct Bell(Notify);

impl Host for Bell {
    fn changed(&self, _: Changed) {
        self.0.notify_waiters();
    }

    fn post(&self, _: &str) {}
}

impl Device {
    pub(crate) async fn open(store: MemoryStore, seed: u64, network: Network) -> Self {
        Self::open_with(store, seed, network, vec![]).await
    }

    pub(crate) async fn open_with(
        store: MemoryStore,
        seed: u64,
        network: Network,
        middleware: Vec<Rc<dyn Middleware>>,
    ) -> Self {
        let clock = ManualEnvironment::new(seed);
        let changed = Rc::new(Bell::default());
        let mut parts = domain::parts_for(Authority::Server, &clock, Rc::clone(&changed) as Rc<dyn Host>);
        parts.poll_interval = POLL;
        parts.middleware = middleware;
        let engine = Engine::open(store.clone(), parts).await.unwrap();
        engine.sync_pause();
        let looping = engine.clone();
        let transport = network.clone();
        tokio::task::spawn_local(async move { looping.sync_run(transport).await });
        Self { engine, store, network, changed }
    }

    /// The page is reloaded: the engine goes as it is, a new one opens the same database.
    pub(crate) async fn reload(&mut self, seed: u64) {
        self.engine.close();
        *self = Self::open(self.store.clone(), seed, self.network.clone()).await;
    }

    pub(crate) async fn execute(
        &self,
        aggregate: &str,
        id: &str,
        command: Command,
    ) -> Result<Receipt, WriteError> {
        self.engine.execute(aggregate, id, command, WriteOptions::default()).await
    }

    pub(crate) async fn complete(&self, lesson: &str) -> Receipt {
        self.execute("course", "ada", domain::complete(lesson)).await.unwrap()
    }

    pub(crate) async fn answer(&self, question: u32, answer: &str) -> Receipt {
        let data = format!(r#"{{"question":{question},"answer":"{answer}"}}"#);
        self.execute("exam", "ada", command("Answer", &data)).await.unwrap()
    }

    pub(crate) async fn hand_in(&self) -> Receipt {
        self.execute("exam", "ada", command("HandIn", "null")).await.unwrap()
    }

    /// Waits until a condition holds, looking again at each change.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let wait = async {
            loop {
                let next = self.changed.0.notified();
                if holds(self) {
                    return;
                }
                next.await;
            }
        };
        let waited = timeout(Duration::from_secs(20), wait).await;
        assert!(waited.is_ok(), "{what} did not happen: {:?}", self.engine.status());
    }

    /// Goes online until nothing is left to do, then offline again.
    pub(crate) async fn sync(&self) {
        let before = self.network.requests();
        self.engine.sync_resume();
        let settled = |it: &Self| {
            let status = it.engine.status();
            it.network.requests() > before
                && status.sync.state == SyncState::Idle
                && status.pending_commits == 0
        };
        self.until("sync", settled).await;
        self.engine.sync_pause();
    }

    pub(crate) async fn confirmed(&self) -> Vec<ConfirmedCommit> {
        self.engine.log().confirmed_commits(0, usize::MAX).await.unwrap()
    }

    pub(crate) async fn rejected(&self) -> Vec<RejectedCommit> {
        self.engine.log().rejected().await.unwrap()
    }

    /// The domain's words for what was rejected, sorted.
    pub(crate) async fn rejections(&self) -> Vec<String> {
        let rejected = self.rejected().await.into_iter();
        let mut words: Vec<String> =
            rejected.map(|it| it.reason.detail.unwrap_or_else(|| it.reason.code.to_string())).collect();
        words.sort();
        words
    }
}

/// The server's log, as a fresh device pulls it.
pub(crate) async fn server_log(world: &World) -> Vec<ConfirmedCommit> {
    let fresh = world.device(999).await;
    fresh.sync().await;
    let log = fresh.confirmed().await;
    fresh.engine.close();
    log
}
