//! Following the log: confirmed events into the lower layer, pending ones into the upper.

use super::{BATCH, Inner, Pending, ProjectionError, ReadError, State, UNSAVED, View, noted};
use crate::{
    event::RecordedEvent,
    log::{Place, Query, store::Store},
    projection::{
        ChangedRows, CurrentRow, Definition, Generation, Halted, Kind, OnError, Parked, Then, Verdict, fold,
    },
    time::Timestamp,
    version::Position,
};
use std::sync::Arc;

/// What became of some events.
struct Taken {
    changed: ChangedRows,
    /// The events that failed, in order, and what is to become of them. After a [`Verdict::Halt`] there is none.
    failed: Vec<(RecordedEvent, Verdict, ProjectionError)>,
    events: u64,
    /// How far it went, if not to the end.
    reached: Option<Position>,
}

impl<S: Store> Inner<S> {
    /// Brings a projection up and stores it if it is time; what fails is noted and told to the host. Whether there is more to do.
    pub(super) async fn follow(&self, view: &View, pages: usize) -> bool {
        match self.bring_up(view, pages).await {
            Ok(more) => more,
            Err(error) => {
                let noted = noted(&error, self.surroundings.now().ok());
                let is_new = view.with(|state| {
                    let is_new = state.error.as_ref().is_none_or(|known| known.message != noted.message);
                    state.error = Some(noted);
                    is_new
                });
                if is_new.unwrap_or(true) {
                    self.host.failed(&error);
                }
                false
            }
        }
    }

    /// Folds what the log holds beyond what the projection has reached, at most so many pages; whether there is more. Confirmed
    /// events never change, so each page of them goes in as it comes; pending ones go in only if nothing moved while they were
    /// read. Rows that are to be made anew are, one page at a time.
    pub(super) async fn bring_up(&self, view: &View, pages: usize) -> Result<bool, ReadError> {
        self.load(view).await?;
        let mut left = pages;
        loop {
            let head = self.log.head();
            let now = self.surroundings.now().ok();
            let known = view.with(|state| {
                if !state.is_current(view.definition(), &head) {
                    return None;
                }
                if let Some(halted) = &state.live.halted
                    && (halted.retry_at.is_none() || halted.retry_at > now)
                {
                    // rows of one position, not of some events after it
                    state.rows.pend(&state.live.layer, Vec::new(), true);
                    state.pending = None;
                    return Some((true, 0, None));
                }
                let pending = state.pending.as_ref().filter(|it| it.revision == head.revision);
                Some((false, state.live.position, pending.map(|it| it.place)))
            });
            let Some(Some((is_halted, position, pending))) = known else {
                if view.with(|state| state.is_held).unwrap_or_default() {
                    return Ok(false);
                }
                let more = self.rebuild_page(view).await?;
                let head = self.log.head();
                if more || !view.with(|state| state.is_current(view.definition(), &head)).unwrap_or_default()
                {
                    return Ok(more);
                }
                continue;
            };
            if is_halted {
                return Ok(false);
            }
            if position < head.position {
                if left == 0 {
                    return Ok(true);
                }
                left -= 1;
                self.take_page(view, false, head.position).await?;
                if view.with(|state| state.live.since_saved >= UNSAVED).unwrap_or_default() {
                    self.save(view).await;
                }
                continue;
            }
            let afresh = pending.is_none() || head.pending_commits == 0;
            if afresh && head.pending_commits == 0 {
                view.with(|state| {
                    state.rows.pend(&state.live.layer, Vec::new(), true);
                    state.pending = Some(Pending { place: None, revision: head.revision });
                });
                return Ok(false);
            }
            let start = Place::Confirmed(head.position);
            let mut from = pending.flatten().filter(|_| !afresh).unwrap_or(start).max(start);
            let mut events = Vec::new();
            loop {
                let page = self.log.read(&self.wanted(view, false), from, BATCH).await?;
                events.extend(page.events);
                match page.next {
                    Some(next) => from = next,
                    None => break,
                }
            }
            let now = self.log.head();
            if (now.epoch, now.position, now.next_sequence) != (head.epoch, head.position, head.next_sequence)
            {
                continue;
            }
            self.take_pending(view, events, afresh, head.revision, head.next_sequence);
            return Ok(false);
        }
    }

    /// The events of the log that may concern a projection.
    fn wanted(&self, view: &View, confirmed_only: bool) -> Query {
        let definition = view.definition();
        Query {
            types: self.decoder.stored_types(&definition.types),
            aggregate: match &definition.aggregates[..] {
                [only] => Some(Arc::clone(only)),
                _ => None,
            },
            confirmed_only,
            ..Query::default()
        }
    }

