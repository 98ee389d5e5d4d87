//! Time travel: states and rows as they stood, and what changed between two moments.
//!
//! The confirmed part of the past is read page by page and never kept. Only the pending tail, which is as long as the queue, is
//! read in one go, so that a rebase in the middle of it can't be seen half.

use super::{At, Engine, Inner, QueryContext, QueryKind, ReadError, error::unknown_projection};
use crate::{
    aggregate::{Decider, State},
    difference::{FieldChange, difference},
    event::RecordedEvent,
    json::Json,
    log::{Place, Query, store::Store},
    projection::{ChangedRows, Projector, Then, Verdict, fold},
    replay::{Prefix, Projecting},
    stream::StreamName,
    version::Version,
};
use serde::Serialize;
use std::{
    collections::{BTreeSet, HashSet},
    rc::Rc,
};

/// The events read in one go.
const PAGE: usize = 1_000;

/// What became of an aggregate's state between two moments.
#[derive(Clone)]
pub struct StateDifference {
    /// The state at the first moment, and its version.
    pub before: (State, Version),
    /// The state at the second moment, and its version.
    pub after: (State, Version),
    /// The events between the two versions in their order, at most as many as were asked for. If the second moment is the
    /// earlier one, they are what the second has not seen.
    pub events: Vec<RecordedEvent>,
    /// How many events there are between them.
    pub total: u64,
}

/// What became of a row between two moments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowDifference {
    /// The row's key.
    pub key: String,
    /// The row at the first moment; none if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Json>,
    /// The row at the second moment; none if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Json>,
    /// The fields that differ.
    pub changes: Vec<FieldChange>,
}

/// What became of a projection between two moments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowsDifference {
    /// The rows that differ, sorted by key; a single row that was asked for, also if it doesn't.
    pub rows: Vec<RowDifference>,
    /// The events that belong to one moment and not to the other, in their order, at most as many as were asked for: for one row
    /// those that touched it, for all rows those of the types that the projection looks at.
    pub events: Vec<RecordedEvent>,
    /// How many such events there are.
    pub total: u64,
}

impl<S: Store> Engine<S> {
    /// A row of a projection as it stood at a moment, folded from the log: the rows that the engine keeps aren't touched.
    ///
    /// # Errors
    /// [`ReadError`]: an unknown projection, a moment that projections don't have, an event that is not in the log, a log or upcaster
    /// that fails, or an event that a projection with `Then::Stop` can't take in.
    pub async fn row_at(&self, projection: &str, key: &str, at: At) -> Result<Option<Json>, ReadError> {
        if at == At::Now {
            return self.row(projection, key).await;
        }
        let context = QueryContext::new(QueryKind::Row, projection, Some(key));
        let folded = self.inner.ask(context, self.inner.rows_at(projection, at)).await?;
        Ok(folded.row(key).cloned())
    }

    /// All rows of a projection as they stood at a moment, sorted by key.
    ///
    /// # Errors
    /// As [`Engine::row_at`].
    pub async fn rows_at(&self, projection: &str, at: At) -> Result<Vec<(String, Json)>, ReadError> {
        if at == At::Now {
            return self.rows(projection).await;
        }
        let context = QueryContext::new(QueryKind::Rows, projection, None);
        let folded = self.inner.ask(context, self.inner.rows_at(projection, at)).await?;
        Ok(folded.into_rows().into_iter().map(|(key, row)| ((*key).to_owned(), row)).collect())
    }

    /// What became of an aggregate between two moments, with at most `limit` of the events between them.
    ///
    /// # Errors
    /// As [`Engine::load`].
    pub async fn state_difference(
        &self,
        aggregate: &str,
        id: &str,
        from: At,
        to: At,
        limit: usize,
    ) -> Result<StateDifference, ReadError> {
        let before = self.load(aggregate, id, from).await?;
        let after = self.load(aggregate, id, to).await?;
        let (low, high) = (before.1.min(after.1), before.1.max(after.1));
        let stream = StreamName::of(aggregate, id)?;
        let query = Query { stream: Some(stream.clone()), ..Query::default() };
        let wanted = usize::try_from(high - low).unwrap_or(usize::MAX).min(limit);
        let mut events = Vec::new();
        let mut next = Some(self.place_of(&stream, low).await?);
        while let Some(from) = next.filter(|_| events.len() < wanted) {
            let page = self.read(&query, from, wanted - events.len()).await?;
            events.extend(page.events.into_iter().filter(|event| event.version <= high));
            next = page.next;
        }
        Ok(StateDifference { before, after, events, total: high - low })
    }

