//! What becomes of one pending commit.

use super::{Base, Rebase, base::events_of};
use crate::{
    aggregate::{Context, DecideError, Decider, State},
    commit::{Command, PendingCommit, Policy, Reason},
    conflict::{Became, Choice},
    event::{Event, NewEvent},
    id::{CommitId, EventId},
    merge::{Meeting, Merged, Side},
    mistake::{Mistake, made},
    version::{ExpectedVersion, Version},
};
use std::{collections::HashSet, rc::Rc, sync::Arc};

pub(super) enum Verdict {
    Unchanged,
    Replaced(Became, Box<PendingCommit>),
    Absorbed,
    Rejected(Reason),
    Asked,
}

impl Verdict {
    pub(super) fn became(&self) -> Option<Became> {
        match self {
            Self::Unchanged => None,
            Self::Replaced(became, _) => Some(*became),
            Self::Absorbed => Some(Became::Absorbed),
            Self::Rejected(_) => Some(Became::Rejected),
            Self::Asked => Some(Became::Asked),
        }
    }
}

impl Rebase<'_> {
    pub(super) fn judge(&self, pending: &PendingCommit, answer: Option<&Choice>, base: &mut Base) -> Verdict {
        if let Some(answer) = answer {
            return self.answered(pending, answer, base);
        }
        let commit = &pending.commit;
        let fits = commit.expected_version.is_met_by(base.version);
        let unchanged = match pending.policy {
            Policy::Keep => fits,
            Policy::Redecide | Policy::Reject | Policy::Ask | Policy::Merge => fits && !base.moved,
        };
        if unchanged {
            base.take(pending, self.decoder);
            return Verdict::Unchanged;
        }
        let policy = match pending.policy {
            Policy::Redecide if made(Mistake::NotDecidedAgain) => Policy::Keep,
            policy => policy,
        };
        match (policy, &commit.command) {
            (Policy::Redecide, Some(command)) => self.decide_again(pending, command, base),
            (Policy::Merge, Some(command)) => self.merge(pending, command, base),
            (Policy::Keep, _) => self.replace(Became::Kept, pending, commit.events.clone(), base),
            (Policy::Ask, _) => {
                base.take(pending, self.decoder);
                Verdict::Asked
            }
            (Policy::Redecide | Policy::Merge, None) | (Policy::Reject, _) => {
                Verdict::Rejected(moved(commit.expected_version, base.version))
            }
        }
    }

    /// What a person said.
    fn answered(&self, pending: &PendingCommit, answer: &Choice, base: &mut Base) -> Verdict {
        match (answer, &pending.commit.command) {
            (Choice::Keep, _) => self.replace(Became::Kept, pending, pending.commit.events.clone(), base),
            (Choice::Redecide, Some(command)) => self.decide_again(pending, command, base),
            (Choice::Redecide, None) => {
                let message = "it has no command that could be decided again";
                Verdict::Rejected(reason("undecidable", message.into(), None))
            }
            (Choice::Discard, _) => {
                Verdict::Rejected(reason("discarded", "a person decided against it".into(), None))
            }
            (Choice::Events(events), _) => {
                let events = self.identify(events.clone(), &pending.commit.events);
                self.replace(Became::Merged, pending, events, base)
            }
            (Choice::Command(command), _) => {
                let mut pending = pending.clone();
                pending.commit.command = Some(command.clone());
                self.decide_again(&pending, command, base)
            }
        }
    }

    fn decide_again(&self, pending: &PendingCommit, command: &Command, base: &mut Base) -> Verdict {
        let (decider, state) = match &base.state {
            Ok(known) => known,
            Err(why) => return Verdict::Rejected(reason("undecidable", why.clone(), None)),
        };
        match decider.decide(command, state, &again(pending, base)) {
            Ok(events) if events.is_empty() => Verdict::Absorbed,
            Ok(events) => {
                let before = &pending.commit.events;
                let events = self.identify(events, before);
                let is_same = events.iter().map(|event| event.id).eq(before.iter().map(|event| event.id));
                let became = if is_same { Became::Rebased } else { Became::Redecided };
                self.replace(became, pending, events, base)
            }
            Err(error) => refused(error),
        }
    }

    /// Asks the aggregate's merge function.
    fn merge(&self, pending: &PendingCommit, command: &Command, base: &mut Base) -> Verdict {
        let met = match self.meet(pending, command, base) {
            Ok(met) => met,
            Err(why) => return Verdict::Rejected(reason("undecidable", why, None)),
        };
        match met {
            Ok(Merged::Keep) => self.replace(Became::Kept, pending, pending.commit.events.clone(), base),
            Ok(Merged::Events(events)) if events.is_empty() => Verdict::Absorbed,
            Ok(Merged::Events(events)) => {
                let events = self.identify(events, &pending.commit.events);
                self.replace(Became::Merged, pending, events, base)
            }
            Err(error) => refused(error),
        }
    }

    /// Gives both sides to the merge function, as far as there are states of them.
    fn meet(
        &self,
        pending: &PendingCommit,
        command: &Command,
        base: &Base,
    ) -> Result<Result<Merged<NewEvent>, DecideError>, String> {
        let (decider, state): &(Rc<dyn Decider>, State) = base.state.as_ref().map_err(Clone::clone)?;
        let before = match &base.before {
            Some(before) => before.clone()?,
            None => Rc::clone(state),
        };
        let mine = events_of(pending, pending.first_version.max(1), self.decoder)?;
        let with_mine = decider.evolve(Rc::clone(&before), &mine).map_err(|error| error.to_string())?;
        Ok(decider.merge(&Meeting {
            command,
            base: &before,
            theirs: Side { state, events: &base.arrived },
            mine: Side { state: &with_mine, events: &mine },
            context: &again(pending, base),
        }))
    }

    /// Gives events ids: those that say what they said before keep theirs.
    fn identify(&self, events: Vec<NewEvent>, before: &[Event]) -> Vec<Event> {
        let mut kept = HashSet::new();
        events
            .into_iter()
            .enumerate()
            .map(|(index, new)| {
                let schema_version =
                    new.schema_version.unwrap_or_else(|| self.decoder.newest(&new.event_type).unwrap_or(1));
                let same = before.get(index).filter(|old| {
                    old.event_type == new.event_type
                        && old.schema_version == schema_version
                        && old.data == new.data
                });
                let id = new.id.or(same.map(|old| old.id)).filter(|id| kept.insert(*id));
                Event {
                    id: id.unwrap_or_else(|| EventId((self.new_id)())),
                    event_type: new.event_type,
                    schema_version,
                    data: new.data,
                    occurred_at: new.occurred_at.or(same.and_then(|old| old.occurred_at)),
                    custom: new.custom.or_else(|| same.and_then(|old| old.custom.clone())),
                }
            })
            .collect()
    }

    fn replace(
        &self,
        became: Became,
        pending: &PendingCommit,
        events: Vec<Event>,
        base: &mut Base,
    ) -> Verdict {
        let mut replacement = pending.clone();
        replacement.first_version = base.version + 1;
        if !made(Mistake::StaleVersion) {
            replacement.commit.expected_version = ExpectedVersion::Exact(base.version);
        }
        replacement.commit.generation += 1;
        replacement.commit.since = match became {
            Became::Kept | Became::Merged => pending.commit.since.or(Some(base.since)),
            _ => Some(base.since),
        };
        replacement.commit.events = events;
        if let Err(error) = replacement.commit.check() {
            return Verdict::Rejected(reason("invalid", error.to_string(), None));
        }
        base.take(&replacement, self.decoder);
        Verdict::Replaced(became, Box::new(replacement))
    }
}

