//! The thread that the rules live on: states are not made to leave theirs, and functions of the app may take their time.

use crate::storage::StorageError;
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};
use tidelog::{
    aggregate::RegisterError,
    authority::domain::{Counsel, Domain},
};
use tokio::sync::{mpsc, oneshot};

/// How many questions may wait before whoever asks has to wait itself.
const QUEUE: usize = 64;

type Work = Box<dyn FnOnce(&mut Counsel) + Send>;

/// It ends when this is dropped and what was asked has been answered.
pub(super) struct Thread {
    queue: mpsc::Sender<Work>,
}

impl Thread {
    pub(super) fn start(
        domain: impl Fn() -> Result<Domain, RegisterError> + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, mut work) = mpsc::channel::<Work>(QUEUE);
        thread::Builder::new().name("rules".into()).spawn(move || {
            // they could be registered a moment ago
            while let Ok(domain) = domain() {
                let mut counsel = Counsel::new(domain);
                loop {
                    let Some(work) = work.blocking_recv() else { return };
                    // what was half done is thrown away with all states
                    if catch_unwind(AssertUnwindSafe(|| work(&mut counsel))).is_err() {
                        break;
                    }
                }
            }
        })?;
        Ok(Self { queue })
    }

    /// Asks the rules. A question whose asker has gone before its turn is left out.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Counsel) -> T + Send + 'static,
    ) -> Result<T, StorageError> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |counsel| {
            if !answer.is_closed() {
                // The asker may have gone meanwhile; then nobody waits for the answer.
                let _ = answer.send(question(counsel));
            }
        });
        let broke = || StorageError::Failed("the rules broke on a push".into());
        self.queue.send(work).await.map_err(|_| broke())?;
        answered.await.map_err(|_| broke())
    }
}
