//! Rebase: bringing pending commits onto confirmed events that arrived before them.
//!
//! Pure: the same pending commits on the same bases give the same plan.

use crate::{
    aggregate::{Context, DecideError, Decider, Registry, State},
    commit::{Command, PendingCommit, Policy, Reason, RejectedCommit},
    event::{Event, NewEvent, RecordedEvent},
    id::{CommitId, EventId},
    mistake::{Mistake, made},
    stream::StreamName,
    time::Timestamp,
    upcast::Decoder,
    version::{ExpectedVersion, Version},
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    rc::Rc,
    sync::Arc,
};
use uuid::Uuid;

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
}

/// What becomes of the pending commits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Commits with new expected versions, and where decided again with new events, by ascending sequence.
    pub replaced: Vec<PendingCommit>,
    /// Sequences of commits that have nothing left to say: what they wanted is so already.
    pub absorbed: Vec<u64>,
    /// Commits that can't be confirmed any more.
    pub rejected: Vec<(u64, RejectedCommit)>,
    /// Streams without a base that lose a commit, because it was caused by a rejected one: give their bases and rebase again.
    pub needs: BTreeSet<StreamName>,
}

/// What a rebase needs from outside.
pub struct Rebase<'a> {
    /// The aggregates that decide again.
    pub registry: &'a Registry,
    /// Decoding of pending events before they evolve a state.
    pub decoder: &'a Decoder,
    /// The moment of the rebase, for `rejectedAt`.
    pub now: Timestamp,
    /// Makes ids for events that were decided anew.
    pub new_id: &'a dyn Fn() -> Uuid,
    /// Commits that the server refused, and why.
    pub refused: &'a HashMap<CommitId, Reason>,
}

