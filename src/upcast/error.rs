//! What can go wrong with upcasters: when they are registered, and when they are at work.

use std::sync::Arc;

/// Upcasters don't fit together, or an event can't be brought to the shape that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpcastError {
    /// At registration: a type is empty, a version is 0 or does not rise, or a step is none.
    #[error("the upcaster from {event_type} version {schema_version} is not valid: {reason}")]
    Invalid {
        /// The type it reads.
        event_type: Arc<str>,
        /// The schema version it reads.
        schema_version: u32,
        /// What is wrong.
        reason: String,
    },
    /// At registration: there are two upcasters from the same type and version.
    #[error("there are two upcasters from {event_type} version {schema_version}")]
    Ambiguous {
        /// The type.
        event_type: Arc<str>,
        /// The schema version.
        schema_version: u32,
    },
    /// At registration: the upcasters go in a circle.
    #[error("the upcasters go in a circle: {way}")]
    Cycle {
        /// The type where the circle was met.
        event_type: Arc<str>,
        /// Its schema version.
        schema_version: u32,
        /// The way round, such as `A 1 → B 1 → A 1`.
        way: String,
    },
    /// A chain stops short of the newest version of a type. At registration, or when an event of a version is met from which
    /// nothing leads on.
    #[error(
        "there is no upcaster from {event_type} version {schema_version}, though {event_type} version {newest} is known: add one from version {schema_version}"
    )]
    Gap {
        /// The type.
        event_type: Arc<str>,
        /// The version from which nothing leads on.
        schema_version: u32,
        /// The newest version of the type that the upcasters know.
        newest: u32,
    },
    /// A step or function broke.
    #[error("upcasting {event_type} version {schema_version} ({}) failed: {reason}", shown(.stream, *.version))]
    Failed {
        /// The type the upcaster is for.
        event_type: Arc<str>,
        /// The schema version the upcaster is for.
        schema_version: u32,
        /// The stream.
        stream: String,
        /// The event's version in its stream; 0 if it is in none.
        version: u64,
        /// What it said.
        reason: String,
    },
    /// There is no way back to an older shape.
    #[error(
        "{event_type} version {schema_version} ({}) can't be read as an older shape: {reason}", shown(.stream, *.version)
    )]
    NoDowncast {
        /// The type of the event in the shape from which there is no way back.
        event_type: Arc<str>,
        /// Its schema version.
        schema_version: u32,
        /// The stream.
        stream: String,
        /// The event's version in its stream; 0 if it is in none.
        version: u64,
        /// Why.
        reason: String,
    },
    /// An event that this app does not know, where the policy is [`super::UnknownEvents::Error`].
    #[error(
        "{event_type} version {schema_version} ({}) is not known to this app: it is newer than the app, or misspelt; update the app, or open with another policy for unknown events", shown(.stream, *.version)
    )]
    Unknown {
        /// The type.
        event_type: Arc<str>,
        /// The schema version.
        schema_version: u32,
        /// The stream.
        stream: String,
        /// The event's version in its stream; 0 if it is in none.
        version: u64,
    },
}

fn shown(stream: &str, version: u64) -> String {
    if version == 0 { format!("an event for {stream}") } else { format!("event {version} of {stream}") }
}

impl UpcastError {
    /// A stable word to switch on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } | Self::Ambiguous { .. } | Self::Cycle { .. } | Self::Gap { .. } => {
                "invalid-upcasters"
            }
            Self::Failed { .. } => "upcast-failed",
            Self::NoDowncast { .. } => "no-downcast",
            Self::Unknown { .. } => "unknown-event",
        }
    }

    /// The type and schema version that it is about.
    #[must_use]
    pub fn event(&self) -> (&Arc<str>, u32) {
        match self {
            Self::Invalid { event_type, schema_version, .. }
            | Self::Ambiguous { event_type, schema_version }
            | Self::Cycle { event_type, schema_version, .. }
            | Self::Gap { event_type, schema_version, .. }
            | Self::Failed { event_type, schema_version, .. }
            | Self::NoDowncast { event_type, schema_version, .. }
            | Self::Unknown { event_type, schema_version, .. } => (event_type, *schema_version),
        }
    }

    /// The stream and the version of the event that it is about, if it is about one.
    #[must_use]
    pub fn place(&self) -> Option<(&str, u64)> {
        match self {
            Self::Failed { stream, version, .. }
            | Self::NoDowncast { stream, version, .. }
            | Self::Unknown { stream, version, .. } => Some((stream, *version)),
            _ => None,
        }
    }
}
