//! `Stream-Cursor`: what readers put into their next address, so that caches can answer many who wait alike with one answer, and never
//! the same one for ever (section 8.1 of the protocol).

use crate::clock::{Clock, SystemClock};
use tidelog::time::Timestamp;

/// 9 October 2024, 00:00 UTC, from which the protocol counts intervals.
const EPOCH: i64 = 1_728_432_000_000;
/// The length of an interval: 20 s.
const INTERVAL: i64 = 20_000;
/// How many intervals a reader is sent ahead at most who has the present one already: an hour.
const AHEAD: u64 = 180;

/// The cursors that one reader is given: they never fall behind what it was given before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Collapsing {
    least: u64,
}

impl Collapsing {
    /// For a reader that shows the cursor which it was given last.
    pub(super) fn after(shown: Option<u64>) -> Self {
        let mut random = [0];
        // Without randomness readers are only less spread.
        let _ = getrandom::fill(&mut random);
        Self { least: least(shown, interval(SystemClock.now()), random[0].into()) }
    }

    /// The cursor at this moment.
    pub(super) fn cursor(self) -> String {
        self.least.max(interval(SystemClock.now())).to_string()
    }
}

/// The number of the present interval.
fn interval(now: Timestamp) -> u64 {
    u64::try_from(now.0.saturating_sub(EPOCH) / INTERVAL).unwrap_or(0)
}

/// The present interval, or one beyond what the reader has shown, so that its next address is another one.
fn least(shown: Option<u64>, present: u64, random: u64) -> u64 {
    match shown {
        Some(shown) if shown >= present => shown.saturating_add(1 + random % AHEAD),
        _ => present,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_counted_from_the_epoch() {
        assert_eq!(interval(Timestamp(EPOCH - 1)), 0);
        assert_eq!(interval(Timestamp(EPOCH + INTERVAL - 1)), 0);
        assert_eq!(interval(Timestamp(EPOCH + 7 * INTERVAL)), 7);
    }

    #[test]
    fn a_cursor_that_was_shown_is_passed() {
        assert_eq!(least(None, 100, 0), 100);
        assert_eq!(least(Some(99), 100, 250), 100);
        assert_eq!(least(Some(100), 100, 0), 101);
        assert_eq!(least(Some(100), 100, 179), 280);
        assert_eq!(least(Some(u64::MAX), 100, 5), u64::MAX);
    }
}