    /// Folds the next page of confirmed events into a generation: the one that is read, or the shadow.
    pub(super) async fn take_page(&self, view: &View, shadow: bool, end: Position) -> Result<(), ReadError> {
        let position = view.with(|state| generation(state, shadow).map(|it| it.position)).flatten();
        let Some(position) = position else { return Ok(()) };
        let history = self.log.head().history();
        let page = self.log.read(&self.wanted(view, true), Place::Confirmed(position), BATCH).await?;
        if self.log.head().history() != history {
            return Ok(()); // the next look finds rows of another history
        }
        let mut events = page.events;
        let reached = match page.next {
            Some(Place::Confirmed(position)) => position,
            _ => {
                // what came in while reading is for the next page
                events.retain(|event| event.position <= Some(end));
                end
            }
        };
        let told = view.with(|state| {
            let State { live, shadow: beside, rows, .. } = state;
            let generation = match beside {
                Some(beside) if shadow => beside,
                _ => live,
            };
            if generation.position == 0 {
                generation.history = history;
            }
            events.retain(|event| !generation.parked.contains_key(&event.stream));
            let row = |key: &str| generation.layer.get(key).cloned();
            let mut on_error = view.definition().on_error;
            if shadow {
                // who makes rows anew can do so again
                on_error.retries = 0;
            }
            let taken = self.take(view, on_error, events, generation.halted.as_ref(), &row);
            let position = taken.reached.unwrap_or(reached).max(generation.position);
            generation.since_saved += position.saturating_sub(generation.position).max(1);
            generation.position = position;
            generation.events += taken.events;
            if shadow {
                for (key, row) in taken.changed {
                    generation.layer.set(key, row);
                }
            } else {
                rows.confirm(&mut generation.layer, taken.changed);
            }
            generation.halted = None;
            let mut told = Vec::new();
            for (event, verdict, error) in taken.failed {
                match verdict {
                    Verdict::Park => {
                        let parked = self.parked(&event, Arc::clone(&error.message));
                        generation.park(&event.stream, Some(parked));
                    }
                    Verdict::Skip => generation.skipped += 1,
                    Verdict::Halt => {
                        let (failures, retry_at) = (error.failures, error.retry_at);
                        generation.halted =
                            Some(Halted { stream: event.stream, version: event.version, failures, retry_at });
                    }
                }
                told.push(error);
            }
            state.error = match (&told.last(), &state.error) {
                (Some(error), _) => Some((*error).clone()),
                (None, Some(known)) if known.stream.is_some() && known.retry_at.is_none() => {
                    Some(known.clone())
                }
                _ => None,
            };
            told
        });
        for error in told.into_iter().flatten() {
            if let (Some(retry_at), Ok(now)) = (error.retry_at, self.surroundings.now()) {
                self.host.later((retry_at.millis() - now.millis()).max(0).cast_unsigned());
            }
            self.host.failed(&error.failure(view.projector.name()));
        }
        Ok(())
    }

    fn take_pending(&self, view: &View, events: Vec<RecordedEvent>, afresh: bool, revision: u64, next: u64) {
        view.with(|state| {
            let State { live, rows, pending, .. } = state;
            let mut events = events;
            events.retain(|event| !live.parked.contains_key(&event.stream));
            let lower = |key: &str| live.layer.get(key).cloned();
            let seen = |key: &str| rows.get(&live.layer, key).cloned();
            let row: &CurrentRow<'_> = if afresh { &lower } else { &seen };
            let (events, _) = self.decoded(view.definition(), events);
            // One that fails is left out with those of its stream after it: what is to become of it is decided when it is confirmed.
            let (changed, _) = fold(&*view.projector, events, row, &mut |_, _| Verdict::Park);
            rows.pend(&live.layer, changed, afresh);
            *pending = Some(Pending { place: Some(Place::Pending(next, 0)), revision });
        });
    }

    /// Folds confirmed events and says what is to become of those that fail.
    fn take(
        &self,
        view: &View,
        on_error: OnError,
        events: Vec<RecordedEvent>,
        before: Option<&Halted>,
        row: &CurrentRow<'_>,
    ) -> Taken {
        let now = self.surroundings.now().ok();
        let (events, unread) = self.decoded(view.definition(), events);
        let total = events.len() as u64;
        let mut taken = Taken { changed: Vec::new(), failed: Vec::new(), events: total, reached: None };
        match unread {
            // an event that can't be brought to today's shape is as one that the projection can't take in
            Some((event, failure)) if events.is_empty() => {
                let (verdict, error) = judged(on_error, &event, &failure, before, now);
                let own = u64::from(verdict != Verdict::Halt);
                taken.reached = event.position.map(|position| position - 1 + own);
                taken.failed.push((event, verdict, error));
                return taken;
            }
            Some((event, _)) => taken.reached = event.position.map(|position| position - 1),
            None => {}
        }
        let failed = &mut taken.failed;
        let (changed, halted) = fold(&*view.projector, events, row, &mut |event, error| {
            let (verdict, error) = judged(on_error, event, &ReadError::Project(error.clone()), before, now);
            failed.push((event.clone(), verdict, error));
            verdict
        });
        taken.changed = changed;
        if let Some(position) = halted.and_then(|event| event.position) {
            taken.reached = Some(position - 1);
        }
        taken
    }

