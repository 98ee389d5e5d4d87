//! News from the server, and what they do to the log: of a pull, of the answer to a push, of what a person said about a conflict.

use super::{Inner, following::Fetched, pulling::failure, rebasing::Ground};
use crate::{
    commit::{Commit, ConfirmedCommit, PendingCommit, Reason},
    conflict::{Choice, Met, Parked},
    id::CommitId,
    log::{Applied, Change, Head, LogError, Stretch, store::Store},
    metrics::{Counter, Timing},
    mistake::{Mistake, made},
    stream::StreamName,
    streams::Streams,
    sync::{
        machine::Failure,
        protocol::{Cursor, Page},
    },
    time::Timestamp,
    version::Version,
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

/// What came from the server.
#[derive(Default)]
pub(super) struct News {
    pub(super) page: Option<Page>,
    /// The cursor that the page comes after. It counts only as long as the log stands there: after a restore, other commits may stand
    /// at the positions that a late page names.
    pub(super) after: Cursor,
    /// The streams that the page was asked for.
    pub(super) follow: Streams,
    /// What the page was put together from, if it is the past of streams that came to be followed.
    pub(super) fetched: Option<Fetched>,
    /// Commits that the server refused for good.
    pub(super) refused: HashMap<CommitId, Reason>,
    /// Commits whose command the log holds already, by the same id.
    pub(super) superseded: HashSet<CommitId>,
    /// Streams whose pending commits must be decided again though nothing foreign arrived in them.
    pub(super) conflicts: BTreeSet<StreamName>,
    /// What a person said about parked commits.
    pub(super) answers: HashMap<CommitId, Choice>,
}

/// What news mean for the log, and what to tell of it.
pub(super) struct Outcome {
    pub(super) change: Change,
    streams: Vec<String>,
    tally: Tally,
    met: Vec<Met>,
}

/// What a change comes down to, for the metrics.
#[derive(Default)]
struct Tally {
    /// Own commits that were confirmed: how often each was rebased, and when it was decided.
    own: Vec<(u32, Timestamp)>,
    /// Events of others.
    received: u64,
    absorbed: u64,
    rejected: u64,
}

impl<S: Store> Inner<S> {
    /// Whether what the log holds under the id of a pending commit stands for it: it comes from the same command, or it is about
    /// the same step of a process, which became a commit of its command on one device and a note on another.
    pub(super) fn stands_for(&self, own: &Commit, there: &Commit) -> bool {
        is_same_command(own, there)
            || self.is_process(own.stream.aggregate())
            || self.is_process(there.stream.aggregate())
    }

    /// Takes news into the log, in one transaction; whether anything changed. If another tab is faster, it computes again.
    pub(super) async fn take_in(&self, news: &News) -> Result<bool, Failure> {
        if let Some(page) = &news.page {
            self.check_log(&page.log_id)?;
        }
        loop {
            let seen = self.log.head();
            if !self.fits(news) {
                return Ok(false);
            }
            let Some(outcome) = self.change(news, seen).await? else { return Ok(false) };
            if self.apply(outcome).await? {
                return Ok(true);
            }
        }
    }

    /// Writes what news mean, and tells of it; false if another tab was faster: then they have to be looked at again.
    pub(super) async fn apply(&self, outcome: Outcome) -> Result<bool, LogError> {
        let Outcome { change, streams, tally, met } = outcome;
        if self.log.apply(change).await? == Applied::Stale {
            return Ok(false);
        }
        self.tally(tally);
        self.look_for_oldest().await;
        self.consider_confirmed(&streams);
        self.wrote(Some(streams));
        if !met.is_empty() {
            self.host.met(&met);
        }
        Ok(true)
    }

    fn tally(&self, tally: Tally) {
        let now = self.surroundings.stated().millis();
        for (generation, decided) in tally.own {
            let counter = if generation == 0 { Counter::Confirmed } else { Counter::Rebased };
            self.meter.count(counter, 1);
            self.meter.took(Timing::Confirm, now.saturating_sub(decided.millis()) as f64);
        }
        self.meter.count(Counter::Received, tally.received);
        self.meter.count(Counter::Absorbed, tally.absorbed);
        self.meter.count(Counter::Rejected, tally.rejected);
    }

    /// What the news means for the log as it stands at `seen`; none if nothing changes.
    pub(super) async fn change(&self, news: &News, seen: Head) -> Result<Option<Outcome>, Failure> {
        let confirmed = self.fresh(news, &seen)?;
        let pending = self.affected(news, &confirmed, &seen).await?;
        let by_id: HashMap<CommitId, &PendingCommit> = pending.iter().map(|it| (it.commit.id, it)).collect();

        let mut settled = HashSet::new();
        let mut tally = Tally::default();
        let mut moved: BTreeSet<StreamName> = news.conflicts.clone();
        let mut refused = news.refused.clone();
        let mut superseded = Vec::new();
        let mut foreign = false;
        for own in pending.iter().filter(|own| news.superseded.contains(&own.commit.id)) {
            settled.insert(own.sequence);
            moved.insert(own.commit.stream.clone());
        }
        for commit in &confirmed {
            let stream = &commit.commit.stream;
            let own = by_id.get(&commit.commit.id).filter(|_| !made(Mistake::OwnNotRecognised));
            match own {
                Some(own) if !self.stands_for(&own.commit, &commit.commit) => {
                    foreign = true;
                    moved.insert(stream.clone());
                    refused.insert(own.commit.id, taken(&commit.commit));
                }
                Some(own) => {
                    settled.insert(own.sequence);
                    tally.own.push((commit.commit.generation, own.commit.metadata.occurred_at));
                    if differs(own, commit) || self.changes_on_the_way(own) {
                        moved.insert(stream.clone());
                        moved.insert(own.commit.stream.clone());
                    }
                    if !self.log.is_own(commit.commit.metadata.device_id) && !own.reoffered {
                        superseded.push(own.commit.id);
                    }
                }
                None => {
                    foreign = true;
                    tally.received += commit.commit.count();
                    moved.insert(stream.clone());
                }
            }
        }
        let streams_of_refused = pending.iter().filter(|it| refused.contains_key(&it.commit.id));
        let mut touched = BTreeSet::new();
        touched.extend(streams_of_refused.map(|it| it.commit.stream.clone()));
        let in_order = pending.iter().take(settled.len()).all(|it| settled.contains(&it.sequence));
        let (own_settled, left): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|it| settled.contains(&it.sequence));
        // what waited behind a question that is settled elsewhere is judged now
        moved.extend(
            own_settled
                .iter()
                .filter(|it| self.log.parked().iter().any(|parked| parked.id == it.commit.id))
                .map(|it| it.commit.stream.clone()),
        );

        let moved_here = !moved.is_empty();
        let parked = self.log.parked();
        let asked = left.iter().filter(|it| news.answers.contains_key(&it.commit.id));
        touched.extend(asked.map(|it| it.commit.stream.clone()));
        let ground = Ground { confirmed: &confirmed, settled: &own_settled, left: &left, parked: &parked };
        let plan = self.rebase(&refused, &news.answers, &ground, &moved, &touched).await?;
        let gone_from_queue = |id: &CommitId| {
            own_settled.iter().any(|it| it.commit.id == *id)
                || plan.rejected.iter().any(|(_, it)| it.commit.id == *id)
                || news.answers.contains_key(id)
        };
        let mut still: Vec<Parked> = parked.iter().filter(|it| !gone_from_queue(&it.id)).cloned().collect();
        still.extend(plan.parked.iter().cloned());
        let asks = still != parked;
        let met = self.met(&plan, &left);
        let mut streams = moved;
        streams.extend(touched);
        streams.extend(confirmed.iter().map(|it| it.commit.stream.clone()));
        streams.extend(plan.rejected.iter().map(|(_, it)| it.commit.stream.clone()));
        let streams = streams.iter().map(|stream| stream.as_str().to_owned()).collect();

        let page = news.page.as_ref();
        let cursor = page.map(|page| page.cursor.clone()).filter(|cursor| *cursor != seen.cursor);
        let followed = self.followed_with(news);
        let log_id = page.map(|page| page.log_id.as_str().into()).filter(|_| seen.log_id.is_none());
        let gone = !news.superseded.is_empty() && !settled.is_empty();
        let rebased =
            gone || !(plan.replaced.is_empty() && plan.absorbed.is_empty() && plan.rejected.is_empty());
        let is_same = cursor.is_none() && log_id.is_none() && followed.is_none();
        if confirmed.is_empty() && !rebased && !asks && is_same {
            return Ok(None);
        }
        let absorbed = left.iter().filter(|it| plan.absorbed.contains(&it.sequence)).map(|it| it.commit.id);
        self.absorbed.borrow_mut().extend(absorbed);
        tally.absorbed = plan.absorbed.len() as u64;
        let of_others: HashSet<u64> =
            left.iter().filter(|it| self.is_foreign(it)).map(|it| it.sequence).collect();
        let (orphaned, rejected): (Vec<_>, Vec<_>) =
            plan.rejected.into_iter().partition(|(sequence, _)| of_others.contains(sequence));
        tally.rejected = rejected.len() as u64;
        self.superseded.borrow_mut().extend(superseded);
        let mut settled: Vec<u64> = settled.into_iter().chain(plan.absorbed).collect();
        crate::order::sort(&mut settled);
        let change = Change {
            revises: rebased || (seen.pending_commits > 0 && (foreign || !in_order || moved_here)),
            seen,
            confirmed,
            cursor,
            log_id,
            followed,
            inserts: stretches(news),
            settled,
            replaced: plan.replaced,
            rejected,
            parked: asks.then_some(still),
            orphaned,
        };
        Ok(Some(Outcome { change, streams, tally, met }))
    }

    /// The pending commits that the news may touch: all of them, or where the page merely confirms the head of the queue as it
    /// is, only those. A long queue is pushed in many rounds, and must not be read whole in each.
    async fn affected(
        &self,
        news: &News,
        confirmed: &[ConfirmedCommit],
        seen: &Head,
    ) -> Result<Vec<PendingCommit>, Failure> {
        if seen.pending_commits == 0 {
            return Ok(vec![]);
        }
        let is_page = news.refused.is_empty() && news.conflicts.is_empty();
        if is_page && news.superseded.is_empty() && news.answers.is_empty() {
            let first = if confirmed.is_empty() {
                vec![]
            } else {
                self.log.pending(0, confirmed.len(), usize::MAX).await?
            };
            let same = |(own, it): (&PendingCommit, &ConfirmedCommit)| {
                own.commit.id == it.commit.id && !differs(own, it)
            };
            if first.len() == confirmed.len() && first.iter().zip(confirmed).all(same) {
                return Ok(first);
            }
        }
        Ok(self.log.pending(0, usize::MAX, usize::MAX).await?)
    }

    /// The commits of the page that are not here yet, checked: the log must stay a prefix of the server's.
    fn fresh(&self, news: &News, seen: &Head) -> Result<Vec<ConfirmedCommit>, Failure> {
        let Some(page) = &news.page else { return Ok(vec![]) };
        let mut versions: HashMap<&StreamName, Version> = HashMap::new();
        let fills = news.fetched.is_some() || seen.cursor.0.is_empty();
        let mut last = 0;
        let mut fresh = Vec::new();
        for confirmed in &page.commits {
            let commit = &confirmed.commit;
            let bad = |what: String| {
                failure("bad-answer", format!("commit {} of the server's page {what}", commit.id))
            };
            commit.check().map_err(|error| bad(format!("is not valid: {error}")))?;
            if confirmed.first_position <= last {
                return Err(bad(format!("has position {}, not above {last}", confirmed.first_position)));
            }
            last = confirmed.last_position();
            let stream = &commit.stream;
            let version = versions.entry(stream).or_insert_with(|| self.log.confirmed_version(stream));
            // it is here: of a stream that was followed before, or from a backup
            if confirmed.first_version + commit.count() - 1 <= *version {
                continue;
            }
            if !fills && confirmed.first_position <= seen.position {
                return Err(bad(format!(
                    "has position {}, not above {}",
                    confirmed.first_position, seen.position
                )));
            }
            if confirmed.first_version != *version + 1 {
                return Err(bad(format!(
                    "starts at version {} of {stream}, which has {version} events here",
                    confirmed.first_version
                )));
            }
            *version += commit.count();
            fresh.push(confirmed.clone());
        }
        Ok(fresh)
    }
}

