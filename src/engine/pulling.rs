//! Pulling, and what an answer of the server does to the log: `pushing` ends here too.

use super::{
    Inner, ReadError,
    fencing::Fence,
    following::{Course, Fetched, only},
    rebasing::Ground,
};
use crate::{
    commit::{Commit, ConfirmedCommit, PendingCommit, Reason},
    conflict::{Choice, Met, Parked},
    id::CommitId,
    log::{
        Applied, Change, Head, LogError, Stretch,
        store::{Store, StoreError},
    },
    metrics::{Counter, Timing},
    mistake::{Mistake, made},
    stream::StreamName,
    streams::Streams,
    sync::{
        live,
        machine::{Failure, Input, QUOTA_EXCEEDED},
        protocol::{Cursor, MAX_PAGE_EVENTS, MAX_PUSH_COMMITS, Page},
        transport::{self, Transport},
    },
    time::Timestamp,
    version::Version,
};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

/// What the loop remembers from one exchange to the next. All of it may be lost.
pub(super) struct Session {
    /// Streams in which the server saw a conflict that no pull has explained yet.
    pub(super) conflicts: RefCell<BTreeSet<StreamName>>,
    /// How many commits a push may hold; halved when the server finds a push too large or unreadable.
    pub(super) batch: Cell<usize>,
    /// What was heard, and the next pull need not ask for.
    pub(super) news: RefCell<Option<Box<live::News>>>,
    /// How pushes are told from those of a copy.
    pub(super) fence: Fence,
    /// The streams that the listening is about.
    pub(super) listened: RefCell<Streams>,
    /// Whether the server still had the history that is here, the last time it was asked: only then the past of other streams is fetched.
    pub(super) agreed: Cell<bool>,
    /// What stands for the streams that the server lets this client read by now, if they are not those that it could read before.
    pub(super) rights: RefCell<Option<Option<Arc<str>>>>,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            conflicts: RefCell::default(),
            batch: Cell::new(MAX_PUSH_COMMITS),
            news: RefCell::default(),
            fence: Fence::default(),
            listened: RefCell::default(),
            agreed: Cell::new(false),
            rights: RefCell::default(),
        }
    }
}

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

pub(super) fn failure(code: &'static str, message: String) -> Failure {
    Failure { code, message, retry_after: None, problem: None }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Log(error) => error.into(),
            error => failure("app", error.to_string()),
        }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        let code = match error {
            LogError::Store(StoreError::QuotaExceeded) => QUOTA_EXCEEDED,
            _ => "storage",
        };
        failure(code, error.to_string())
    }
}

impl<S: Store> Inner<S> {
    pub(super) async fn pull(&self, transport: &impl Transport, session: &Session) -> Result<Input, Failure> {
        self.log.catch_up().await?;
        let (head, followed) = (self.log.head(), self.log.followed());
        let rights_changed = session.rights.borrow().is_some();
        let Course { asked, fetches } = self.course(&head, &followed, rights_changed).await?;
        if let Some(target) = &fetches
            && session.agreed.take()
        {
            return self.fetch_past(transport, session, target.clone()).await;
        }
        let cursor = head.cursor;
        let heard = session.news.take();
        let fits = |news: &live::News| news.after == cursor && *session.listened.borrow() == asked;
        let heard = heard.filter(|news| fits(news) || made(Mistake::NewsTakenAnywhere));
        let page = match heard {
            Some(news) => news.page,
            None => match transport::pull(transport, &cursor, MAX_PAGE_EVENTS, &asked).await {
                Err(failure) if failure.is_of_lost_history() && !cursor.0.is_empty() => {
                    return self.go_back(transport).await;
                }
                page => page?,
            },
        };
        if page.scope.as_deref() != followed.scope.as_deref() && !cursor.0.is_empty() {
            // of streams that may be read only now, this page would be the middle
            self.check_log(&page.log_id)?;
            *session.rights.borrow_mut() = Some(page.scope.as_deref().map(Into::into));
            session.agreed.set(true);
            let pending = self.log.head().pending_commits;
            return Ok(Input::Pulled { up_to_date: false, pending, news: false });
        }
        *session.rights.borrow_mut() = None;
        let page = only(page, &asked);
        let up_to_date = page.up_to_date && fetches.is_none();
        session.agreed.set(fetches.is_some());
        let arrived = page.commits.iter().map(|commit| &commit.commit.stream);
        {
            let mut conflicts = session.conflicts.borrow_mut();
            for stream in arrived {
                conflicts.remove(stream);
            }
        }
        let mut news = News { page: Some(page), after: cursor, follow: asked, ..News::default() };
        if up_to_date {
            news.conflicts.clone_from(&session.conflicts.borrow());
        }
        let changed = self.take_in(&news).await?;
        if !changed && !self.fits(&news) {
            // another tab was faster
            return Ok(Input::Pulled {
                up_to_date: false,
                pending: self.log.head().pending_commits,
                news: false,
            });
        }
        if up_to_date {
            session.conflicts.borrow_mut().clear();
        }
        Ok(Input::Pulled { up_to_date, pending: self.waiting().await?, news: changed })
    }

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
