//! Go's times in templates. A time is a text as Go prints it, so that `{{ .StartsAt }}` shows what it shows there; the
//! functions read it back.

use jiff::{Timestamp, Zoned, tz::TimeZone};

use crate::notify::config::zone;

/// What has not ended: the first moment of Go's calendar.
pub(crate) const ZERO: &str = "0001-01-01 00:00:00 +0000 UTC";

pub(crate) fn print(time_ms: i64) -> String {
    Timestamp::from_millisecond(time_ms)
        .map_or_else(|_| ZERO.to_owned(), |time| show(&time.to_zoned(TimeZone::UTC)))
}

fn show(time: &Zoned) -> String {
    let nanos = time.subsec_nanosecond();
    let fraction = format!(".{nanos:09}");
    let fraction = if nanos == 0 { "" } else { fraction.trim_end_matches('0') };
    format!("{}{fraction} {}", time.strftime("%Y-%m-%d %H:%M:%S"), time.strftime("%z %Z"))
}

/// A time that was printed here. The offset says what the clock shows, the zone's name is for people.
pub(crate) fn read(text: &str) -> Result<Zoned, String> {
    let bad = || format!("{text:?} is not a time");
    let mut parts = text.splitn(4, ' ');
    let (Some(date), Some(clock), Some(offset)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(bad());
    };
    let (Some(hours), Some(minutes)) = (offset.get(..3), offset.get(3..)) else { return Err(bad()) };
    let time: Timestamp = format!("{date}T{clock}{hours}:{minutes}").parse().map_err(|_| bad())?;
    let seconds = |text: &str| text.parse::<i32>().map_err(|_| bad());
    let sign = if hours.starts_with('-') { -1 } else { 1 };
    let offset = seconds(hours)? * 3_600 + sign * seconds(minutes)? * 60;
    let offset = jiff::tz::Offset::from_seconds(offset).map_err(|_| bad())?;
    Ok(time.to_zoned(if offset.is_zero() { TimeZone::UTC } else { TimeZone::fixed(offset) }))
}

pub(crate) fn in_zone(name: &str, text: &str) -> Result<String, String> {
    Ok(show(&read(text)?.with_time_zone(zone(Some(name))?)))
}

pub(crate) fn millis(text: &str) -> Result<i64, String> {
    Ok(read(text)?.timestamp().as_millisecond())
}

/// In one of Go's layouts: the example `Mon Jan 2 15:04:05 MST 2006` written as the time should be.
pub(crate) fn format(layout: &str, text: &str) -> Result<String, String> {
    let time = read(text)?;
    let name = text.splitn(4, ' ').nth(3).unwrap_or("UTC");
    let mut out = String::new();
    let mut rest = layout;
    'next: while let Some(c) = rest.chars().next() {
        for (example, written) in EXAMPLES {
            if let Some(after) = rest.strip_prefix(example) {
                out.push_str(&match *written {
                    "%Z" => name.to_owned(),
                    // RFC 3339 writes UTC so; every other zone by its offset.
                    "Z%:z" if time.offset().is_zero() => "Z".to_owned(),
                    "Z%:z" => time.strftime("%:z").to_string(),
                    written => time.strftime(written).to_string().trim_start().to_owned(),
                });
                rest = after;
                continue 'next;
            }
        }
        let digits =
            rest.strip_prefix(['.', ',']).map(|after| after.len() - after.trim_start_matches('0').len());
        if let Some(digits) = digits.filter(|digits| *digits > 0) {
            out.push(c);
            out.push_str(&format!("{:09}", time.subsec_nanosecond())[..digits.min(9)]);
            rest = &rest[1 + digits..];
            continue;
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    Ok(out)
}

/// Longest first where one begins with another.
const EXAMPLES: &[(&str, &str)] = &[
    ("January", "%B"),
    ("Jan", "%b"),
    ("Monday", "%A"),
    ("Mon", "%a"),
    ("MST", "%Z"),
    ("2006", "%Y"),
    ("Z07:00", "Z%:z"),
    ("-07:00", "%:z"),
    ("-0700", "%z"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("15", "%H"),
    ("PM", "%p"),
    ("pm", "%P"),
    ("_2", "%e"),
    ("1", "%-m"),
    ("2", "%-d"),
    ("3", "%-I"),
    ("4", "%-M"),
    ("5", "%-S"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_as_go_prints_them() {
        assert_eq!(print(1_764_071_401_250), "2025-11-25 11:50:01.25 +0000 UTC");
        assert_eq!(millis(&print(1_764_071_401_250)), Ok(1_764_071_401_250));
        assert_eq!(in_zone("Europe/Berlin", &print(0)).unwrap(), "1970-01-01 01:00:00 +0100 CET");
        assert_eq!(millis("1970-01-01 01:00:00 +0100 CET"), Ok(0));
        assert!(read("yesterday").is_err() && in_zone("Nowhere", &print(0)).is_err());
    }

    #[test]
    fn layouts_are_go_s() {
        let time = print(1_764_071_401_250);
        for (layout, wanted) in [
            ("2006-01-02T15:04:05Z07:00", "2025-11-25T11:50:01Z"),
            ("Mon, 02 Jan 2006 15:04:05 MST", "Tue, 25 Nov 2025 11:50:01 UTC"),
            ("Monday 2 January 06 3:04PM", "Tuesday 25 November 25 11:50AM"),
            ("15:04:05.000 -0700", "11:50:01.250 +0000"),
            ("at 15h", "at 11h"),
        ] {
            assert_eq!(format(layout, &time).as_deref(), Ok(wanted), "{layout}");
        }
        let berlin = in_zone("Europe/Berlin", &time).unwrap();
        assert_eq!(format("15:04 MST Z07:00", &berlin).as_deref(), Ok("12:50 CET +01:00"));
    }
}
