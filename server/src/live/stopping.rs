//! Tells those who wait for news that the server stops: they would hold it up for nothing.

use std::future::pending;
use tokio::sync::watch;

/// Says that the server stops, to every [`Stopping`] made of it. Dropping it says nothing.
pub(crate) struct Stopper(watch::Sender<bool>);

impl Stopper {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(crate) fn stopping(&self) -> Stopping {
        Stopping(Some(self.0.subscribe()))
    }

    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// Hears that the server stops. The default never does: that of a router that something else serves.
#[derive(Clone, Default)]
pub(crate) struct Stopping(Option<watch::Receiver<bool>>);

impl Stopping {
    /// Resolves when the server stops.
    pub(super) async fn told(&mut self) {
        if let Some(told) = &mut self.0
            && told.wait_for(|stops| *stops).await.is_ok()
        {
            return;
        }
        pending().await
    }
}