/// Where commits that come between others were fetched from.
fn stretches(news: &News) -> Vec<Stretch> {
    match (&news.fetched, &news.page) {
        (Some(fetched), _) => fetched.stretches().to_vec(),
        (None, Some(page)) if news.after.0.is_empty() => {
            let ends = page.commits.iter().map(ConfirmedCommit::last_position).collect();
            vec![Stretch { after: Cursor::default(), until: page.cursor.clone(), ends }]
        }
        _ => vec![],
    }
}

/// Whether two commits of one id come from one command. The data is not compared: a server may have written it anew.
fn is_same_command(own: &Commit, there: &Commit) -> bool {
    let command = |commit: &Commit| commit.command.as_ref().map(|command| Arc::clone(&command.command_type));
    own.stream == there.stream && command(own) == command(there)
}

/// Why a commit can't be confirmed whose id another command has.
pub(super) fn taken(by: &Commit) -> Reason {
    let what = by.command.as_ref().map_or("events that were appended", |command| &command.command_type);
    let message =
        format!("its command id stands in the log for {what} of stream {}: give it another one", by.stream);
    Reason { code: "command-id-taken".into(), message, detail: None, builds_on: None }
}

/// Whether a pending commit was confirmed as something else than it is here: at another version, or as it was before a rebase.
fn differs(own: &PendingCommit, confirmed: &ConfirmedCommit) -> bool {
    let ids = |commit: &Commit| commit.events.iter().map(|event| event.id).collect::<Vec<_>>();
    own.first_version != confirmed.first_version || ids(&own.commit) != ids(&confirmed.commit)
}
