//! Snapshots at work: states begin with the nearest one that fits, and new ones are taken in the background.

use super::{
    Changed, Engine, Inner, ReadError,
    states::{Kept, Tally},
};
use crate::{
    aggregate::{Decider, State},
    event::RecordedEvent,
    id::EventId,
    json::Json,
    log::{
        LogError,
        store::{Batch, Bytes, Key, Selection, Store, Table, Write},
    },
    metrics::Counter,
    snapshot::{
        Compression, Fingerprint, Keeper, MIN_EVENTS, Mode, Situation, SnapshotInfo, SnapshotPolicy,
        row::{Row, key, prefix, prefix_of_aggregate, surplus},
    },
    stream::StreamName,
    version::Version,
};
use std::{cell::RefCell, collections::VecDeque, rc::Rc};

/// The most streams that wait for a snapshot. Others are considered again when they change or are loaded.
const WAITING: usize = 1_000;

/// What the engine knows about snapshots as a whole.
pub(super) struct Keeping {
    policy: SnapshotPolicy,
    compression: Option<Rc<dyn Compression>>,
    upcasters: String,
    /// The streams of which one is to be taken, the first one first.
    due: RefCell<VecDeque<StreamName>>,
}

/// Where to begin: a state, and the events after it as they are in the log.
pub(super) struct Resumed {
    pub(super) kept: Kept,
    pub(super) events: Vec<RecordedEvent>,
    /// The event that the state ends with, if it comes from a snapshot.
    last: Option<EventId>,
}

impl Resumed {
    /// From a state at hand.
    pub(super) fn warm(events: Vec<RecordedEvent>, kept: Kept) -> Self {
        Self { kept, events, last: None }
    }
}

/// An aggregate's way of keeping states.
struct Way<'a> {
    keeper: &'a dyn Keeper,
    policy: &'a SnapshotPolicy,
    fingerprint: Fingerprint,
}

impl Keeping {
    pub(super) fn new(
        policy: SnapshotPolicy,
        compression: Option<Rc<dyn Compression>>,
        upcasters: String,
    ) -> Self {
        Self { policy, compression, upcasters, due: RefCell::default() }
    }

    /// How an aggregate's states are kept; none if they are not.
    fn way<'a>(&'a self, decider: &'a Rc<dyn Decider>) -> Option<Way<'a>> {
        let keeper = decider.keeper()?;
        let policy = keeper.policy().unwrap_or(&self.policy);
        let fingerprint = Fingerprint::of(&[&keeper.fingerprint().0.to_string(), &self.upcasters]);
        (policy.mode != Mode::Never).then_some(Way { keeper, policy, fingerprint })
    }

    /// The state that a row holds.
    async fn read(&self, keeper: &dyn Keeper, row: &Row<'_>) -> Option<State> {
        let bytes = match (row.is_compressed, &self.compression) {
            (false, _) => row.state.to_vec(),
            (true, Some(compression)) => compression.decompress(row.state.to_vec()).await?,
            (true, None) => return None,
        };
        // the checksum of the row held, so it is the text that was written
        let json = Json::trusted(std::str::from_utf8(&bytes).ok()?).ok()?;
        keeper.read(&json).ok()
    }
}

impl<S: Store> Engine<S> {
    /// Takes a snapshot of the confirmed state of an aggregate's instance now; none if it has no confirmed event.
    ///
    /// # Errors
    /// [`ReadError::Unkeepable`] if its states are not kept, or JSON can't hold this one; otherwise as [`Engine::load`].
    pub async fn take_snapshot(&self, aggregate: &str, id: &str) -> Result<Option<SnapshotInfo>, ReadError> {
        self.inner.keep(&StreamName::of(aggregate, id)?).await
    }

    /// The snapshots of an aggregate's instance, the oldest first. Rows that can't be read are left out.
    ///
    /// # Errors
    /// [`ReadError`]: an unknown aggregate, a bad name, storage that fails.
    pub async fn snapshots(&self, aggregate: &str, id: &str) -> Result<Vec<SnapshotInfo>, ReadError> {
        let stream = StreamName::of(aggregate, id)?;
        let decider = self.inner.decider(aggregate)?;
        let fingerprint = self.inner.keeping.way(&decider).map(|way| way.fingerprint);
        let rows = self.inner.rows_of(prefix(&stream)).await?;
        let listed = rows.iter().filter_map(|(_, bytes)| {
            let row = Row::decode(bytes, &stream).ok()?;
            Some(info(&stream, &row, bytes.len(), fingerprint))
        });
        Ok(listed.collect())
    }

