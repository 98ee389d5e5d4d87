//! Versions of streams, and what a writer expects of them.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// The number of events in a stream; 0 means that there is no such stream. Event `n` of a stream has version `n`.
pub type Version = u64;

/// An event's place in the authority's log, from 1. Positions rise; a reader may see gaps where it may not read all.
pub type Position = u64;

/// The largest number JSON carries safely (2^53 - 1): the bound of versions and positions.
pub const MAX_SAFE_INTEGER: u64 = 9_007_199_254_740_991;

/// What a writer expects of a stream's version at the moment of appending. A miss is a version conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExpectedVersion {
    /// Whatever it is. In JSON `"any"`.
    Any,
    /// At least one event. In JSON `"exists"`.
    Exists,
    /// No event. In JSON `"none"`.
    None,
    /// Exactly this many events; `Exact(0)` means the same as `None`. In JSON the number.
    Exact(Version),
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for ExpectedVersion {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExpectedVersion".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "What the version of the stream has to be: 0 or \"none\" for no stream, \"exists\" for at least 1",
            "anyOf": [
                { "type": "string", "enum": ["any", "exists", "none"] },
                { "type": "integer", "minimum": 0, "maximum": MAX_SAFE_INTEGER }
            ]
        })
    }
}

impl ExpectedVersion {
    /// Whether a stream of this version meets the expectation.
    #[must_use]
    pub fn is_met_by(self, actual: Version) -> bool {
        match self {
            Self::Any => true,
            Self::Exists => actual > 0,
            Self::None => actual == 0,
            Self::Exact(version) => actual == version,
        }
    }
}

impl fmt::Display for ExpectedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Exists => f.write_str("exists"),
            Self::None => f.write_str("none"),
            Self::Exact(version) => version.fmt(f),
        }
    }
}

impl Serialize for ExpectedVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exact(version) => serializer.serialize_u64(*version),
            other => serializer.collect_str(other),
        }
    }
}

impl<'de> Deserialize<'de> for ExpectedVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = ExpectedVersion;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"any\", \"exists\", \"none\" or an integer from 0 to 9007199254740991")
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<ExpectedVersion, E> {
                if value > MAX_SAFE_INTEGER {
                    return Err(E::invalid_value(de::Unexpected::Unsigned(value), &self));
                }
                Ok(ExpectedVersion::Exact(value))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<ExpectedVersion, E> {
                match value {
                    "any" => Ok(ExpectedVersion::Any),
                    "exists" => Ok(ExpectedVersion::Exists),
                    "none" => Ok(ExpectedVersion::None),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expectations_read_back_what_they_wrote() {
        for expected in
            [ExpectedVersion::Any, ExpectedVersion::Exists, ExpectedVersion::None, ExpectedVersion::Exact(7)]
        {
            let text = serde_json::to_string(&expected).unwrap();
            assert_eq!(serde_json::from_str::<ExpectedVersion>(&text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_version_is_refused_with_what_would_be() {
        for text in ["-1", "1.5", "\"first\"", "null", "9007199254740992"] {
            let error = serde_json::from_str::<ExpectedVersion>(text).unwrap_err().to_string();
            assert!(error.contains("\"exists\""), "{text}: {error}");
        }
    }

    #[test]
    fn expectations_are_met_by() {
        let cases = [
            (ExpectedVersion::Any, [true, true, true]),
            (ExpectedVersion::Exists, [false, true, true]),
            (ExpectedVersion::None, [true, false, false]),
            (ExpectedVersion::Exact(0), [true, false, false]),
            (ExpectedVersion::Exact(2), [false, false, true]),
        ];
        for (expected, met) in cases {
            for (version, met) in met.into_iter().enumerate() {
                assert_eq!(expected.is_met_by(version as u64), met, "{expected} by {version}");
            }
        }
    }
}
