//! Projections: rows by key, folded from events by a pure function.

use crate::{event::RecordedEvent, json::Json};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, HashMap},
    marker::PhantomData,
    rc::Rc,
    sync::Arc,
};

/// A projection in Rust.
pub trait Projection: 'static {
    /// Its name.
    const NAME: &'static str;
    /// The types of events it is interested in; none means all.
    const TYPES: &'static [&'static str] = &[];
    /// A row.
    type Row: Serialize + DeserializeOwned;

    /// The row that an event belongs to; none if it belongs to no row.
    fn key(event: &RecordedEvent) -> Option<String>;
    /// The row after an event; none removes it. Pure.
    fn apply(row: Option<Self::Row>, event: &RecordedEvent) -> Option<Self::Row>;
}

/// A projection's function broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("projection {projection} failed: {reason}")]
pub struct ProjectError {
    /// The projection.
    pub projection: Arc<str>,
    /// What it threw.
    pub reason: String,
}

/// Rows as they stand while events are folded into them.
pub type CurrentRow<'a> = dyn Fn(&str) -> Option<Json> + 'a;

/// The rows that a batch of events changed; none means removed.
pub type ChangedRows = Vec<(Rc<str>, Option<Json>)>;

/// A projection whose types have been erased: what the engine calls, whether it was written in Rust or JavaScript.
pub trait Projector {
    /// The projection's name.
    fn name(&self) -> &Arc<str>;
    /// The types of events it is interested in; none means all.
    fn types(&self) -> &[Arc<str>];
    /// Folds a batch of events, in order, into the rows they belong to, each changed row once.
    ///
    /// # Errors
    /// [`ProjectError`] if the app's function broke.
    fn project(&self, events: &[RecordedEvent], row: &CurrentRow<'_>) -> Result<ChangedRows, ProjectError>;
}

struct Erased<P> {
    name: Arc<str>,
    types: Vec<Arc<str>>,
    projection: PhantomData<P>,
}

impl<P: Projection> Projector for Erased<P> {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn types(&self) -> &[Arc<str>] {
        &self.types
    }

    fn project(&self, events: &[RecordedEvent], row: &CurrentRow<'_>) -> Result<ChangedRows, ProjectError> {
        let failed = |reason: String| ProjectError { projection: Arc::clone(&self.name), reason };
        let mut order = Vec::new();
        let mut rows: HashMap<Rc<str>, Option<P::Row>> = HashMap::new();
        for event in events {
            let Some(key) = P::key(event) else { continue };
            let key: Rc<str> = key.into();
            let before = match rows.remove(&key) {
                Some(row) => row,
                None => {
                    order.push(Rc::clone(&key));
                    let stored = row(&key).map(|row| row.to::<P::Row>()).transpose();
                    stored.map_err(|error| failed(error.to_string()))?
                }
            };
            rows.insert(key, P::apply(before, event));
        }
        order
            .into_iter()
            .map(|key| {
                let row = rows.remove(&key).flatten();
                let row =
                    row.map(|row| Json::of(&row)).transpose().map_err(|error| failed(error.to_string()))?;
                Ok((key, row))
            })
            .collect()
    }
}

/// A Rust projection with its types erased.
#[must_use]
pub fn erase<P: Projection>() -> Rc<dyn Projector> {
    Rc::new(Erased::<P> {
        name: P::NAME.into(),
        types: P::TYPES.iter().map(|&name| name.into()).collect(),
        projection: PhantomData,
    })
}

/// The rows of one projection in two layers: what confirmed events say, and over it what pending events change.
///
/// A rebase drops the upper layer and folds the pending events again; the lower one is never rolled back. A pull that merely
/// confirms pending events moves them from the upper fold to the lower without changing what is seen.
#[derive(Default)]
pub struct Rows {
    confirmed: BTreeMap<Rc<str>, Json>,
    pending: HashMap<Rc<str>, Option<Json>>,
}

impl Rows {
    /// The row of a key as it is seen: pending over confirmed.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Json> {
        match self.pending.get(key) {
            Some(row) => row.as_ref(),
            None => self.confirmed.get(key),
        }
    }

    /// All rows as they are seen, sorted by key.
    #[must_use]
    pub fn all(&self) -> Vec<(&str, &Json)> {
        let below = self.confirmed.keys().filter(|key| !self.pending.contains_key(*key));
        let mut keys: Vec<&str> = below.chain(self.pending.keys()).map(|key| &**key).collect();
        keys.sort_unstable();
        keys.into_iter().filter_map(|key| Some((key, self.get(key)?))).collect()
    }

    /// Folds confirmed events into the lower layer.
    ///
    /// # Errors
    /// [`ProjectError`]; then nothing has changed.
    pub fn confirm(
        &mut self,
        projector: &dyn Projector,
        events: &[RecordedEvent],
    ) -> Result<(), ProjectError> {
        for (key, row) in projector.project(events, &|key| self.confirmed.get(key).cloned())? {
            match row {
                Some(row) => self.confirmed.insert(key, row),
                None => self.confirmed.remove(&key),
            };
        }
        Ok(())
    }

    /// Folds pending events over what is seen. With `afresh` the upper layer is made anew from these events alone.
    ///
    /// # Errors
    /// [`ProjectError`]; then nothing has changed.
    pub fn pend(
        &mut self,
        projector: &dyn Projector,
        events: &[RecordedEvent],
        afresh: bool,
    ) -> Result<(), ProjectError> {
        if afresh {
            let rows = projector.project(events, &|key| self.confirmed.get(key).cloned())?;
            self.pending = rows.into_iter().collect();
        } else if !events.is_empty() {
            let rows = projector.project(events, &|key| self.get(key).cloned())?;
            self.pending.extend(rows);
        }
        Ok(())
    }
}
