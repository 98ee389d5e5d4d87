//! What a look into the past folds while the log goes by: a state, the rows of a projection, or two of these and what differs.

use super::{At, ReadError, RowDifference, RowsDifference};
use crate::{
    aggregate::{Decider, State},
    difference::difference,
    event::RecordedEvent,
    projection::{ChangedRows, Projector, Then, Verdict, fold},
    replay::{Prefix, Projecting},
    stream::StreamName,
    version::Version,
};
use std::{
    collections::{BTreeSet, HashSet},
    rc::Rc,
};

/// What a scan of the log feeds. Stored events are given, in the order of the log.
pub(super) trait Scan {
    fn take(&mut self, inner: &dyn Decodes, events: Vec<RecordedEvent>) -> Result<(), ReadError>;
    fn is_over(&self) -> bool;
}

/// What a scan needs of an engine, whatever its store.
pub(super) trait Decodes {
    fn decoded(&self, events: Vec<RecordedEvent>) -> Result<Vec<RecordedEvent>, ReadError>;
    fn folded(
        &self,
        decider: &Rc<dyn Decider>,
        state: State,
        events: Vec<RecordedEvent>,
    ) -> Result<State, ReadError>;
}

pub(super) fn check_found(prefix: &Prefix) -> Result<(), ReadError> {
    prefix.misses().map_or(Ok(()), |commit| Err(ReadError::UnknownCommit(commit.to_string())))
}

/// The state of one stream at a moment.
pub(super) struct PastState {
    pub(super) decider: Rc<dyn Decider>,
    pub(super) stream: StreamName,
    pub(super) prefix: Prefix,
    pub(super) state: State,
    pub(super) version: Version,
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
pub(super) struct Past {
    pub(super) prefix: Prefix,
    pub(super) folding: Projecting,
    pub(super) projector: Rc<dyn Projector>,
    /// The streams of which an event failed: what follows of them is passed over, as in the rows that the engine keeps.
    pub(super) parked: HashSet<StreamName>,
}

impl Past {
    pub(super) fn of(projector: Rc<dyn Projector>, at: At) -> Result<Self, ReadError> {
        if let At::Version(_) = at {
            return Err(ReadError::NoVersion(projector.name().to_string()));
        }
        let folding = Projecting::new(Rc::clone(&projector));
        Ok(Self { prefix: Prefix::of(at), folding, projector, parked: HashSet::new() })
    }

    pub(super) fn check_found(&self) -> Result<(), ReadError> {
        check_found(&self.prefix)
    }

    /// The rows that events would change. What becomes of an event that fails, the projection says.
    pub(super) fn changed(&mut self, events: &[RecordedEvent]) -> Result<ChangedRows, ReadError> {
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

    pub(super) fn fold(&mut self, events: &[RecordedEvent]) -> Result<(), ReadError> {
        let changed = self.changed(events)?;
        self.folding.apply(changed);
        Ok(())
    }

    /// The events, in today's shape, that the projection is interested in.
    pub(super) fn wanted(
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
pub(super) struct Two<'a> {
    pub(super) before: Past,
    pub(super) after: Past,
    pub(super) key: Option<&'a str>,
    pub(super) events: Vec<RecordedEvent>,
    pub(super) total: u64,
    pub(super) limit: usize,
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
    pub(super) fn fold(
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
    pub(super) fn note(&mut self, later: bool, events: &[RecordedEvent]) -> Result<(), ReadError> {
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

    pub(super) fn into_difference(self) -> RowsDifference {
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
