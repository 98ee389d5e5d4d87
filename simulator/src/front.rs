//! The processes of the server, several over one storage: each hears of its own pushes at once, of those of others a little later or not at all.

use crate::{clock::Clock, random::Random};
use futures_util::{
    FutureExt,
    future::{Either, select},
};
use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::pin,
    task::{Poll, Waker},
};

/// One process.
pub(crate) struct Front {
    up: Cell<bool>,
    rung: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
}

impl Default for Front {
    fn default() -> Self {
        Self { up: Cell::new(true), rung: Cell::new(0), waiting: RefCell::default() }
    }
}

impl Front {
    pub(crate) fn is_up(&self) -> bool {
        self.up.get()
    }

    /// It dies, or is started again. Whoever waits on it finds out.
    pub(crate) fn set_up(&self, up: bool) {
        self.up.set(up);
        self.ring();
    }

    /// There is something new in the log, or an end.
    pub(crate) fn ring(&self) {
        self.rung.set(self.rung.get() + 1);
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    /// How often it rang.
    pub(crate) fn rung(&self) -> u64 {
        self.rung.get()
    }

    /// Resolves when it has rung since, or after so many milliseconds; whether it rang.
    pub(crate) async fn wait(&self, since: u64, clock: &Clock, milliseconds: u64) -> bool {
        let bell = poll_fn(|cx| {
            if self.rung.get() != since {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        });
        let time = pin!(clock.sleep(milliseconds));
        matches!(select(bell.boxed_local(), time).await, Either::Left(_))
    }
}

/// Milliseconds until another process hears of a push; none if it does not.
pub(crate) fn heard_after(random: &Random) -> Option<u64> {
    (!random.one_in(5)).then(|| random.below(200) as u64)
}
