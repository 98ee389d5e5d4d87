//! Identities of events, commits and devices: UUIDs of version 7 (RFC 9562).

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::{cell::Cell, fmt, str::FromStr};
use uuid::Uuid;

macro_rules! identity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

identity!(
    /// The identity of an event, unique over all logs. Events are told apart by it, never by what they say.
    EventId
);
identity!(
    /// The identity of a commit, and of the command that decided it. It survives every rebase.
    CommitId
);
identity!(
    /// The identity of one device: one database in one browser profile.
    DeviceId
);
identity!(
    /// The identity of one opening of the database.
    SessionId
);

/// Makes UUIDs of version 7 that never go backwards within one opening, whatever the clock does.
///
/// Sorting by id is a convenience, not the order of truth: that is the position in the authority's log.
#[derive(Debug, Default)]
pub struct IdGenerator {
    last: Cell<(i64, u16)>,
}

impl IdGenerator {
    /// The next id, from the clock and ten random bytes. Within one millisecond, and while the clock is behind the last
    /// id, a counter in the twelve bits after the version keeps ids rising (RFC 9562, section 6.2, method 1).
    pub fn next(&self, now: Timestamp, mut random: [u8; 10]) -> Uuid {
        let (last_millis, last_count) = self.last.get();
        let seed = u16::from_be_bytes([random[0], random[1]]) & 0x07ff;
        let (millis, count) = if now.0 > last_millis {
            (now.0, seed)
        } else if last_count < 0x0fff {
            (last_millis, last_count + 1)
        } else {
            (last_millis + 1, seed)
        };
        self.last.set((millis, count));
        random[..2].copy_from_slice(&count.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(millis.unsigned_abs(), &random).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_within_a_millisecond_and_when_the_clock_steps_back() {
        let ids = IdGenerator::default();
        let mut last = ids.next(Timestamp(1_700_000_000_000), [0xff; 10]);
        for step in 0..10_000 {
            let now = if step % 3 == 0 { 1_600_000_000_000 } else { 1_700_000_000_000 };
            let id = ids.next(Timestamp(now), [step as u8; 10]);
            assert!(id > last, "step {step}: {id} is not above {last}");
            assert_eq!(id.get_version_num(), 7);
            last = id;
        }
    }
}
