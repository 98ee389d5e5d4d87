//! A server without a network: the authority's rules over a log in memory, asked through the real transport.

use super::ManualEnvironment;
use crate::{
    authority::{Candidate, MemoryLog, PageLimit, Rights},
    commit::{Commit, ConfirmedCommit},
    engine::Engine,
    environment::Environment,
    log::store::Store,
    sync::transport::{Answer, NoAnswer, Transport},
};
use futures_channel::oneshot;
use futures_util::future::join;
use std::{cell::RefCell, future::pending, rc::Rc};
use uuid::Uuid;

/// A server that lives as long as the test. Clones are the same server.
#[derive(Clone)]
pub struct InProcessServer {
    log: Rc<RefCell<MemoryLog>>,
    rights: Rc<RefCell<Rights>>,
    clock: ManualEnvironment,
}

impl InProcessServer {
    /// A server with an empty log, which records by this clock.
    #[must_use]
    pub fn new(clock: &ManualEnvironment) -> Self {
        Self::with_pages(clock, PageLimit::default())
    }

    /// The same, with no more on its pages than this.
    #[must_use]
    pub fn with_pages(clock: &ManualEnvironment, most: PageLimit) -> Self {
        let log = MemoryLog::new(Uuid::from_u128(0x5e_0000_0000_4000_8000_0000_0000_0001)).with_pages(most);
        Self { log: Rc::new(RefCell::new(log)), rights: Rc::default(), clock: clock.clone() }
    }

    /// What its clients may do from now on.
    pub fn allow(&self, rights: Rights) {
        *self.rights.borrow_mut() = rights;
    }

    /// What it has accepted, in the order of positions.
    #[must_use]
    pub fn commits(&self) -> Vec<ConfirmedCommit> {
        self.log.borrow().commits().cloned().collect()
    }

    /// Archives whole streams by their names, those that there are.
    pub fn archive(&self, names: &[&str]) {
        let mut log = self.log.borrow_mut();
        let leaving = |name: &&str| log.leaving(name, "of-a-test", "archive-of-a-test");
        let streams = names.iter().filter_map(leaving).collect();
        log.archive(streams, self.clock.now());
    }

    /// Takes a commit as if its device had pushed it, and the answer had got lost.
    pub fn take(&self, commit: Commit) {
        let candidate = Candidate::Commit(Box::new(commit));
        // what becomes of it is seen by who pushes it again
        let _ = self.log.borrow_mut().push(vec![candidate], self.clock.now());
    }

    /// What it holds, as a backup would.
    #[must_use]
    pub fn backup(&self) -> MemoryLog {
        self.log.borrow().clone()
    }

    /// Goes on with what a backup holds.
    pub fn restore(&self, backup: MemoryLog) {
        *self.log.borrow_mut() = backup;
    }

    /// Lets an engine sync until it has nothing left to do, or can't get on.
    pub async fn sync<S: Store>(&self, engine: &Engine<S>) {
        let (line, rest) = self.line();
        let stop = async {
            // a loop that ends by itself has come to rest too
            let _ = rest.await;
            engine.sync_stop();
        };
        join(engine.sync_run(line), stop).await;
    }

    /// A line to it, for one run of a sync loop; and what resolves when the loop has nothing left to do.
    pub fn line(&self) -> (Line, oneshot::Receiver<()>) {
        let (sender, rest) = oneshot::channel();
        let line = Line { server: self.clone(), rest: RefCell::new(Some(sender)) };
        (line, rest)
    }
}

/// A transport that reaches an [`InProcessServer`].
pub struct Line {
    server: InProcessServer,
    rest: RefCell<Option<oneshot::Sender<()>>>,
}

impl Transport for Line {
    async fn send(&self, method: &str, path: &str, body: Option<String>) -> Result<Answer, NoAnswer> {
        let now = self.server.clock.now();
        Ok(self.server.log.borrow_mut().answer_for(
            &self.server.rights.borrow(),
            method,
            path,
            body.as_deref(),
            now,
        ))
    }

    async fn renew_token(&self) -> bool {
        false
    }

    /// Time stands still in a test: whoever would wait has come to rest.
    async fn sleep(&self, _: u64) {
        if let Some(rest) = self.rest.borrow_mut().take() {
            // nobody may be listening
            let _ = rest.send(());
        }
        pending().await
    }
}
