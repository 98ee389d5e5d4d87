//! Names of streams: `<aggregate>-<id>`.

use serde::{Deserialize, Deserializer, Serialize};
use std::{fmt, sync::Arc};

/// The longest stream name, in bytes of UTF-8.
pub const MAX_STREAM_NAME: usize = 512;

/// The name of a stream, `<aggregate>-<id>`: the aggregate's name holds no hyphen, the id may.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct StreamName(
    #[cfg_attr(feature = "schema", schemars(length(max = 512), regex(pattern = r"^[^-]+-[\s\S]")))] Arc<str>,
);

/// What is wrong with the name of a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamNameError {
    /// There is no hyphen with something on both sides of it.
    #[error("stream name {name:?} is not of the form <aggregate>-<id>")]
    Shape {
        /// The name as given, cut to 64 characters.
        name: String,
    },
    /// The name is too long.
    #[error("a stream name of {length} bytes is over the limit of {MAX_STREAM_NAME} bytes")]
    TooLong {
        /// Its length in bytes of UTF-8.
        length: usize,
    },
    /// The name holds a control character.
    #[error("stream name {name:?} holds a control character")]
    Control {
        /// The name as given, cut to 64 characters.
        name: String,
    },
}

impl StreamName {
    /// Checks a whole name.
    ///
    /// # Errors
    /// [`StreamNameError`]: over 512 bytes, not `<aggregate>-<id>`, or with a control character.
    pub fn parse(name: &str) -> Result<Self, StreamNameError> {
        let shown = || name.chars().take(64).collect::<String>();
        if name.len() > MAX_STREAM_NAME {
            return Err(StreamNameError::TooLong { length: name.len() });
        }
        if name.chars().any(char::is_control) {
            return Err(StreamNameError::Control { name: shown() });
        }
        match name.split_once('-') {
            Some((aggregate, id)) if !aggregate.is_empty() && !id.is_empty() => Ok(Self(name.into())),
            _ => Err(StreamNameError::Shape { name: shown() }),
        }
    }

    /// The stream of one instance of an aggregate.
    ///
    /// # Errors
    /// As [`StreamName::parse`].
    pub fn of(aggregate: &str, id: &str) -> Result<Self, StreamNameError> {
        Self::parse(&format!("{aggregate}-{id}"))
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the first hyphen.
    #[must_use]
    pub fn aggregate(&self) -> &str {
        self.0.split_once('-').map_or("", |(aggregate, _)| aggregate)
    }

    /// What stands after the first hyphen.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.split_once('-').map_or("", |(_, id)| id)
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for StreamName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&name).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_an_aggregate_and_an_id() {
        let name = StreamName::parse("course-algebra-1").unwrap();
        assert_eq!((name.aggregate(), name.id()), ("course", "algebra-1"));
        assert_eq!(StreamName::of("course", "algebra-1").unwrap(), name);
    }

    #[test]
    fn bad_names_say_what_is_wrong() {
        for bad in ["", "course", "-1", "course-"] {
            assert!(matches!(StreamName::parse(bad), Err(StreamNameError::Shape { .. })), "{bad:?}");
        }
        assert!(matches!(StreamName::parse("a-\n"), Err(StreamNameError::Control { .. })));
        let long = format!("a-{}", "x".repeat(511));
        assert_eq!(StreamName::parse(&long), Err(StreamNameError::TooLong { length: 513 }));
        assert!(StreamName::parse(&long[..512]).is_ok());
    }
}
