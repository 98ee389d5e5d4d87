//! Whether the events of a commit can be accounted for: by its command, on what it may have been decided on.

use super::{ruling::Objection, states::Folded};
use crate::{
    aggregate::{Context, DecideError, Decider, State},
    commit::{Command, Commit, Policy},
    difference::difference,
    event::{Event, NewEvent, RecordedEvent},
    id::EventId,
    merge::{Meeting, Merged, Side},
    upcast::Decoder,
    version::Version,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use uuid::Uuid;

/// What a commit would land on.
pub(super) struct Ground<'a> {
    pub(super) decider: &'a dyn Decider,
    /// How events are read; strictly, where one that is not known is an error.
    pub(super) decoder: &'a Decoder,
    pub(super) strict: &'a Decoder,
    pub(super) version: Version,
    pub(super) state: &'a Folded,
}

/// What stood before, where a commit that was rebased says so.
pub(super) struct Before<'a> {
    /// The state at [`Commit::since`].
    pub(super) state: Folded,
    /// The commits of the stream since, in order, each with the version of its first event.
    pub(super) later: Vec<(Version, &'a Commit)>,
}

type Decided = Result<Vec<RecordedEvent>, Objection>;

impl Ground<'_> {
    /// Decides the command on the ground, and compares. `before` is looked at only where it makes a difference: a commit that was rebased, and
    /// doesn't come out the same without it.
    pub(super) fn account(
        &self,
        commit: &Commit,
        command: &Command,
        before: Option<&Before<'_>>,
    ) -> Result<(), Objection> {
        let said = self.said(commit)?;
        let state = self.state.as_ref().map_err(|why| undecidable(why))?;
        let mut context = Context {
            stream: commit.stream.clone(),
            version: self.version,
            now: commit.metadata.occurred_at,
            actor: commit.metadata.actor.clone(),
            replay: commit.generation > 0,
            arrived: vec![],
        };
        let try_with = |context: &Context| {
            let decided = self.decider.decide_safely(command, state, context);
            same(&self.decided(commit, decided, self.version)?, &said, commit.generation > 0)
        };
        // few rules look at what has arrived
        let Some(before) = before else { return try_with(&context) };
        if try_with(&context).is_ok() {
            return Ok(());
        }
        context.arrived = self.arrived(commit, before);
        let again = context;
        let Err(objection) = try_with(&again) else { return Ok(()) };
        let policy = self.decider.policy(&command.command_type);
        if !matches!(policy, Policy::Keep | Policy::Ask | Policy::Merge) {
            return Err(objection);
        }
        match self.kept_or_merged(commit, command, &again, before, policy, state) {
            Ok(events) => {
                events.into_iter().find_map(|events| same(&events, &said, true).ok()).ok_or(objection)
            }
            Err(_) => Err(objection),
        }
    }

    /// What the events say, in today's shape.
    fn said(&self, commit: &Commit) -> Decided {
        let events = RecordedEvent::of_commit(commit.clone(), self.version + 1, None).collect();
        self.strict.decode(events).map_err(|error| Objection::NotDecided(error.to_string()))
    }

    /// The events of other devices since.
    fn arrived(&self, commit: &Commit, before: &Before<'_>) -> Vec<RecordedEvent> {
        let others = before.later.iter().filter(|(_, it)| it.metadata.device_id != commit.metadata.device_id);
        let events = others.flat_map(|(version, it)| RecordedEvent::of_commit((*it).clone(), *version, None));
        // what can't be read leaves the ground without a state
        self.decoder.decode(events.collect()).unwrap_or_default()
    }

    /// What the command led to at first, on what stood before with the device's own commits since; and what a merge makes of it.
    fn kept_or_merged(
        &self,
        commit: &Commit,
        command: &Command,
        again: &Context,
        before: &Before<'_>,
        policy: Policy,
        state: &State,
    ) -> Result<Vec<Vec<RecordedEvent>>, Objection> {
        let mut base = before.state.clone().map_err(|why| undecidable(&why))?;
        let own = before.later.iter().filter(|(_, it)| it.metadata.device_id == commit.metadata.device_id);
        let mut version = commit.since.unwrap_or_default();
        for (_, it) in own {
            let events = RecordedEvent::of_commit((*it).clone(), version + 1, None).collect();
            base = fold(self.decider, self.decoder, base, events).map_err(|why| undecidable(&why))?;
            version += it.count();
        }
        let first = Context { version, replay: false, arrived: vec![], ..again.clone() };
        let mine = self.decided(commit, self.decider.decide_safely(command, &base, &first), version)?;
        if policy != Policy::Merge {
            return Ok(vec![mine]);
        }
        let with_mine = evolve(self.decider, base.clone(), &mine).map_err(|why| undecidable(&why))?;
        let meeting = Meeting {
            command,
            base: &base,
            theirs: Side { state, events: &again.arrived },
            mine: Side { state: &with_mine, events: &mine },
            context: again,
        };
        let merged = match safely(|| self.decider.merge(&meeting)) {
            Some(Ok(Merged::Keep)) => return Ok(vec![mine]),
            Some(Ok(Merged::Events(events))) => self.decided(commit, Ok(events), self.version)?,
            Some(Err(error)) => return Err(refused(error)),
            None => return Err(broke("merge")),
        };
        // a person may have been asked instead, or the device not have had the function yet
        Ok(vec![merged, mine])
    }

    /// What was decided as events of the stream, in today's shape.
    fn decided(
        &self,
        commit: &Commit,
        events: Result<Vec<NewEvent>, DecideError>,
        version: Version,
    ) -> Decided {
        let events = events.map_err(refused)?.into_iter().map(|new| Event {
            id: EventId(Uuid::nil()),
            schema_version: new
                .schema_version
                .unwrap_or_else(|| self.decoder.newest(&new.event_type).unwrap_or(1)),
            event_type: new.event_type,
            data: new.data,
            occurred_at: new.occurred_at,
            custom: new.custom,
        });
        let decided = Commit { events: events.collect(), ..commit.clone() };
        let events = RecordedEvent::of_commit(decided, version + 1, None).collect();
        self.decoder.decode(events).map_err(|error| Objection::NotDecided(error.to_string()))
    }
}

