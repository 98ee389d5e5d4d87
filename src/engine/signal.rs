//! Waiting for the next change.

use futures_channel::oneshot;
use std::cell::RefCell;

/// Wakes everyone who waits, each time it is notified.
#[derive(Default)]
pub(super) struct Signal {
    waiting: RefCell<Vec<oneshot::Sender<()>>>,
}

impl Signal {
    /// Resolves at the next notification after this call, not after the first poll.
    pub(super) fn next(&self) -> impl Future<Output = ()> + use<> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.borrow_mut().push(sender);
        async move {
            // an error means that the signal itself is gone: that is a change too
            let _ = receiver.await;
        }
    }

    pub(super) fn notify(&self) {
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        for sender in waiting {
            // who stopped waiting does not care
            let _ = sender.send(());
        }
    }
}
