//! A time with its zone, written and read by Go's layouts: the reference time `Mon Jan 2 15:04:05 MST 2006`.

use std::fmt::{self, Display, Formatter, Write};

use super::layout::{Element, MONTHS, WEEKDAYS, fraction_at, next_element};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Unix seconds.
    pub(super) seconds: i64,
    pub(super) nanos: u32,
    pub(super) zone: Zone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Zone {
    /// Seconds east of Greenwich.
    pub(super) offset: i32,
    /// Empty if only the offset is known.
    pub(super) name: String,
}

impl Zone {
    pub(super) fn utc() -> Zone {
        Zone { offset: 0, name: "UTC".to_string() }
    }
}

/// Year 1: what a time is that could not be read.
const ZERO_SECONDS: i64 = -62_135_596_800;
const DAY: i64 = 86_400;
/// Year, month and day of days since 1970, by the proleptic Gregorian calendar.
fn civil(days: i64) -> (i64, usize, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as usize, day_of_year - (153 * from_march + 2) / 5 + 1)
}

fn days(year: i64, month: usize, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let from_march = (month as i64 + 9) % 12;
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

impl Moment {
    pub(super) fn unix(seconds: i64, nanos: u32) -> Moment {
        Moment { seconds, nanos, zone: Zone::utc() }
    }

    pub(super) fn of_nanos(nanos: i64) -> Moment {
        Moment::unix(nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000) as u32)
    }

    /// What stands for a time that could not be read.
    pub(super) fn zero() -> Moment {
        Moment::unix(ZERO_SECONDS, 0)
    }

    pub(super) fn format(&self, layout: &str) -> String {
        let local = self.seconds.saturating_add(i64::from(self.zone.offset));
        let (date, clock) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let mut out = String::new();
        let mut rest = layout;
        while let Some((before, element, after)) = next_element(rest) {
            out.push_str(before);
            // Writing to a text cannot fail.
            let _ = self.write_element(element, date, clock, &mut out);
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn write_element(&self, element: Element, date: i64, clock: i64, out: &mut String) -> fmt::Result {
        let (year, month, day) = civil(date);
        let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
        let hour12 = if hour % 12 == 0 { 12 } else { hour % 12 };
        let weekday = WEEKDAYS[(date + 4).rem_euclid(7) as usize];
        match element {
            Element::Month => write!(out, "{}", MONTHS[month - 1]),
            Element::MonthShort => write!(out, "{}", &MONTHS[month - 1][..3]),
            Element::MonthTwo => write!(out, "{month:02}"),
            Element::MonthNumber => write!(out, "{month}"),
            Element::Weekday => write!(out, "{weekday}"),
            Element::WeekdayShort => write!(out, "{}", &weekday[..3]),
            Element::Day => write!(out, "{day}"),
            Element::DayTwo => write!(out, "{day:02}"),
            Element::DaySpaced => write!(out, "{day:2}"),
            Element::YearDay => write!(out, "{:03}", date - days(year, 1, 1) + 1),
            Element::YearDaySpaced => write!(out, "{:3}", date - days(year, 1, 1) + 1),
            Element::Year => write!(out, "{year:04}"),
            Element::YearAfterLine => write!(out, "_{year:04}"),
            Element::YearTwo => write!(out, "{:02}", year.rem_euclid(100)),
            Element::Hour => write!(out, "{hour:02}"),
            Element::Hour12 => write!(out, "{hour12}"),
            Element::Hour12Two => write!(out, "{hour12:02}"),
            Element::Minute => write!(out, "{minute}"),
            Element::MinuteTwo => write!(out, "{minute:02}"),
            Element::Second => write!(out, "{second}"),
            Element::SecondTwo => write!(out, "{second:02}"),
            Element::Noon(true) => write!(out, "{}", if hour < 12 { "AM" } else { "PM" }),
            Element::Noon(false) => write!(out, "{}", if hour < 12 { "am" } else { "pm" }),
            Element::ZoneName if self.zone.name.is_empty() => {
                let parts = if self.zone.offset % 3600 == 0 { 1 } else { 2 };
                write_offset(self.zone.offset, false, parts, out)
            }
            Element::ZoneName => write!(out, "{}", self.zone.name),
            Element::Offset { z: true, .. } if self.zone.offset == 0 => write!(out, "Z"),
            Element::Offset { colon, parts, .. } => write_offset(self.zone.offset, colon, parts, out),
            Element::Fraction { digits, zeros, comma } => {
                let all = format!("{:09}", self.nanos);
                let mut kept = &all[..digits.min(9)];
                if !zeros {
                    kept = kept.trim_end_matches('0');
                }
                if kept.is_empty() { Ok(()) } else { write!(out, "{}{kept}", if comma { ',' } else { '.' }) }
            }
        }
    }

    /// Reads a text as the layout says. Without a zone in it the time is in UTC, and the second is `false`.
    pub(super) fn parse(layout: &str, text: &str) -> Option<(Moment, bool)> {
        let mut fields = Fields { year: 0, month: 1, day: 1, ..Fields::default() };
        let (mut layout, mut rest) = (layout, text);
        while let Some((before, element, after)) = next_element(layout) {
            rest = rest.strip_prefix(before)?;
            rest = fields.read(element, rest)?;
            // Seconds may have a fraction the layout does not mention.
            if matches!(element, Element::Second | Element::SecondTwo) && fraction_at(after).is_none() {
                rest = fields.fraction(rest).unwrap_or(rest);
            }
            layout = after;
        }
        let zoned = fields.zone.is_some();
        if rest != layout { None } else { Some((fields.moment()?, zoned)) }
    }
}

fn write_offset(offset: i32, colon: bool, parts: u8, out: &mut String) -> fmt::Result {
    let sign = if offset < 0 { '-' } else { '+' };
    let all = offset.unsigned_abs();
    write!(out, "{sign}{:02}", all / 3600)?;
    for part in [all / 60 % 60, all % 60].into_iter().take(usize::from(parts) - 1) {
        write!(out, "{}{part:02}", if colon { ":" } else { "" })?;
    }
    Ok(())
}

#[derive(Default)]
struct Fields {
    year: i64,
    month: usize,
    day: i64,
    year_day: Option<i64>,
    hour: i64,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    nanos: u32,
    zone: Option<Zone>,
}

impl Fields {
    fn read<'t>(&mut self, element: Element, text: &'t str) -> Option<&'t str> {
        let named = |names: &[&str], length: Option<usize>| {
            names.iter().enumerate().find_map(|(at, name)| {
                let name = &name[..length.unwrap_or(name.len())];
                let start = text.get(..name.len())?;
                start.eq_ignore_ascii_case(name).then(|| (at, &text[name.len()..]))
            })
        };
        let (target, (value, rest)): (&mut i64, (i64, &str)) = match element {
            Element::Month | Element::MonthShort => {
                let (month, rest) = named(&MONTHS, (element == Element::MonthShort).then_some(3))?;
                self.month = month + 1;
                return Some(rest);
            }
            Element::Weekday | Element::WeekdayShort => {
                return Some(named(&WEEKDAYS, (element == Element::WeekdayShort).then_some(3))?.1);
            }
            Element::MonthTwo | Element::MonthNumber => {
                let (month, rest) = digits(text, usize::from(element == Element::MonthTwo) + 1, 2)?;
                self.month = usize::try_from(month).ok().filter(|month| (1..=12).contains(month))?;
                return Some(rest);
            }
            Element::YearDay | Element::YearDaySpaced => {
                let (day, rest) = digits(text.trim_start_matches(' '), 1, 3)?;
                self.year_day = Some(day);
                return Some(rest);
            }
            Element::Noon(_) => {
                let (at, rest) = named(&["AM", "PM"], None)?;
                self.afternoon = Some(at == 1);
                return Some(rest);
            }
            Element::ZoneName | Element::Offset { .. } => return self.read_zone(element, text),
            Element::Fraction { digits, zeros, .. } => {
                return match self.fraction(text) {
                    Some(rest) => (!zeros || text.len() - rest.len() == digits + 1).then_some(rest),
                    None => (!zeros).then_some(text),
                };
            }
            Element::Day => (&mut self.day, digits(text, 1, 2)?),
            Element::DaySpaced => (&mut self.day, digits(text.trim_start_matches(' '), 1, 2)?),
            Element::DayTwo => (&mut self.day, digits(text, 2, 2)?),
            Element::Year => (&mut self.year, digits(text, 4, 4)?),
            Element::YearAfterLine => (&mut self.year, digits(text.strip_prefix('_')?, 4, 4)?),
            Element::YearTwo => {
                let (year, rest) = digits(text, 2, 2)?;
                (&mut self.year, (if year >= 69 { year + 1900 } else { year + 2000 }, rest))
            }
            Element::Hour | Element::Hour12Two => (&mut self.hour, digits(text, 2, 2)?),
            Element::Hour12 => (&mut self.hour, digits(text, 1, 2)?),
            Element::Minute => (&mut self.minute, digits(text, 1, 2)?),
            Element::MinuteTwo => (&mut self.minute, digits(text, 2, 2)?),
            Element::Second => (&mut self.second, digits(text, 1, 2)?),
            Element::SecondTwo => (&mut self.second, digits(text, 2, 2)?),
        };
        *target = value;
        Some(rest)
    }

    fn fraction<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let after = text.strip_prefix(['.', ','])?;
        let length = after.bytes().take_while(u8::is_ascii_digit).count();
        let kept = &after[..length.min(9)];
        let value: u32 = kept.parse().ok()?;
        self.nanos = value * 10u32.pow(9 - kept.len() as u32);
        Some(&after[length..])
    }

    fn read_zone<'t>(&mut self, element: Element, text: &'t str) -> Option<&'t str> {
        let Element::Offset { z, colon, parts } = element else {
            let length = text.find(|c: char| !c.is_ascii_uppercase()).unwrap_or(text.len());
            let name = text[..length].to_string();
            self.zone = Some(Zone { offset: 0, name });
            return (3..=5).contains(&length).then(|| &text[length..]);
        };
        if let Some(rest) = text.strip_prefix('Z').filter(|_| z) {
            self.zone = Some(Zone::utc());
            return Some(rest);
        }
        let sign = if text.starts_with('-') { -1 } else { 1 };
        let mut rest = text.strip_prefix(['+', '-'])?;
        let mut offset = 0;
        for (part, unit) in [3600, 60, 1].into_iter().enumerate().take(usize::from(parts)) {
            if part > 0 && colon {
                rest = rest.strip_prefix(':')?;
            }
            let (value, after) = digits(rest, 2, 2)?;
            offset += i32::try_from(value).ok()? * unit;
            rest = after;
        }
        let name = if offset == 0 { "UTC".to_string() } else { String::new() };
        self.zone = Some(Zone { offset: sign * offset, name });
        Some(rest)
    }

    fn moment(self) -> Option<Moment> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        if hour > 23 || self.minute > 59 || self.second > 59 {
            return None;
        }
        let date = match self.year_day {
            Some(day) => days(self.year, 1, 1) + day - 1,
            None => days(self.year, self.month, self.day),
        };
        // A day that its month does not have comes back as another one.
        if self.year_day.is_none() && civil(date) != (self.year, self.month, self.day) {
            return None;
        }
        let zone = self.zone.unwrap_or_else(Zone::utc);
        let seconds = date * DAY + hour * 3600 + self.minute * 60 + self.second - i64::from(zone.offset);
        Some(Moment { seconds, nanos: self.nanos, zone })
    }
}

