//! Aggregates in Rust, called without knowing their types.

use super::{Aggregate, Context, DecideError, Decider, EvolveError, State, is_evolved_by};
use crate::{
    commit::{Command, Policy},
    event::{NewEvent, RecordedEvent},
    merge::{Conflict, Meeting, Merged, Side},
    snapshot::{Keeper, keeper::Typed},
    variants::variants_of,
    version::Version,
};
use serde::de::DeserializeOwned;
use std::{marker::PhantomData, rc::Rc, sync::Arc};

/// A Rust aggregate with its types erased.
pub(super) struct Erased<A: Aggregate> {
    name: Arc<str>,
    keeper: Option<Typed<A::State>>,
    events: Option<Vec<Arc<str>>>,
    aggregate: PhantomData<A>,
}

impl<A: Aggregate> Erased<A> {
    pub(super) fn new() -> Self {
        let events = variants_of::<A::Event>().map(|names| names.iter().map(|&name| name.into()).collect());
        let keeper = A::snapshots().map(|snapshots| Typed::new(snapshots, A::NAME, A::SCHEMA_VERSION));
        Self { name: A::NAME.into(), events, keeper, aggregate: PhantomData }
    }

    fn state(&self, state: State, stream: &str, version: Version) -> Result<Rc<A::State>, EvolveError> {
        state.downcast().map_err(|_| EvolveError {
            aggregate: Arc::clone(&self.name),
            stream: stream.into(),
            version,
            reason: "the state belongs to another aggregate".into(),
        })
    }
}

impl<A: Aggregate> Decider for Erased<A> {
    fn keeper(&self) -> Option<&dyn Keeper> {
        self.keeper.as_ref().map(|keeper| keeper as &dyn Keeper)
    }

    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn policy(&self, command_type: &str) -> Policy {
        A::policy(command_type)
    }

    fn events(&self) -> Option<&[Arc<str>]> {
        self.events.as_deref()
    }

    fn initial(&self) -> Result<State, EvolveError> {
        Ok(Rc::new(A::State::default()))
    }

    fn evolve(&self, state: State, events: &[RecordedEvent]) -> Result<State, EvolveError> {
        let Some(first) = events.first() else { return Ok(state) };
        let before = first.version.saturating_sub(1);
        let mut state = Rc::unwrap_or_clone(self.state(state, first.stream.as_str(), before)?);
        for event in events.iter().filter(|event| is_evolved_by(self, event)) {
            let typed = read_tagged::<A::Event>(&event.event.event_type, event.event.data.as_str());
            let typed = typed.map_err(|reason| EvolveError {
                aggregate: Arc::clone(&self.name),
                stream: event.stream.as_str().into(),
                version: event.version.saturating_sub(1),
                reason: format!("event {} can't be read: {reason}", event.event.event_type),
            })?;
            state = A::evolve(state, &typed);
        }
        Ok(Rc::new(state))
    }

    fn decide(
        &self,
        command: &Command,
        state: &State,
        context: &Context,
    ) -> Result<Vec<NewEvent>, DecideError> {
        let (typed, state) = (self.command(command)?, self.state_of(command, state)?);
        let events = A::decide(state, typed, context).map_err(refused::<A>)?;
        self.written(command, &events)
    }

    fn merge(&self, meeting: &Meeting<'_>) -> Result<Merged<NewEvent>, DecideError> {
        let command = meeting.command;
        let (theirs, mine) =
            (self.events_of(meeting, &meeting.theirs)?, self.events_of(meeting, &meeting.mine)?);
        let conflict = Conflict {
            command: self.command(command)?,
            base: self.state_of(command, meeting.base)?,
            theirs: Side { state: self.state_of(command, meeting.theirs.state)?, events: &theirs },
            mine: Side { state: self.state_of(command, meeting.mine.state)?, events: &mine },
        };
        match A::merge(conflict, meeting.context).map_err(refused::<A>)? {
            Merged::Keep => Ok(Merged::Keep),
            Merged::Events(events) => self.written(command, &events).map(Merged::Events),
        }
    }
}

fn refused<A: Aggregate>(error: A::Error) -> DecideError {
    DecideError::Refused { code: A::code(&error), message: error.to_string() }
}

impl<A: Aggregate> Erased<A> {
    fn failed(&self, command: &Command, reason: impl ToString) -> DecideError {
        DecideError::Failed {
            aggregate: Arc::clone(&self.name),
            command_type: Arc::clone(&command.command_type),
            reason: reason.to_string(),
        }
    }

    fn command(&self, command: &Command) -> Result<A::Command, DecideError> {
        read_tagged(&command.command_type, command.data.as_str()).map_err(|reason| {
            DecideError::UnknownCommand {
                aggregate: Arc::clone(&self.name),
                command_type: Arc::clone(&command.command_type),
                reason,
            }
        })
    }

    fn state_of<'s>(&self, command: &Command, state: &'s State) -> Result<&'s A::State, DecideError> {
        state.downcast_ref().ok_or_else(|| self.failed(command, "the state belongs to another aggregate"))
    }

    fn events_of(
        &self,
        meeting: &Meeting<'_>,
        side: &Side<'_, State, RecordedEvent>,
    ) -> Result<Vec<A::Event>, DecideError> {
        let known = side.events.iter().filter(|event| is_evolved_by(self, event));
        let typed = known.map(|event| {
            read_tagged(&event.event.event_type, event.event.data.as_str()).map_err(|reason| {
                self.failed(
                    meeting.command,
                    format!("event {} can't be read: {reason}", event.event.event_type),
                )
            })
        });
        typed.collect()
    }

    fn written(&self, command: &Command, events: &[A::Event]) -> Result<Vec<NewEvent>, DecideError> {
        let written = events.iter().map(|event| {
            let text = serde_json::to_string(event).map_err(|error| self.failed(command, error))?;
            serde_json::from_str(&text).map_err(|error| self.failed(command, error))
        });
        written.collect()
    }
}

/// Reads `{ "type", "data" }`; a unit variant comes without data, so `null` is tried as none.
pub(crate) fn read_tagged<T: DeserializeOwned>(tag: &str, data: &str) -> Result<T, String> {
    let tag = serde_json::to_string(tag).map_err(|error| error.to_string())?;
    let whole = serde_json::from_str(&format!(r#"{{"type":{tag},"data":{data}}}"#));
    match whole {
        Err(_) if data == "null" => {
            serde_json::from_str(&format!(r#"{{"type":{tag}}}"#)).map_err(|error| error.to_string())
        }
        other => other.map_err(|error| error.to_string()),
    }
}