    /// Removes the snapshots of an aggregate's instance, or without an id of all its instances; how many there were. The
    /// aggregate need not be registered: so what is left of one that is no more can be removed.
    ///
    /// # Errors
    /// [`ReadError`]: a bad name, storage that fails.
    pub async fn discard_snapshots(&self, aggregate: &str, id: Option<&str>) -> Result<usize, ReadError> {
        // without an id any will do: it checks the name of the aggregate
        let stream = StreamName::of(aggregate, id.unwrap_or("any"))?;
        let prefix = if id.is_some() { prefix(&stream) } else { prefix_of_aggregate(stream.aggregate()) };
        let count = self.inner.rows_of(Rc::clone(&prefix)).await?.len();
        self.inner.write_rows(vec![Write::DeletePrefix(Table::Snapshots, prefix)]).await?;
        // what is at hand counts from a snapshot that is gone: it is loaded anew
        self.inner.states.take();
        Ok(count)
    }
}

fn info(stream: &StreamName, row: &Row<'_>, stored: usize, today: Option<Fingerprint>) -> SnapshotInfo {
    SnapshotInfo {
        stream: stream.clone(),
        version: row.version,
        taken_at: row.taken_at,
        size: row.size,
        stored: stored as u64,
        current: today == Some(row.fingerprint),
    }
}

impl<S: Store> Inner<S> {
    async fn rows_of(&self, prefix: Rc<str>) -> Result<Vec<(Key, Bytes)>, LogError> {
        let loaded = self.log.store().load(&[Selection::Prefix(Table::Snapshots, prefix)]).await?;
        Ok(loaded.rows.into_iter().flatten().collect())
    }

    async fn write_rows(&self, writes: Vec<Write>) -> Result<(), LogError> {
        // nothing here is added, so there is nothing to collide with
        let _done = self.log.store().write(Batch { writes, ..Batch::default() }).await?;
        Ok(())
    }

    /// The nearest state at or below a version, and the events after it up to and including that version: from the latest
    /// snapshot that fits, else from the beginning.
    pub(super) async fn resume(
        &self,
        decider: &Rc<dyn Decider>,
        stream: &StreamName,
        to: Version,
    ) -> Result<Resumed, ReadError> {
        if let Some(resumed) = self.nearest_snapshot(decider, stream, to).await? {
            return Ok(resumed);
        }
        let revision = self.log.head().revision;
        let events = self.log.load_until(stream, 0, to).await?;
        let kept = Kept { version: 0, revision, state: decider.initial()?, tally: Tally::default() };
        Ok(Resumed { kept, events, last: None })
    }

    /// The latest snapshot at or below a version that fits, and the events after it up to and including that version. If there
    /// are some that don't fit, new ones are taken in the background.
    pub(super) async fn nearest_snapshot(
        &self,
        decider: &Rc<dyn Decider>,
        stream: &StreamName,
        to: Version,
    ) -> Result<Option<Resumed>, ReadError> {
        let Some(way) = self.keeping.way(decider) else { return Ok(None) };
        if to.min(self.log.confirmed_version(stream)) < MIN_EVENTS {
            return Ok(None);
        }
        let revision = self.log.head().revision;
        let rows = self.rows_of(prefix(stream)).await.unwrap_or_else(|_| {
            self.meter.count(Counter::SnapshotsFailed, 1);
            Vec::new()
        });
        for (key, bytes) in rows.iter().rev() {
            let counter = match self.try_row(&way, stream, bytes, to).await? {
                Fit::Beyond => continue,
                Fit::Well(row, state, mut events) => {
                    self.meter.count(Counter::SnapshotHits, 1);
                    events.drain(..1);
                    let tally = Tally::since(&row);
                    let kept = Kept { version: row.version, revision, state, tally };
                    return Ok(Some(Resumed { kept, events, last: Some(row.event) }));
                }
                Fit::Not(counter) => counter,
                Fit::Ahead => {
                    // the others go when a new one is written; this one might seem to fit by its number by then
                    if self.write_rows(vec![Write::Delete(Table::Snapshots, key.clone())]).await.is_err() {
                        self.meter.count(Counter::SnapshotsFailed, 1);
                    }
                    Counter::SnapshotsAhead
                }
            };
            self.meter.count(counter, 1);
            self.want_snapshot(stream);
        }
        self.meter.count(Counter::SnapshotMisses, 1);
        Ok(None)
    }

