//! What a projection is, apart from its function.

use crate::event::RecordedEvent;
use std::sync::Arc;

/// When the rows follow the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Before `execute` or `append` of this tab resolves.
    Immediate,
    /// Soon after, when nothing else is going on; a read brings them up first.
    #[default]
    Background,
    /// Only when asked ([`crate::engine::Engine::wait_for`]), or once so many events have come since; a read shows them as they
    /// are.
    Batch {
        /// The number of positions behind the log's end at which they follow by themselves; none: only when asked.
        every: Option<u64>,
    },
}

impl Kind {
    /// Its name, as in TypeScript.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Immediate => "immediate",
            Self::Background => "background",
            Self::Batch { .. } => "batch",
        }
    }
}

/// What becomes of an event that a projection can't take in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// Its stream is parked: this event and the later ones of its stream wait in the dead-letter list, in order, until they are
    /// replayed; other streams go on.
    #[default]
    Park,
    /// It is passed over and counted; its stream goes on.
    Skip,
    /// The projection stops before it, until the log is opened again or the projection is rebuilt.
    Stop,
}

/// What a projection does about an event that it can't take in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnError {
    /// How often it is tried again first, waiting [`OnError::back_off`] each time; at most [`OnError::MAX_RETRIES`]. 0: a pure
    /// function fails again.
    pub retries: u8,
    /// What happens then.
    pub then: Then,
}

impl OnError {
    /// The most times that an event is tried again.
    pub const MAX_RETRIES: u8 = 10;

    /// Park the stream of the event, at once. The default.
    pub const PARK: Self = Self { retries: 0, then: Then::Park };
    /// Pass over the event, at once.
    pub const SKIP: Self = Self { retries: 0, then: Then::Skip };
    /// Stop before the event, at once.
    pub const STOP: Self = Self { retries: 0, then: Then::Stop };

    /// Milliseconds before the next attempt: 250 after the first failure, doubled each time, at most 30,000.
    #[must_use]
    pub fn back_off(failures: u8) -> u64 {
        (250 << u64::from(failures.saturating_sub(1).min(8))).min(30_000)
    }
}

/// What a projection is, apart from its function.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its name: at most 256 bytes, no control characters.
    pub name: Arc<str>,
    /// The types of events it is interested in, as they are today; none means all.
    pub types: Vec<Arc<str>>,
    /// The aggregates whose streams it is interested in; none means all.
    pub aggregates: Vec<Arc<str>>,
    /// Its version, from 1: a higher one makes its rows anew.
    pub version: u32,
    /// A number that differs where the function differs, as far as that can be told: another one makes its rows anew.
    pub fingerprint: u32,
    /// The fields of rows that are indexed: names, parted by dots where a field lies within another.
    pub indexes: Vec<Arc<str>>,
    /// When the rows follow the log.
    pub kind: Kind,
    /// What becomes of an event that it can't take in.
    pub on_error: OnError,
}

impl Definition {
    /// Whether it is interested in an event, which has today's shape.
    #[must_use]
    pub fn wants(&self, event: &RecordedEvent) -> bool {
        let (types, aggregates) = (&self.types, &self.aggregates);
        (types.is_empty() || types.contains(&event.event.event_type))
            && (aggregates.is_empty() || aggregates.iter().any(|name| **name == *event.stream.aggregate()))
    }

    /// The longest name, in bytes of UTF-8.
    pub const MAX_NAME: usize = 256;

    /// A projection of version 1 that looks at every event, in the background, without indexes.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            types: Vec::new(),
            aggregates: Vec::new(),
            version: 1,
            fingerprint: 0,
            indexes: Vec::new(),
            kind: Kind::default(),
            on_error: OnError::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_half_a_minute() {
        let waits: Vec<u64> = [1, 2, 3, 7, 8, 200].map(OnError::back_off).into();
        assert_eq!(waits, [250, 500, 1_000, 16_000, 30_000, 30_000]);
    }
}
