//! Merging: what an aggregate's own function is given when its command's stream moved, and what it answers.

use crate::{
    aggregate::{Aggregate, Context, State},
    commit::Command,
    event::RecordedEvent,
};

/// One of two sides that met on a stream.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a, State, Event> {
    /// The state with its events.
    pub state: &'a State,
    /// Its events, in order, in today's shape.
    pub events: &'a [Event],
}

/// Two sides that met on a stream, as [`Aggregate::merge`] sees them.
pub struct Conflict<'a, A: Aggregate> {
    /// The command that is pending.
    pub command: A::Command,
    /// The state that it was decided on.
    pub base: &'a A::State,
    /// What stands before it now: the state, and the events of others that arrived.
    pub theirs: Side<'a, A::State, A::Event>,
    /// What it decided on `base`.
    pub mine: Side<'a, A::State, A::Event>,
}

/// What becomes of a pending commit that was merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged<Event> {
    /// These events, in place of those that were decided; none if there is nothing left to say.
    Events(Vec<Event>),
    /// The events that were decided, as they are.
    Keep,
}

/// A [`Conflict`] whose types have been erased.
pub struct Meeting<'a> {
    /// The command that is pending.
    pub command: &'a Command,
    /// The state that it was decided on.
    pub base: &'a State,
    /// What stands before it now.
    pub theirs: Side<'a, State, RecordedEvent>,
    /// What it decided on `base`.
    pub mine: Side<'a, State, RecordedEvent>,
    /// As for a decision.
    pub context: &'a Context,
}