    /// What became of the rows of a projection between two moments, or of one of them, with at most `limit` of the events that
    /// made the difference.
    ///
    /// ```
    /// # use tidelog::{engine::{At, Engine, ReadError}, log::MemoryStore, time::Timestamp};
    /// # async fn example(tidelog: &Engine<MemoryStore>) -> Result<(), ReadError> {
    /// let third_of_march = At::Known(Timestamp(1_393_804_800_000));
    /// let since = tidelog.rows_difference("progress", Some("ada"), third_of_march, At::Now, 100).await?;
    /// for change in since.rows.iter().flat_map(|row| &row.changes) {
    ///     println!("{}: {:?} -> {:?}", change.path, change.before, change.after);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Engine::row_at`].
    pub async fn rows_difference(
        &self,
        projection: &str,
        key: Option<&str>,
        from: At,
        to: At,
        limit: usize,
    ) -> Result<RowsDifference, ReadError> {
        let mut two = Two {
            before: Past::of(self.inner.projector(projection)?, from)?,
            after: Past::of(self.inner.projector(projection)?, to)?,
            key,
            events: Vec::new(),
            total: 0,
            limit,
        };
        self.inner.scan(&Query::default(), &mut two).await?;
        two.before.check_found()?;
        two.after.check_found()?;
        Ok(two.into_difference())
    }
}

/// What a scan of the log feeds. Stored events are given, in the order of the log.
trait Scan {
    fn take(&mut self, inner: &dyn Decodes, events: Vec<RecordedEvent>) -> Result<(), ReadError>;
    fn is_over(&self) -> bool;
}

/// What a scan needs of an engine, whatever its store.
trait Decodes {
    fn decoded(&self, events: Vec<RecordedEvent>) -> Result<Vec<RecordedEvent>, ReadError>;
    fn folded(
        &self,
        decider: &Rc<dyn Decider>,
        state: State,
        events: Vec<RecordedEvent>,
    ) -> Result<State, ReadError>;
}

impl<S: Store> Decodes for Inner<S> {
    fn decoded(&self, events: Vec<RecordedEvent>) -> Result<Vec<RecordedEvent>, ReadError> {
        Ok(self.decoder.decode(events)?)
    }

    fn folded(
        &self,
        decider: &Rc<dyn Decider>,
        state: State,
        events: Vec<RecordedEvent>,
    ) -> Result<State, ReadError> {
        self.fold(decider, state, events)
    }
}

impl<S: Store> Inner<S> {
    pub(super) fn projector(&self, name: &str) -> Result<Rc<dyn Projector>, ReadError> {
        let named =
            self.views.iter().map(super::projections::View::projector).find(|it| **it.name() == *name);
        named.cloned().ok_or_else(|| unknown_projection(name))
    }

    /// The state of a stream at a moment, and its version.
    pub(super) async fn state_at(
        &self,
        decider: &Rc<dyn Decider>,
        stream: &StreamName,
        at: At,
    ) -> Result<(State, Version), ReadError> {
        if let At::Version(version) = at
            && let Some(resumed) = self.nearest_snapshot(decider, stream, version).await?
        {
            let kept = self.folded(decider, resumed)?;
            return Ok((kept.state, kept.version));
        }
        let (decider, stream) = (Rc::clone(decider), stream.clone());
        let query = Query { stream: Some(stream.clone()), ..Query::default() };
        let state = decider.initial()?;
        let mut past = PastState { decider, stream, prefix: Prefix::of(at), state, version: 0 };
        self.scan(&query, &mut past).await?;
        check_found(&past.prefix)?;
        Ok((past.state, past.version))
    }

