//! Rebase: bringing pending commits onto confirmed events that arrived before them.
//!
//! Pure: the same pending commits on the same bases give the same plan.

mod base;
mod held;
mod verdict;

pub use base::Base;
pub use held::Held;

use crate::{
    aggregate::Registry,
    commit::{PendingCommit, Reason, RejectedCommit},
    conflict::{Became, Choice, Parked},
    id::CommitId,
    mistake::{Mistake, made},
    stream::StreamName,
    time::Timestamp,
    upcast::Decoder,
};
use std::collections::{BTreeSet, HashMap, HashSet};
use uuid::Uuid;
use verdict::{Verdict, builds_on};

/// What becomes of the pending commits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Commits with new expected versions, and where decided again with new events, by ascending sequence.
    pub replaced: Vec<PendingCommit>,
    /// Sequences of commits that have nothing left to say: what they wanted is so already.
    pub absorbed: Vec<u64>,
    /// Commits that can't be confirmed any more.
    pub rejected: Vec<(u64, RejectedCommit)>,
    /// Commits that a person is asked about from now on; they and what builds on them stay as they are.
    pub parked: Vec<Parked>,
    /// What became of each commit that did not stay as it was, by sequence, in the order of the queue.
    pub became: Vec<(u64, Became)>,
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
    /// Commits that a person was asked about.
    pub parked: &'a [Parked],
    /// The answers: parked commits that are settled by this.
    pub answers: &'a HashMap<CommitId, Choice>,
}

impl Rebase<'_> {
    /// Brings `pending` (all pending commits that may be affected, by ascending sequence) onto `bases` (the streams that
    /// moved). Commits of other streams stay as they are, unless a rejected commit caused them.
    #[must_use]
    pub fn plan(&self, pending: &[PendingCommit], bases: &HashMap<StreamName, Base>) -> Plan {
        let mut bases = bases.clone();
        let mut plan = Plan::default();
        let mut gone: HashMap<Uuid, CommitId> = HashMap::new();
        let mut held: HashSet<&StreamName> = HashSet::new();
        for commit in pending {
            let id = commit.commit.id;
            let cause = commit.commit.metadata.causation_id.and_then(|cause| gone.get(&cause).copied());
            let cause = cause.filter(|_| !made(Mistake::EffectOutlivesCause));
            let reason = match (self.refused.get(&id), cause) {
                (Some(reason), _) => Some(reason.clone()),
                (None, Some(cause)) => Some(builds_on(cause)),
                (None, None) => None,
            };
            let stream = &commit.commit.stream;
            let parked = self.parked.iter().find(|parked| parked.id == id);
            let answer = self.answers.get(&id).filter(|_| parked.is_some());
            let mut base = bases.get_mut(stream);
            if let (Some(base), Some(parked)) = (&mut base, parked) {
                base.since = base.since.min(parked.since);
            }
            let verdict = match (reason, base) {
                (None, None) => continue,
                (Some(reason), None) => {
                    plan.needs.insert(stream.clone());
                    Verdict::Rejected(reason)
                }
                (Some(reason), Some(base)) => {
                    base.moved = true;
                    base.pass(commit, self.decoder);
                    Verdict::Rejected(reason)
                }
                // what builds on a question is decided once it is answered
                (None, Some(base)) if (parked.is_some() && answer.is_none()) || held.contains(stream) => {
                    held.insert(stream);
                    base.take(commit, self.decoder);
                    base.pass(commit, self.decoder);
                    Verdict::Unchanged
                }
                (None, Some(base)) => {
                    let verdict = self.judge(commit, answer, base);
                    base.moved |= !matches!(verdict, Verdict::Unchanged);
                    base.pass(commit, self.decoder);
                    if let Verdict::Asked = verdict {
                        held.insert(stream);
                        plan.parked.push(Parked { id, since: base.since, asked_at: self.now });
                    }
                    verdict
                }
            };
            if let Some(became) = verdict.became() {
                plan.became.push((commit.sequence, became));
            }
            match verdict {
                Verdict::Unchanged | Verdict::Asked => {}
                Verdict::Replaced(_, replacement) => plan.replaced.push(*replacement),
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
}
