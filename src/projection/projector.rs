//! Projections in Rust, and the same with their types erased.

use super::definition::{Definition, Kind, OnError};
use crate::{event::RecordedEvent, json::Json, log::crc32};
use serde::{Serialize, de::DeserializeOwned};
use std::{collections::HashMap, marker::PhantomData, rc::Rc, sync::Arc};

/// A projection in Rust.
pub trait Projection: 'static {
    /// Its name: at most 256 bytes, no control characters.
    const NAME: &'static str;
    /// The types of events it is interested in; none means all.
    const TYPES: &'static [&'static str] = &[];
    /// The aggregates whose streams it is interested in; none means all.
    const AGGREGATES: &'static [&'static str] = &[];
    /// The version of its functions, from 1. Raise it when they change: then the rows are made anew beside the old ones.
    const VERSION: u32 = 1;
    /// The fields of rows that queries find by an index: names, parted by dots where a field lies within another.
    const INDEXES: &'static [&'static str] = &[];
    /// When the rows follow the log.
    const KIND: Kind = Kind::Background;
    /// What becomes of an event that it can't take in.
    const ON_ERROR: OnError = OnError::PARK;
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
    /// The place of the event that it failed on among those it was given, from 0.
    pub event: usize,
    /// What it threw.
    pub reason: String,
}

/// Rows as they stand while events are folded into them.
pub type CurrentRow<'a> = dyn Fn(&str) -> Option<Json> + 'a;

/// The rows that a batch of events changed; none means removed.
pub type ChangedRows = Vec<(Rc<str>, Option<Json>)>;

/// A projection whose types have been erased: what the engine calls, whether it was written in Rust or JavaScript.
pub trait Projector {
    /// What the projection is, apart from its function.
    fn definition(&self) -> &Definition;
    /// Folds a batch of events, in order, into the rows they belong to, each changed row once.
    ///
    /// # Errors
    /// [`ProjectError`] if the app's function broke.
    fn project(&self, events: &[RecordedEvent], row: &CurrentRow<'_>) -> Result<ChangedRows, ProjectError>;

    /// The projection's name.
    fn name(&self) -> &Arc<str> {
        &self.definition().name
    }

    /// The types of events it is interested in; none means all.
    fn types(&self) -> &[Arc<str>] {
        &self.definition().types
    }
}

struct Erased<P> {
    definition: Definition,
    projection: PhantomData<P>,
}

impl<P: Projection> Projector for Erased<P> {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    fn project(&self, events: &[RecordedEvent], row: &CurrentRow<'_>) -> Result<ChangedRows, ProjectError> {
        let failed = |event: usize, reason: String| ProjectError {
            projection: Arc::clone(&self.definition.name),
            event,
            reason,
        };
        let mut order: Vec<(Rc<str>, usize)> = Vec::new();
        let mut rows: HashMap<Rc<str>, (usize, Option<P::Row>)> = HashMap::new();
        for (at, event) in events.iter().enumerate() {
            let Some(key) = P::key(event) else { continue };
            let key: Rc<str> = key.into();
            let before = match rows.remove(&key) {
                Some((_, row)) => row,
                None => {
                    order.push((Rc::clone(&key), at));
                    let stored = row(&key).map(|row| row.to::<P::Row>()).transpose();
                    stored.map_err(|error| failed(at, error.to_string()))?
                }
            };
            rows.insert(key, (at, P::apply(before, event)));
        }
        order
            .into_iter()
            .map(|(key, _)| {
                let (at, row) = rows.remove(&key).unwrap_or_default();
                let row = row.map(|row| Json::of(&row)).transpose();
                Ok((key, row.map_err(|error| failed(at, error.to_string()))?))
            })
            .collect()
    }
}

const fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] < 0x20 || bytes[at] == 0x7f {
            return false;
        }
        at += 1;
    }
    !bytes.is_empty() && bytes.len() <= Definition::MAX_NAME
}

/// A Rust projection with its types erased. A name that is none is refused when the app is compiled.
#[must_use]
pub fn erase<P: Projection>() -> Rc<dyn Projector> {
    const {
        assert!(is_name(P::NAME), "a projection's name has 1 to 256 bytes and no control characters");
        assert!(P::VERSION > 0, "a projection's version counts from 1");
    }
    let names = |names: &[&str]| names.iter().map(|&name| name.into()).collect();
    let what = [P::TYPES, P::AGGREGATES].map(|names| names.join("\n"));
    Rc::new(Erased::<P> {
        definition: Definition {
            types: names(P::TYPES),
            aggregates: names(P::AGGREGATES),
            version: P::VERSION,
            fingerprint: crc32(&[what[0].as_bytes(), b"\0", what[1].as_bytes()]),
            indexes: names(P::INDEXES),
            kind: P::KIND,
            on_error: P::ON_ERROR,
            ..Definition::new(P::NAME)
        },
        projection: PhantomData,
    })
}
