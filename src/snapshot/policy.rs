//! When a snapshot is taken: pure.

use serde::Deserialize;

/// The fewest confirmed events of a stream for which a snapshot is looked for, and taken unasked: fewer are folded sooner
/// than one is read.
pub const MIN_EVENTS: u64 = 16;

/// Whether snapshots are used, and who asks for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Neither taken nor read.
    Never,
    /// Taken by hand only; read.
    ByHand,
    /// Taken when one of the conditions holds, and by hand; read.
    #[default]
    Automatic,
}

/// When snapshots of a stream are taken, and how many are kept.
///
/// ```
/// use tidelog::snapshot::SnapshotPolicy;
///
/// let every_hundred_events = SnapshotPolicy { every: Some(100), floor: None, ..SnapshotPolicy::default() };
/// let at_most_hourly = SnapshotPolicy { at_most_every: Some(3_600_000), ..SnapshotPolicy::default() };
/// let by_hand = SnapshotPolicy::by_hand();
/// # assert_ne!(every_hundred_events, at_most_hourly);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SnapshotPolicy {
    /// Whether snapshots are used, and who asks for them.
    pub mode: Mode,
    /// As soon as there are so many events since the last one.
    pub every: Option<u64>,
    /// As soon as the events since the last one are larger than its state, and larger than this, in bytes of JSON: then
    /// reading a new one costs less than reading those events. Default 32 KiB.
    pub floor: Option<u64>,
    /// After a load that took so many milliseconds or more.
    pub slower_than: Option<u64>,
    /// Never sooner than so many milliseconds after the last one, whatever else holds.
    pub at_most_every: Option<u64>,
    /// How many are kept of a stream, the latest ones; at least 1. Older ones serve loads of the past, and stand in for a
    /// newer one that is damaged. Default 2.
    pub keep: usize,
    /// Whether states are compressed, where there is a [`Compression`](super::Compression).
    pub compress: bool,
}

impl Default for SnapshotPolicy {
    fn default() -> Self {
        Self {
            mode: Mode::Automatic,
            every: None,
            floor: Some(32 << 10),
            slower_than: None,
            at_most_every: None,
            keep: 2,
            compress: false,
        }
    }
}

/// What a decision is made on: how a stream stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// Confirmed events since the last snapshot, or since the beginning.
    pub events: u64,
    /// Their size, in bytes of JSON.
    pub bytes: u64,
    /// The size of the last snapshot's state, in bytes of JSON; 0 if there is none.
    pub size: u64,
    /// Milliseconds since the last one was taken; none if there is none.
    pub age: Option<u64>,
    /// Milliseconds that loading the state took just now; 0 if it was at hand.
    pub took: u64,
}

impl SnapshotPolicy {
    /// Neither taken nor read.
    #[must_use]
    pub fn never() -> Self {
        Self { mode: Mode::Never, ..Self::default() }
    }

    /// Taken by hand only.
    #[must_use]
    pub fn by_hand() -> Self {
        Self { mode: Mode::ByHand, ..Self::default() }
    }

    /// Whether a snapshot should be taken now.
    #[must_use]
    pub fn is_due(&self, it: &Situation) -> bool {
        let reached = |limit: Option<u64>, value: u64| limit.is_some_and(|limit| value >= limit);
        let too_soon = self.at_most_every.zip(it.age).is_some_and(|(span, age)| age < span);
        self.mode == Mode::Automatic
            && it.events > 0
            && !too_soon
            && (reached(self.every, it.events)
                || reached(self.floor.map(|floor| floor.max(it.size)), it.bytes)
                || reached(self.slower_than, it.took))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_due_when_a_condition_holds() {
        let none = || SnapshotPolicy { floor: None, ..SnapshotPolicy::default() };
        let every = SnapshotPolicy { every: Some(100), ..none() };
        let slow = SnapshotPolicy { slower_than: Some(50), ..none() };
        let hourly = SnapshotPolicy { every: Some(10), at_most_every: Some(3_600_000), ..none() };
        let either = SnapshotPolicy { every: Some(100), slower_than: Some(50), ..none() };
        let it = Situation { events: 1, ..Situation::default() };
        let cases = [
            ("few events", &every, Situation { events: 99, ..it }, false),
            ("enough events", &every, Situation { events: 100, ..it }, true),
            ("under the floor", &SnapshotPolicy::default(), Situation { bytes: 32_767, ..it }, false),
            ("over the floor", &SnapshotPolicy::default(), Situation { bytes: 32_768, ..it }, true),
            (
                "less than the state",
                &SnapshotPolicy::default(),
                Situation { bytes: 90_000, size: 90_001, ..it },
                false,
            ),
            (
                "more than the state",
                &SnapshotPolicy::default(),
                Situation { bytes: 90_001, size: 90_001, ..it },
                true,
            ),
            ("a quick load", &slow, Situation { took: 49, ..it }, false),
            ("a slow load", &slow, Situation { took: 50, ..it }, true),
            ("too soon", &hourly, Situation { events: 10, age: Some(3_599_999), ..it }, false),
            ("late enough", &hourly, Situation { events: 10, age: Some(3_600_000), ..it }, true),
            ("the first one", &hourly, Situation { events: 10, ..it }, true),
            ("one of two conditions", &either, Situation { events: 1, took: 60, ..it }, true),
            ("nothing new", &either, Situation { events: 0, took: 60, bytes: 1 << 30, ..it }, false),
            ("never", &SnapshotPolicy::never(), Situation { bytes: 1 << 30, ..it }, false),
            ("by hand", &SnapshotPolicy::by_hand(), Situation { bytes: 1 << 30, ..it }, false),
            (
                "no condition",
                &none(),
                Situation { events: 1 << 30, bytes: 1 << 30, took: 1 << 30, ..it },
                false,
            ),
        ];
        for (what, policy, situation, due) in cases {
            assert_eq!(policy.is_due(&situation), due, "{what}");
        }
    }
}
