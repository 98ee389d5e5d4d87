//! Appending: requests that wait together are checked in order against the index and written as one batch.

use super::{
    AppendError, Appended, Draft, LogError, Seen,
    block::{Encoded, Packer, Region, Standing, size_hint},
    desk::Slot,
    event_log::{Inner, Job},
    rows::rejected_key,
    sorted::Sorted,
    store::{Batch, Store, Table, Write, Written},
    view::View,
};
use crate::{
    id::{CommitId, EventId},
    mistake::{Mistake, made},
    stream::StreamName,
    time::Timestamp,
    version::{ExpectedVersion, Version},
};

/// Requests are gathered into one batch up to about this many bytes.
const GROUP: usize = 1 << 20;

/// Drafts to append, all or none.
pub(super) struct Request {
    pub(super) drafts: Vec<Draft>,
    pub(super) resolves: Vec<CommitId>,
    /// What the drafts were decided on.
    pub(super) seen: Seen,
    pub(super) now: Timestamp,
    pub(super) answer: Slot<Result<Vec<Appended>, AppendError>>,
}

impl Request {
    fn size(&self) -> usize {
        self.drafts.iter().map(|draft| size_hint(&draft.commit)).sum()
    }

    fn is_abandoned(&self) -> bool {
        self.answer.is_left_to(1)
    }
}

/// Why a request can't be written, as far as the index tells.
enum Refusal {
    Conflict { stream: StreamName, expected: ExpectedVersion, actual: Version },
    AlreadyPending(CommitId),
    CauseRejected { id: CommitId, cause: CommitId },
    Archived { stream: StreamName, version: Version },
    NotRejected(CommitId),
    Moved,
}

/// What becomes of a group of requests: a batch with those that fit, and those that don't, in their order.
struct Plan {
    accepted: Vec<(Request, Vec<Appended>)>,
    refused: Vec<(Request, Refusal)>,
    region: Region,
    blocks: Vec<Encoded>,
    first: Option<First>,
    batch: Batch,
}

/// The first commit of a plan, and what was known of it before: enough to find it if it was written after all.
struct First {
    id: CommitId,
    /// Its first event. Another tab may have written another commit of the same id: a command that was given in both.
    event: Option<EventId>,
    stream: StreamName,
    confirmed_version: Version,
    was_rejected: bool,
}

/// The view as it will be with the requests accepted so far.
struct Prospect<'v> {
    view: &'v View,
    region: Region,
    versions: Sorted<StreamName, Version>,
    ids: Sorted<CommitId, ()>,
    resolved: Sorted<CommitId, ()>,
    next_key: u64,
    packer: Packer,
    first: Option<First>,
}

impl<'v> Prospect<'v> {
    fn new(view: &'v View) -> Self {
        let region = view.appends_to();
        Self {
            view,
            region,
            versions: Sorted::default(),
            ids: Sorted::default(),
            resolved: Sorted::default(),
            next_key: view.next_key(region),
            packer: Packer::new(region),
            first: None,
        }
    }

    fn version(&self, stream: &StreamName) -> Version {
        self.versions.get(stream).copied().unwrap_or_else(|| self.view.index.version(stream))
    }

    /// Checks a whole request, then takes it in.
    fn accept(&mut self, request: &Request) -> Result<Vec<Appended>, Refusal> {
        if !request.seen.is(&self.view.head()) {
            return Err(Refusal::Moved);
        }
        let mut versions: Sorted<StreamName, Version> = Sorted::default();
        let mut ids = Sorted::default();
        for Draft { commit, .. } in &request.drafts {
            let stream = &commit.stream;
            if let Some(marker) = self.view.archive.marker(stream) {
                return Err(Refusal::Archived { stream: stream.clone(), version: marker.version });
            }
            let actual = versions.get(stream).copied().unwrap_or_else(|| self.version(stream));
            let expected = commit.expected_version;
            if !expected.is_met_by(actual) {
                return Err(Refusal::Conflict { stream: stream.clone(), expected, actual });
            }
            versions.insert(stream.clone(), actual + commit.count());
            let is_known = self.view.index.sequence(commit.id).is_some() || self.ids.contains(&commit.id);
            if is_known || ids.insert(commit.id, ()).is_some() {
                return Err(Refusal::AlreadyPending(commit.id));
            }
            let cause = commit.metadata.causation_id.and_then(|cause| self.view.rejected_cause(cause));
            // a retry is caused by what it takes the place of
            if let Some(cause) = cause.filter(|cause| !request.resolves.contains(cause))
                && !made(Mistake::EffectOfRejected)
            {
                return Err(Refusal::CauseRejected { id: commit.id, cause });
            }
        }
        for id in &request.resolves {
            if !self.view.rejected.contains(id) || self.resolved.contains(id) {
                return Err(Refusal::NotRejected(*id));
            }
        }
        for (id, ()) in ids.entries() {
            self.ids.insert(*id, ());
        }
        for id in &request.resolves {
            self.resolved.insert(*id, ());
        }
        Ok(request.drafts.iter().map(|draft| self.place(draft, request.now)).collect())
    }

