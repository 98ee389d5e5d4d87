//! The app's own rules on the server: what a push says is decided again, and must come out the same.
//!
//! What a log holds never changes. So a push is looked at before the log is locked, on the streams as they are then; what was found holds
//! for the version that it was found at, and [`judge`](super::judge::judge) takes it only where the commit lands there.

mod account;
mod counsel;
mod foot;
mod ruling;
mod states;

pub use counsel::{Counsel, Examined, Past, View};
pub use foot::{Foot, Lost};
pub use ruling::{Overtaken, Ruling, Rulings};

use crate::{
    aggregate::{Aggregate, RegisterError, Registry},
    upcast::{Decoder, UnknownEvents},
};
use std::{sync::Arc, time::Duration};

/// How many states of streams are kept, unless the app says otherwise.
pub const MAX_STATES: usize = 10_000;
/// How many events back a rebased commit may have been decided: 10,000 of its stream.
pub const MAX_LOOK_BACK: u64 = 10_000;

/// The aggregates of an app, as a server asks them.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use tidelog::aggregate::{Aggregate, Context};
/// # #[derive(Clone, Default)] struct Counter;
/// # #[derive(Deserialize)] #[serde(tag = "type")] enum Command { Add }
/// # #[derive(Serialize, Deserialize)] #[serde(tag = "type")] enum Event { Added }
/// # impl Aggregate for Counter {
/// #   const NAME: &'static str = "counter";
/// #   type State = Self; type Command = Command; type Event = Event; type Error = std::fmt::Error;
/// #   fn decide(_: &Self, _: Command, _: &Context) -> Result<Vec<Event>, std::fmt::Error> { Ok(vec![Event::Added]) }
/// #   fn evolve(state: Self, _: &Event) -> Self { state }
/// # }
/// use std::time::Duration;
/// use tidelog::authority::domain::Domain;
///
/// let domain = Domain::default().aggregate::<Counter>()?.clock_ahead(Duration::from_secs(300));
/// # Ok::<(), tidelog::aggregate::RegisterError>(())
/// ```
#[derive(Clone, Default)]
pub struct Domain {
    registry: Registry,
    decoder: Decoder,
    takes_appends: bool,
    clock_ahead: Option<Duration>,
    binds_actors: bool,
    states: Option<usize>,
}

impl Domain {
    /// Adds an aggregate: from now on, commits to its streams are decided again. Streams of others are taken as they come.
    ///
    /// # Errors
    /// [`RegisterError`] for a name that is taken or can't be part of a stream name.
    pub fn aggregate<A: Aggregate>(mut self) -> Result<Self, RegisterError> {
        self.registry.add::<A>()?;
        Ok(self)
    }

    /// Upcasters, where events of older shapes are in the log, or devices with an older version of the app push them.
    #[must_use]
    pub fn decoder(mut self, decoder: Decoder) -> Self {
        self.decoder = decoder;
        self
    }

    /// Takes events that were appended to streams of the aggregates without a command. By default they are refused: nothing can be said about
    /// them, and a client that was tampered with could append what it likes.
    #[must_use]
    pub fn take_appends(mut self) -> Self {
        self.takes_appends = true;
        self
    }

    /// How far the clock of a device may be ahead of the server's: what was decided later than that is refused. For rules that look at the
    /// moment; default: not looked at. How long ago something was decided can't be known, for devices are offline.
    #[must_use]
    pub fn clock_ahead(mut self, most: Duration) -> Self {
        self.clock_ahead = Some(most);
        self
    }

    /// Takes only what was decided on behalf of the one whose token it comes with: `metadata.actor` has to be the token's subject. For rules
    /// that look at the actor, which a client can else choose freely. Commits of others that a device brings back after the server lost them are
    /// refused too, until their own devices come.
    #[must_use]
    pub fn bind_actors(mut self) -> Self {
        self.binds_actors = true;
        self
    }

    /// How many states of streams are kept in memory; at least 2,000, for one push may need as many; default [`MAX_STATES`]. A stream
    /// without one is read from its beginning.
    #[must_use]
    pub fn keep_states(mut self, most: usize) -> Self {
        self.states = Some(most);
        self
    }

    /// The names of the aggregates.
    #[must_use]
    pub fn names(&self) -> Vec<Arc<str>> {
        self.registry.deciders().map(|decider| Arc::clone(decider.name())).collect()
    }

    /// How events of the log are read, and strictly: where an event that is not known is an error.
    fn decoders(&self) -> (Decoder, Decoder) {
        let mut decoder = self.decoder.clone();
        decoder.learn(&self.registry, &[], &[]);
        (decoder.clone(), decoder.unknown(UnknownEvents::Error))
    }
}
