//! Replaying: confirmed events once more, batch by batch, without anything happening.

use super::{Engine, Inner, ReadError, WriteError};
use crate::{
    event::RecordedEvent,
    log::{LogError, Place, store::Store},
    replay::{Control, Cursor, Ended, Failure, HandleError, Handler, OnError, Progress, Replay, Report},
    version::Position,
};

/// The most events of a batch, whatever was asked for.
const MAX_BATCH: usize = 10_000;

/// What one step of a replay found.
pub(crate) struct Step {
    /// The events that pass the filter, in today's shape; there may be none.
    pub(crate) events: Vec<RecordedEvent>,
    /// What could not be read or decoded.
    pub(crate) failures: Vec<Failure>,
}

impl<S: Store> Engine<S> {
    /// Goes through confirmed events once more and hands them to `handler`, batch by batch, through the decoder. Nothing happens
    /// by it: no process manager runs, and commands that the handler gives are refused. `control` pauses, resumes and cancels it,
    /// and tells how far it is.
    ///
    /// ```
    /// use tidelog::{engine::{Engine, ReadError}, log::MemoryStore, replay::{Control, Evolving, Filter, Replay}};
    /// # async fn example(tidelog: &Engine<MemoryStore>) -> Result<(), ReadError> {
    /// let filter = Filter { types: vec!["LessonCompleted".into()], ..Filter::default() };
    /// let mut count = 0;
    /// let mut counting = |events: &[tidelog::event::RecordedEvent]| {
    ///     count += events.len();
    ///     Ok(())
    /// };
    /// let report = tidelog.replay(&Replay { filter, ..Replay::default() }, &mut counting, &Control::default()).await?;
    /// println!("{count} lessons, up to position {}", report.progress.position);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ReadError`] if the log can't be read at all. What is wrong with single events is in the report.
    pub async fn replay(
        &self,
        replay: &Replay,
        handler: &mut dyn Handler,
        control: &Control,
    ) -> Result<Report, ReadError> {
        let mut cursor = self.replay_from(replay);
        let mut failures = Failures::new(replay.on_error);
        control.reached(cursor.progress(0));
        while cursor.position < cursor.end {
            if !control.may_go_on().await {
                return Ok(failures.report(Ended::Cancelled, cursor));
            }
            let before = cursor;
            let step = self.replay_step(replay, &mut cursor).await?;
            // what stands before the first that can't be read is handed over first
            let unread = step.failures.first().map(|failure| failure.position);
            let readable = failures.stops_at(unread).map_or(step.events.len(), |position| {
                step.events.partition_point(|event| event.position < Some(position))
            });
            let mut stopped = self.hand_over(&step.events[..readable], handler, &mut failures);
            for failure in step.failures {
                stopped = stopped.or_else(|| failures.note(failure));
            }
            if let Some(position) = stopped {
                let taken = step.events.partition_point(|event| event.position < Some(position));
                let position = position.saturating_sub(1).max(before.position);
                let cursor = Cursor { position, events: before.events + taken as u64, ..before };
                return Ok(failures.report(Ended::Failed, cursor));
            }
            let progress = cursor.progress(failures.count);
            control.reached(progress);
            handler.progress(&progress);
        }
        Ok(failures.report(Ended::Done, cursor))
    }

    /// Where a replay begins.
    pub(crate) fn replay_from(&self, replay: &Replay) -> Cursor {
        let (log, filter) = (&self.inner.log, &replay.filter);
        let head = log.head();
        let end = replay.until.unwrap_or(head.position).min(head.position);
        let start = replay.after.min(end);
        let most = if filter.streams.is_empty() && filter.aggregates.is_empty() {
            head.confirmed_events
        } else {
            let streams = log.streams(None);
            let chosen = streams.iter().filter(|stream| filter.passes_stream(stream));
            chosen.map(|stream| log.confirmed_version(stream)).sum()
        };
        let exact =
            filter.is_by_stream() && start == 0 && end == head.position && self.inner.decoder.is_empty();
        Cursor { start, end, position: start, events: 0, most, exact }
    }

