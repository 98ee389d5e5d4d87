//! Pausing, resuming and cancelling a replay from outside.

use super::Progress;
use futures_channel::oneshot;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

/// Holds a replay in hand. Clones hold the same one.
///
/// What is asked for takes effect between two batches; a handler is never interrupted.
#[derive(Clone, Default)]
pub struct Control {
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    paused: Cell<bool>,
    cancelled: Cell<bool>,
    progress: Cell<Progress>,
    waiting: RefCell<Vec<oneshot::Sender<()>>>,
}

impl Control {
    /// Makes the replay wait before its next batch.
    pub fn pause(&self) {
        self.shared.paused.set(true);
    }

    /// Lets a paused replay go on.
    pub fn resume(&self) {
        self.shared.paused.set(false);
        self.wake();
    }

    /// Ends the replay before its next batch, also while it is paused. Its report tells how far it got.
    pub fn cancel(&self) {
        self.shared.cancelled.set(true);
        self.wake();
    }

    /// Whether it is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.shared.paused.get()
    }

    /// How far the replay is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.shared.progress.get()
    }

    pub(crate) fn reached(&self, progress: Progress) {
        self.shared.progress.set(progress);
    }

    /// Waits while it is paused; whether to go on at all.
    pub(crate) async fn may_go_on(&self) -> bool {
        while self.shared.paused.get() && !self.shared.cancelled.get() {
            let (sender, receiver) = oneshot::channel();
            self.shared.waiting.borrow_mut().push(sender);
            // an error can't be: the sender lives as long as this does
            let _ = receiver.await;
        }
        !self.shared.cancelled.get()
    }

    fn wake(&self) {
        let waiting = std::mem::take(&mut *self.shared.waiting.borrow_mut());
        for sender in waiting {
            // who stopped waiting does not care
            let _ = sender.send(());
        }
    }
}
