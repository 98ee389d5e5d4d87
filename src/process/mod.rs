//! Process managers (sagas): what leads from events of some aggregates to commands for others.
//!
//! A process is a pure fold over the confirmed log. What its steps came to, which timeouts rang and who asked for another attempt
//! are events too, in a stream of the process's own ([`note`]); so every device that folds the same log comes to the same
//! instances, and each effect happens once: its commit's id is derived from the process, the instance, the event that caused it
//! and the number of the step, and the authority takes an id once.
//!
//! ```text
//!                    correlate, evolve, react                 execute
//!   confirmed events ───────────────────────► steps, timeouts ───────► commits of other streams
//!          ▲                                        │ refused, nothing to say, rang
//!          └──────────── notes ◄────────────────────┘
//! ```
//!
//! Invariant: an open step becomes one commit under its id: of its command in the stream it goes to, or a note in the stream of its
//! process. Between two devices that come to different answers the authority's order decides.
//!
//! Invariant: history is folded, never acted upon: see [`Instance`] and `engine::processes`.

mod context;
mod erased;
mod fold;
mod instance;
pub mod note;

pub use context::ProcessContext;
pub use erased::{Manager, erase};
pub use fold::{MAX_STEPS, advance, take_note};
pub use instance::{Failure, Instance, Origin, Parked, ProcessState, Step, StepState, Timeout};

use crate::{commit::Command, event::RecordedEvent, time::Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::sync::Arc;

/// A process manager in Rust.
///
/// ```
/// use tidelog::{
///     commit::Command,
///     event::RecordedEvent,
///     json::Json,
///     process::{Correlation, Errand, ProcessContext, ProcessManager, Reaction},
/// };
///
/// /// Whoever completes the course gets a certificate, and whoever is idle for seven days a reminder.
/// struct Certification;
///
/// impl ProcessManager for Certification {
///     const NAME: &'static str = "certification";
///     type State = u32;
///
///     fn correlate(event: &RecordedEvent) -> Correlation {
///         let learner = event.stream.id().to_owned();
///         match &*event.event.event_type {
///             "LessonCompleted" => Correlation::Start(learner),
///             "CourseCompleted" => Correlation::Stop(learner),
///             _ => Correlation::Ignore,
///         }
///     }
///
///     fn evolve(lessons: u32, _: &RecordedEvent) -> u32 {
///         lessons + 1
///     }
///
///     fn react(_: &u32, event: &RecordedEvent, context: &ProcessContext) -> Vec<Reaction> {
///         if &*event.event.event_type == "LessonCompleted" {
///             return vec![Reaction::after("idle", 7 * 24 * 3_600_000)];
///         }
///         let command = Command { command_type: "Issue".into(), data: Json::null() };
///         vec![Reaction::Execute(Errand::new("certificate", &context.instance, command))]
///     }
///
///     fn on_timeout(_: &u32, _: &str, context: &ProcessContext) -> Vec<Reaction> {
///         let command = Command { command_type: "Remind".into(), data: Json::null() };
///         vec![Reaction::Execute(Errand::new("inbox", &context.instance, command))]
///     }
/// }
/// ```
pub trait ProcessManager: 'static {
    /// Its name, and the first part of the names of the streams that its notes go to. No hyphen, no control characters, no name of
    /// an aggregate.
    const NAME: &'static str;
    /// The types of events it is interested in; none means all.
    const TYPES: &'static [&'static str] = &[];
    /// Whether it acts on pending events of this device at once. They may still change or be rejected; what they caused is rejected
    /// with them. By default it waits until they are confirmed.
    const ON_PENDING: bool = false;
    /// What the process remembers of its instance.
    type State: Default + Serialize + DeserializeOwned;

    /// Which instance an event belongs to, and what it is to it. Pure.
    fn correlate(event: &RecordedEvent) -> Correlation;
    /// The state after an event. Pure.
    #[must_use]
    fn evolve(state: Self::State, event: &RecordedEvent) -> Self::State;
    /// What the event leads to, on the state after it. Pure.
    #[must_use]
    fn react(state: &Self::State, event: &RecordedEvent, context: &ProcessContext) -> Vec<Reaction>;
    /// What a timeout leads to. Pure.
    #[must_use]
    fn on_timeout(_state: &Self::State, _name: &str, _context: &ProcessContext) -> Vec<Reaction> {
        Vec::new()
    }
}

/// What an event is to a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Correlation {
    /// Nothing.
    Ignore,
    /// It begins an instance, unless this one is under way: then it continues it.
    Start(String),
    /// It is for this instance, if it is under way.
    Continue(String),
    /// It is the last for this instance: the reaction to it is carried out, timeouts are dropped.
    Stop(String),
}

/// A command to carry out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errand {
    /// The aggregate.
    pub aggregate: Arc<str>,
    /// Its instance.
    pub id: Arc<str>,
    /// The command.
    pub command: Command,
    /// What makes up for it if a later step fails; it has none itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensation: Option<Box<Errand>>,
}

impl Errand {
    /// A command that nothing makes up for.
    #[must_use]
    pub fn new(aggregate: &str, id: &str, command: Command) -> Self {
        Self { aggregate: aggregate.into(), id: id.into(), command, compensation: None }
    }

    /// The same, with a command to the same instance that makes up for it.
    #[must_use]
    pub fn or_else(self, command: Command) -> Self {
        let compensation = Some(Box::new(Self { command, compensation: None, ..self.clone() }));
        Self { compensation, ..self }
    }
}

/// What a process does about an event or a timeout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reaction {
    /// Carry out a command. Several are carried out in order; if one is refused, those after it are not begun and those before it
    /// are made up for, the latest first.
    Execute(Errand),
    /// Let a timeout ring; one of the same name that has not rung yet is replaced.
    Schedule(Schedule),
    /// Drop the timeout of this name, if it has not rung yet.
    Cancel(Arc<str>),
    /// Make up for everything the instance has done, the latest first. The text says why.
    Compensate(String),
}

/// When a timeout rings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its name within the instance, from 1 to 128 bytes.
    pub name: Arc<str>,
    /// So many milliseconds after the event (its `recordedAt`, the authority's clock).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// At this moment, if `after` is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

impl Reaction {
    /// A timeout so many milliseconds after the event.
    #[must_use]
    pub fn after(name: &str, milliseconds: u64) -> Self {
        Self::Schedule(Schedule { name: name.into(), after: Some(milliseconds), at: None })
    }

    /// A timeout at a moment.
    #[must_use]
    pub fn at(name: &str, moment: Timestamp) -> Self {
        Self::Schedule(Schedule { name: name.into(), after: None, at: Some(moment) })
    }

    /// No timeout of this name any more.
    #[must_use]
    pub fn cancel(name: &str) -> Self {
        Self::Cancel(name.into())
    }
}

/// A process manager's function broke, or asks for something that can't be. Nothing of the event is taken in: the instance is parked
/// before it, or the whole process if it can't be said which instance it is for, until the code is mended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("process manager {process} failed at {place}: {reason}")]
pub struct ProcessError {
    /// The process.
    pub process: Arc<str>,
    /// The event or timeout and the instance, as far as they are known.
    pub place: String,
    /// What it threw, or which bound it broke.
    pub reason: String,
}
