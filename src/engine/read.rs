//! Reading: states and events, always through the decoder.

use super::{
    At, Engine, Inner, QueryContext, QueryKind, ReadError, error::unknown_aggregate, snapshots::Resumed,
    states::Kept,
};
use crate::{
    aggregate::{Decider, State},
    event::RecordedEvent,
    log::{EventPage, Place, Query, store::Store},
    metrics::{Counter, Timing},
    stream::StreamName,
    upcast::Versions,
    version::Version,
};
use futures_util::{
    Stream,
    stream::{self, TryStreamExt},
};
use std::rc::Rc;

/// The events that [`Engine::events`] reads in one go.
const PAGE: usize = 500;

impl<S: Store> Engine<S> {
    /// The state of an aggregate, and its version.
    ///
    /// # Errors
    /// [`ReadError`]: an unknown aggregate, a bad name, a log, upcaster or `evolve` that fails.
    pub async fn load(&self, aggregate: &str, id: &str, at: At) -> Result<(State, Version), ReadError> {
        let context = QueryContext::new(QueryKind::Load, aggregate, Some(id));
        let state = async {
            let stream = StreamName::of(aggregate, id)?;
            let decider = self.inner.decider(aggregate)?;
            if at == At::Now {
                let kept = self.inner.current(&decider, &stream).await?;
                return Ok((kept.state, kept.version));
            }
            self.inner.state_at(&decider, &stream, at).await
        };
        self.inner.ask(context, state).await
    }

    /// A page of events in today's shape, and of the types that they have today. An event that an upcaster splits is on one
    /// page with all its parts, so there may be a few more than `limit`.
    ///
    /// # Errors
    /// [`ReadError`]: a log or upcaster that fails.
    pub async fn read(&self, query: &Query, from: Place, limit: usize) -> Result<EventPage, ReadError> {
        self.read_as(query, from, limit, &Versions::default()).await
    }

    /// A page of events in the shapes that are asked for, for an older app; types that are not named come in today's shape.
    ///
    /// # Errors
    /// As [`Engine::read`], and [`crate::upcast::UpcastError::NoDowncast`] where there is no way back to such a shape.
    pub async fn read_as(
        &self,
        query: &Query,
        from: Place,
        limit: usize,
        versions: &Versions,
    ) -> Result<EventPage, ReadError> {
        let (of, key) = (query.aggregate.as_deref().unwrap_or_default(), query.stream.as_ref());
        let context = QueryContext::new(QueryKind::Read, of, key.map(StreamName::as_str));
        self.inner.ask(context, self.inner.page(query, from, limit, versions)).await
    }

    /// All events of a query, one by one: pages are read as the reader asks for more. After an error there is nothing more.
    pub fn events(&self, query: Query) -> impl Stream<Item = Result<RecordedEvent, ReadError>> + use<S> {
        let start = if query.backwards { Place::END } else { Place::START };
        let pages = stream::try_unfold((self.clone(), query, Some(start)), async |(engine, query, from)| {
            let Some(from) = from else { return Ok(None) };
            let page = engine.read(&query, from, PAGE).await?;
            let events = stream::iter(page.events.into_iter().map(Ok));
            Ok::<_, ReadError>(Some((events, (engine, query, page.next))))
        });
        pages.try_flatten()
    }
}

impl<S: Store> Inner<S> {
    /// A page of decoded events. What is asked for by type may be stored under an older one.
    async fn page(
        &self,
        query: &Query,
        from: Place,
        limit: usize,
        versions: &Versions,
    ) -> Result<EventPage, ReadError> {
        if query.types.is_empty() || (self.decoder.is_empty() && versions.is_empty()) {
            let page = self.log.read(query, from, limit).await?;
            return Ok(EventPage { events: self.decoder.show_as(page.events, versions)?, next: page.next });
        }
        let types = if versions.is_empty() { self.decoder.stored_types(&query.types) } else { vec![] };
        let stored = Query { types, ..query.clone() };
        let page = self.log.read(&stored, from, limit).await?;
        let mut events = self.decoder.show_as(page.events, versions)?;
        events.retain(|event| query.types.contains(&event.event.event_type));
        Ok(EventPage { events, next: page.next })
    }

    pub(super) fn decider(&self, aggregate: &str) -> Result<Rc<dyn Decider>, ReadError> {
        self.registry.get(aggregate).cloned().ok_or_else(|| unknown_aggregate(aggregate))
    }

    /// The state after more events of its stream, brought to today's shape.
    pub(super) fn fold(
        &self,
        decider: &Rc<dyn Decider>,
        state: State,
        events: Vec<RecordedEvent>,
    ) -> Result<State, ReadError> {
        if events.is_empty() {
            return Ok(state);
        }
        let began = self.meter.begin();
        self.meter.count(Counter::Replayed, events.len() as u64);
        let state = decider.evolve(state, &self.decoder.decode(events)?)?;
        self.meter.end(Timing::Replay, began);
        Ok(state)
    }

    /// The latest state of a stream: what is kept, or a snapshot, and the events since.
    pub(super) async fn current(
        &self,
        decider: &Rc<dyn Decider>,
        stream: &StreamName,
    ) -> Result<Kept, ReadError> {
        loop {
            let revision = self.log.head().revision;
            let version = self.log.version(stream);
            let kept = self.states.borrow_mut().get(stream, revision);
            let began = self.surroundings.elapsed();
            let resumed = match kept.filter(|kept| kept.version <= version) {
                Some(kept) if kept.version == version => return Ok(kept),
                Some(kept) => Resumed::warm(self.log.load(stream, kept.version).await?, kept),
                None => self.resume(decider, stream, Version::MAX).await?,
            };
            if self.log.head().revision != revision {
                continue;
            }
            let kept = self.evolved(decider, stream, resumed, began)?;
            self.states.borrow_mut().put(stream.clone(), kept.clone());
            return Ok(kept);
        }
    }
}
