//! The loop.

use super::Process;
use crate::{
    engine::{Engine, Inner, WriteError},
    log::store::Store,
    time::Timestamp,
};
use futures_util::future::{LocalBoxFuture, select};

/// The longest sleep, in milliseconds: a device that was suspended notices within it that timeouts are due.
const LONGEST: u64 = 60_000;
/// How long to wait after the first failure, and at most, in milliseconds.
const BACK_OFF: (u64, u64) = (1_000, 60_000);

impl<S: Store> Engine<S> {
    /// Takes in what has been confirmed, lets timeouts ring that are due, and carries out what is open, once, for every process.
    /// Answers with the moment when the next timeout is due. What it carries out may lead to more: call it again when the log has
    /// changed, or use [`Engine::run_processes`].
    ///
    /// # Errors
    /// The first error met; processes that met none have gone on. Nothing is lost: what failed is tried again by the next call.
    pub async fn advance_processes(&self) -> Result<Option<Timestamp>, WriteError> {
        let inner = &self.inner;
        inner.check_open()?;
        let mut first = None;
        let mut next: Option<Timestamp> = None;
        for process in &inner.processes {
            let _turn = process.turn.lock().await;
            if let Err(error) = inner.advance_process(process).await {
                process.note_trouble(&error, None);
                first = first.or(Some(error));
            }
            if let Ok(now) = inner.surroundings.now() {
                next = [next, inner.next_due(process, now)].into_iter().flatten().min();
            }
        }
        first.map_or(Ok(next), Err)
    }

    /// Whether something keeps a process or an instance from going on, so that another attempt is worth while though the log has not
    /// changed: see [`Engine::process_status`].
    #[must_use]
    pub fn are_processes_troubled(&self) -> bool {
        self.inner.processes.iter().any(|process| process.trouble.borrow().is_some())
    }

    /// Keeps the processes going until [`Engine::close`]: whenever the log changes, and when timeouts are due. One tab should do it,
    /// holding a lock; if several do, each effect still happens once. `sleep` resolves after so many milliseconds.
    pub async fn run_processes(&self, sleep: &dyn Fn(u64) -> LocalBoxFuture<'static, ()>) {
        let inner = &self.inner;
        let mut failures = 0;
        while !inner.closed.get() && !inner.processes.is_empty() {
            let changed = inner.signal.next();
            let due = self.advance_processes().await;
            let troubled = self.are_processes_troubled();
            failures = if troubled { failures + 1 } else { 0 };
            let wait = match due {
                _ if troubled => BACK_OFF.1.min(BACK_OFF.0 << failures.min(6)),
                Ok(Some(due)) => inner.surroundings.now().map_or(LONGEST, |now| {
                    u64::try_from(due.millis().saturating_sub(now.millis())).unwrap_or(0).clamp(1, LONGEST)
                }),
                _ => {
                    changed.await;
                    continue;
                }
            };
            select(Box::pin(changed), sleep(wait)).await;
        }
    }
}

impl<S: Store> Inner<S> {
    async fn advance_process(&self, process: &Process) -> Result<(), WriteError> {
        self.feed(process).await?;
        self.try_parked(process).await?;
        self.ring(process).await?;
        self.work(process).await?;
        self.look_ahead(process).await
    }
}
