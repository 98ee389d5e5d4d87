//! Rebasing: what pending commits are brought onto, read from the log, and what is told of it.

use super::{Inner, ReadError};
use crate::{
    aggregate::{Decider, State},
    commit::{ConfirmedCommit, PendingCommit, Policy, Reason},
    conflict::{Choice, Met, Parked},
    event::RecordedEvent,
    id::CommitId,
    log::store::Store,
    stream::StreamName,
    sync::{
        machine::Failure,
        rebase::{Base, Plan, Rebase},
    },
    version::Version,
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    rc::Rc,
};

/// What a rebase stands on.
pub(super) struct Ground<'a> {
    /// What arrived.
    pub(super) confirmed: &'a [ConfirmedCommit],
    /// Pending commits that are settled by it, as they were.
    pub(super) settled: &'a [PendingCommit],
    /// Those that are left.
    pub(super) left: &'a [PendingCommit],
    /// Those that a person was asked about.
    pub(super) parked: &'a [Parked],
}

impl<S: Store> Inner<S> {
    /// Brings the commits that are left onto what is confirmed. A rejection can reach further streams through causation: then
    /// their bases are fetched and the plan is made again.
    pub(super) async fn rebase(
        &self,
        refused: &HashMap<CommitId, Reason>,
        answers: &HashMap<CommitId, Choice>,
        ground: &Ground<'_>,
        moved: &BTreeSet<StreamName>,
        touched: &BTreeSet<StreamName>,
    ) -> Result<Plan, Failure> {
        let holding: HashSet<&StreamName> = ground.left.iter().map(|it| &it.commit.stream).collect();
        let mut bases = HashMap::new();
        let wanted = moved.union(touched).filter(|stream| holding.contains(stream));
        let mut wanted: Vec<StreamName> = wanted.cloned().collect();
        if wanted.is_empty() {
            return Ok(Plan::default());
        }
        let now =
            self.surroundings.now().map_err(|error| super::pulling::failure("app", error.to_string()))?;
        let new_id = || self.surroundings.id_at(now);
        let rebase = Rebase {
            registry: &self.registry,
            decoder: &self.decoder,
            now,
            new_id: &new_id,
            refused,
            parked: ground.parked,
            answers,
        };
        loop {
            for stream in wanted {
                let base = self.base(&stream, ground, moved.contains(&stream)).await?;
                bases.insert(stream, base);
            }
            let plan = rebase.plan(ground.left, &bases);
            if plan.needs.is_empty() {
                return Ok(plan);
            }
            wanted = plan.needs.into_iter().collect();
        }
    }

    async fn base(&self, stream: &StreamName, ground: &Ground<'_>, moved: bool) -> Result<Base, Failure> {
        let mut arrived = Vec::new();
        for it in ground.confirmed.iter().filter(|it| it.commit.stream == *stream) {
            let recorded = (it.first_position, it.recorded_at);
            arrived.extend(RecordedEvent::of_commit(it.commit.clone(), it.first_version, Some(recorded)));
        }
        let here = self.log.confirmed_version(stream);
        let version = arrived.last().map_or(here, |event| event.version);
        let of_stream = |it: &&PendingCommit| it.commit.stream == *stream;
        let asked = ground.left.iter().filter(of_stream).find_map(|it| {
            let parked = ground.parked.iter().find(|parked| parked.id == it.commit.id)?;
            Some(parked.since)
        });
        let since = asked.unwrap_or(here).min(here);
        let mut theirs = if since < here { self.theirs(stream, since).await? } else { vec![] };
        let own: HashSet<CommitId> = ground.settled.iter().map(|it| it.commit.id).collect();
        let foreign = arrived.iter().filter(|event| !own.contains(&event.commit_id)).cloned().collect();
        // events that can't be read leave the stream without a state below
        theirs.extend(self.decoder.decode(foreign).unwrap_or_default());
        let before = if ground.left.iter().filter(of_stream).any(|it| it.policy == Policy::Merge) {
            let before = self.stood(stream, since, ground.settled.iter().filter(of_stream)).await;
            Some(told(before)?)
        } else {
            None
        };
        let state = told(self.confirmed_with(stream, here, arrived).await)?;
        Ok(Base { version, state, moved, since, arrived: theirs, before })
    }

    /// What others confirmed in a stream beyond a version, in today's shape.
    pub(super) async fn theirs(
        &self,
        stream: &StreamName,
        since: Version,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let here = self.log.confirmed_version(stream);
        let mut theirs = self.log.load_until(stream, since, here).await?;
        theirs
            .retain(|event| !self.log.was_own(event.metadata.device_id, event.position.unwrap_or_default()));
        Ok(self.decoder.decode(theirs)?)
    }

    /// The state of a stream as its first pending commit was decided on it: confirmed up to a version, and own commits that are
    /// settled now.
    async fn stood<'a>(
        &self,
        stream: &StreamName,
        since: Version,
        settled: impl Iterator<Item = &'a PendingCommit>,
    ) -> Result<State, ReadError> {
        let (decider, mut state) = self.confirmed_with(stream, since, vec![]).await?;
        for own in settled {
            let events = RecordedEvent::of_commit(own.commit.clone(), own.first_version, None).collect();
            state = decider.evolve(state, &self.decoder.decode(events)?)?;
        }
        Ok(state)
    }

    /// The state of a stream's confirmed events here and those that arrived.
    async fn confirmed_with(
        &self,
        stream: &StreamName,
        here: Version,
        arrived: Vec<RecordedEvent>,
    ) -> Result<(Rc<dyn Decider>, State), ReadError> {
        let decider = self.decider(stream.aggregate())?;
        let mut resumed = self.resume(&decider, stream, here).await?;
        resumed.events.extend(arrived);
        let kept = self.folded(&decider, resumed)?;
        Ok((decider, kept.state))
    }

    /// What a plan does to each commit that does not stay as it was, in words for whoever listens.
    pub(super) fn met(&self, plan: &Plan, left: &[PendingCommit]) -> Vec<Met> {
        let shown = |commit: &crate::commit::Commit, first_version| {
            let events: Vec<_> = RecordedEvent::of_commit(commit.clone(), first_version, None).collect();
            self.decoder.show(events.clone()).unwrap_or(events)
        };
        let met = plan.became.iter().filter_map(|(sequence, status)| {
            let before = left.iter().find(|it| it.sequence == *sequence)?;
            let replaced = plan.replaced.iter().find(|it| it.sequence == *sequence);
            let rejected = plan.rejected.iter().find(|(its, _)| its == sequence);
            let commit = &replaced.unwrap_or(before).commit;
            Some(Met {
                status: *status,
                commit_id: commit.id,
                stream: commit.stream.clone(),
                command: commit.command.clone(),
                before: shown(&before.commit, before.first_version),
                after: replaced.map_or_else(Vec::new, |it| shown(&it.commit, it.first_version)),
                reason: rejected.map(|(_, it)| it.reason.clone()),
            })
        });
        met.collect()
    }
}

/// What a state came to: that the log can't be read ends the exchange, that the app's code can't make it is told by the plan.
fn told<T>(state: Result<T, ReadError>) -> Result<Result<T, String>, Failure> {
    match state {
        Err(ReadError::Log(error)) => Err(error.into()),
        state => Ok(state.map_err(|error| error.to_string())),
    }
}