impl Rebase<'_> {
    /// Brings `pending` (all pending commits that may be affected, by ascending sequence) onto `bases` (the streams that
    /// moved). Commits of other streams stay as they are, unless a rejected commit caused them.
    #[must_use]
    pub fn plan(&self, pending: &[PendingCommit], bases: &HashMap<StreamName, Base>) -> Plan {
        let mut bases = bases.clone();
        let mut plan = Plan::default();
        let mut gone: HashMap<Uuid, CommitId> = HashMap::new();
        for commit in pending {
            let id = commit.commit.id;
            let cause = commit.commit.metadata.causation_id.and_then(|cause| gone.get(&cause).copied());
            let cause = cause.filter(|_| !made(Mistake::EffectOutlivesCause));
            let reason = match (self.refused.get(&id), cause) {
                (Some(reason), _) => Some(reason.clone()),
                (None, Some(cause)) => Some(builds_on(cause)),
                (None, None) => None,
            };
            let base = bases.get_mut(&commit.commit.stream);
            let verdict = match (reason, base) {
                (None, None) => continue,
                (Some(reason), None) => {
                    plan.needs.insert(commit.commit.stream.clone());
                    Verdict::Rejected(reason)
                }
                (Some(reason), Some(base)) => {
                    base.moved = true;
                    Verdict::Rejected(reason)
                }
                (None, Some(base)) => {
                    let verdict = self.judge(commit, base);
                    base.moved |= !matches!(verdict, Verdict::Unchanged);
                    verdict
                }
            };
            match verdict {
                Verdict::Unchanged => {}
                Verdict::Replaced(replacement) => plan.replaced.push(*replacement),
                Verdict::Absorbed => plan.absorbed.push(commit.sequence),
                Verdict::Rejected(reason) => {
                    gone.insert(id.0, id);
                    gone.extend(commit.commit.events.iter().map(|event| (event.id.0, id)));
                    let commit_kept = commit.commit.clone();
                    let rejected = RejectedCommit { commit: commit_kept, reason, rejected_at: self.now };
                    plan.rejected.push((commit.sequence, rejected));
                }
            }
        }
        plan
    }

    fn judge(&self, pending: &PendingCommit, base: &mut Base) -> Verdict {
        let commit = &pending.commit;
        let fits = commit.expected_version.is_met_by(base.version);
        let unchanged = match pending.policy {
            Policy::Keep => fits,
            Policy::Redecide | Policy::Reject => fits && !base.moved,
        };
        if unchanged {
            self.take(pending, base);
            return Verdict::Unchanged;
        }
        let policy = match pending.policy {
            Policy::Redecide if made(Mistake::NotDecidedAgain) => Policy::Keep,
            policy => policy,
        };
        match (policy, &commit.command) {
            (Policy::Redecide, Some(command)) => self.decide_again(pending, command, base),
            (Policy::Keep, _) => self.replace(pending, commit.events.clone(), base),
            (Policy::Redecide, None) | (Policy::Reject, _) => {
                Verdict::Rejected(moved(commit.expected_version, base.version))
            }
        }
    }

    fn decide_again(&self, pending: &PendingCommit, command: &Command, base: &mut Base) -> Verdict {
        let (decider, state) = match &base.state {
            Ok(known) => known,
            Err(why) => return Verdict::Rejected(reason("undecidable", why.clone(), None)),
        };
        let metadata = &pending.commit.metadata;
        let context = Context {
            stream: pending.commit.stream.clone(),
            version: base.version,
            now: metadata.occurred_at,
            actor: metadata.actor.clone(),
            replay: true,
        };
        match decider.decide(command, state, &context) {
            Ok(events) if events.is_empty() => Verdict::Absorbed,
            Ok(events) => {
                let events = self.identify(events, &pending.commit.events);
                self.replace(pending, events, base)
            }
            Err(DecideError::Refused { .. }) if made(Mistake::RefusedCountsAsDone) => Verdict::Absorbed,
            Err(DecideError::Refused { code, message }) => Verdict::Rejected(reason("domain", message, code)),
            Err(error @ DecideError::UnknownCommand { .. }) => {
                Verdict::Rejected(reason("undecidable", error.to_string(), None))
            }
            Err(error @ DecideError::Failed { .. }) => {
                Verdict::Rejected(reason("decide-failed", error.to_string(), None))
            }
        }
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

    fn replace(&self, pending: &PendingCommit, events: Vec<Event>, base: &mut Base) -> Verdict {
        let mut replacement = pending.clone();
        replacement.first_version = base.version + 1;
        if !made(Mistake::StaleVersion) {
            replacement.commit.expected_version = ExpectedVersion::Exact(base.version);
        }
        replacement.commit.generation += 1;
        replacement.commit.events = events;
        if let Err(error) = replacement.commit.check() {
            return Verdict::Rejected(reason("invalid", error.to_string(), None));
        }
        self.take(&replacement, base);
        Verdict::Replaced(Box::new(replacement))
    }

    /// Lets the base stand on this commit too.
    fn take(&self, pending: &PendingCommit, base: &mut Base) {
        let events = RecordedEvent::of_commit(pending.commit.clone(), base.version + 1, None).collect();
        base.state = std::mem::replace(&mut base.state, Err(String::new())).and_then(|(decider, state)| {
            if made(Mistake::PendingForgotten) {
                return Ok((decider, state));
            }
            let events = self.decoder.decode(events).map_err(|error| error.to_string())?;
            let state = decider.evolve(state, &events).map_err(|error| error.to_string())?;
            Ok((decider, state))
        });
        base.version += pending.commit.count();
    }
}

enum Verdict {
    Unchanged,
    Replaced(Box<PendingCommit>),
    Absorbed,
    Rejected(Reason),
}

fn reason(code: &str, message: String, detail: Option<String>) -> Reason {
    Reason { code: Arc::from(code), message, detail, builds_on: None }
}

fn builds_on(cause: CommitId) -> Reason {
    let message = format!("it was caused by commit {cause}, which was rejected");
    Reason { builds_on: Some(cause), ..reason("builds-on-rejected", message, None) }
}

fn moved(expected: ExpectedVersion, actual: Version) -> Reason {
    let message = format!(
        "its stream is at version {actual}, it was decided on {expected}, and its policy is to reject"
    );
    reason("policy", message, None)
}
