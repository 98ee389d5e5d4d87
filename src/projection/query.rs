//! Questions about rows.

use super::{path::Path, value::Value};
use crate::json::Json;
use serde::Deserialize;
use std::{rc::Rc, sync::Arc};

/// The most tests in a query, over all its alternatives.
pub const MAX_TESTS: usize = 256;

/// What a field must be. Only values of a kind are compared: no text is below a number.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Test {
    /// Equal; null is also what is not there.
    Eq(Value),
    /// Equal to one of these.
    In(Vec<Value>),
    /// Less.
    Lt(Value),
    /// Less or equal.
    Lte(Value),
    /// Greater.
    Gt(Value),
    /// Greater or equal.
    Gte(Value),
    /// A text that begins so.
    Prefix(Rc<str>),
}

impl Test {
    fn holds_for(&self, value: &Value) -> bool {
        let like = |limit: &Value| value.is_like(limit) && *value != Value::Other;
        match self {
            Self::Eq(wanted) => like(wanted) && value == wanted,
            Self::In(wanted) => wanted.iter().any(|wanted| like(wanted) && value == wanted),
            Self::Lt(limit) => like(limit) && value < limit,
            Self::Lte(limit) => like(limit) && value <= limit,
            Self::Gt(limit) => like(limit) && value > limit,
            Self::Gte(limit) => like(limit) && value >= limit,
            Self::Prefix(prefix) => matches!(value, Value::Text(text) if text.starts_with(&**prefix)),
        }
    }
}

/// Which way rows are ordered by a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Direction {
    /// The least first.
    #[default]
    #[serde(rename = "asc")]
    Ascending,
    /// The greatest first.
    #[serde(rename = "desc")]
    Descending,
}

/// Which rows to find, in which order. `$key` stands for the key of a row wherever a field is named; fields within others are
/// written with dots.
///
/// ```
/// use tidelog::projection::{Direction, RowQuery, Test};
///
/// // the ten best of those who have not left
/// let query = RowQuery::default()
///     .filter("left", Test::Eq(false.into()))
///     .filter("points", Test::Gte(4_000.into()))
///     .order_by("points", Direction::Descending)
///     .limit(10);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RowQuery {
    /// A row is found if all tests of one of these alternatives hold; with no alternative all rows are. At most [`MAX_TESTS`] tests.
    #[serde(rename = "where")]
    pub any_of: Vec<Vec<(Arc<str>, Test)>>,
    /// By which fields the rows are ordered, the first one first; rows that are equal in all come in the order of their keys.
    pub order_by: Vec<(Arc<str>, Direction)>,
    /// At most so many rows.
    pub limit: Option<usize>,
    /// After so many rows.
    pub offset: usize,
}

impl RowQuery {
    /// A further test that has to hold, in the alternative begun last.
    #[must_use]
    pub fn filter(mut self, field: &str, test: Test) -> Self {
        match self.any_of.last_mut() {
            Some(tests) => tests.push((field.into(), test)),
            None => self.any_of.push(vec![(field.into(), test)]),
        }
        self
    }

    /// Begins another alternative.
    #[must_use]
    pub fn or(mut self) -> Self {
        self.any_of.push(Vec::new());
        self
    }

    /// Ordered by a field, after those named before.
    #[must_use]
    pub fn order_by(mut self, field: &str, direction: Direction) -> Self {
        self.order_by.push((field.into(), direction));
        self
    }

    /// At most so many rows.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// After so many rows.
    #[must_use]
    pub fn offset(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    /// The number of tests.
    pub(crate) fn tests(&self) -> usize {
        self.any_of.iter().map(Vec::len).sum()
    }

    /// Whether a row is found.
    pub(crate) fn finds(&self, key: &str, row: &Json) -> bool {
        let holds = |(field, test): &(Arc<str>, Test)| {
            test.holds_for(&Path(Arc::clone(field)).value(key, row.as_str()))
        };
        self.any_of.is_empty() || self.any_of.iter().any(|tests| tests.iter().all(holds))
    }
}

/// The rows that a query found.
#[derive(Clone, Debug)]
pub struct RowPage {
    /// The rows with their keys, in the order asked for.
    pub rows: Vec<(Rc<str>, Json)>,
    /// How many there are without limit and offset.
    pub count: usize,
    /// Another one than before if a row changed that the query finds or found.
    pub stamp: u64,
}