/// A decision that can't bring down the server: a function of the app that panics has failed.
trait Safely {
    fn decide_safely(
        &self,
        command: &Command,
        state: &State,
        context: &Context,
    ) -> Result<Vec<NewEvent>, DecideError>;
}

impl<D: Decider + ?Sized> Safely for D {
    fn decide_safely(
        &self,
        command: &Command,
        state: &State,
        context: &Context,
    ) -> Result<Vec<NewEvent>, DecideError> {
        safely(|| self.decide(command, state, context)).unwrap_or_else(|| {
            Err(DecideError::Failed {
                aggregate: self.name().clone(),
                command_type: command.command_type.clone(),
                reason: "it panicked".into(),
            })
        })
    }
}

fn safely<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

/// The state after stored events, or why there is none.
pub(super) fn fold(
    decider: &dyn Decider,
    decoder: &Decoder,
    state: State,
    events: Vec<RecordedEvent>,
) -> Folded {
    let events = decoder.decode(events).map_err(|error| error.to_string())?;
    evolve(decider, state, &events)
}

fn evolve(decider: &dyn Decider, state: State, events: &[RecordedEvent]) -> Folded {
    match safely(|| decider.evolve(state, events)) {
        Some(state) => state.map_err(|error| error.to_string()),
        None => Err(format!("evolve of {} panicked", decider.name())),
    }
}

fn refused(error: DecideError) -> Objection {
    match error {
        DecideError::Refused { code, message } => Objection::Rule { code, message },
        other => Objection::NotDecided(other.to_string()),
    }
}

fn undecidable(why: &str) -> Objection {
    Objection::NotDecided(format!("the stream has no state that it could be decided on: {why}"))
}

fn broke(what: &str) -> Objection {
    Objection::NotDecided(format!("{what} panicked"))
}

/// Whether both say the same. Of a commit that was rebased, events may have kept a moment and keys that deciding again gives none of.
fn same(decided: &[RecordedEvent], said: &[RecordedEvent], was_rebased: bool) -> Result<(), Objection> {
    if decided.len() != said.len() {
        let (decided, said) = (decided.len(), said.len());
        let why = format!("its command leads to {decided} events, and it has {said}");
        return Err(Objection::NotDecided(why));
    }
    for (index, (decided, said)) in decided.iter().zip(said).enumerate() {
        let (decided, said) = (&decided.event, &said.event);
        let field = if decided.event_type != said.event_type {
            "type"
        } else if decided.schema_version != said.schema_version {
            "schemaVersion"
        } else if !difference(Some(&decided.data), Some(&said.data)).is_empty() {
            "data"
        } else if decided.occurred_at != said.occurred_at && !(was_rebased && decided.occurred_at.is_none()) {
            "occurredAt"
        } else if !(was_rebased && decided.custom.is_none()
            || difference(decided.custom.as_ref(), said.custom.as_ref()).is_empty())
        {
            "custom"
        } else {
            continue;
        };
        let why = format!("event {index} has another {field} than its command leads to");
        return Err(Objection::NotDecided(why));
    }
    Ok(())
}
