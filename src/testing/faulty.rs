//! Storage that lets others go first, fails, loses its answers and dies, as told.

use crate::log::store::{Batch, Loaded, Selection, Store, StoreError, Written};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::{pending, poll_fn},
    rc::Rc,
    task::{Poll, Waker},
};

/// What becomes of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It goes well.
    None,
    /// It is refused: nothing is written.
    Refused(StoreError),
    /// It is written, but the answer says that it failed.
    Denied(StoreError),
    /// It is written, the answer is lost, and the store tries again: what a lost connection does.
    Repeated,
    /// The holder dies before it is written: the call never comes back.
    DeathBefore,
    /// The holder dies after it is written.
    DeathAfter,
}

/// How often others go first before a write is tried again whose answer was lost.
const LATE: usize = 200;

/// Storage with faults. Made around another.
#[derive(Debug)]
pub struct FaultyStore<S> {
    store: S,
    faults: Rc<Faults>,
}

/// The faults to come, shared by the test and the store.
#[derive(Debug, Default)]
pub struct Faults {
    yields: Cell<bool>,
    held: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
    writes: RefCell<VecDeque<Fault>>,
    is_dead: Cell<bool>,
    written: Cell<usize>,
}

impl Faults {
    /// Whether every call lets others go first, before and after it does its work.
    pub fn set_yields(&self, yields: bool) {
        self.yields.set(yields);
    }

    /// Holds writes back from now on.
    pub fn hold(&self) {
        self.held.set(true);
    }

    /// Lets the writes go that were held back.
    pub fn release(&self) {
        self.held.set(false);
        self.look();
    }

    /// Everybody who waits looks again.
    fn look(&self) {
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    async fn until(&self, cell: &Cell<bool>, value: bool) {
        poll_fn(|cx| {
            if cell.get() == value {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// What becomes of the next write that has nothing planned yet.
    pub fn plan(&self, fault: Fault) {
        self.writes.borrow_mut().push_back(fault);
    }

    /// Whether the holder died.
    pub fn is_dead(&self) -> bool {
        self.is_dead.get()
    }

    /// Waits until the holder dies.
    pub async fn death(&self) {
        self.until(&self.is_dead, true).await;
    }

    /// The number of batches written.
    pub fn written(&self) -> usize {
        self.written.get()
    }

    async fn let_others_go(&self) {
        let mut waited = !self.yields.get();
        poll_fn(|cx| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        if self.is_dead.get() {
            pending::<()>().await;
        }
    }

    async fn die<T>(&self) -> T {
        self.is_dead.set(true);
        self.look();
        pending().await
    }
}

impl<S: Store> FaultyStore<S> {
    /// Puts faults around a store; the second is for planning them.
    pub fn new(store: S) -> (Self, Rc<Faults>) {
        let faults = Rc::new(Faults::default());
        (Self { store, faults: Rc::clone(&faults) }, faults)
    }

    /// A store that only lets others go first.
    pub fn yielding(store: S) -> Self {
        let (store, faults) = Self::new(store);
        faults.set_yields(true);
        store
    }
}

impl<S: Store> Store for FaultyStore<S> {
    async fn load(&self, selections: &[Selection]) -> Result<Loaded, StoreError> {
        self.faults.let_others_go().await;
        let loaded = self.store.load(selections).await;
        self.faults.let_others_go().await;
        loaded
    }

    async fn write(&self, batch: Batch) -> Result<Written, StoreError> {
        self.faults.let_others_go().await;
        self.faults.until(&self.faults.held, false).await;
        let fault = self.faults.writes.borrow_mut().pop_front().unwrap_or(Fault::None);
        let again = (fault == Fault::Repeated).then(|| batch.clone());
        if fault == Fault::DeathBefore {
            return self.faults.die().await;
        }
        if let Fault::Refused(error) = fault {
            return Err(error);
        }
        let written = self.store.write(batch).await;
        self.faults.written.set(self.faults.written.get() + 1);
        self.faults.let_others_go().await;
        match (fault, again) {
            (Fault::Denied(error), _) => Err(error),
            (Fault::Repeated, Some(again)) => {
                // time enough for others to build on it, and to take it away
                for _ in 0..LATE {
                    self.faults.let_others_go().await;
                }
                self.store.write(again).await
            }
            (Fault::DeathAfter, _) => self.faults.die().await,
            _ => written,
        }
    }

    fn close(&self) {
        self.store.close();
    }
}
