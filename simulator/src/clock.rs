//! Time that passes when nothing else happens, and the clocks of devices, which need not agree with it.

use crate::random::Random;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};
use tidelog::{environment::Environment, time::Timestamp};

/// 2026-01-01T00:00:00Z, when every history begins.
const BEGINNING: i64 = 1_767_225_600_000;

/// The time of the world. Clones are the same time.
#[derive(Clone, Default)]
pub(crate) struct Clock(Rc<Inner>);

#[derive(Default)]
struct Inner {
    now: Cell<u64>,
    timers: RefCell<BTreeMap<(u64, u64), Waker>>,
    set: Cell<u64>,
}

impl Clock {
    /// Milliseconds since the beginning.
    pub(crate) fn now(&self) -> u64 {
        self.0.now.get()
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        Timestamp(BEGINNING + self.now() as i64)
    }

    /// So much time passes in which nothing happens; whoever wanted to be woken meanwhile is late.
    pub(crate) fn pass(&self, milliseconds: u64) {
        self.0.now.set(self.now().saturating_add(milliseconds));
    }

    /// Resolves after so many milliseconds.
    pub(crate) async fn sleep(&self, milliseconds: u64) {
        let until = self.now().saturating_add(milliseconds);
        let number = self.0.set.get();
        self.0.set.set(number + 1);
        let timer = Timer { clock: self, key: (until, number) };
        poll_fn(|cx| {
            if self.now() >= until {
                return Poll::Ready(());
            }
            self.0.timers.borrow_mut().insert(timer.key, cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Goes on to the next moment at which somebody wants to be woken. False if nobody does.
    pub(crate) fn advance(&self) -> bool {
        let Some(next) = self.0.timers.borrow().keys().next().map(|key| key.0) else { return false };
        self.0.now.set(next.max(self.now()));
        let due = {
            let mut timers = self.0.timers.borrow_mut();
            let later = timers.split_off(&(self.now() + 1, 0));
            std::mem::replace(&mut *timers, later)
        };
        due.into_values().for_each(Waker::wake);
        true
    }
}

/// Takes its entry away when nobody waits any more.
struct Timer<'c> {
    clock: &'c Clock,
    key: (u64, u64),
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.clock.0.timers.borrow_mut().remove(&self.key);
    }
}

/// A device's own clock and randomness.
pub(crate) struct DeviceClock {
    clock: Clock,
    random: Random,
    skew: Rc<Cell<i64>>,
}

impl DeviceClock {
    pub(crate) fn new(clock: &Clock, seed: u64, skew: &Rc<Cell<i64>>) -> Self {
        Self { clock: clock.clone(), random: Random::new(seed), skew: Rc::clone(skew) }
    }
}

impl Environment for DeviceClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.clock.timestamp().0 + self.skew.get())
    }

    fn random(&self) -> [u8; 10] {
        let (high, low) = (self.random.next().to_be_bytes(), self.random.next().to_be_bytes());
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&high);
        bytes[8..].copy_from_slice(&low[..2]);
        bytes
    }

    fn elapsed(&self) -> f64 {
        self.clock.now() as f64
    }
}