    async fn rows_at(&self, projection: &str, at: At) -> Result<Projecting, ReadError> {
        let mut past = Past::of(self.projector(projection)?, at)?;
        self.scan(&Query::default(), &mut past).await?;
        past.check_found()?;
        Ok(past.folding)
    }

    /// Goes through the log in its order until the scan has enough: confirmed events page by page, then the pending ones.
    async fn scan(&self, query: &Query, scan: &mut dyn Scan) -> Result<(), ReadError> {
        let confirmed = Query { confirmed_only: true, ..query.clone() };
        let mut reached = 0;
        loop {
            let head = self.log.head();
            while reached < head.position {
                let mut page = self.log.read(&confirmed, Place::Confirmed(reached), PAGE).await?;
                reached = match page.next {
                    Some(Place::Confirmed(position)) => position,
                    _ => {
                        // what came in while reading is for the next round
                        page.events.retain(|event| event.position <= Some(head.position));
                        head.position
                    }
                };
                scan.take(self, page.events)?;
                if scan.is_over() {
                    return Ok(());
                }
            }
            let mut pending = Vec::new();
            let mut next = (head.pending_commits > 0).then_some(Place::Confirmed(head.position));
            while let Some(from) = next {
                let page = self.log.read(query, from, PAGE).await?;
                pending.extend(page.events);
                next = page.next;
            }
            let now = self.log.head();
            if (now.epoch, now.position, now.next_sequence) == (head.epoch, head.position, head.next_sequence)
            {
                return scan.take(self, pending);
            }
        }
    }
}

fn check_found(prefix: &Prefix) -> Result<(), ReadError> {
    prefix.misses().map_or(Ok(()), |commit| Err(ReadError::UnknownCommit(commit.to_string())))
}

/// The state of one stream at a moment.
struct PastState {
    decider: Rc<dyn Decider>,
    stream: StreamName,
    prefix: Prefix,
    state: State,
    version: Version,
}

impl Scan for PastState {
    fn take(&mut self, inner: &dyn Decodes, mut events: Vec<RecordedEvent>) -> Result<(), ReadError> {
        events.retain(|event| self.prefix.takes(event));
        if let Some(last) = events.last() {
            self.version = last.version;
            self.state = inner.folded(&self.decider, Rc::clone(&self.state), events)?;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.prefix.is_over_for(&self.stream)
    }
}

/// The rows of a projection at a moment.
struct Past {
    prefix: Prefix,
    folding: Projecting,
    projector: Rc<dyn Projector>,
    /// The streams of which an event failed: what follows of them is passed over, as in the rows that the engine keeps.
    parked: HashSet<StreamName>,
}

impl Past {
    fn of(projector: Rc<dyn Projector>, at: At) -> Result<Self, ReadError> {
        if let At::Version(_) = at {
            return Err(ReadError::NoVersion(projector.name().to_string()));
        }
        let folding = Projecting::new(Rc::clone(&projector));
        Ok(Self { prefix: Prefix::of(at), folding, projector, parked: HashSet::new() })
    }

    fn check_found(&self) -> Result<(), ReadError> {
        check_found(&self.prefix)
    }

    /// The rows that events would change. What becomes of an event that fails, the projection says.
    fn changed(&mut self, events: &[RecordedEvent]) -> Result<ChangedRows, ReadError> {
        let Self { folding, projector, parked, .. } = self;
        let then = projector.definition().on_error.then;
        let events = events.iter().filter(|event| !parked.contains(&event.stream)).cloned().collect();
        let mut stopped = None;
        let (changed, _) =
            fold(&**projector, events, &|key| folding.row(key).cloned(), &mut |event, error| match then {
                Then::Park => {
                    parked.insert(event.stream.clone());
                    Verdict::Park
                }
                Then::Skip => Verdict::Skip,
                Then::Stop => {
                    stopped = Some(error.clone());
                    Verdict::Halt
                }
            });
        stopped.map_or(Ok(changed), |error| Err(error.into()))
    }

    fn fold(&mut self, events: &[RecordedEvent]) -> Result<(), ReadError> {
        let changed = self.changed(events)?;
        self.folding.apply(changed);
        Ok(())
    }

