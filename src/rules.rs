//! The rules that a wasm module carries with it: aggregates, projections and process managers in Rust that the npm package drives.
//!
//! A crate of the app's own names them with [`export!`](crate::export), is built as a `cdylib` for `wasm32-unknown-unknown`, and
//! given its JavaScript by wasm-bindgen. The package then opens its logs over that module instead of its own:
//! `open({ wasm: await import('./academy.js'), aggregates: [rustAggregate('course')] })`.

use crate::{
    aggregate::{Aggregate, RegisterError, Registry, State},
    json::{Json, NotJson},
    process::{self, Manager, ProcessManager},
    projection::{Projection, Projector, erase},
};
use serde::Serialize;
use std::{rc::Rc, sync::Arc};

/// Writes a state whose type only its aggregate knows.
type WriteState = fn(&State) -> Result<Json, NotJson>;

/// Aggregates, projections and process managers of a crate, as they are handed to every log that is opened.
#[derive(Clone, Default)]
pub struct Rules {
    registry: Registry,
    projections: Vec<Rc<dyn Projector>>,
    processes: Vec<Rc<dyn Manager>>,
    states: Vec<(Arc<str>, WriteState)>,
    refused: Option<RegisterError>,
}

impl Rules {
    /// Adds an aggregate. Its states cross to JavaScript as serde writes them.
    pub fn aggregate<A: Aggregate>(&mut self)
    where
        A::State: Serialize,
    {
        if let Err(error) = self.registry.add::<A>() {
            self.refused.get_or_insert(error);
        }
        self.states.push((A::NAME.into(), |state| {
            let state: Option<&A::State> = state.downcast_ref();
            state.map_or_else(|| Err(NotJson("the state belongs to another aggregate".into())), Json::of)
        }));
    }

    /// Adds a projection.
    pub fn projection<P: Projection>(&mut self) {
        self.projections.push(erase::<P>());
    }

    /// Adds a process manager.
    pub fn process<P: ProcessManager>(&mut self) {
        self.processes.push(process::erase::<P>());
    }

    /// The aggregates.
    ///
    /// # Errors
    /// The first [`RegisterError`] that adding them met.
    pub fn registry(&self) -> Result<&Registry, RegisterError> {
        self.refused.clone().map_or(Ok(&self.registry), Err)
    }

    /// The projections.
    #[must_use]
    pub fn projections(&self) -> &[Rc<dyn Projector>] {
        &self.projections
    }

    /// The process managers.
    #[must_use]
    pub fn processes(&self) -> &[Rc<dyn Manager>] {
        &self.processes
    }

    /// A state of an aggregate as JSON; none if it is not one of these aggregates.
    ///
    /// # Errors
    /// [`NotJson`] if serde can't write it as JSON.
    pub fn state(&self, aggregate: &str, state: &State) -> Result<Option<Json>, NotJson> {
        let write = self.states.iter().find(|(name, _)| **name == *aggregate);
        write.map(|(_, write)| write(state)).transpose()
    }
}

/// Makes a crate a wasm module that the npm package `tidelog` can drive: names the aggregates (whose states have to be
/// `serde::Serialize`), the projections and the process managers that it carries. Once in a crate, beside nothing else: it defines the
/// function that runs when the module is instantiated.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use tidelog::{aggregate::{Aggregate, Context}, event::RecordedEvent, projection::Projection};
/// # use tidelog::process::{Correlation, ProcessContext, ProcessManager, Reaction};
/// #[derive(Clone, Default, Serialize)]
/// struct Counter { total: i64 }
/// # #[derive(Deserialize)] #[serde(tag = "type")] enum Command { Add }
/// # #[derive(Serialize, Deserialize)] #[serde(tag = "type")] enum Event { Added }
/// # struct Totals;
/// # struct Reminder;
///
/// impl Aggregate for Counter {
/// #   const NAME: &'static str = "counter";
/// #   type State = Self;
/// #   type Command = Command;
/// #   type Event = Event;
/// #   type Error = std::fmt::Error;
/// #   fn decide(_: &Self, _: Command, _: &Context) -> Result<Vec<Event>, std::fmt::Error> { Ok(vec![Event::Added]) }
/// #   fn evolve(state: Self, _: &Event) -> Self { Self { total: state.total + 1 } }
///     // …
/// }
/// # impl Projection for Totals {
/// #   const NAME: &'static str = "totals";
/// #   type Row = i64;
/// #   fn key(_: &RecordedEvent) -> Option<String> { Some("all".into()) }
/// #   fn apply(row: Option<i64>, _: &RecordedEvent) -> Option<i64> { Some(row.unwrap_or(0) + 1) }
/// # }
///
/// # impl ProcessManager for Reminder {
/// #   const NAME: &'static str = "reminder";
/// #   type State = ();
/// #   fn correlate(_: &RecordedEvent) -> Correlation { Correlation::Ignore }
/// #   fn evolve((): (), _: &RecordedEvent) {}
/// #   fn react(_: &(), _: &RecordedEvent, _: &ProcessContext) -> Vec<Reaction> { vec![] }
/// # }
/// tidelog::export! {
///     aggregates: [Counter],
///     projections: [Totals],
///     processes: [Reminder],
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export {
    (
        aggregates: [$($aggregate:ty),* $(,)?]
        $(, projections: [$($projection:ty),* $(,)?])?
        $(, processes: [$($process:ty),* $(,)?])?
        $(,)?
    ) => {
        /// The rules of this crate.
        pub fn tidelog_rules(rules: &mut $crate::rules::Rules) {
            $(rules.aggregate::<$aggregate>();)*
            $($(rules.projection::<$projection>();)*)?
            $($(rules.process::<$process>();)*)?
        }

        /// Runs when the module is instantiated.
        #[cfg(target_arch = "wasm32")]
        #[$crate::web::wasm_bindgen::prelude::wasm_bindgen(start, wasm_bindgen = $crate::web::wasm_bindgen)]
        pub fn tidelog_start() {
            $crate::web::provide(tidelog_rules);
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Context;
    use serde::Deserialize;

    #[derive(Clone, Default, Serialize)]
    struct Counter(i64);
    #[derive(Deserialize)]
    struct Add;
    #[derive(Serialize, Deserialize)]
    struct Added;

    impl Aggregate for Counter {
        const NAME: &'static str = "counter";
        type State = Self;
        type Command = Add;
        type Event = Added;
        type Error = std::fmt::Error;
        fn decide(_: &Self, _: Add, _: &Context) -> Result<Vec<Added>, std::fmt::Error> {
            Ok(vec![Added])
        }
        fn evolve(state: Self, _: &Added) -> Self {
            Self(state.0 + 1)
        }
    }

    #[test]
    fn states_are_written_by_the_aggregate_that_they_belong_to() {
        let mut rules = Rules::default();
        rules.aggregate::<Counter>();
        let state: State = Rc::new(Counter(3));
        assert_eq!(rules.state("counter", &state).unwrap().unwrap().as_str(), "3");
        assert_eq!(rules.state("course", &state).unwrap(), None);
        let other: State = Rc::new("a word");
        assert!(rules.state("counter", &other).is_err());
    }

    #[test]
    fn an_aggregate_that_is_named_twice_is_told_when_a_log_is_opened() {
        let mut rules = Rules::default();
        rules.aggregate::<Counter>();
        assert!(rules.registry().is_ok());
        rules.aggregate::<Counter>();
        assert_eq!(rules.registry().err(), Some(RegisterError::Twice { name: "counter".into() }));
    }
}