    fn place(&mut self, draft: &Draft, now: Timestamp) -> Appended {
        let Draft { commit, policy } = draft;
        let key = self.next_key;
        let first_version = self.version(&commit.stream) + 1;
        self.versions.insert(commit.stream.clone(), first_version - 1 + commit.count());
        self.first.get_or_insert_with(|| First {
            id: commit.id,
            event: commit.events.first().map(|event| event.id),
            stream: commit.stream.clone(),
            confirmed_version: self.view.index.confirmed_version(&commit.stream),
            was_rejected: self.view.rejected.contains(&commit.id),
        });
        let is_confirmed = self.region == Region::Confirmed;
        let (standing, keys) = if is_confirmed {
            (Standing::Confirmed { first_version, recorded_at: now }, commit.count())
        } else {
            (Standing::Pending { policy: *policy, reoffered: false }, 1)
        };
        self.packer.push(key, standing, commit);
        self.next_key += keys;
        Appended {
            first_version,
            first_position: is_confirmed.then_some(key),
            sequence: (!is_confirmed).then_some(key),
        }
    }
}

fn plan(view: &View, requests: Vec<Request>) -> Plan {
    let mut prospect = Prospect::new(view);
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    for request in requests {
        match prospect.accept(&request) {
            Ok(appended) => accepted.push((request, appended)),
            Err(refusal) => refused.push((request, refusal)),
        }
    }
    let Prospect { region, resolved, packer, first, .. } = prospect;
    let blocks = packer.finish();
    let mut writes = Vec::new();
    for block in &blocks {
        block.add(&mut writes);
    }
    if made(Mistake::AppendOverwrites) {
        for write in &mut writes {
            if let Write::Add(table, key, row) = write {
                *write = Write::Put(*table, key.clone(), row.clone());
            }
        }
    }
    writes
        .extend(resolved.entries().iter().map(|(id, ())| Write::Delete(Table::Rejected, rejected_key(*id))));
    // Taking commits off the rejected list is more than adding rows at the end.
    let new_epoch = (resolved.len() > 0).then_some(view.epoch + 1);
    let epoch = (!made(Mistake::AppendIgnoresEpoch)).then_some(view.epoch);
    let batch = Batch { epoch, new_epoch, writes, ..Batch::default() };
    Plan { accepted, refused, region, blocks, first, batch }
}

impl<S: Store> Inner<S> {
    /// Writes the first request and those that wait behind it.
    pub(super) async fn append_group(&self, first: Request) {
        let mut size = first.size();
        let mut waiting = vec![first];
        let is_append = |job: &Job| matches!(job, Job::Append(_));
        while size < GROUP
            && let Some(Job::Append(next)) = self.desk.next_if(is_append)
        {
            size += next.size();
            waiting.push(next);
        }
        waiting.retain(|request| !request.is_abandoned());
        let mut is_fresh = false;
        while !waiting.is_empty() {
            let certain = self.view.borrow().certain();
            if let Err(error) = certain {
                return answer_all(waiting, &error);
            }
            let epoch = self.view.borrow().epoch;
            let Plan { accepted, refused, region, blocks, first, batch } = plan(&self.view.borrow(), waiting);
            if accepted.is_empty() {
                if is_fresh {
                    return self.refuse(refused).await;
                }
                // This view may be behind: what looks like a conflict may be none, and the other way round.
                waiting = requests(refused);
                if let Err(error) = self.refresh().await {
                    return answer_all(waiting, &error);
                }
                is_fresh = true;
                continue;
            }
            let new_epoch = batch.new_epoch;
            let mut written = self.store.write(batch).await.map_err(LogError::from);
            if matches!(written, Ok(Written::Collision)) {
                written = self.after_collision(first).await;
            }
            match written {
                Ok(Written::Done) => {
                    self.take_in(epoch, new_epoch, region, &blocks, &accepted);
                    for (request, appended) in accepted {
                        request.answer.answer(Ok(appended));
                    }
                    // Whether the others fit is decided on what is durable, not on what was planned.
                    waiting = requests(refused);
                    is_fresh = true;
                    self.desk.announce();
                }
                Ok(Written::Collision) => {
                    waiting = requests(accepted).into_iter().chain(requests(refused)).collect();
                    is_fresh = true;
                }
                Err(_) if made(Mistake::AppendAcknowledgedAnyway) => {
                    for (request, appended) in accepted {
                        request.answer.answer(Ok(appended));
                    }
                    waiting = requests(refused);
                }
                Err(error) => {
                    answer_all(requests(accepted), &error);
                    waiting = requests(refused);
                }
            }
        }
    }