    /// Brings events to today's shape and leaves those that a projection wants, up to the first that can't be read.
    fn decoded(
        &self,
        definition: &Definition,
        mut events: Vec<RecordedEvent>,
    ) -> (Vec<RecordedEvent>, Option<(RecordedEvent, ReadError)>) {
        let mut unread = None;
        // types that are asked for by name are known, but perhaps not in every version
        if !self.decoder.passes_known() || definition.types.is_empty() {
            events = match self.decoder.decode(events.clone()) {
                Ok(decoded) => decoded,
                Err(_) => {
                    let mut decoded = Vec::new();
                    for event in events {
                        match self.decoder.decode(vec![event.clone()]) {
                            Ok(shapes) => decoded.extend(shapes),
                            Err(error) => {
                                unread = Some((event, error.into()));
                                break;
                            }
                        }
                    }
                    decoded
                }
            };
        }
        events.retain(|event| definition.wants(event));
        (events, unread)
    }

    /// The dead letter of an event.
    pub(super) fn parked(&self, event: &RecordedEvent, reason: Arc<str>) -> Parked {
        Parked {
            version: event.version,
            position: event.position.unwrap_or_default(),
            event_type: Arc::clone(&event.event.event_type),
            reason,
            at: self.surroundings.now().unwrap_or(event.metadata.occurred_at),
        }
    }

    /// Folds events of one stream that were parked into the rows of a generation: what they change, the event that fails again, if
    /// one does, and how far it went.
    pub(super) fn take_parked(
        &self,
        view: &View,
        generation: &Generation,
        events: Vec<RecordedEvent>,
    ) -> (ChangedRows, Option<Parked>, Option<Position>) {
        let row = |key: &str| generation.layer.get(key).cloned();
        let taken = self.take(view, OnError::STOP, events, None, &row);
        let again = taken.failed.into_iter().next();
        let again = again.map(|(event, _, error)| self.parked(&event, Arc::clone(&error.message)));
        (taken.changed, again, taken.reached)
    }

    /// One step of background work for all projections: whether there is more. What fails is noted and told to the host.
    pub(in crate::engine) async fn advance(&self) -> bool {
        let mut more = false;
        for view in &self.views {
            let _turn = view.turn.lock().await;
            more |= self.advance_one(view).await;
        }
        more
    }

    async fn advance_one(&self, view: &View) -> bool {
        let head = self.log.head();
        if let Kind::Batch { every } = view.definition().kind {
            if let Err(error) = self.load(view).await {
                view.with(|state| state.error = Some(noted(&error, None)));
                return false;
            }
            let is_due = view.with(|state| {
                let behind = head.position.saturating_sub(state.live.position);
                !state.is_current(view.definition(), &head)
                    || every.is_some_and(|every| behind >= every.max(1))
            });
            if !is_due.unwrap_or_default() {
                return self.save_if_due(view).await;
            }
        }
        let before = view.with(|state| (state.live.number, state.live.position));
        let more = self.follow(view, 1).await;
        let after = view.with(|state| (state.live.number, state.live.position));
        if before != after {
            self.signal.notify();
        }
        // a rebuild that was begun and not ended goes on
        let goes_on = view.with(|state| state.shadow.is_some() && !state.is_held).unwrap_or_default();
        let goes_on = goes_on && !more && self.rebuild_page(view).await.unwrap_or_default();
        more || goes_on || self.save_if_due(view).await
    }

    /// Stores what this holder's own writes changed, once there is nothing else to do. Whether it has to be tried again, as another
    /// holder was faster.
    async fn save_if_due(&self, view: &View) -> bool {
        let is_due = view.with(|state| {
            let is_far = state.live.since_saved >= UNSAVED;
            (state.is_writer || is_far) && state.live.is_unsaved() && !state.detached
        });
        if is_due.unwrap_or_default() {
            let saved = self.save(view).await;
            view.with(|state| state.is_writer = !saved);
            return !saved;
        }
        false
    }
}

fn generation(state: &State, shadow: bool) -> Option<&Generation> {
    if shadow { state.shadow.as_ref() } else { Some(&state.live) }
}

/// What becomes of an event that fails, and how that is told.
fn judged(
    on_error: OnError,
    event: &RecordedEvent,
    failure: &ReadError,
    before: Option<&Halted>,
    now: Option<Timestamp>,
) -> (Verdict, ProjectionError) {
    let again = before.filter(|it| it.stream == event.stream && it.version == event.version);
    let failures = again.map_or(0, |halted| halted.failures).saturating_add(1);
    let mut error = noted(failure, now);
    error.stream = Some(event.stream.clone());
    error.version = Some(event.version);
    error.position = event.position;
    error.failures = failures;
    let retries = on_error.retries.min(OnError::MAX_RETRIES);
    if failures <= retries {
        let wait = i64::try_from(OnError::back_off(failures)).unwrap_or(i64::MAX);
        error.retry_at = Some(Timestamp(now.map_or(0, Timestamp::millis).saturating_add(wait)));
        return (Verdict::Halt, error);
    }
    let verdict = match on_error.then {
        Then::Park => Verdict::Park,
        Then::Skip => Verdict::Skip,
        Then::Stop => Verdict::Halt,
    };
    (verdict, error)
}
