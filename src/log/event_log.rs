//! The log itself: what its holders call, and how its view is kept.

use super::{
    AppendError, Appended, Applied, Authority, Change, Draft, Head, LogError, Place, Seen,
    append::Request,
    block::{Packer, Region, Standing},
    cache::Cache,
    desk::{Desk, Slot, Work},
    open_blocks::damage,
    store::{Batch, Key, Store, Table, Write, Written},
    view::{View, fetch},
};
use crate::{
    commit::Policy,
    conflict::Parked,
    id::CommitId,
    stream::StreamName,
    time::Timestamp,
    version::{ExpectedVersion, Version},
};
use std::{cell::RefCell, rc::Rc};

/// Open blocks are kept at hand within about this many bytes.
const CACHE: usize = 8 << 20;

/// The log of one database, as one holder (one tab) sees it. Clones share it.
///
/// Calls may overlap freely. Changes are written one after the other; appends that come while a write is under way are
/// written together. A call that is dropped before it resolves may or may not have taken effect.
pub struct Log<S> {
    pub(super) inner: Rc<Inner<S>>,
}

impl<S> Clone for Log<S> {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner) }
    }
}

impl<S> std::fmt::Debug for Log<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}

pub(super) struct Inner<S> {
    pub(super) store: S,
    pub(super) view: RefCell<View>,
    pub(super) cache: RefCell<Cache>,
    pub(super) desk: Desk<Job>,
}

/// A change that waits for its turn.
pub(super) enum Job {
    /// An append: written together with its neighbours.
    Append(Request),
    /// Any other change, and whether its caller is gone.
    Other(Work, Box<dyn Fn() -> bool>),
}

impl<S: Store> Log<S> {
    /// Opens the log in a store. Reads directories, not events: a log of any length opens quickly.
    ///
    /// A database remembers its authority. One that belonged to this device and is opened for a server has its confirmed
    /// commits turned into pending ones, in order, with the exact version each was decided on and the policy to keep them.
    /// One that belonged to a server stays so when it is opened for this device: it is merely offline.
    ///
    /// # Errors
    /// [`LogError`] if storage fails or its head can't be read. Damaged blocks don't keep a log from opening;
    /// see [`Log::corrupt`].
    pub async fn open(store: S, authority: Authority) -> Result<Self, LogError> {
        let view = fetch(&store, authority).await?;
        let inner = Rc::new(Inner {
            store,
            view: RefCell::new(view),
            cache: RefCell::new(Cache::new(CACHE)),
            desk: Desk::new(),
        });
        // A collision means that another tab is at it at the same moment: look again.
        while !inner.is_settled_for(authority) && !inner.begin(authority).await? {
            inner.reload().await?;
        }
        Ok(Self { inner })
    }

    /// Who confirms.
    #[must_use]
    pub fn authority(&self) -> Authority {
        self.inner.view.borrow().record.authority
    }

    /// What the log knows about itself.
    #[must_use]
    pub fn head(&self) -> Head {
        self.inner.view.borrow().head()
    }

    /// The version of a stream, pending events included; 0 if there is no such stream.
    #[must_use]
    pub fn version(&self, stream: &StreamName) -> Version {
        self.inner.view.borrow().index.version(stream)
    }

    /// Whether a stream has an event, pending ones included.
    #[must_use]
    pub fn exists(&self, stream: &StreamName) -> bool {
        self.version(stream) > 0
    }

    /// The version of a stream as the authority knows it.
    #[must_use]
    pub fn confirmed_version(&self, stream: &StreamName) -> Version {
        self.inner.view.borrow().index.confirmed_version(stream)
    }

    /// The names of all streams, or those of one aggregate, sorted.
    #[must_use]
    pub fn streams(&self, aggregate: Option<&str>) -> Vec<StreamName> {
        self.inner.view.borrow().index.names(aggregate)
    }

    /// The sequence of a commit, if it is pending.
    #[must_use]
    pub fn pending_sequence(&self, id: CommitId) -> Option<u64> {
        self.inner.view.borrow().index.sequence(id)
    }

    /// The streams of pending commits, in the order of the queue; one may be named more than once.
    #[must_use]
    pub fn pending_streams(&self) -> Vec<StreamName> {
        let view = self.inner.view.borrow();
        view.index.queue().entries().iter().map(|(_, waiting)| waiting.stream.clone()).collect()
    }

    /// The sequences of a stream's pending commits, rising.
    #[must_use]
    pub fn pending_sequences(&self, stream: &StreamName) -> Vec<u64> {
        self.inner.view.borrow().index.pending_of(stream)
    }

