//! Taking snapshots: when one is due, and how it is made.

use super::info;
use crate::{
    aggregate::{Decider, State},
    engine::{Changed, Inner, ReadError, states::Tally},
    id::EventId,
    log::{
        LogError,
        store::{Batch, Store, Table, Write, Written},
    },
    metrics::Counter,
    snapshot::{
        MIN_EVENTS, Situation, SnapshotInfo,
        row::{Row, key, prefix, surplus},
    },
    stream::StreamName,
    version::Version,
};
use std::rc::Rc;

/// The most streams that wait for a snapshot. Others are considered again when they change or are loaded.
const WAITING: usize = 1_000;

/// How taking one ended.
enum Kept {
    /// What was taken, if there was anything to take.
    Done(Option<SnapshotInfo>),
    /// The log has changed by more than appends meanwhile: nothing was written.
    Moved,
}

impl<S: Store> Inner<S> {
    /// Has a snapshot taken in the background if the policy says so.
    pub(in crate::engine) fn consider(
        &self,
        decider: &Rc<dyn Decider>,
        stream: &StreamName,
        tally: &Tally,
        took: u64,
    ) {
        let Some(way) = self.keeping.way(decider) else { return };
        if self.log.confirmed_version(stream) < MIN_EVENTS {
            return;
        }
        let age = tally.taken_at.map(|at| self.surroundings.stated().0.saturating_sub(at.0));
        let situation = Situation {
            events: self.log.confirmed_version(stream).saturating_sub(tally.version),
            bytes: tally.bytes,
            size: tally.size,
            // a clock that was set back in between says nothing
            age: age.map(|age| u64::try_from(age).unwrap_or(u64::MAX)),
            took,
        };
        if way.policy.is_due(&situation) {
            self.want_snapshot(stream);
        }
    }

    /// Looks again at streams of which pending events may have been confirmed.
    pub(in crate::engine) fn consider_confirmed(&self, streams: &[String]) {
        for name in streams {
            let Ok(stream) = StreamName::parse(name) else { continue };
            let tally = self.states.borrow().tally(&stream);
            if let (Some(tally), Ok(decider)) = (tally, self.decider(stream.aggregate())) {
                self.consider(&decider, &stream, &tally, 0);
            }
        }
    }

    pub(super) fn want_snapshot(&self, stream: &StreamName) {
        {
            let mut due = self.keeping.due.borrow_mut();
            if due.len() >= WAITING || due.contains(stream) {
                return;
            }
            due.push_back(stream.clone());
        }
        // nothing has changed, but there is something to do when idle
        self.host.changed(Changed { streams: Some(vec![]), sync: false });
    }

    /// Takes one snapshot that is due; whether there was one.
    pub(in crate::engine) async fn keep_next(&self) -> bool {
        let next = self.keeping.due.borrow_mut().pop_front();
        let Some(stream) = next else { return false };
        // a state that can't be kept is counted where that is found out
        if let Err(error) = self.keep(&stream).await
            && !matches!(error, ReadError::Unkeepable { .. })
        {
            self.meter.count(Counter::SnapshotsFailed, 1);
        }
        true
    }

    /// Takes a snapshot of the confirmed state of a stream, and removes those that it makes superfluous.
    pub(super) async fn keep(&self, stream: &StreamName) -> Result<Option<SnapshotInfo>, ReadError> {
        let kept = self.try_to_keep(stream).await;
        // one that was found on the way not to fit has been replaced, or can't be: either way it is not tried at once again
        self.keeping.due.borrow_mut().retain(|due| due != stream);
        kept
    }

    async fn try_to_keep(&self, stream: &StreamName) -> Result<Option<SnapshotInfo>, ReadError> {
        loop {
            let epoch = self.log.head().epoch;
            match self.keep_at(epoch, stream).await? {
                Kept::Done(info) => return Ok(info),
                Kept::Moved => self.log.catch_up().await?,
            };
        }
    }

    /// Takes a snapshot, provided that the log is still of this epoch when it is written: else what it was made of may have been
    /// lost by the server meanwhile, and found out by another tab.
    async fn keep_at(&self, epoch: u64, stream: &StreamName) -> Result<Kept, ReadError> {
        let decider = self.decider(stream.aggregate())?;
        let unkeepable = |reason: String| ReadError::Unkeepable { stream: stream.clone(), reason };
        let Some(way) = self.keeping.way(&decider) else {
            return Err(unkeepable("the aggregate does not keep its states, or its policy is never".into()));
        };
        let Some((version, event, state)) = self.confirmed_state(&decider, stream).await? else {
            return Ok(Kept::Done(None));
        };
        let taken_at = self.surroundings.stated();
        let (way_policy, fingerprint) = (way.policy, way.fingerprint);
        let json = way.keeper.write(&state);
        let size = json.as_ref().map_or(0, |json| json.len() as u64);
        // whatever becomes of it, the next attempt is due after as much again
        self.states
            .borrow_mut()
            .snapshotted(stream, &Tally { version, size, taken_at: Some(taken_at), bytes: 0 });
        let json = json.map_err(|reason| {
            self.meter.count(Counter::SnapshotsUnkeepable, 1);
            unkeepable(reason)
        })?;
        let compressed = match &self.keeping.compression {
            Some(compression) if way_policy.compress => {
                compression.compress(json.as_str().as_bytes().to_vec()).await
            }
            _ => None,
        };
        let state = compressed.as_deref().unwrap_or(json.as_str().as_bytes());
        let is_compressed = compressed.is_some();
        let row = Row { version, event, fingerprint, taken_at, size, is_compressed, state };
        let bytes = row.encode(stream);
        let rows = self.rows_of(prefix(stream)).await?;
        let gone = surplus(&rows, stream, version, fingerprint, way_policy.keep);
        let mut writes: Vec<Write> =
            gone.into_iter().map(|key| Write::Delete(Table::Snapshots, key)).collect();
        writes.push(Write::Put(Table::Snapshots, key(stream, version), Rc::clone(&bytes)));
        let batch = Batch { epoch: Some(epoch), writes, ..Batch::default() };
        if self.log.store().write(batch).await.map_err(LogError::from)? == Written::Collision {
            return Ok(Kept::Moved);
        }
        self.meter.count(Counter::SnapshotsTaken, 1);
        Ok(Kept::Done(Some(info(stream, &row, bytes.len(), Some(fingerprint)))))
    }

    /// The state of a stream's confirmed events, their number and the last of them; none if there is none.
    async fn confirmed_state(
        &self,
        decider: &Rc<dyn Decider>,
        stream: &StreamName,
    ) -> Result<Option<(Version, EventId, State)>, ReadError> {
        let confirmed = self.log.confirmed_version(stream);
        let at_hand = self.states.borrow_mut().get(stream, self.log.head().revision);
        // what is at hand is confirmed where nothing of the stream is pending
        let at_hand =
            at_hand.filter(|kept| kept.version == confirmed && self.log.version(stream) == confirmed);
        if let Some(kept) = at_hand {
            let events = self.log.load_until(stream, confirmed.saturating_sub(1), confirmed).await?;
            return Ok(events.last().map(|last| (confirmed, last.event.id, kept.state)));
        }
        let resumed = self.resume(decider, stream, confirmed).await?;
        let last = resumed.events.last().map(|event| event.event.id).or(resumed.last);
        let kept = self.folded(decider, resumed)?;
        Ok(last.map(|last| (kept.version, last, kept.state)))
    }
}
