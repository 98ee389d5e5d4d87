//! Where to begin: the nearest state below a version, and whether a snapshot can be trusted.

use super::Way;
use crate::{
    aggregate::{Decider, State},
    engine::{
        Inner, ReadError,
        states::{Kept, Tally},
    },
    event::RecordedEvent,
    id::EventId,
    log::store::{Bytes, Store, Table, Write},
    metrics::Counter,
    snapshot::{
        MIN_EVENTS,
        row::{Row, prefix},
    },
    stream::StreamName,
    version::Version,
};
use std::rc::Rc;

/// Where to begin: a state, and the events after it as they are in the log.
pub(in crate::engine) struct Resumed {
    pub(in crate::engine) kept: Kept,
    pub(in crate::engine) events: Vec<RecordedEvent>,
    /// The event that the state ends with, if it comes from a snapshot.
    pub(super) last: Option<EventId>,
}

impl Resumed {
    /// From a state at hand.
    pub(in crate::engine) fn warm(events: Vec<RecordedEvent>, kept: Kept) -> Self {
        Self { kept, events, last: None }
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

impl<S: Store> Inner<S> {
    /// The nearest state at or below a version, and the events after it up to and including that version: from the latest
    /// snapshot that fits, else from the beginning.
    pub(in crate::engine) async fn resume(
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
    pub(in crate::engine) async fn nearest_snapshot(
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
    pub(in crate::engine) fn evolved(
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
    pub(in crate::engine) fn folded(
        &self,
        decider: &Rc<dyn Decider>,
        resumed: Resumed,
    ) -> Result<Kept, ReadError> {
        let Resumed { mut kept, events, .. } = resumed;
        kept.version = events.last().map_or(kept.version, |event| event.version);
        kept.state = self.fold(decider, kept.state, events)?;
        Ok(kept)
    }
}