    /// Catches up. Done if the collision was with our own write: the store may write again when an answer was lost. By then
    /// the commit may have been pulled as confirmed, or rejected.
    async fn after_collision(&self, first: Option<First>) -> Result<Written, LogError> {
        self.refresh().await?;
        if made(Mistake::AppendTrustsCollision) {
            return Ok(Written::Done);
        }
        let Some(First { id, event, stream, confirmed_version, was_rejected }) = first else {
            return Ok(Written::Collision);
        };
        let found = loop {
            let (sequence, is_rejected) = {
                let view = self.view.borrow();
                (view.index.sequence(id), !was_rejected && view.rejected.contains(&id))
            };
            if is_rejected {
                return Ok(Written::Done);
            }
            let Some(sequence) = sequence else {
                break self.find_confirmed(&stream, id, confirmed_version).await?.map(|found| found.commit);
            };
            let next = self.pending(sequence.saturating_sub(1), 1, usize::MAX).await?.into_iter().next();
            match next.map(|found| found.commit).filter(|commit| commit.id == id) {
                // Not pending any more: another holder synced while this one looked.
                None if self.view.borrow().index.sequence(id) != Some(sequence) => {}
                found => break found,
            }
        };
        let is_ours = found.is_some_and(|found| found.events.first().map(|event| event.id) == event);
        Ok(if is_ours { Written::Done } else { Written::Collision })
    }

    /// Takes what was written into the view, unless the view has been read anew from the store since and holds it already.
    fn take_in(
        &self,
        epoch: u64,
        new_epoch: Option<u64>,
        region: Region,
        blocks: &[Encoded],
        accepted: &[(Request, Vec<Appended>)],
    ) {
        let mut view = self.view.borrow_mut();
        let is_behind = blocks.first().is_none_or(|block| view.index.end(region) <= block.directory.first);
        if view.epoch != epoch || !is_behind {
            return;
        }
        view.take(blocks);
        for (request, _) in accepted {
            for id in &request.resolves {
                view.rejected.remove(id);
            }
        }
        view.epoch = new_epoch.unwrap_or(epoch);
        drop(view);
        self.keep_at_hand(blocks);
    }

    async fn refuse(&self, refused: Vec<(Request, Refusal)>) {
        for (request, refusal) in refused {
            let error = match refusal {
                Refusal::AlreadyPending(id) => AppendError::AlreadyPending { id },
                Refusal::CauseRejected { id, cause } => AppendError::CauseRejected { id, cause },
                Refusal::Archived { stream, version } => AppendError::Archived { stream, version },
                Refusal::NotRejected(id) => AppendError::NotRejected { id },
                Refusal::Moved => AppendError::Moved,
                Refusal::Conflict { stream, expected, actual } => {
                    let missing = match expected {
                        ExpectedVersion::Exact(version) => {
                            self.load(&stream, version, Version::MAX, false).await
                        }
                        _ => Ok(Vec::new()),
                    };
                    match missing {
                        Ok(missing) => AppendError::Conflict { stream, expected, actual, missing },
                        Err(error) => error.into(),
                    }
                }
            };
            request.answer.answer(Err(error));
        }
    }
}

fn requests<T>(with: Vec<(Request, T)>) -> Vec<Request> {
    with.into_iter().map(|(request, _)| request).collect()
}

fn answer_all(requests: Vec<Request>, error: &LogError) {
    for request in requests {
        request.answer.answer(Err(error.clone().into()));
    }
}
