//! What pending commits are brought onto.

use crate::{
    aggregate::{Decider, State},
    commit::PendingCommit,
    event::RecordedEvent,
    mistake::{Mistake, made},
    upcast::Decoder,
    version::Version,
};
use std::rc::Rc;

/// What a stream stands on once the confirmed events are in.
#[derive(Clone)]
pub struct Base {
    /// Its confirmed version.
    pub version: Version,
    /// Its aggregate and confirmed state, or why there is none: an aggregate that is not registered here, an `evolve` or
    /// upcaster that breaks. Then its commands can't be decided again; commits that need no decision go on.
    pub state: Result<(Rc<dyn Decider>, State), String>,
    /// Whether other events stand before the pending ones than those they were decided on. Comparing versions is not enough:
    /// a commit can be absorbed by a foreign one with as many events.
    pub moved: bool,
    /// The confirmed version that the pending commits were decided on.
    pub since: Version,
    /// The events of others beyond `since`, in today's shape.
    pub arrived: Vec<RecordedEvent>,
    /// The state that the first pending commit was decided on; none where no merge function asks for it.
    pub before: Option<Result<State, String>>,
}

impl Base {
    /// A base that nothing is known of beside its state: as if nothing of others had arrived.
    #[must_use]
    pub fn new(version: Version, state: Result<(Rc<dyn Decider>, State), String>, moved: bool) -> Self {
        Self { version, state, moved, since: version, arrived: vec![], before: None }
    }

    /// Lets the base stand on a commit as it is from now on.
    pub(super) fn take(&mut self, pending: &PendingCommit, decoder: &Decoder) {
        if !made(Mistake::PendingForgotten) {
            let state = std::mem::replace(&mut self.state, Err(String::new()));
            self.state = state.and_then(|(decider, state)| {
                let events = events_of(pending, self.version + 1, decoder)?;
                let state = decider.evolve(state, &events).map_err(|error| error.to_string())?;
                Ok((decider, state))
            });
        }
        self.version += pending.commit.count();
    }

    /// Goes past a commit as it was: the next one was decided on that.
    pub(super) fn pass(&mut self, pending: &PendingCommit, decoder: &Decoder) {
        let Some(before) = self.before.take() else { return };
        self.before = Some(before.and_then(|before| {
            let Ok((decider, _)) = &self.state else { return Err("its stream has no state".into()) };
            let events = events_of(pending, pending.first_version.max(1), decoder)?;
            decider.evolve(before, &events).map_err(|error| error.to_string())
        }));
    }
}

/// The events of a pending commit from this version on, in today's shape.
pub(super) fn events_of(
    pending: &PendingCommit,
    first_version: Version,
    decoder: &Decoder,
) -> Result<Vec<RecordedEvent>, String> {
    let events = RecordedEvent::of_commit(pending.commit.clone(), first_version, None).collect();
    decoder.decode(events).map_err(|error| error.to_string())
}
