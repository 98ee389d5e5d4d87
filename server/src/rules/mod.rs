//! The app's rules beside the storage: a push is decided again before it is written.

mod asking;
mod thread;

use crate::{
    clock::{Clock, SystemClock},
    log_name::LogName,
    storage::{Offer, PushError, Storage},
};
use std::sync::Arc;
use thread::Thread;
use tidelog::{
    aggregate::RegisterError,
    authority::{
        Candidate,
        domain::{Domain, Overtaken},
    },
    sync::protocol::Pushed,
};

/// How often a push is looked at anew because others push to the same streams.
const TRIES: usize = 8;

/// The rules of an app, on a thread of their own. Clones are the same.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use tidelog::aggregate::{Aggregate, Context};
/// # #[derive(Clone, Default)] struct Course;
/// # #[derive(Deserialize)] #[serde(tag = "type")] enum Command { Begin }
/// # #[derive(Serialize, Deserialize)] #[serde(tag = "type")] enum Event { Begun }
/// # impl Aggregate for Course {
/// #   const NAME: &'static str = "course";
/// #   type State = Self; type Command = Command; type Event = Event; type Error = std::fmt::Error;
/// #   fn decide(_: &Self, _: Command, _: &Context) -> Result<Vec<Event>, std::fmt::Error> { Ok(vec![Event::Begun]) }
/// #   fn evolve(state: Self, _: &Event) -> Self { state }
/// # }
/// use std::sync::Arc;
/// use tidelog_server::{Access, Config, Domain, Rules, Sqlite};
///
/// let rules = Rules::start(|| Domain::default().aggregate::<Course>())?;
/// let config = Config { rules: Some(rules), ..Config::new(Arc::new(Sqlite::in_memory()?), Access::Open) };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Rules {
    thread: Arc<Thread>,
    aggregates: Arc<[Arc<str>]>,
    clock: Arc<dyn Clock>,
}

/// The rules can't be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// An aggregate can't be registered.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// There is no thread for them.
    #[error("the rules have no thread to run on: {0}")]
    Thread(#[from] std::io::Error),
}

impl Rules {
    /// Starts the thread and makes the rules there, for states need not be able to leave it; once more if they ever break.
    ///
    /// # Errors
    /// [`RulesError`].
    pub fn start(
        domain: impl Fn() -> Result<Domain, RegisterError> + Send + Sync + 'static,
    ) -> Result<Self, RulesError> {
        let aggregates = domain()?.names().into();
        Ok(Self { thread: Arc::new(Thread::start(domain)?), aggregates, clock: Arc::new(SystemClock) })
    }

    /// Takes the moment that [`Domain::clock_ahead`] counts from from another clock than the machine's.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Pushes what the rules have said yes to. They are asked before the log is locked, and again if it has moved on since.
    pub(crate) async fn push(
        &self,
        storage: &dyn Storage,
        log: &LogName,
        mut offer: Offer,
    ) -> Result<Pushed, PushError> {
        offer.rulings.aggregates = Arc::clone(&self.aggregates);
        let concerned = offer.commits.iter().any(|candidate| match candidate {
            Candidate::Commit(commit) => offer.rulings.concern(commit),
            Candidate::Malformed(_) => false,
        });
        if !concerned {
            return storage.push(log, offer).await;
        }
        let asked = Arc::new(offer.clone());
        for _ in 0..TRIES {
            let Some(found) = self.ask(storage, log, &asked).await? else { continue };
            offer.rulings.found = found;
            match storage.push(log, offer.clone()).await {
                Err(PushError::Overtaken(_)) => {}
                result => return result,
            }
        }
        Err(Overtaken.into())
    }
}