fn digits(text: &str, least: usize, most: usize) -> Option<(i64, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    (count >= least).then_some(())?;
    Some((text[..count].parse().ok()?, &text[count..]))
}

impl Display for Moment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format("2006-01-02 15:04:05.999999999 -0700 MST"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-03-23 13:13:35.25 UTC, a Thursday.
    const SECONDS: i64 = 1_679_577_215;

    #[test]
    fn layouts_write_what_they_name() {
        let moment = Moment::unix(SECONDS, 250_000_000);
        for (layout, text) in [
            ("2006-01-02T15:04:05.00Z07:00", "2023-03-23T13:13:35.25Z"),
            ("2006-01-02T15:04:05.999999999Z-07:00", "2023-03-23T13:13:35.25Z+00:00"),
            ("Mon Jan _2 3:04PM 2006 MST", "Thu Mar 23 1:13PM 2023 UTC"),
            (
                "Monday, January 2 06 (002) 03:04:05,000 -0700 pm",
                "Thursday, March 23 23 (082) 01:13:35,250 +0000 pm",
            ),
            ("no elements: Janet", "no elements: Janet"),
        ] {
            assert_eq!(moment.format(layout), text, "{layout}");
        }
        assert_eq!(moment.to_string(), "2023-03-23 13:13:35.25 +0000 UTC");
        assert_eq!(Moment::zero().to_string(), "0001-01-01 00:00:00 +0000 UTC");
    }

    #[test]
    fn layouts_read_what_they_write() {
        for (layout, text, seconds) in [
            ("2006-01-02", "2021-11-02", Some(1_635_811_200)),
            ("2006-01-02T15:04:05Z07:00", "2023-03-23T15:13:35.5+02:00", Some(SECONDS)),
            ("Jan 2 2006 3:04:05 PM", "Mar 23 2023 1:13:35 pm", Some(SECONDS)),
            ("2006 002", "2023 082", Some(1_679_529_600)),
            ("2006-01-02", "2021-02-30", None),
            ("2006-01-02", "2021-13-01", None),
            ("2006-01-02", "2021-11-02x", None),
            ("15:04:05", "25:00:00", None),
        ] {
            assert_eq!(Moment::parse(layout, text).map(|(moment, _)| moment.seconds), seconds, "{text}");
        }
    }

    #[test]
    fn every_day_is_found_again() {
        for day in (-800_000..800_000).step_by(37) {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month, of_month), day);
        }
    }
}
