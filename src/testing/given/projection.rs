//! Stories about a projection.

use super::{
    difference::same_json,
    happened::{Happened, recorded},
};
use crate::{
    json::Json,
    projection::{Projection, erase},
};
use std::{collections::BTreeMap, marker::PhantomData};

/// Given these events, whatever their streams.
///
/// # Panics
/// If the projection can't take one of them in.
#[must_use]
#[track_caller]
pub fn projection<P: Projection>(events: impl IntoIterator<Item = Happened>) -> Folded<P> {
    let projector = erase::<P>();
    let mut events = recorded(events);
    events.retain(|event| projector.definition().wants(event));
    let mut rows: BTreeMap<String, Json> = BTreeMap::new();
    // one at a time, so that every row goes through its JSON, as in the database
    for event in events {
        let changed = projector.project(&[event], &|key| rows.get(key).cloned());
        for (key, row) in changed.unwrap_or_else(|error| panic!("{error}")) {
            match row {
                Some(row) => rows.insert(key.to_string(), row),
                None => rows.remove(&*key),
            };
        }
    }
    Folded { rows, projection: PhantomData }
}

/// The rows of a projection.
pub struct Folded<P> {
    rows: BTreeMap<String, Json>,
    projection: PhantomData<P>,
}

impl<P: Projection> Folded<P> {
    /// These are the rows.
    ///
    /// # Panics
    /// If there are others.
    #[track_caller]
    pub fn then<'a>(&self, expected: impl IntoIterator<Item = (&'a str, P::Row)>) -> &Self {
        let expected: BTreeMap<&str, P::Row> = expected.into_iter().collect();
        same_json("the rows", &expected, &self.rows);
        self
    }

    /// This is the row of a key; none if there is to be none.
    ///
    /// # Panics
    /// If it is another.
    #[track_caller]
    pub fn then_row(&self, key: &str, expected: Option<P::Row>) -> &Self {
        same_json(&format!("the rows of {key}"), &expected, &self.rows.get(key));
        self
    }
}
