//! Moments as RFC 3339 writes them, which CloudEvents asks for.

use crate::time::Timestamp;

const DAY: i64 = 86_400_000;

/// A moment such as `2026-11-21T09:05:07.123Z`, for the years 0 to 9999; none beyond.
pub(super) fn write(moment: Timestamp) -> Option<String> {
    let (days, rest) = (moment.0.div_euclid(DAY), moment.0.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    if !(0..=9999).contains(&year) {
        return None;
    }
    let (hour, minute, second, milli) =
        (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60, rest % 1_000);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"))
}

/// Reads a moment; digits beyond milliseconds are cut off. None if it is none.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let number = |from: usize, length: usize| -> Option<i64> {
        let digits = text.get(from..from + length)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    let is = |at: usize, allowed: &[u8]| text.as_bytes().get(at).is_some_and(|byte| allowed.contains(byte));
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let is_shaped = is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":");
    if !is_shaped
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let mut at = 19;
    let mut milli = 0;
    if is(at, b".") {
        let digits = text[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let shown: String = text[at + 1..at + 1 + digits].chars().chain("000".chars()).take(3).collect();
        milli = if digits == 0 { return None } else { shown.parse::<i64>().ok()? };
        at += 1 + digits;
    }
    let offset = match text.as_bytes().get(at)? {
        b'Z' | b'z' if text.len() == at + 1 => 0,
        sign @ (b'+' | b'-') if is(at + 3, b":") && text.len() == at + 6 => {
            let minutes = number(at + 1, 2)? * 60 + number(at + 4, 2)?;
            if *sign == b'+' { minutes } else { -minutes }
        }
        _ => return None,
    };
    let days = days_of(year, month, day);
    if civil(days) != (year, month, day) {
        return None;
    }
    Some(Timestamp(days * DAY + (hour * 60 + minute - offset) * 60_000 + second * 1_000 + milli))
}

/// Days since 1970 as year, month, day of the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_back_what_they_wrote() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_767_225_599_999, "2025-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        for (millis, text) in cases {
            assert_eq!(write(Timestamp(millis)).unwrap(), text);
            assert_eq!(read(text).unwrap(), Timestamp(millis));
        }
        let mut millis = -62_167_219_200_000_i64;
        while millis < 253_402_300_800_000 {
            let text = write(Timestamp(millis)).unwrap();
            assert_eq!(read(&text), Some(Timestamp(millis)), "{text}");
            millis += 86_399_999_771;
        }
        assert_eq!(write(Timestamp(253_402_300_800_000)), None);
    }

    #[test]
    fn other_spellings_are_read_and_what_is_no_moment_is_not() {
        assert_eq!(read("1970-01-01t01:00:00+01:00"), Some(Timestamp(0)));
        assert_eq!(read("1970-01-01T00:00:00.123456789Z"), Some(Timestamp(123)));
        for bad in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-02-30T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00+1:00",
            "é970-01-01T00:00:00Z",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