    /// Whether a row can be begun with, and if so with which events: from its own last one on, which proves that it belongs
    /// here.
    async fn try_row<'r>(
        &self,
        way: &Way<'_>,
        stream: &StreamName,
        bytes: &'r Bytes,
        to: Version,
    ) -> Result<Fit<'r>, ReadError> {
        let Ok(row) = Row::decode(bytes, stream) else {
            return Ok(Fit::Not(Counter::SnapshotsUnreadable));
        };
        if row.fingerprint != way.fingerprint {
            return Ok(Fit::Not(Counter::SnapshotsOutdated));
        }
        // this tab may only be behind the one that took it
        if row.version > self.log.confirmed_version(stream) && self.log.catch_up().await? {
            self.announce(None);
        }
        if row.version > self.log.confirmed_version(stream) {
            return Ok(Fit::Ahead);
        }
        if row.version > to {
            return Ok(Fit::Beyond);
        }
        let events = self.log.load_until(stream, row.version - 1, to).await?;
        let ends_here = |event: &RecordedEvent| event.is_confirmed() && event.event.id == row.event;
        if !events.first().is_some_and(ends_here) {
            return Ok(Fit::Ahead);
        }
        Ok(match self.keeping.read(way.keeper, &row).await {
            Some(state) => Fit::Well(row, state, events),
            None => Fit::Not(Counter::SnapshotsUnreadable),
        })
    }

    /// Folds the events into the state they come after: the latest state. Sees whether a snapshot is due. `began` is when loading
    /// did, by the clock of [`Surroundings::elapsed`](crate::environment::Surroundings::elapsed).
    pub(super) fn evolved(
        &self,
        decider: &Rc<dyn Decider>,
        stream: &StreamName,
        resumed: Resumed,
        began: f64,
    ) -> Result<Kept, ReadError> {
        let mut tally = resumed.kept.tally;
        tally.add(&resumed.events);
        let kept = Kept { tally, ..self.folded(decider, resumed)? };
        let took = self.surroundings.elapsed() - began;
        self.consider(decider, stream, &kept.tally, took.max(0.0) as u64);
        Ok(kept)
    }

    /// Folds the events into the state they come after.
    pub(super) fn folded(&self, decider: &Rc<dyn Decider>, resumed: Resumed) -> Result<Kept, ReadError> {
        let Resumed { mut kept, events, .. } = resumed;
        kept.version = events.last().map_or(kept.version, |event| event.version);
        kept.state = self.fold(decider, kept.state, events)?;
        Ok(kept)
    }

    /// Has a snapshot taken in the background if the policy says so.
    pub(super) fn consider(&self, decider: &Rc<dyn Decider>, stream: &StreamName, tally: &Tally, took: u64) {
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
    pub(super) fn consider_confirmed(&self, streams: &[String]) {
        for name in streams {
            let Ok(stream) = StreamName::parse(name) else { continue };
            let tally = self.states.borrow().tally(&stream);
            if let (Some(tally), Ok(decider)) = (tally, self.decider(stream.aggregate())) {
                self.consider(&decider, &stream, &tally, 0);
            }
        }
    }

    fn want_snapshot(&self, stream: &StreamName) {
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
    pub(super) async fn keep_next(&self) -> bool {
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
    async fn keep(&self, stream: &StreamName) -> Result<Option<SnapshotInfo>, ReadError> {
        let kept = self.try_to_keep(stream).await;
        // one that was found on the way not to fit has been replaced, or can't be: either way it is not tried at once again
        self.keeping.due.borrow_mut().retain(|due| due != stream);
        kept
    }

    async fn try_to_keep(&self, stream: &StreamName) -> Result<Option<SnapshotInfo>, ReadError> {
        let decider = self.decider(stream.aggregate())?;
        let unkeepable = |reason: String| ReadError::Unkeepable { stream: stream.clone(), reason };
        let Some(way) = self.keeping.way(&decider) else {
            return Err(unkeepable("the aggregate does not keep its states, or its policy is never".into()));
        };
        let Some((version, event, state)) = self.confirmed_state(&decider, stream).await? else {
            return Ok(None);
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
        self.write_rows(writes).await?;
        self.meter.count(Counter::SnapshotsTaken, 1);
        Ok(Some(info(stream, &row, bytes.len(), Some(fingerprint))))
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

/// What a row is good for.
enum Fit<'r> {
    /// It is of a later version than the one wanted.
    Beyond,
    /// It ends with an event that is not there among the confirmed ones.
    Ahead,
    /// It can't be used; what counts that.
    Not(Counter),
    /// This state, and the events from its last one on.
    Well(Row<'r>, State, Vec<RecordedEvent>),
}
