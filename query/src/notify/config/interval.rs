//! Time intervals of routes: times of day, days of week and month, months, years, in a time zone.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::Deserialize;

use super::raw::nullable;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNamed {
    pub(super) name: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) time_intervals: Vec<RawInterval>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawInterval {
    #[serde(deserialize_with = "nullable")]
    times: Vec<RawTimes>,
    #[serde(deserialize_with = "nullable")]
    weekdays: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    days_of_month: Vec<Text>,
    #[serde(deserialize_with = "nullable")]
    months: Vec<Text>,
    #[serde(deserialize_with = "nullable")]
    years: Vec<Text>,
    location: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTimes {
    start_time: String,
    end_time: String,
}

/// YAML reads `5` as a number where the file means the text.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Text {
    Number(i64),
    Text(String),
}

/// Passes if each of its parts passes; a part without ranges always does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Interval {
    /// Minutes of the day, the end left out.
    times: Vec<(i64, i64)>,
    /// 0 is Sunday.
    weekdays: Vec<(i64, i64)>,
    /// From 1; negative ones count from the month's end.
    days: Vec<(i64, i64)>,
    months: Vec<(i64, i64)>,
    years: Vec<(i64, i64)>,
    zone: TimeZone,
}

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl Interval {
    pub(super) fn new(raw: &RawInterval) -> Result<Self, String> {
        let weekday =
            |text: &str| named(&WEEKDAYS, text, 0).ok_or(format!("{text:?} is not a day of the week"));
        let month = |text: &str| match named(&MONTHS, text, 1) {
            Some(month) => Ok(month),
            None => number(text, 1..=12, "a month"),
        };
        let year = |text: &str| number(text, 0..=9_999, "a year");
        let weekdays: Result<_, _> = raw.weekdays.iter().map(|text| range(text, weekday)).collect();
        Ok(Self {
            times: raw.times.iter().map(times).collect::<Result<_, _>>()?,
            weekdays: weekdays?,
            days: raw.days_of_month.iter().map(|text| days(&text.as_text())).collect::<Result<_, _>>()?,
            months: raw.months.iter().map(|t| range(&t.as_text(), month)).collect::<Result<_, _>>()?,
            years: raw.years.iter().map(|t| range(&t.as_text(), year)).collect::<Result<_, _>>()?,
            zone: zone(raw.location.as_deref())?,
        })
    }

    pub(crate) fn contains(&self, time_ms: i64) -> bool {
        let Ok(time) = Timestamp::from_millisecond(time_ms) else { return false };
        let time: Zoned = time.to_zoned(self.zone.clone());
        let minute = i64::from(time.hour()) * 60 + i64::from(time.minute());
        let any = |ranges: &[(i64, i64)], value: i64| {
            ranges.is_empty() || ranges.iter().any(|(from, to)| (*from..=*to).contains(&value))
        };
        (self.times.is_empty() || self.times.iter().any(|(from, to)| (*from..*to).contains(&minute)))
            && any(&self.weekdays, weekday_number(time.weekday()))
            && (self.days.is_empty() || self.days.iter().any(|range| in_days(*range, time.date())))
            && any(&self.months, i64::from(time.month()))
            && any(&self.years, i64::from(time.year()))
    }
}

