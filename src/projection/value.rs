//! Values of fields, in one order.

use serde::{Deserialize, Deserializer};
use std::{cmp::Ordering, rc::Rc};

/// The value of a field of a row, as far as queries look at it. In order: null (also what is not there), false, true, numbers, texts
/// (by code point), and what is none of these: objects and arrays, which equal nothing.
#[derive(Clone, Debug)]
pub enum Value {
    /// Null, or no such field.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(Rc<str>),
    /// An object or an array.
    Other,
}

impl Value {
    /// The value of a JSON text.
    pub(crate) fn of_json(text: &str) -> Self {
        match text.as_bytes().first() {
            Some(b'"') if !text.contains('\\') => {
                text.get(1..text.len().saturating_sub(1)).map_or(Self::Other, |text| Self::Text(text.into()))
            }
            Some(b'"') => {
                serde_json::from_str::<String>(text).map_or(Self::Other, |text| Self::Text(text.into()))
            }
            Some(b'n') | None => Self::Null,
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'{' | b'[') => Self::Other,
            // -0 and 0 are the same
            Some(_) => {
                serde_json::from_str::<f64>(text).map_or(Self::Other, |number| Self::Number(number + 0.0))
            }
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Number(_) => 2,
            Self::Text(_) => 3,
            Self::Other => 4,
        }
    }

    /// Whether the two can be compared: only numbers with numbers, texts with texts, and so on.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(one), Self::Bool(other)) => one.cmp(other),
            (Self::Number(one), Self::Number(other)) => one.total_cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Value {}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value + 0.0)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Number(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of_json(crate::json::Json::deserialize(deserializer)?.as_str()))
    }
}
