//! Times and durations in requests, and times in answers.

use std::fmt::Write as _;

use crate::failure::Failure;

pub(crate) const NS_PER_MS: i64 = 1_000_000;
pub(crate) const NS_PER_S: i64 = 1_000_000_000;

/// Prometheus: Unix seconds with a fraction, or RFC 3339. Milliseconds.
pub(crate) fn prometheus_time(name: &str, text: &str) -> Result<i64, Failure> {
    let unknown =
        || Failure::bad(format!("invalid parameter {name:?}: cannot parse {text:?} to a valid timestamp"));
    match text.parse::<f64>() {
        // A double of seconds is off by some hundred nanoseconds: to the nearest millisecond, not down.
        Ok(seconds) if seconds.abs() < 1e13 => Ok((seconds * 1000.0).round() as i64),
        Ok(_) => Err(unknown()),
        Err(_) => rfc3339(text).map(|nanos| nanos.div_euclid(NS_PER_MS)).ok_or_else(unknown),
    }
}

/// Prometheus: seconds as a number, or a duration like `1m30s`. Milliseconds.
pub(crate) fn prometheus_duration(name: &str, text: &str) -> Result<i64, Failure> {
    let unknown =
        || Failure::bad(format!("invalid parameter {name:?}: cannot parse {text:?} to a valid duration"));
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds.abs() < 1e12 => Ok((seconds * 1000.0).round() as i64),
        Ok(_) => Err(unknown()),
        Err(_) => duration_ns(text).map(|ns| ns / NS_PER_MS).ok_or_else(unknown),
    }
}

/// Loki and Tempo: Unix nanoseconds, Unix seconds (ten digits or fewer, or with a fraction), or RFC 3339. Nanoseconds.
pub(crate) fn event_time(name: &str, text: &str) -> Result<i64, Failure> {
    let parsed = if let Ok(int) = text.parse::<i64>() {
        if text.trim_start_matches('-').len() <= 10 { int.checked_mul(NS_PER_S) } else { Some(int) }
    } else if let Ok(seconds) = text.parse::<f64>() {
        seconds_to_ns(seconds)
    } else {
        rfc3339(text)
    };
    parsed.ok_or_else(|| {
        Failure::bad(format!("invalid parameter {name:?}: {text:?} is no Unix time and no RFC 3339 time"))
    })
}

/// Loki and Tempo: seconds as a number, or a duration. Nanoseconds.
pub(crate) fn event_duration(name: &str, text: &str) -> Result<i64, Failure> {
    let parsed = match text.parse::<f64>() {
        Ok(seconds) => seconds_to_ns(seconds),
        Err(_) => duration_ns(text),
    };
    parsed.ok_or_else(|| Failure::bad(format!("invalid parameter {name:?}: {text:?} is not a duration")))
}

/// A step of a range query, which is more than nothing. Nanoseconds.
pub(crate) fn step_ns(text: &str) -> Option<i64> {
    event_duration("step", text).ok().filter(|step| *step > 0)
}

/// Go's and Prometheus' spelling in one: `1h30m`, `1.5s`, `250ms`, `7d`.
pub(crate) fn duration_ns(text: &str) -> Option<i64> {
    const UNITS: [(&str, f64); 10] = [
        ("ms", 1e6),
        ("us", 1e3),
        ("µs", 1e3),
        ("ns", 1.0),
        ("s", 1e9),
        ("m", 60e9),
        ("h", 3600e9),
        ("d", 86_400e9),
        ("w", 604_800e9),
        ("y", 31_536_000e9),
    ];
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        let tail = rest.get(digits..)?;
        let (unit, factor) = UNITS.iter().find(|(unit, _)| tail.starts_with(unit))?;
        total += number * factor;
        rest = tail.get(unit.len()..)?;
    }
    let signed = if text.starts_with('-') { -total } else { total };
    (!text.is_empty() && signed.abs() < i64::MAX as f64).then_some(signed as i64)
}

fn seconds_to_ns(seconds: f64) -> Option<i64> {
    // Whole and fractional part apart: a double of nanoseconds since 1970 is off by hundreds of them.
    let whole = seconds.floor();
    let nanos = ((seconds - whole) * 1e9).round() as i64;
    if whole.abs() > 9e9 {
        return None;
    }
    (whole as i64).checked_mul(NS_PER_S)?.checked_add(nanos)
}

