//! Aggregates: what may happen (`decide`) and what it means (`evolve`), both pure.

mod erased;
mod registry;

pub use registry::{RegisterError, Registry};

pub(crate) use erased::read_tagged;

use crate::{
    commit::{Command, Policy},
    event::{NewEvent, RecordedEvent},
    merge::{Conflict, Meeting, Merged},
    snapshot::{Keeper, Snapshots},
    stream::StreamName,
    time::Timestamp,
    version::Version,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{any::Any, rc::Rc, sync::Arc};

/// What `decide` may know beside state and command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// The stream that is decided on.
    pub stream: StreamName,
    /// The version of the state that is decided on.
    pub version: Version,
    /// The moment of the decision. On replay it is the moment of the first decision, so that the same answer is possible.
    pub now: Timestamp,
    /// On whose behalf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Whether the command was decided before and is decided again on a state that has moved.
    pub replay: bool,
    /// On replay: the events of others that arrived in the stream since it was last decided, in today's shape; empty at first, and
    /// where only what this device did before it has changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arrived: Vec<RecordedEvent>,
}

/// An aggregate in Rust: a consistency boundary with commands, events and the rules between them.
///
/// Commands and events are enums that serde writes as `{ "type": …, "data": … }`:
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tidelog::aggregate::{Aggregate, Context};
///
/// #[derive(Clone, Default)]
/// struct Counter { total: i64 }
///
/// #[derive(Deserialize)]
/// #[serde(tag = "type", content = "data")]
/// enum Command { Add { amount: i64 } }
///
/// #[derive(Serialize, Deserialize)]
/// #[serde(tag = "type", content = "data")]
/// enum Event { Added { amount: i64 } }
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("the total must not fall below zero")]
/// struct BelowZero;
///
/// impl Aggregate for Counter {
///     const NAME: &'static str = "counter";
///     type State = Self;
///     type Command = Command;
///     type Event = Event;
///     type Error = BelowZero;
///
///     fn decide(state: &Self, command: Command, _: &Context) -> Result<Vec<Event>, BelowZero> {
///         let Command::Add { amount } = command;
///         if state.total + amount < 0 { Err(BelowZero) } else { Ok(vec![Event::Added { amount }]) }
///     }
///
///     fn evolve(state: Self, event: &Event) -> Self {
///         let Event::Added { amount } = event;
///         Self { total: state.total + amount }
///     }
/// }
/// ```
pub trait Aggregate: 'static {
    /// The part of stream names before the first hyphen; it holds no hyphen itself.
    const NAME: &'static str;
    /// What the rules need to know; `Default` is the state before the first event.
    type State: Clone + Default + 'static;
    /// What can be asked for.
    type Command: DeserializeOwned;
    /// What can happen.
    type Event: Serialize + DeserializeOwned;
    /// The rules that can refuse a command.
    type Error: std::error::Error;

    /// Which events the command leads to; none if there is nothing to say. Pure: no clock, no randomness, no effects.
    ///
    /// # Errors
    /// The rule that refuses it.
    fn decide(
        state: &Self::State,
        command: Self::Command,
        context: &Context,
    ) -> Result<Vec<Self::Event>, Self::Error>;

    /// The state after an event. Pure, and never refuses: what happened has happened.
    fn evolve(state: Self::State, event: &Self::Event) -> Self::State;

    /// What becomes of a command's pending commit when its stream moved.
    #[must_use]
    fn policy(_command_type: &str) -> Policy {
        Policy::Redecide
    }

    /// For commands of [`Policy::Merge`]: what their pending events become on events that arrived before them; no events mean
    /// that nothing is left to say. Pure, as `decide`. By default they are kept.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use tidelog::{aggregate::{Aggregate, Context}, commit::Policy, merge::{Conflict, Merged}};
    /// #[derive(Clone, Default)]
    /// struct Note { text: String }
    /// # #[derive(Deserialize)] #[serde(tag = "type", content = "data")] enum Command { Write { text: String } }
    /// # #[derive(Serialize, Deserialize)] #[serde(tag = "type", content = "data")] enum Event { Written { text: String } }
    ///
    /// impl Aggregate for Note {
    ///     fn policy(_: &str) -> Policy {
    ///         Policy::Merge
    ///     }
    ///     fn merge(conflict: Conflict<'_, Self>, _: &Context) -> Result<Merged<Event>, std::fmt::Error> {
    ///         if conflict.theirs.state.text == conflict.base.text {
    ///             return Ok(Merged::Keep);
    ///         }
    ///         let text = format!("{}\n{}", conflict.theirs.state.text, conflict.mine.state.text);
    ///         Ok(Merged::Events(vec![Event::Written { text }]))
    ///     }
    /// #   const NAME: &'static str = "note";
    /// #   type State = Self;
    /// #   type Command = Command;
    /// #   type Event = Event;
    /// #   type Error = std::fmt::Error;
    /// #   fn decide(_: &Self, Command::Write { text }: Command, _: &Context) -> Result<Vec<Event>, std::fmt::Error> { Ok(vec![Event::Written { text }]) }
    /// #   fn evolve(_: Self, Event::Written { text }: &Event) -> Self { Self { text: text.clone() } }
    ///     // …
    /// }
    /// ```
    ///
    /// # Errors
    /// The rule that refuses the merge: the commit is rejected with it.
    fn merge(_conflict: Conflict<'_, Self>, _context: &Context) -> Result<Merged<Self::Event>, Self::Error>
    where
        Self: Sized,
    {
        Ok(Merged::Keep)
    }

    /// The version of what states are and mean: raise it whenever `State`, `evolve` or an upcaster has changed, so that no
    /// snapshot that older code has made is used.
    const SCHEMA_VERSION: u32 = 1;

    /// How states are kept as snapshots; none (the default) means that they are not. Where `State` can be written and read
    /// by serde, `Some(Snapshots::json())` will do:
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use tidelog::{aggregate::{Aggregate, Context}, snapshot::Snapshots};
    /// # #[derive(Deserialize)] #[serde(tag = "type")] enum Command { Add }
    /// # #[derive(Serialize, Deserialize)] #[serde(tag = "type")] enum Event { Added }
    /// #[derive(Clone, Default, Serialize, Deserialize)]
    /// struct Counter { total: i64 }
    ///
    /// impl Aggregate for Counter {
    ///     const SCHEMA_VERSION: u32 = 2;
    ///     fn snapshots() -> Option<Snapshots<Self>> {
    ///         Some(Snapshots::json())
    ///     }
    /// #   const NAME: &'static str = "counter";
    /// #   type State = Self;
    /// #   type Command = Command;
    /// #   type Event = Event;
    /// #   type Error = std::fmt::Error;
    /// #   fn decide(_: &Self, _: Command, _: &Context) -> Result<Vec<Event>, std::fmt::Error> { Ok(vec![Event::Added]) }
    /// #   fn evolve(state: Self, _: &Event) -> Self { Self { total: state.total + 1 } }
    ///     // …
    /// }
    /// ```
    #[must_use]
    fn snapshots() -> Option<Snapshots<Self::State>> {
        None
    }

    /// A stable word for a refusal, for apps to switch on.
    #[must_use]
    fn code(_error: &Self::Error) -> Option<String> {
        None
    }
}

