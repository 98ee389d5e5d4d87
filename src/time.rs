//! Moments, as milliseconds since 1970.

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since 1970-01-01T00:00:00Z, without leap seconds (what `Date.now()` gives).
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// 2020-01-01T00:00:00Z. No device that runs this code lives before it: an earlier clock has lost its battery.
    pub const EARLIEST_PLAUSIBLE: Self = Self(1_577_836_800_000);

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }
}