impl Text {
    fn as_text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// The zone of a name of the IANA data base; without one UTC.
pub(crate) fn zone(name: Option<&str>) -> Result<TimeZone, String> {
    match name {
        None | Some("") | Some("UTC") => Ok(TimeZone::UTC),
        Some("Local") => Ok(TimeZone::system()),
        Some(name) => TimeZone::get(name)
            .map_err(|_| format!("{name:?} is not a time zone: write it like Europe/Berlin")),
    }
}

fn weekday_number(day: Weekday) -> i64 {
    i64::from(day.to_sunday_zero_offset())
}

fn named(names: &[&str], text: &str, first: i64) -> Option<i64> {
    let at = names.iter().position(|name| *name == text.to_lowercase())?;
    i64::try_from(at).ok().map(|at| at + first)
}

fn number(text: &str, allowed: std::ops::RangeInclusive<i64>, what: &str) -> Result<i64, String> {
    let found = text.parse::<i64>().ok().filter(|number| allowed.contains(number));
    found.ok_or_else(|| format!("{text:?} is not {what}"))
}

/// `a:b`, or one alone.
fn range(text: &str, one: impl Fn(&str) -> Result<i64, String>) -> Result<(i64, i64), String> {
    let (from, to) = text.split_once(':').unwrap_or((text, text));
    let (from, to) = (one(from.trim())?, one(to.trim())?);
    if from > to { Err(format!("{text:?} ends before it begins")) } else { Ok((from, to)) }
}

fn days(text: &str) -> Result<(i64, i64), String> {
    let day = |text: &str| match text.parse::<i64>() {
        Ok(day) if day != 0 && (-31..=31).contains(&day) => Ok(day),
        _ => Err(format!("{text:?} is not a day of the month (1 to 31, or -1 to -31 from its end)")),
    };
    let (from, to) = text.split_once(':').unwrap_or((text, text));
    let (from, to) = (day(from.trim())?, day(to.trim())?);
    if from < 0 && to > 0 {
        return Err(format!("{text:?}: an end that counts from the begin needs a begin that does"));
    }
    // Whether a range from the begin to the end is one depends on the month; the shortest reading must be possible.
    let (earliest, latest) =
        (if from < 0 { 31 + from + 1 } else { from }, if to < 0 { 31 + to + 1 } else { to });
    if earliest > latest { Err(format!("{text:?} ends before it begins")) } else { Ok((from, to)) }
}

fn in_days((from, to): (i64, i64), date: Date) -> bool {
    let length = i64::from(date.days_in_month());
    let day = |day: i64| if day < 0 { length + day + 1 } else { day };
    let (from, to) = (day(from), day(to));
    // A month that is too short for the whole range has none of it.
    from <= length && to >= 1 && (from.max(1)..=to.min(length)).contains(&i64::from(date.day()))
}

fn times(raw: &RawTimes) -> Result<(i64, i64), String> {
    let minutes = |text: &str| {
        let bad = || format!("{text:?} is not a time of day: write it like 09:30");
        let (hour, minute) = text.split_once(':').ok_or_else(bad)?;
        let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let (Ok(hour), Ok(minute)) = (hour.parse::<i64>(), minute.parse::<i64>()) else { return Err(bad()) };
        let valid = (hour < 24 && minute < 60) || (hour == 24 && minute == 0);
        if valid && text.split(':').all(digits) { Ok(hour * 60 + minute) } else { Err(bad()) }
    };
    let (from, to) = (minutes(&raw.start_time)?, minutes(&raw.end_time)?);
    if from >= to {
        return Err(format!("{} to {} ends before it begins", raw.start_time, raw.end_time));
    }
    Ok((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(yaml: &str) -> Result<Interval, String> {
        Interval::new(&serde_saphyr::from_str::<RawInterval>(yaml).map_err(|e| e.to_string())?)
    }

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn times_are_in_it_or_not() {
        // 2026-11-25 is a Wednesday.
        for (yaml, time, inside) in [
            ("{}", "2026-11-25T12:00:00Z", true),
            ("times: [{start_time: '09:00', end_time: '17:00'}]", "2026-11-25T09:00:00Z", true),
            ("times: [{start_time: '09:00', end_time: '17:00'}]", "2026-11-25T17:00:00Z", false),
            ("times: [{start_time: '09:00', end_time: '24:00'}]", "2026-11-25T23:59:59Z", true),
            ("weekdays: ['monday:Friday', sunday]", "2026-11-25T12:00:00Z", true),
            ("weekdays: [saturday, sunday]", "2026-11-25T12:00:00Z", false),
            ("days_of_month: ['1:5', '25']", "2026-11-25T12:00:00Z", true),
            ("days_of_month: ['-6:-1']", "2026-11-25T12:00:00Z", true),
            ("days_of_month: ['-5:-1']", "2026-11-25T12:00:00Z", false),
            ("days_of_month: ['31']", "2026-11-30T12:00:00Z", false),
            ("days_of_month: ['20:-6']", "2026-11-25T12:00:00Z", true),
            ("months: ['october:12']", "2026-11-25T12:00:00Z", true),
            ("months: [1:3]", "2026-11-25T12:00:00Z", false),
            ("years: [2026]", "2026-11-25T12:00:00Z", true),
            ("years: ['2027:2030']", "2026-11-25T12:00:00Z", false),
            ("{weekdays: [thursday], location: Australia/Sydney}", "2026-11-25T14:00:00Z", true),
            (
                "{times: [{start_time: '02:00', end_time: '03:00'}], location: Europe/Berlin}",
                "2026-11-25T01:30:00Z",
                true,
            ),
        ] {
            assert_eq!(interval(yaml).unwrap().contains(at(time)), inside, "{yaml} at {time}");
        }
    }

    #[test]
    fn what_is_not_an_interval_is_an_error() {
        for (yaml, part) in [
            ("times: [{start_time: '9:00', end_time: '17:00'}]", "09:30"),
            ("times: [{start_time: '17:00', end_time: '09:00'}]", "ends before"),
            ("times: [{start_time: '24:30', end_time: '25:00'}]", "time of day"),
            ("weekdays: [moonday]", "day of the week"),
            ("weekdays: ['friday:monday']", "ends before"),
            ("days_of_month: ['0']", "day of the month"),
            ("days_of_month: ['-3:5']", "counts from"),
            ("days_of_month: ['10:-25']", "ends before"),
            ("months: ['13']", "a month"),
            ("years: ['2030:2020']", "ends before"),
            ("location: Mars/Olympus", "time zone"),
        ] {
            let error = interval(yaml).unwrap_err();
            assert!(error.contains(part), "{yaml}: {error}");
        }
    }
}