    /// The rows found damaged so far, with what is wrong with each. A block's body is checked when it is first read.
    #[must_use]
    pub fn corrupt(&self) -> Vec<(Table, Key, String)> {
        let view = self.inner.view.borrow();
        let blocks = view.index.damaged().map(|(region, key, info)| {
            (region.table(), key.into(), info.damage.as_deref().unwrap_or_default().to_owned())
        });
        let others = view.bad_rows.iter().cloned();
        blocks.chain(others).collect()
    }

    /// Where a reader that met [`LogError::Corrupt`] goes on: the place beyond the damaged block, or before it when reading
    /// backwards. None if the row is not a block.
    #[must_use]
    pub fn place_beyond(&self, table: Table, key: &Key, backwards: bool) -> Option<Place> {
        let region = Region::BOTH.into_iter().find(|region| region.table() == table)?;
        let Key::Number(key) = *key else { return None };
        let view = self.inner.view.borrow();
        let info = view.index.blocks(region).get(&key)?;
        let next = view.index.block_after(region, key);
        Some(match (region, backwards) {
            (Region::Confirmed, true) => Place::Confirmed(key.saturating_sub(1)),
            (Region::Pending, true) => Place::Pending(key, 0),
            // Where even its range is unknown, it reaches up to the next block.
            (Region::Confirmed, false) if info.opaque => {
                next.map_or(Place::Pending(0, 0), |next| Place::Confirmed(next - 1))
            }
            (Region::Pending, false) if info.opaque => {
                next.map_or(Place::END, |next| Place::Pending(next, 0))
            }
            (Region::Confirmed, false) => Place::Confirmed(info.last),
            (Region::Pending, false) => Place::Pending(info.last.saturating_add(1), 0),
        })
    }

    /// Appends all drafts or none, in one transaction. Several drafts of one stream are checked one after the other.
    /// `resolves` are rejected commits that this append takes off the list in the same transaction.
    ///
    /// When it resolves the commits are durable. Appends that overlap are written together.
    ///
    /// # Errors
    /// [`AppendError`]; nothing is written then, unless storage itself failed in the middle and says so.
    pub async fn append(
        &self,
        drafts: Vec<Draft>,
        resolves: Vec<CommitId>,
        now: Timestamp,
    ) -> Result<Vec<Appended>, AppendError> {
        self.append_on(Seen::Versions, drafts, resolves, now).await
    }

    /// As [`Log::append`], for what was decided on more than the versions of streams.
    ///
    /// # Errors
    /// As [`Log::append`], and [`AppendError::Moved`] if the log is no longer as it was seen.
    pub async fn append_on(
        &self,
        seen: Seen,
        drafts: Vec<Draft>,
        resolves: Vec<CommitId>,
        now: Timestamp,
    ) -> Result<Vec<Appended>, AppendError> {
        for draft in &drafts {
            draft.commit.check()?;
        }
        if drafts.is_empty() && resolves.is_empty() {
            return Ok(Vec::new());
        }
        let answer = Slot::new();
        let request = Request { drafts, resolves, seen, now, answer: answer.share() };
        self.inner.desk.leave(Job::Append(request));
        self.inner.answer(answer).await
    }

    /// Applies what a pull brought to both regions, in one transaction.
    ///
    /// # Errors
    /// [`LogError::Misfit`] if the confirmed commits do not continue the log, [`LogError::Corrupt`] if a pending block that
    /// has to be rewritten can't be read, or storage failed. Nothing is changed then.
    pub async fn apply(&self, change: Change) -> Result<Applied, LogError> {
        let inner = Rc::clone(&self.inner);
        self.inner.take_turn(async move { inner.apply(change).await }).await
    }

    /// The pending commits that a person is asked about, in the order they were asked about.
    #[must_use]
    pub fn parked(&self) -> Vec<Parked> {
        self.inner.view.borrow().parked.clone()
    }

    /// Whether a commit is on the rejected list.
    #[must_use]
    pub fn is_rejected(&self, id: CommitId) -> bool {
        self.inner.view.borrow().rejected.contains(&id)
    }

