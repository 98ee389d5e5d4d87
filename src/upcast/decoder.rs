//! The decoder: the one place where stored events become events of today's shape.

use super::{
    UpcastError,
    chain::{Chain, chain, gap},
    downcast::Versions,
    unknown::{Known, UnknownEvents},
    upcaster::{Shape, Upcaster},
};
use crate::{
    aggregate::Registry,
    event::{Event, RecordedEvent},
    mistake::{Mistake, made},
    process::Manager,
    projection::Projector,
};
use std::{rc::Rc, sync::Arc};

/// All upcasters of an app, and what it does with events that it does not know.
#[derive(Clone, Default)]
pub struct Decoder {
    chain: Chain,
    known: Known,
    unknown: UnknownEvents,
}

/// For whom events are decoded.
#[derive(Clone, Copy)]
enum Reader<'v> {
    /// What folds them into a state or a row, and can't do so with what it does not know.
    Fold,
    /// The app itself, which sees all there is; in the shapes that it asks for.
    App(&'v Versions),
}

impl Decoder {
    /// A decoder with these upcasters.
    ///
    /// # Errors
    /// [`UpcastError::Invalid`], [`UpcastError::Ambiguous`], [`UpcastError::Cycle`] or [`UpcastError::Gap`] if they don't fit
    /// together.
    pub fn new(upcasters: Vec<Upcaster>) -> Result<Self, UpcastError> {
        let mut decoder = Self { chain: chain(upcasters)?, ..Self::default() };
        for (name, _) in &decoder.chain.newest {
            decoder.known.name(Arc::clone(name));
        }
        Ok(decoder)
    }

    /// Says what becomes of events that the app does not know.
    #[must_use]
    pub fn unknown(mut self, policy: UnknownEvents) -> Self {
        self.unknown = policy;
        self
    }

    /// Lists the types of events that the app knows, with the newest schema version of each, if it matters. Without a list it is
    /// what aggregates, projections and upcasters name.
    #[must_use]
    pub fn known(mut self, events: Vec<(Arc<str>, Option<u32>)>) -> Self {
        for (name, newest) in &events {
            let Some(version) = *newest else { continue };
            match self.chain.newest.iter_mut().find(|(known, _)| known == name) {
                Some((_, highest)) => *highest = version.max(*highest),
                None => self.chain.newest.push((Arc::clone(name), version)),
            }
        }
        self.known.list(events.into_iter().map(|(name, _)| name));
        self
    }

    /// Takes in which types the aggregates, projections and processes of the app know. The engine does so when it opens.
    pub fn learn(
        &mut self,
        registry: &Registry,
        projections: &[Rc<dyn Projector>],
        processes: &[Rc<dyn Manager>],
    ) {
        self.known.learn(registry, projections, processes);
    }