/// A state whose type only its aggregate knows. Cloning is cheap.
pub type State = Rc<dyn Any>;

/// A command was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecideError {
    /// A rule of the domain refused it.
    #[error("{message}")]
    Refused {
        /// The domain's own word for the rule.
        code: Option<String>,
        /// The rule in words for a person.
        message: String,
    },
    /// The aggregate does not know such a command, or its data has another shape.
    #[error("{aggregate} can't read command {command_type}: {reason}")]
    UnknownCommand {
        /// The aggregate.
        aggregate: Arc<str>,
        /// The type of the command.
        command_type: Arc<str>,
        /// What did not fit.
        reason: String,
    },
    /// `decide` itself broke: a bug in the app.
    #[error("decide of {aggregate} failed on command {command_type}: {reason}")]
    Failed {
        /// The aggregate.
        aggregate: Arc<str>,
        /// The type of the command.
        command_type: Arc<str>,
        /// What it threw.
        reason: String,
    },
}

/// `evolve` broke, or an event has a shape that the aggregate can't read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("evolve of {aggregate} failed on stream {stream} after version {version}: {reason}")]
pub struct EvolveError {
    /// The aggregate.
    pub aggregate: Arc<str>,
    /// The stream.
    pub stream: String,
    /// The version of the last state that could be made.
    pub version: Version,
    /// What did not fit, or what it threw.
    pub reason: String,
}

/// An aggregate whose types have been erased: what the engine calls, whether it was written in Rust or JavaScript.
pub trait Decider {
    /// The aggregate's name.
    fn name(&self) -> &Arc<str>;
    /// What becomes of a command's pending commit when its stream moved.
    fn policy(&self, command_type: &str) -> Policy;
    /// The types of events that it evolves by; none if it doesn't say, then it is given all. Others in its streams are not given
    /// to it: a newer version of the app wrote them.
    fn events(&self) -> Option<&[Arc<str>]> {
        None
    }
    /// The state before the first event.
    ///
    /// # Errors
    /// [`EvolveError`] if the app's function broke.
    fn initial(&self) -> Result<State, EvolveError>;
    /// The state after events of one stream, in order.
    ///
    /// # Errors
    /// [`EvolveError`] if the app's function broke or an event can't be read.
    fn evolve(&self, state: State, events: &[RecordedEvent]) -> Result<State, EvolveError>;
    /// The events that a command leads to.
    ///
    /// # Errors
    /// [`DecideError`].
    fn decide(
        &self,
        command: &Command,
        state: &State,
        context: &Context,
    ) -> Result<Vec<NewEvent>, DecideError>;
    /// What the pending events of a command of [`Policy::Merge`] become on those that arrived before them.
    ///
    /// # Errors
    /// [`DecideError`]; that it has no merge function, unless it says otherwise.
    fn merge(&self, meeting: &Meeting<'_>) -> Result<Merged<NewEvent>, DecideError> {
        Err(DecideError::Failed {
            aggregate: Arc::clone(self.name()),
            command_type: Arc::clone(&meeting.command.command_type),
            reason: "the aggregate has no merge function".into(),
        })
    }
    /// How its states are kept as snapshots; none if they are not.
    fn keeper(&self) -> Option<&dyn Keeper> {
        None
    }
}

/// Whether an event is of a type that an aggregate evolves by, as far as it says.
pub(crate) fn is_evolved_by(decider: &dyn Decider, event: &RecordedEvent) -> bool {
    decider.events().is_none_or(|types| types.contains(&event.event.event_type))
}
