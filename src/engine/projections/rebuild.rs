//! Making the rows anew: a generation beside the one that is read, which takes its place when it has reached the log's end.

use super::{Inner, UNSAVED, View};
use crate::{
    engine::{Engine, ReadError},
    log::store::Store,
    projection::Generation,
    version::Position,
};
use serde::Serialize;
use std::ops::ControlFlow;

/// How far a rebuild is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RebuildProgress {
    /// The position of the last event that it has seen.
    pub position: Position,
    /// The position of the last confirmed event of the log.
    pub head: Position,
    /// The events that it has taken in.
    pub events: u64,
    /// The rows that it has made.
    pub rows: u64,
    /// Whether the new rows are the ones that are read.
    pub done: bool,
}

impl<S: Store> Engine<S> {
    /// Makes the rows of a projection anew, beside the ones that are read, and swaps them at the end. A rebuild that was begun
    /// before and not ended goes on where it was, also one of an earlier opening.
    ///
    /// `progress` is told after about every thousand events; if it breaks, the rebuild is given up for now: what was made stays, the
    /// next call or the next opening goes on with it. Answers where it stands.
    ///
    /// # Errors
    /// [`ReadError`]: an unknown projection, a projection that stops at an event, or a log that fails.
    pub async fn rebuild(
        &self,
        projection: &str,
        progress: &mut dyn FnMut(&RebuildProgress) -> ControlFlow<()>,
    ) -> Result<RebuildProgress, ReadError> {
        loop {
            let now = self.rebuild_step(projection).await?;
            if progress(&now).is_break() && !now.done {
                self.rebuild_cancel(projection).await?;
                return Ok(now);
            }
            if now.done {
                return Ok(now);
            }
        }
    }

    /// One step of [`Engine::rebuild`]: about a thousand events. Begins a rebuild if none is under way.
    ///
    /// # Errors
    /// As [`Engine::rebuild`].
    pub async fn rebuild_step(&self, projection: &str) -> Result<RebuildProgress, ReadError> {
        let inner = &self.inner;
        inner.check_open()?;
        let view = inner.view(projection)?;
        let _turn = view.turn.lock().await;
        inner.load(view).await?;
        view.with(|state| {
            // who asks for its steps drives it, and nobody else
            state.is_held = true;
            // asked again, it tries again
            state.shadow.iter_mut().for_each(|shadow| shadow.halted = None);
        });
        inner.rebuild_page(view).await?;
        let head = inner.log.head().position;
        let now = view.with(|state| {
            let is_halted = state.shadow.as_ref().is_some_and(|shadow| shadow.halted.is_some());
            if let (true, Some(error)) = (is_halted, &state.error) {
                return Err(error.failure(view.projector.name()));
            }
            state.is_held = state.shadow.is_some();
            let generation = state.shadow.as_ref().unwrap_or(&state.live);
            Ok(progress(generation, head, state.shadow.is_none()))
        });
        now.unwrap_or(Ok(RebuildProgress { position: 0, head, events: 0, rows: 0, done: false }))
    }

    /// Gives a rebuild up for now, and stores what it has made.
    ///
    /// # Errors
    /// [`ReadError::UnknownProjection`].
    pub async fn rebuild_cancel(&self, projection: &str) -> Result<(), ReadError> {
        let view = self.inner.view(projection)?;
        let _turn = view.turn.lock().await;
        if view.with(|state| state.is_held = state.shadow.is_some()).is_some() {
            self.inner.save(view).await;
        }
        Ok(())
    }
}

pub(super) fn progress(generation: &Generation, head: Position, done: bool) -> RebuildProgress {
    RebuildProgress {
        position: generation.position,
        head: head.max(generation.position),
        events: generation.events,
        rows: generation.layer.len() as u64,
        done,
    }
}

impl<S: Store> Inner<S> {
    /// Takes a page of events into the shadow, which is begun if there is none or another function made it, and swaps if that was the
    /// last one. Whether there is more to do.
    pub(super) async fn rebuild_page(&self, view: &View) -> Result<bool, ReadError> {
        let head = self.log.head();
        let definition = view.definition();
        let is_halted = view.with(|state| {
            let history = head.history();
            let goes_on = |shadow: &Generation| shadow.is_of(definition, history.as_ref(), head.position);
            if !state.shadow.as_ref().is_some_and(goes_on) {
                let fresh = Generation::new(state.next_generation, definition, history.clone());
                state.next_generation += 1;
                state.dropped.extend(state.shadow.replace(fresh).map(|shadow| shadow.number));
            }
            state.shadow.as_ref().is_some_and(|shadow| shadow.halted.is_some())
        });
        if is_halted == Some(true) {
            return Ok(false);
        }
        self.take_page(view, true, head.position).await?;
        let now = view.with(|state| {
            let shadow = state.shadow.as_ref().filter(|shadow| shadow.halted.is_none())?;
            Some((shadow.position, shadow.since_saved))
        });
        let Some(Some((position, since_saved))) = now else { return Ok(false) };
        if position >= self.log.head().position {
            if !self.try_save(view, true).await? {
                return Ok(true);
            }
            self.signal.notify();
            self.host.changed(crate::engine::Changed { streams: None, sync: false });
            return Ok(false);
        }
        if since_saved >= UNSAVED {
            self.try_save(view, false).await?;
        }
        Ok(true)
    }
}