/// `2026-11-23T22:34:00.5+01:00` as Unix nanoseconds.
fn rfc3339(text: &str) -> Option<i64> {
    let (date, clock) = text.split_at_checked(10)?;
    let clock = clock.strip_prefix(['T', 't', ' '])?;
    let mut ymd = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (ymd.next()??, ymd.next()??, ymd.next()??);
    let (time, zone) = clock.split_at_checked(8)?;
    let mut hms = time.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (hms.next()??, hms.next()??, hms.next()??);
    let valid = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    if !valid {
        return None;
    }
    let (fraction_ns, zone) = fraction(zone)?;
    let offset_s = zone_offset(zone)?;
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset_s;
    seconds.checked_mul(NS_PER_S)?.checked_add(fraction_ns)
}

fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, zone) = rest.split_at_checked(digits)?;
    let kept: String = number.chars().chain("000000000".chars()).take(9).collect();
    Some((kept.parse().ok()?, zone))
}

fn zone_offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
    Some(sign * (hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60))
}

/// Days since 1970-01-01 of a date of the Gregorian calendar: years begin in March, so that leap days come last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096).div_euclid(365);
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

/// RFC 3339 as milliseconds, the fraction of one left out.
pub(crate) fn rfc3339_to_ms(text: &str) -> Option<i64> {
    rfc3339(text).map(|nanos| nanos.div_euclid(NS_PER_MS))
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339_ms(time_ms: i64) -> String {
    let (days, ms) = (time_ms.div_euclid(86_400_000), time_ms.rem_euclid(86_400_000));
    let (year, month, day) = civil_from_days(days);
    let mut out = String::with_capacity(24);
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        ms / 3_600_000,
        ms / 60_000 % 60,
        ms / 1000 % 60,
        ms % 1000
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_times() {
        for (text, wanted) in [
            ("1763930000", Some(1_763_930_000_000)),
            ("1763930000.781", Some(1_763_930_000_781)),
            ("1.7e9", Some(1_700_000_000_000)),
            ("-1", Some(-1000)),
            ("2015-07-01T20:10:51.781Z", Some(1_435_781_451_781)),
            ("2015-07-01T22:10:51+02:00", Some(1_435_781_451_000)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2024-02-29T00:00:00Z", Some(1_709_164_800_000)),
            ("NaN", None),
            ("1e300", None),
            ("yesterday", None),
            ("2015-13-01T00:00:00Z", None),
            ("2015-07-01", None),
            ("ü015-07-01T00:00:00Z", None),
        ] {
            assert_eq!(prometheus_time("time", text).ok(), wanted, "{text}");
        }
    }

    #[test]
    fn steps_and_durations() {
        for (text, wanted_ms) in [
            ("15", Some(15_000)),
            ("0.5", Some(500)),
            ("1m30s", Some(90_000)),
            ("250ms", Some(250)),
            ("1d", Some(86_400_000)),
            ("1.5h", Some(5_400_000)),
            ("", None),
            ("m", None),
            ("1x", None),
            ("Inf", None),
        ] {
            assert_eq!(prometheus_duration("step", text).ok(), wanted_ms, "{text}");
        }
    }

    #[test]
    fn event_times_are_nanoseconds_seconds_or_dates() {
        for (text, wanted) in [
            ("1763930000", Some(1_763_930_000_000_000_000)),
            ("1763930000123456789", Some(1_763_930_000_123_456_789)),
            ("1763930000.5", Some(1_763_930_000_500_000_000)),
            ("2026-11-23T00:00:00.000000001Z", Some(1_795_392_000_000_000_001)),
            ("99999999999999999999", None),
            ("x", None),
        ] {
            assert_eq!(event_time("start", text).ok(), wanted, "{text}");
        }
    }

    #[test]
    fn dates_are_written_as_they_are_read() {
        for ms in [0, 1_435_781_451_781, 1_709_164_800_000, -1, 4_102_444_800_000] {
            assert_eq!(prometheus_time("t", &rfc3339_ms(ms)).unwrap(), ms);
        }
    }
}
