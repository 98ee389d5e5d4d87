//! Tells those who wait for news, and those who ask whether to send clients here, that the server stops.

use std::future::pending;
use tokio::sync::watch;

/// How far a server is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    /// It still serves, but wants no new clients.
    Leaving,
    /// Whoever waits for news would hold it up for nothing.
    Stopping,
}

/// Says that the server stops, to every [`Stopping`] made of it. Dropping it says nothing.
pub(crate) struct Stopper(watch::Sender<Phase>);

impl Stopper {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Phase::Serving))
    }

    pub(crate) fn stopping(&self) -> Stopping {
        Stopping(Some(self.0.subscribe()))
    }

    /// From here on the server is not ready for new clients.
    pub(crate) fn leave(&self) {
        self.0.send_replace(Phase::Leaving);
    }

    pub(crate) fn stop(&self) {
        self.0.send_replace(Phase::Stopping);
    }
}

/// Hears that the server stops. The default never does: that of a router that something else serves.
#[derive(Clone, Default)]
pub(crate) struct Stopping(Option<watch::Receiver<Phase>>);

impl Stopping {
    /// Resolves when the server stops.
    pub(super) async fn told(&mut self) {
        if let Some(told) = &mut self.0
            && told.wait_for(|phase| *phase == Phase::Stopping).await.is_ok()
        {
            return;
        }
        pending().await
    }

    /// Whether the server is on its way out.
    pub(crate) fn has_begun(&self) -> bool {
        self.0.as_ref().is_some_and(|told| *told.borrow() > Phase::Serving)
    }
}
