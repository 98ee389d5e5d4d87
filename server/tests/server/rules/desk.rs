//! A domain with every kind of command that the rules have to retrace.

use serde::{Deserialize, Serialize};
use tidelog::{
    aggregate::{Aggregate, Context},
    commit::Policy,
    merge::{Conflict, Merged},
};

/// A desk in an office.
pub(super) struct Desk;

#[derive(Clone, Default)]
pub(super) struct State {
    total: u32,
    is_closed: bool,
    text: String,
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "data")]
pub(super) enum Command {
    /// Decided again: refused once the desk is closed.
    Add { amount: u32 },
    /// Two events, or one if nothing is there.
    Close,
    /// Says what the decision knew.
    Stamp,
    /// Binding: what was signed on an open desk stays signed.
    Sign { text: String },
    /// Merged.
    Write { text: String },
    /// Nothing ever comes of it.
    Ponder,
    /// A bug.
    Break,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(super) enum Event {
    Added { amount: u32, total: u32 },
    Emptied { total: u32 },
    Closed,
    Stamped { at: i64, by: Option<String>, version: u64, again: bool, arrived: usize },
    Signed { text: String, total: u32 },
    Written { text: String },
}

#[derive(Debug, thiserror::Error)]
#[error("the desk is closed")]
pub(super) struct IsClosed;

impl Aggregate for Desk {
    const NAME: &'static str = "desk";
    type State = State;
    type Command = Command;
    type Event = Event;
    type Error = IsClosed;

    fn decide(state: &State, command: Command, context: &Context) -> Result<Vec<Event>, IsClosed> {
        Ok(match command {
            Command::Ponder => vec![],
            Command::Break => panic!("as a bug would"),
            _ if state.is_closed => return Err(IsClosed),
            Command::Add { amount } => vec![Event::Added { amount, total: state.total + amount }],
            Command::Close if state.total == 0 => vec![Event::Closed],
            Command::Close => vec![Event::Emptied { total: state.total }, Event::Closed],
            Command::Stamp => vec![Event::Stamped {
                at: context.now.millis(),
                by: context.actor.clone(),
                version: context.version,
                again: context.replay,
                arrived: context.arrived.len(),
            }],
            Command::Sign { text } => vec![Event::Signed { text, total: state.total }],
            Command::Write { text } => vec![Event::Written { text }],
        })
    }

    fn evolve(state: State, event: &Event) -> State {
        match event {
            Event::Added { total, .. } => State { total: *total, ..state },
            Event::Emptied { .. } => State { total: 0, ..state },
            Event::Closed => State { is_closed: true, ..state },
            Event::Written { text } => State { text: text.clone(), ..state },
            Event::Stamped { .. } | Event::Signed { .. } => state,
        }
    }

    fn policy(command_type: &str) -> Policy {
        match command_type {
            "Sign" => Policy::Keep,
            "Write" => Policy::Merge,
            _ => Policy::Redecide,
        }
    }

    fn merge(conflict: Conflict<'_, Self>, _: &Context) -> Result<Merged<Event>, IsClosed> {
        if conflict.theirs.state.text == conflict.base.text {
            return Ok(Merged::Keep);
        }
        let text = format!("{}|{}", conflict.theirs.state.text, conflict.mine.state.text);
        Ok(Merged::Events(vec![Event::Written { text }]))
    }

    fn code(_: &IsClosed) -> Option<String> {
        Some("closed".into())
    }
}
