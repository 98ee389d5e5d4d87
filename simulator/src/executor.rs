//! Everything that runs, on one thread, in an order that the seed decides.

use crate::random::Random;
use futures_util::future::LocalBoxFuture;
use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake},
};

/// Whom a task belongs to: with the owner its tasks end, as with a tab that is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner(pub(crate) u32);

impl Owner {
    /// What belongs to no tab: requests on their way.
    pub(crate) const NETWORK: Self = Self(0);
}

struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Task {
    owner: Owner,
    ready: Arc<Ready>,
    future: LocalBoxFuture<'static, ()>,
}

/// The tasks. Clones are the same executor.
#[derive(Clone, Default)]
pub(crate) struct Executor {
    tasks: Rc<RefCell<Vec<Task>>>,
}

impl Executor {
    pub(crate) fn spawn(&self, owner: Owner, future: impl Future<Output = ()> + 'static) {
        let ready = Arc::new(Ready(AtomicBool::new(true)));
        self.tasks.borrow_mut().push(Task { owner, ready, future: Box::pin(future) });
    }

    /// Drops what belongs to an owner, wherever it stands.
    pub(crate) fn end(&self, owner: Owner) {
        let (ended, kept) = self.tasks.take().into_iter().partition(|task| task.owner == owner);
        *self.tasks.borrow_mut() = kept;
        // dropped here, while nobody holds the list: what goes may spawn
        let ended: Vec<Task> = ended;
        drop(ended);
    }

    /// Lets one task that can go on do so. False if none can.
    pub(crate) fn step(&self, random: &Random, frozen: impl Fn(Owner) -> bool) -> bool {
        let task = {
            let mut tasks = self.tasks.borrow_mut();
            let is_able = |task: &Task| task.ready.0.load(Ordering::Relaxed) && !frozen(task.owner);
            let able = || tasks.iter().enumerate().filter(|(_, task)| is_able(task)).map(|(at, _)| at);
            let count = able().count();
            if count == 0 {
                return false;
            }
            let Some(chosen) = able().nth(random.below(count)) else { return false };
            tasks.remove(chosen)
        };
        let Task { owner, ready, mut future } = task;
        ready.0.store(false, Ordering::Relaxed);
        let waker = Arc::clone(&ready).into();
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.tasks.borrow_mut().push(Task { owner, ready, future });
        }
        true
    }
}
