//! Stories about one aggregate.

use super::{
    difference::{same, same_json},
    happened::{happened, recorded},
};
use crate::{
    aggregate::{Aggregate, Context, Registry},
    stream::StreamName,
    testing::NOW,
    time::Timestamp,
};
use std::fmt::Debug;

/// Given these events of an aggregate.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use tidelog::aggregate::{Aggregate, Context};
/// use tidelog::testing::given;
/// # #[derive(Clone, Default, Debug, PartialEq)] struct Counter { total: i64 }
/// # #[derive(Deserialize)] #[serde(tag = "type", content = "data")] enum Command { Add { amount: i64 } }
/// # #[derive(Serialize, Deserialize)] #[serde(tag = "type", content = "data")] enum Event { Added { amount: i64 } }
/// # #[derive(Debug, thiserror::Error)] #[error("the total must not fall below zero")] struct BelowZero;
/// # impl Aggregate for Counter {
/// #     const NAME: &'static str = "counter";
/// #     type State = Self; type Command = Command; type Event = Event; type Error = BelowZero;
/// #     fn decide(state: &Self, Command::Add { amount }: Command, _: &Context) -> Result<Vec<Event>, BelowZero> {
/// #         if state.total + amount < 0 { Err(BelowZero) } else { Ok(vec![Event::Added { amount }]) }
/// #     }
/// #     fn evolve(state: Self, Event::Added { amount }: &Event) -> Self { Self { total: state.total + amount } }
/// # }
/// let counter = || given::aggregate::<Counter>([Event::Added { amount: 2 }]);
/// counter().when(Command::Add { amount: 3 }).then([Event::Added { amount: 3 }]).then_state(&Counter { total: 5 });
/// counter().when(Command::Add { amount: -3 }).then_refused("the total must not fall below zero");
/// ```
#[must_use]
pub fn aggregate<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
    let stream = StreamName::of(A::NAME, "1").expect("the name of an aggregate");
    let context = Context { stream, version: 0, now: NOW, actor: None, replay: false, arrived: vec![] };
    Given { context, events: events.into_iter().collect() }
}

/// What has happened.
pub struct Given<A: Aggregate> {
    context: Context,
    events: Vec<A::Event>,
}

impl<A: Aggregate> Given<A> {
    /// The moment of the decision; else 2026-01-01T00:00:00Z.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.context.now = now;
        self
    }

    /// On whose behalf the command comes.
    #[must_use]
    pub fn by(mut self, actor: &str) -> Self {
        self.context.actor = Some(actor.to_owned());
        self
    }

    /// The id of the aggregate's instance; else `1`.
    ///
    /// # Panics
    /// If it can't be part of a stream's name.
    #[must_use]
    #[track_caller]
    pub fn of(mut self, id: &str) -> Self {
        self.context.stream = StreamName::of(A::NAME, id).expect("an id of the aggregate");
        self
    }

    /// A command comes.
    ///
    /// # Panics
    /// If `evolve` can't read one of the events.
    #[must_use]
    #[track_caller]
    pub fn when(mut self, command: A::Command) -> When<A> {
        let state = self.state();
        self.context.version = self.events.len() as u64;
        let decided = A::decide(&state, command, &self.context);
        When { given: self, decided }
    }

    /// The state is this.
    ///
    /// # Panics
    /// If it is another.
    #[track_caller]
    pub fn then_state(&self, expected: &A::State) -> &Self
    where
        A::State: PartialEq + Debug,
    {
        same("the states", expected, &self.state());
        self
    }

    /// The state after the events, each of which has gone through its JSON, as in the log.
    #[track_caller]
    fn state(&self) -> A::State {
        let mut registry = Registry::default();
        registry.add::<A>().expect("the name of an aggregate");
        let decider = registry.get(A::NAME).expect("the aggregate just added");
        let stream = self.context.stream.as_str();
        let events = recorded(self.events.iter().map(|event| happened(stream, event)));
        let evolved = decider.initial().and_then(|state| decider.evolve(state, &events));
        let state = evolved.unwrap_or_else(|error| panic!("{error}"));
        state.downcast_ref::<A::State>().expect("the aggregate's own state").clone()
    }
}

/// What was decided.
pub struct When<A: Aggregate> {
    given: Given<A>,
    decided: Result<Vec<A::Event>, A::Error>,
}

impl<A: Aggregate> When<A> {
    /// These events were decided.
    ///
    /// # Panics
    /// If others were, or the command was refused.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = A::Event>) -> Self {
        let expected: Vec<A::Event> = expected.into_iter().collect();
        same_json("the events", &expected, self.events());
        self
    }

    /// Nothing happened.
    ///
    /// # Panics
    /// If something did, or the command was refused.
    #[track_caller]
    pub fn then_nothing(self) -> Self {
        self.then([])
    }

    /// A rule refused the command: one with this code, or this message.
    ///
    /// # Panics
    /// If another did, or none.
    #[track_caller]
    pub fn then_refused(self, expected: &str) -> Self {
        let Err(error) = &self.decided else {
            let events = serde_json::to_string(self.events()).unwrap_or_default();
            panic!("the command was to be refused with {expected:?}, but it decided {events}");
        };
        let (code, message) = (A::code(error), error.to_string());
        let fits = message == expected || code.as_deref() == Some(expected);
        assert!(fits, "the refusals differ:\n- expected\n+ actual\n- {expected}\n+ {message} ({code:?})");
        self
    }

    /// The state after what was decided is this.
    ///
    /// # Panics
    /// If it is another, or the command was refused.
    #[track_caller]
    pub fn then_state(mut self, expected: &A::State) -> Self
    where
        A::State: PartialEq + Debug,
    {
        self.events();
        self.given.events.extend(self.decided.ok().into_iter().flatten());
        self.decided = Ok(Vec::new());
        self.given.then_state(expected);
        self
    }

    #[track_caller]
    fn events(&self) -> &[A::Event] {
        match &self.decided {
            Ok(events) => events,
            Err(error) => panic!("the command was refused: {error} ({:?})", A::code(error)),
        }
    }
}