    /// Reads the next events of a replay and moves its cursor on. The work of one step is bounded: it may find nothing and not be
    /// at the end. With `OnError::Stop` it ends before the first event that fails.
    pub(crate) async fn replay_step(&self, replay: &Replay, cursor: &mut Cursor) -> Result<Step, ReadError> {
        let inner = &self.inner;
        inner.check_open()?;
        let query = replay.filter.query(&inner.decoder);
        let from = Place::Confirmed(cursor.position);
        let limit = replay.batch.clamp(1, MAX_BATCH);
        let mut failures = Vec::new();
        let stored = match inner.log.read(&query, from, limit).await {
            Ok(mut page) => {
                page.events.retain(|event| event.position <= Some(cursor.end));
                cursor.position = match page.next {
                    Some(Place::Confirmed(position)) => position.min(cursor.end),
                    _ => cursor.end,
                };
                page.events
            }
            Err(LogError::Corrupt { table, key, reason }) => {
                let beyond = inner.log.place_beyond(table, &key, false);
                let error = LogError::Corrupt { table, key, reason };
                let Some(beyond) = beyond else { return Err(error.into()) };
                let position = cursor.position + 1;
                let reason = error.to_string();
                failures.push(Failure { position, stream: None, version: None, event_type: None, reason });
                cursor.position = match beyond {
                    // never back, so that it ends
                    Place::Confirmed(beyond) => beyond.max(position).min(cursor.end),
                    Place::Pending(..) => cursor.end,
                };
                Vec::new()
            }
            Err(error) => return Err(error.into()),
        };
        let mut events = inner.decoded_one_by_one(stored, &mut failures);
        events.retain(|event| replay.filter.passes(event));
        cursor.events += events.len() as u64;
        Ok(Step { events, failures })
    }

    /// Hands a batch to the handler; the position of the failure that it has to stop at.
    fn hand_over(
        &self,
        events: &[RecordedEvent],
        handler: &mut dyn Handler,
        failures: &mut Failures,
    ) -> Option<Position> {
        let mut rest = events;
        while let Some(first) = rest.first() {
            self.inner.replaying.set(true);
            let handled = handler.handle(rest);
            self.inner.replaying.set(false);
            let Err(HandleError { index, reason }) = handled else { return None };
            let (failure, taken) = match index.and_then(|index| Some((rest.get(index)?, index))) {
                Some((event, index)) => (Failure::of_event(event, reason), index + 1),
                None => {
                    let position = first.position.unwrap_or(0);
                    let failure = Failure { position, stream: None, version: None, event_type: None, reason };
                    (failure, rest.len())
                }
            };
            if let Some(position) = failures.note(failure) {
                return Some(position);
            }
            rest = &rest[taken..];
        }
        None
    }
}

impl<S: Store> Inner<S> {
    /// Refuses to write from within a handler of a replay.
    pub(super) fn check_not_replaying(&self) -> Result<(), WriteError> {
        if self.replaying.get() { Err(WriteError::Replaying) } else { Ok(()) }
    }

    /// Decodes a batch; if that fails, event by event, to say which it was.
    fn decoded_one_by_one(
        &self,
        stored: Vec<RecordedEvent>,
        failures: &mut Vec<Failure>,
    ) -> Vec<RecordedEvent> {
        if let Ok(events) = self.decoder.show(stored.clone()) {
            return events;
        }
        let mut events = Vec::with_capacity(stored.len());
        for event in stored {
            match self.decoder.show(vec![event.clone()]) {
                Ok(decoded) => events.extend(decoded),
                Err(error) => failures.push(Failure::of_event(&event, error.to_string())),
            }
        }
        events
    }
}

/// The failures of a replay, the first ones.
struct Failures {
    on_error: OnError,
    kept: Vec<Failure>,
    count: u64,
}

impl Failures {
    fn new(on_error: OnError) -> Self {
        Self { on_error, kept: Vec::new(), count: 0 }
    }

    /// Where the replay has to stop, if the next failure is at this position.
    fn stops_at(&self, position: Option<Position>) -> Option<Position> {
        position.filter(|_| self.on_error == OnError::Stop)
    }

    /// Notes a failure; its position if the replay is to stop at it.
    fn note(&mut self, failure: Failure) -> Option<Position> {
        self.count += 1;
        match self.on_error {
            OnError::Stop => {
                let position = failure.position;
                self.kept.push(failure);
                Some(position)
            }
            OnError::Collect(most) => {
                if self.kept.len() < most {
                    self.kept.push(failure);
                }
                None
            }
        }
    }

    fn report(self, ended: Ended, cursor: Cursor) -> Report {
        let progress: Progress = cursor.progress(self.count);
        Report { ended, progress, failures: self.kept }
    }
}