/// The context of a decision that was made before.
fn again(pending: &PendingCommit, base: &Base) -> Context {
    let metadata = &pending.commit.metadata;
    Context {
        stream: pending.commit.stream.clone(),
        version: base.version,
        now: metadata.occurred_at,
        actor: metadata.actor.clone(),
        replay: true,
        arrived: base.arrived.clone(),
    }
}

fn refused(error: DecideError) -> Verdict {
    match error {
        DecideError::Refused { .. } if made(Mistake::RefusedCountsAsDone) => Verdict::Absorbed,
        DecideError::Refused { code, message } => Verdict::Rejected(reason("domain", message, code)),
        DecideError::UnknownCommand { .. } => {
            Verdict::Rejected(reason("undecidable", error.to_string(), None))
        }
        DecideError::Failed { .. } => Verdict::Rejected(reason("decide-failed", error.to_string(), None)),
    }
}

fn reason(code: &str, message: String, detail: Option<String>) -> Reason {
    Reason { code: Arc::from(code), message, detail, builds_on: None }
}

pub(super) fn builds_on(cause: CommitId) -> Reason {
    let message = format!("it was caused by commit {cause}, which was rejected");
    Reason { builds_on: Some(cause), ..reason("builds-on-rejected", message, None) }
}

fn moved(expected: ExpectedVersion, actual: Version) -> Reason {
    let message = format!(
        "its stream is at version {actual}, it was decided on {expected}, and its policy is to reject"
    );
    reason("policy", message, None)
}