    /// Whether there are no upcasters: then stored types are today's types.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chain.upcasters.is_empty()
    }

    /// Whether events of the types that are known reach everybody as they are stored: there are no upcasters, and of no type is it said
    /// which version is the newest that is known.
    pub(crate) fn passes_known(&self) -> bool {
        self.is_empty() && self.chain.newest.is_empty()
    }

    /// What is known of the upcasters without calling them, and which types of events are known. Where it differs, states that were
    /// made of decoded events may differ too.
    #[must_use]
    pub fn signature(&self) -> String {
        let known = self.known.types().iter().map(|name| format!("{name};"));
        self.signature_of(&|_| true) + &known.collect::<String>()
    }

    /// The upcasters from these types, and the newest versions of them.
    fn signature_of(&self, is_meant: &dyn Fn(&Arc<str>) -> bool) -> String {
        let mut signature = String::new();
        for upcaster in self.chain.upcasters.iter().filter(|it| is_meant(&it.event_type)) {
            signature += &upcaster.signature();
        }
        for (name, newest) in self.chain.newest.iter().filter(|(name, _)| is_meant(name)) {
            signature += &format!("{name} {newest};");
        }
        signature
    }

    /// What is known of the upcasters that events of these types may come from, without calling them, and up to which versions; if no types are named, the
    /// whole [`Decoder::signature`]. Where it differs, what was folded from such events may differ too.
    #[must_use]
    pub fn signature_for(&self, types: &[Arc<str>]) -> String {
        if types.is_empty() {
            return self.signature();
        }
        let stored = self.stored_types(types);
        self.signature_of(&|name| stored.contains(name))
    }

    /// The newest schema version of a type that the upcasters know; none if they don't know the type. New events have it unless
    /// they say another; where there is none, it is 1.
    #[must_use]
    pub fn newest(&self, event_type: &str) -> Option<u32> {
        self.chain.newest(event_type)
    }

    /// The types under which events of these types may be stored: their own, and all that upcasters make them of. What is read
    /// from the log by type must be asked for by these, decoded, and then sorted by today's types.
    #[must_use]
    pub fn stored_types(&self, types: &[Arc<str>]) -> Vec<Arc<str>> {
        let mut stored = types.to_vec();
        let mut done = 0;
        while let Some(wanted) = stored.get(done).cloned() {
            done += 1;
            for upcaster in &self.chain.upcasters {
                let leads_there = upcaster.into.iter().any(|target| target.event_type == wanted);
                if leads_there && !stored.contains(&upcaster.event_type) {
                    stored.push(Arc::clone(&upcaster.event_type));
                }
            }
        }
        stored
    }

    /// Brings events to today's shape, for what folds them: aggregates, projections, processes. What an event is split into shares
    /// its id, version and position. Events that the app does not know are left out, or an error, by its policy.
    ///
    /// # Errors
    /// The first [`UpcastError`] met.
    pub fn decode(&self, events: Vec<RecordedEvent>) -> Result<Vec<RecordedEvent>, UpcastError> {
        self.decode_for(events, Reader::Fold)
    }

    /// Brings events to today's shape, for the app to see. Events that it does not know come as they are unless its policy says
    /// otherwise.
    ///
    /// # Errors
    /// The first [`UpcastError`] met.
    pub fn show(&self, events: Vec<RecordedEvent>) -> Result<Vec<RecordedEvent>, UpcastError> {
        self.decode_for(events, Reader::App(&Versions::default()))
    }

    /// Brings events to the versions asked for, for an older app or server; types that are not named to today's shape.
    ///
    /// # Errors
    /// The first [`UpcastError`] met, such as [`UpcastError::NoDowncast`].
    pub fn show_as(
        &self,
        events: Vec<RecordedEvent>,
        versions: &Versions,
    ) -> Result<Vec<RecordedEvent>, UpcastError> {
        self.decode_for(events, Reader::App(versions))
    }

    /// One event as it is stored, or in an older shape if one is wanted of it; nothing is split or left out.
    ///
    /// # Errors
    /// [`UpcastError::NoDowncast`] where there is no way back.
    pub(crate) fn stored_as(
        &self,
        stored: &RecordedEvent,
        versions: &Versions,
    ) -> Result<Shape, UpcastError> {
        let Event { event_type, schema_version, data, .. } = stored.event.clone();
        self.chain.downcast(Shape { event_type, schema_version, data }, versions, stored)
    }

    /// Checks that versions which are wanted for long are among those that can be reached.
    ///
    /// # Errors
    /// [`UpcastError::Gap`] if a newer version of a type is known, and no upcaster leads on from the one that is wanted.
    pub(crate) fn check_reaches(&self, versions: &Versions) -> Result<(), UpcastError> {
        for (event_type, version) in versions.iter() {
            let newest = self.chain.newest(event_type).unwrap_or(1);
            if *version < newest && self.chain.find(event_type, *version).is_none() {
                return Err(gap(event_type, *version, newest));
            }
        }
        Ok(())
    }

    fn decode_for(
        &self,
        events: Vec<RecordedEvent>,
        reader: Reader<'_>,
    ) -> Result<Vec<RecordedEvent>, UpcastError> {
        let mut decoded = Vec::with_capacity(events.len());
        for stored in events {
            let fact = &stored.event;
            let leads_on = self.chain.find(&fact.event_type, fact.schema_version).is_some();
            let is_wanted_older = matches!(reader, Reader::App(versions) if !versions.is_empty());
            if leads_on || is_wanted_older {
                self.walk(&stored, reader, &mut decoded)?;
            } else if self.takes(&fact.event_type, fact.schema_version, &stored, reader)? {
                decoded.push(stored);
            }
        }
        Ok(decoded)
    }

    /// Whether a shape from which nothing leads on goes to the reader.
    fn takes(
        &self,
        event_type: &Arc<str>,
        schema_version: u32,
        stored: &RecordedEvent,
        reader: Reader<'_>,
    ) -> Result<bool, UpcastError> {
        let newest = self.chain.newest(event_type);
        if let Some(newest) = newest
            && schema_version < newest
        {
            return Err(gap(event_type, schema_version, newest));
        }
        let is_known = newest
            .is_none_or(|newest| schema_version <= newest || made(Mistake::NewerTakenForKnown))
            && self.known.has(event_type, stored.stream.aggregate());
        match self.unknown {
            _ if is_known => Ok(true),
            UnknownEvents::Keep => Ok(matches!(reader, Reader::App(_))),
            UnknownEvents::Skip => Ok(false),
            UnknownEvents::Error => Err(UpcastError::Unknown {
                event_type: Arc::clone(event_type),
                schema_version,
                stream: stored.stream.as_str().into(),
                version: stored.version,
            }),
        }
    }

    fn walk(
        &self,
        stored: &RecordedEvent,
        reader: Reader<'_>,
        decoded: &mut Vec<RecordedEvent>,
    ) -> Result<(), UpcastError> {
        let fact = &stored.event;
        let mut open = vec![Shape {
            event_type: Arc::clone(&fact.event_type),
            schema_version: fact.schema_version,
            data: fact.data.clone(),
        }];
        while let Some(shape) = open.pop() {
            let wanted = match reader {
                Reader::App(versions) => versions.of(&shape.event_type).map(|wanted| (wanted, versions)),
                Reader::Fold => None,
            };
            // as it is, or straight back, rather than to the newest shape and all the way back
            let goes_on = wanted.is_none_or(|(wanted, _)| wanted > shape.schema_version);
            let next = self.chain.find(&shape.event_type, shape.schema_version).filter(|_| goes_on);
            if let Some(at) = next {
                let upcaster = &self.chain.upcasters[at];
                let newer = upcaster.upcast(shape).map_err(|reason| UpcastError::Failed {
                    event_type: Arc::clone(&upcaster.event_type),
                    schema_version: upcaster.from,
                    stream: stored.stream.as_str().into(),
                    version: stored.version,
                    reason,
                })?;
                open.extend(newer.into_iter().rev());
                continue;
            }
            let shape = match reader {
                _ if !goes_on && wanted.is_some_and(|(wanted, _)| wanted == shape.schema_version) => shape,
                Reader::App(versions) if !versions.is_empty() => {
                    self.chain.downcast(shape, versions, stored)?
                }
                _ => shape,
            };
            let is_as_wanted = matches!(reader, Reader::App(versions) if versions.of(&shape.event_type) == Some(shape.schema_version));
            if is_as_wanted || self.takes(&shape.event_type, shape.schema_version, stored, reader)? {
                let mut event = stored.clone();
                event.event.event_type = shape.event_type;
                event.event.schema_version = shape.schema_version;
                event.event.data = shape.data;
                decoded.push(event);
            }
        }
        Ok(())
    }
}