    /// Takes a commit off the rejected list; whether it was there.
    ///
    /// # Errors
    /// [`LogError`] if storage fails.
    pub async fn discard(&self, id: CommitId) -> Result<bool, LogError> {
        match self.append(Vec::new(), vec![id], Timestamp(0)).await {
            Ok(_) => Ok(true),
            Err(AppendError::Log(error)) => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// One step of background merging: a run of small neighbouring blocks becomes one. True if there is more to do.
    ///
    /// # Errors
    /// [`LogError`] if storage fails.
    pub async fn merge(&self) -> Result<bool, LogError> {
        let inner = Rc::clone(&self.inner);
        self.inner.take_turn(async move { inner.merge().await }).await
    }

    /// Takes in what other tabs wrote. True if anything changed.
    ///
    /// # Errors
    /// [`LogError`] if storage fails.
    pub async fn catch_up(&self) -> Result<bool, LogError> {
        self.inner.refresh().await
    }

    /// The stream of a commit, if it is pending.
    #[must_use]
    pub fn pending_stream(&self, id: CommitId) -> Option<StreamName> {
        let view = self.inner.view.borrow();
        let sequence = view.index.sequence(id)?;
        view.index.queue().get(&sequence).map(|waiting| waiting.stream.clone())
    }

    /// The storage underneath, for the tables that are derived from the log.
    pub(crate) fn store(&self) -> &S {
        &self.inner.store
    }

    /// Lets go of the database. Calls after it answer [`StoreError::Closed`], as far as they need the store.
    pub fn close(&self) {
        self.inner.store.close();
    }
}

impl<S: Store> Inner<S> {
    /// Leaves a change and waits until it had its turn.
    pub(super) async fn take_turn<T: 'static>(
        self: &Rc<Self>,
        change: impl Future<Output = T> + 'static,
    ) -> T {
        let slot = Slot::new();
        let (answer, caller) = (slot.share(), slot.share());
        // Both copies in the job and the caller's own make three.
        let work = Box::pin(async move { answer.answer(change.await) });
        self.desk.leave(Job::Other(work, Box::new(move || caller.is_left_to(2))));
        self.answer(slot).await
    }

    async fn answer<T>(self: &Rc<Self>, slot: Slot<T>) -> T {
        self.desk.wait(slot, || Box::pin(Rc::clone(self).work())).await
    }

    /// Does all jobs there are, appends in groups.
    async fn work(self: Rc<Self>) {
        while let Some(job) = self.desk.next_if(|_| true) {
            match job {
                Job::Append(first) => self.append_group(first).await,
                Job::Other(_, is_abandoned) if is_abandoned() => {}
                Job::Other(work, _) => work.await,
            }
            self.desk.announce();
        }
    }

    fn is_settled_for(&self, authority: Authority) -> bool {
        let view = self.view.borrow();
        !view.is_new && (view.record.authority == authority || view.record.authority == Authority::Server)
    }

    /// Writes the first rows of a database, or hands its confirmed commits over to a server; false if another tab was faster.
    async fn begin(&self, authority: Authority) -> Result<bool, LogError> {
        let (mut record, confirmed, mut sequence, epoch) = {
            let view = self.view.borrow();
            view.certain()?;
            let confirmed: Vec<_> =
                view.index.blocks(Region::Confirmed).entries().iter().map(|(key, _)| *key).collect();
            (view.record.clone(), confirmed, view.next_sequence(), view.epoch)
        };
        let is_handed_over = record.authority == Authority::Device && authority == Authority::Server;
        let mut writes = Vec::new();
        let end = self.view.borrow().next_position();
        if is_handed_over && !confirmed.is_empty() {
            let mut queue = Packer::new(Region::Pending);
            for key in &confirmed {
                let Some(mut blocks) = self.open_blocks(epoch, &[(Region::Confirmed, *key)]).await? else {
                    return Ok(false);
                };
                let Some(block) = blocks.pop() else { continue };
                let block = block?;
                for record in block.records() {
                    let mut stored =
                        record.and_then(|record| record.decode()).map_err(|e| damage(&block, &e))?;
                    if let Standing::Confirmed { first_version, .. } = stored.standing {
                        stored.commit.expected_version = ExpectedVersion::Exact(first_version - 1);
                    }
                    queue.push(
                        sequence,
                        Standing::Pending { policy: Policy::Keep, reoffered: false },
                        &stored.commit,
                    );
                    sequence += 1;
                }
                writes.push(Write::Delete(Table::Confirmed, (*key).into()));
                writes.push(Write::Delete(Table::ConfirmedDirectory, (*key).into()));
            }
            for block in queue.finish() {
                block.add(&mut writes);
            }
            record.revision += 1;
        }
        record.authority = authority;
        record.next_sequence = sequence;
        writes.push(record.row());
        let absent = vec![(Table::Confirmed, end.into())];
        let batch =
            Batch { epoch: Some(epoch), new_epoch: Some(epoch + 1), absent, writes, ..Batch::default() };
        if self.store.write(batch).await? == Written::Collision {
            return Ok(false);
        }
        self.reload().await?;
        Ok(true)
    }
}
