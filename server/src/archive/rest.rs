//! Which streams rest: those whose last event is older than a point.

use crate::storage::stored::StoredStream;
use std::str::FromStr;
use tidelog::{time::Timestamp, version::Position};

const DAY: i64 = 86_400_000;

/// The point that the last event of a stream has to lie before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// A position of the log.
    Position(Position),
    /// A moment: compared with when the server recorded the event.
    Moment(Timestamp),
}

/// The text names no point.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a position, such as 12000, nor a day, such as 2026-01-31")]
pub struct NotAMoment(String);

impl Before {
    pub(super) fn includes(self, stream: &StoredStream) -> bool {
        match self {
            Self::Position(position) => stream.position < position,
            Self::Moment(moment) => stream.recorded_at < moment,
        }
    }

    /// So many days before a moment.
    #[must_use]
    pub fn days_ago(days: u32, now: Timestamp) -> Self {
        Self::Moment(Timestamp(now.millis().saturating_sub(i64::from(days) * DAY)))
    }
}

/// A position, or a day: its beginning in UTC.
impl FromStr for Before {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        if let Ok(position) = text.parse() {
            return Ok(Self::Position(position));
        }
        let moment = day(text).map(|days| Self::Moment(Timestamp(days * DAY)));
        moment.ok_or_else(|| NotAMoment(text.chars().take(40).collect()))
    }
}

/// Days since 1970-01-01 in the Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`).
fn day(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let mut part = |digits: usize| {
        let part = parts.next()?;
        let plain = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        if plain { part.parse::<i64>().ok() } else { None }
    };
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if parts.next().is_some() || !(1..=length).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, month) = (year.div_euclid(400), (month + 9) % 12);
    let year = year - era * 400;
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + year * 365 + year / 4 - year / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_a_position_or_a_day() {
        let at = |text: &str| text.parse::<Before>();
        assert_eq!(at("12000"), Ok(Before::Position(12_000)));
        for (text, days) in
            [("1970-01-01", 0), ("2024-02-29", 19_782), ("2026-11-22", 20_779), ("2000-03-01", 11_017)]
        {
            assert_eq!(at(text), Ok(Before::Moment(Timestamp(days * DAY))), "{text}");
        }
        for bad in ["", "-1", "2026-02-29", "2026-13-01", "2026-1-1", "2026-01-01-01", "2026-01-00", "soon"] {
            assert!(at(bad).is_err(), "{bad}");
        }
        assert_eq!(Before::days_ago(2, Timestamp(5 * DAY)), Before::Moment(Timestamp(3 * DAY)));
    }
}
