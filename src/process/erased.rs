//! Process managers whose types have been erased: what the engine calls.

use super::{Correlation, ProcessContext, ProcessError, ProcessManager, Reaction};
use crate::{event::RecordedEvent, json::Json};
use std::{marker::PhantomData, rc::Rc, sync::Arc};

/// A process manager whose types have been erased, whether it was written in Rust or JavaScript.
pub trait Manager {
    /// Its name.
    fn name(&self) -> &Arc<str>;
    /// The types of events it is interested in; none means all.
    fn types(&self) -> &[Arc<str>];
    /// Whether it acts on pending events.
    fn on_pending(&self) -> bool;
    /// What each of some events is to it, in the same order.
    ///
    /// # Errors
    /// [`ProcessError`] if the app's function broke.
    fn correlate(&self, events: &[RecordedEvent]) -> Result<Vec<Correlation>, ProcessError>;
    /// The state after an event (none: of a new instance), and what the event leads to unless nothing may be done about it.
    ///
    /// # Errors
    /// [`ProcessError`] if the app's functions broke.
    fn advance(
        &self,
        state: Option<&Json>,
        event: &RecordedEvent,
        context: &ProcessContext,
        reacts: bool,
    ) -> Result<(Json, Vec<Reaction>), ProcessError>;
    /// What a timeout leads to.
    ///
    /// # Errors
    /// [`ProcessError`] if the app's function broke.
    fn timed_out(
        &self,
        state: &Json,
        name: &str,
        context: &ProcessContext,
    ) -> Result<Vec<Reaction>, ProcessError>;
}

struct Erased<P> {
    name: Arc<str>,
    types: Vec<Arc<str>>,
    process: PhantomData<P>,
}

impl<P: ProcessManager> Erased<P> {
    fn state(&self, state: Option<&Json>, context: &ProcessContext) -> Result<P::State, ProcessError> {
        let Some(state) = state else { return Ok(P::State::default()) };
        state.to().map_err(|error| self.failed(context, error.to_string()))
    }

    fn failed(&self, context: &ProcessContext, reason: String) -> ProcessError {
        let place = format!("instance {}", context.instance);
        ProcessError { process: Arc::clone(&self.name), place, reason }
    }
}

impl<P: ProcessManager> Manager for Erased<P> {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn types(&self) -> &[Arc<str>] {
        &self.types
    }

    fn on_pending(&self) -> bool {
        P::ON_PENDING
    }

    fn correlate(&self, events: &[RecordedEvent]) -> Result<Vec<Correlation>, ProcessError> {
        Ok(events.iter().map(P::correlate).collect())
    }

    fn advance(
        &self,
        state: Option<&Json>,
        event: &RecordedEvent,
        context: &ProcessContext,
        reacts: bool,
    ) -> Result<(Json, Vec<Reaction>), ProcessError> {
        let state = P::evolve(self.state(state, context)?, event);
        let reactions = if reacts { P::react(&state, event, context) } else { Vec::new() };
        let state = Json::of(&state).map_err(|error| self.failed(context, error.to_string()))?;
        Ok((state, reactions))
    }

    fn timed_out(
        &self,
        state: &Json,
        name: &str,
        context: &ProcessContext,
    ) -> Result<Vec<Reaction>, ProcessError> {
        Ok(P::on_timeout(&self.state(Some(state), context)?, name, context))
    }
}

/// A Rust process manager with its types erased.
#[must_use]
pub fn erase<P: ProcessManager>() -> Rc<dyn Manager> {
    Rc::new(Erased::<P> {
        name: P::NAME.into(),
        types: P::TYPES.iter().map(|&name| name.into()).collect(),
        process: PhantomData,
    })
}