    /// The events, in today's shape, that the projection is interested in.
    fn wanted(
        &self,
        inner: &dyn Decodes,
        events: Vec<RecordedEvent>,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let mut events = inner.decoded(events)?;
        events.retain(|event| self.folding.is_interested_in(event));
        Ok(events)
    }
}

impl Scan for Past {
    fn take(&mut self, inner: &dyn Decodes, mut events: Vec<RecordedEvent>) -> Result<(), ReadError> {
        events.retain(|event| self.prefix.takes(event));
        let events = self.wanted(inner, events)?;
        self.fold(&events)
    }

    fn is_over(&self) -> bool {
        self.prefix.is_over()
    }
}

/// The rows of a projection at two moments, and what lies between.
struct Two<'a> {
    before: Past,
    after: Past,
    key: Option<&'a str>,
    events: Vec<RecordedEvent>,
    total: u64,
    limit: usize,
}

impl Scan for Two<'_> {
    fn take(&mut self, inner: &dyn Decodes, events: Vec<RecordedEvent>) -> Result<(), ReadError> {
        // runs of events that belong to the same of the two moments
        let mut run = Vec::new();
        let mut whose = (false, false);
        for event in events {
            let its_own = (self.before.prefix.takes(&event), self.after.prefix.takes(&event));
            if its_own != whose {
                self.fold(inner, std::mem::take(&mut run), whose)?;
                whose = its_own;
            }
            run.push(event);
        }
        self.fold(inner, run, whose)
    }

    fn is_over(&self) -> bool {
        self.before.prefix.is_over() && self.after.prefix.is_over()
    }
}

impl Two<'_> {
    fn fold(
        &mut self,
        inner: &dyn Decodes,
        events: Vec<RecordedEvent>,
        whose: (bool, bool),
    ) -> Result<(), ReadError> {
        if events.is_empty() || whose == (false, false) {
            return Ok(());
        }
        let events = self.before.wanted(inner, events)?;
        match whose {
            (true, true) => {
                self.before.fold(&events)?;
                self.after.fold(&events)?;
            }
            (true, false) => self.note(false, &events)?,
            _ => self.note(true, &events)?,
        }
        Ok(())
    }

    /// Folds events that belong to one moment only, and notes those that made what was asked for.
    fn note(&mut self, later: bool, events: &[RecordedEvent]) -> Result<(), ReadError> {
        let side = if later { &mut self.after } else { &mut self.before };
        let Some(key) = self.key else {
            self.total += events.len() as u64;
            let left = self.limit.saturating_sub(self.events.len());
            self.events.extend(events.iter().take(left).cloned());
            return side.fold(events);
        };
        // most batches don't touch a single row that is asked for
        let parked = side.parked.clone();
        let changed = side.changed(events)?;
        if changed.iter().all(|(row, _)| **row != *key) {
            side.folding.apply(changed);
            return Ok(());
        }
        side.parked = parked;
        for event in events {
            let changed = side.changed(std::slice::from_ref(event))?;
            if changed.iter().any(|(row, _)| **row == *key) {
                self.total += 1;
                if self.events.len() < self.limit {
                    self.events.push(event.clone());
                }
            }
            side.folding.apply(changed);
        }
        Ok(())
    }

    fn into_difference(self) -> RowsDifference {
        let (before, after) = (self.before.folding.into_rows(), self.after.folding.into_rows());
        let mut keys = BTreeSet::new();
        keys.extend(before.keys().chain(after.keys()));
        let asked = |key: &&Rc<str>| self.key.is_none_or(|wanted| ***key == *wanted);
        let rows = keys.into_iter().filter(asked).filter_map(|key| {
            let (before, after) = (before.get(key), after.get(key));
            let changes = difference(before, after);
            (self.key.is_some() || !changes.is_empty()).then(|| RowDifference {
                key: (**key).to_owned(),
                before: before.cloned(),
                after: after.cloned(),
                changes,
            })
        });
        RowsDifference { rows: rows.collect(), events: self.events, total: self.total }
    }
}
