//! What takes the events of a replay: a callback, a projection, an aggregate.

use super::Progress;
use crate::{
    aggregate::{Decider, EvolveError, State},
    event::RecordedEvent,
    json::Json,
    projection::{ChangedRows, ProjectError, Projector},
    stream::StreamName,
};
use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

/// A handler could not take a batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct HandleError {
    /// Which event of the batch it was, from 0; none if that can't be told. The events before it were taken; the replay offers
    /// those after it again if it goes on.
    pub index: Option<usize>,
    /// What went wrong.
    pub reason: String,
}

/// Takes the events of a replay. It is called between two awaits and must not give commands: they are refused.
///
/// Any function of the same shape is one:
///
/// ```
/// use tidelog::{event::RecordedEvent, replay::{HandleError, Handler}};
///
/// let mut count = 0;
/// let mut counting = |events: &[RecordedEvent]| -> Result<(), HandleError> {
///     count += events.len();
///     Ok(())
/// };
/// counting.handle(&[])?;
/// # Ok::<(), HandleError>(())
/// ```
pub trait Handler {
    /// Takes a batch, in the order of the log.
    ///
    /// # Errors
    /// [`HandleError`]; the replay stops or collects it, as it was asked to.
    fn handle(&mut self, events: &[RecordedEvent]) -> Result<(), HandleError>;

    /// Told after each batch.
    fn progress(&mut self, _progress: &Progress) {}
}

impl<F: FnMut(&[RecordedEvent]) -> Result<(), HandleError>> Handler for F {
    fn handle(&mut self, events: &[RecordedEvent]) -> Result<(), HandleError> {
        self(events)
    }
}

/// Folds a replay into the rows of a projection, beside the ones that the engine keeps: what a filter leaves of them, or what
/// a projection that is not registered would say.
pub struct Projecting {
    projector: Rc<dyn Projector>,
    rows: BTreeMap<Rc<str>, Json>,
}

impl Projecting {
    /// Begins without rows.
    #[must_use]
    pub fn new(projector: Rc<dyn Projector>) -> Self {
        Self { projector, rows: BTreeMap::new() }
    }

    /// A row.
    #[must_use]
    pub fn row(&self, key: &str) -> Option<&Json> {
        self.rows.get(key)
    }

    /// All rows, sorted by key.
    #[must_use]
    pub fn rows(&self) -> Vec<(&str, &Json)> {
        self.rows.iter().map(|(key, row)| (&**key, row)).collect()
    }

    /// The rows that events would change.
    pub(crate) fn changed(&self, events: &[RecordedEvent]) -> Result<ChangedRows, ProjectError> {
        self.projector.project(events, &|key| self.rows.get(key).cloned())
    }

    /// Takes changed rows over.
    pub(crate) fn apply(&mut self, changed: ChangedRows) {
        for (key, row) in changed {
            match row {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }

    /// Whether the projection is interested in an event in today's shape.
    pub(crate) fn is_interested_in(&self, event: &RecordedEvent) -> bool {
        self.projector.definition().wants(event)
    }

    pub(crate) fn into_rows(self) -> BTreeMap<Rc<str>, Json> {
        self.rows
    }
}

impl Handler for Projecting {
    fn handle(&mut self, events: &[RecordedEvent]) -> Result<(), HandleError> {
        let wanted = events.iter().filter(|event| self.is_interested_in(event)).cloned().collect::<Vec<_>>();
        if let Ok(changed) = self.changed(&wanted) {
            self.apply(changed);
            return Ok(());
        }
        // one by one, to say which it was
        for (index, event) in events.iter().enumerate() {
            if self.is_interested_in(event) {
                let changed = self
                    .changed(std::slice::from_ref(event))
                    .map_err(|error| HandleError { index: Some(index), reason: error.to_string() })?;
                self.apply(changed);
            }
        }
        Ok(())
    }
}

/// Folds a replay into the states of an aggregate, one for each of its streams that has events in it.
pub struct Evolving {
    decider: Rc<dyn Decider>,
    states: HashMap<StreamName, State>,
}

impl Evolving {
    /// Begins without states.
    #[must_use]
    pub fn new(decider: Rc<dyn Decider>) -> Self {
        Self { decider, states: HashMap::new() }
    }

    /// The state that a stream's events made; none if it had none.
    #[must_use]
    pub fn state(&self, stream: &StreamName) -> Option<&State> {
        self.states.get(stream)
    }

    /// The number of streams that had events.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.states.len()
    }

    fn take(&mut self, event: &RecordedEvent) -> Result<(), EvolveError> {
        let before = match self.states.get(&event.stream) {
            Some(state) => Rc::clone(state),
            None => self.decider.initial()?,
        };
        let after = self.decider.evolve(before, std::slice::from_ref(event))?;
        self.states.insert(event.stream.clone(), after);
        Ok(())
    }
}

impl Handler for Evolving {
    fn handle(&mut self, events: &[RecordedEvent]) -> Result<(), HandleError> {
        for (index, event) in events.iter().enumerate() {
            if event.stream.aggregate() != &**self.decider.name() {
                continue;
            }
            self.take(event)
                .map_err(|error| HandleError { index: Some(index), reason: error.to_string() })?;
        }
        Ok(())
    }
}
