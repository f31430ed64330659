//! Times as text: `2026-11-25T18:30:00.123456789+01:00`, the forms senders write of it.

const NS_PER_S: i64 = 1_000_000_000;

/// Unix nanoseconds. `T` may be a space, the zone may be missing (UTC), digits after the ninth are dropped.
pub(super) fn parse_ns(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |at: usize, len: usize| -> Option<i64> {
        let digits = bytes.get(at..at + len)?;
        digits
            .iter()
            .all(u8::is_ascii_digit)
            .then(|| digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
    };
    let is = |at: usize, byte: u8| bytes.get(at) == Some(&byte);
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let separated = is(4, b'-') && is(7, b'-') && is(13, b':') && is(16, b':');
    let inside = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    // A leap second is the first of the next minute.
    if !separated
        || !inside
        || hour > 23
        || minute > 59
        || second > 60
        || !matches!(bytes[10], b'T' | b't' | b' ')
    {
        return None;
    }
    let (mut rest, mut fraction_ns) = (&bytes[19..], 0);
    if let [b'.' | b',', tail @ ..] = rest {
        let len = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if len == 0 {
            return None;
        }
        for place in 0..9 {
            let digit = tail[..len].get(place).map_or(0, |byte| i64::from(byte - b'0'));
            fraction_ns = fraction_ns * 10 + digit;
        }
        rest = &tail[len..];
    }
    let offset_s = zone_s(rest)?;
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset_s;
    seconds.checked_mul(NS_PER_S)?.checked_add(fraction_ns)
}

/// Seconds east of Greenwich.
fn zone_s(zone: &[u8]) -> Option<i64> {
    let two = |a: u8, b: u8| {
        (a.is_ascii_digit() && b.is_ascii_digit()).then(|| i64::from(a - b'0') * 10 + i64::from(b - b'0'))
    };
    let (sign, hours, minutes) = match zone {
        [] | [b'Z' | b'z'] => return Some(0),
        [sign, a, b, b':', c, d] | [sign, a, b, c, d] => (sign, two(*a, *b)?, two(*c, *d)?),
        [sign, a, b] => (sign, two(*a, *b)?, 0),
        _ => return None,
    };
    let seconds = hours * 3600 + minutes * 60;
    match sign {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the Gregorian calendar; years begin in March, so that the leap day is the last.
pub(super) fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_the_forms_senders_write() {
        for (text, seconds, ns) in [
            ("1970-01-01T00:00:00Z", 0, 0),
            ("2026-11-25T18:30:00.5Z", 1_795_631_400, 500_000_000),
            ("2026-11-25T19:30:00.123456789999+01:00", 1_795_631_400, 123_456_789),
            ("2026-11-25 18:30:00,25", 1_795_631_400, 250_000_000),
            ("2026-11-25t13:00:00-0530", 1_795_631_400, 0),
            ("2024-02-29T00:00:00z", 1_709_164_800, 0),
            ("1969-12-31T23:59:59Z", -1, 0),
        ] {
            assert_eq!(parse_ns(text), Some(seconds * NS_PER_S + ns), "{text}");
        }
        for text in [
            "",
            "now",
            "2026-11-25",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-25T24:00:00Z",
            "2026-11-25T18:30:00.Z",
            "2026-11-25T18:30:00+1",
            "2026-11-25T18:30:00 UTC",
            "9999-12-31T00:00:00Z",
        ] {
            assert_eq!(parse_ns(text), None, "{text}");
        }
    }
}
