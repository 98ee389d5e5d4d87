//! Time travel: states and rows as they stood, and what changed between two moments.
//!
//! The confirmed part of the past is read page by page and never kept. Only the pending tail, which is as long as the queue, is
//! read in one go, so that a rebase in the middle of it can't be seen half.

use super::{
    At, Engine, Inner, QueryContext, QueryKind, ReadError,
    error::unknown_projection,
    past::{Decodes, Past, PastState, Scan, Two, check_found},
};
use crate::{
    aggregate::{Decider, State},
    difference::FieldChange,
    event::RecordedEvent,
    json::Json,
    log::{Place, Query, store::Store},
    projection::Projector,
    replay::{Prefix, Projecting},
    stream::StreamName,
    version::Version,
};
use serde::Serialize;
use std::rc::Rc;

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
