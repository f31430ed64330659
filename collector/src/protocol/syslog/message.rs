//! One message.

use std::borrow::Cow;

use super::super::rfc3339;

/// What a message says, all of it borrowed; fields it does not have are empty.
#[derive(Debug, PartialEq, Default)]
pub(super) struct Message<'a> {
    priority: u8,
    /// Unix nanoseconds.
    pub time_ns: Option<i64>,
    pub host: &'a str,
    pub app: &'a str,
    pub process: &'a str,
    pub id: &'a str,
    /// Structured data: element, name, value.
    pub data: Vec<(&'a str, &'a str, Cow<'a, str>)>,
    pub text: &'a str,
}

/// A severity as the OTel logs data model numbers it.
#[derive(Clone, Copy)]
pub(super) struct Severity {
    pub name: &'static str,
    pub number: i64,
}

const SEVERITIES: [Severity; 8] = [
    Severity { name: "emerg", number: 21 },
    Severity { name: "alert", number: 19 },
    Severity { name: "crit", number: 18 },
    Severity { name: "err", number: 17 },
    Severity { name: "warning", number: 13 },
    Severity { name: "notice", number: 10 },
    Severity { name: "info", number: 9 },
    Severity { name: "debug", number: 5 },
];

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];

/// Of a message without one: user, notice.
const PRIORITY: u8 = 13;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const NS_PER_S: i64 = 1_000_000_000;
const S_PER_DAY: i64 = 86_400;
/// Elements and parameters read; what follows stays in the text.
const DATA_MAX: usize = 256;

impl<'a> Message<'a> {
    pub fn parse(text: &'a str, now_ns: i64) -> Self {
        let Some((priority, rest)) = priority(text) else {
            return Self { priority: PRIORITY, text: text.trim(), ..Self::default() };
        };
        let modern = rest.strip_prefix("1 ").and_then(Self::rfc5424);
        let message = modern.unwrap_or_else(|| Self::rfc3164(rest, now_ns));
        Self { priority, ..message }
    }

    pub fn severity(&self) -> Severity {
        SEVERITIES[usize::from(self.priority & 7)]
    }

    pub fn facility(&self) -> &'static str {
        FACILITIES.get(usize::from(self.priority >> 3)).copied().unwrap_or("unknown")
    }

    /// Behind the version.
    fn rfc5424(text: &'a str) -> Option<Self> {
        let mut rest = text;
        let mut word = || {
            let (word, tail) = rest.split_once(' ').unwrap_or((rest, ""));
            rest = tail;
            (!word.is_empty()).then_some(if word == "-" { "" } else { word })
        };
        let (time, host, app, process, id) = (word()?, word()?, word()?, word()?, word()?);
        if !time.is_empty() && rfc3339::parse_ns(time).is_none() {
            return None;
        }
        let (data, text) = structured_data(rest);
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let time_ns = rfc3339::parse_ns(time);
        Some(Self { priority: 0, time_ns, host, app, process, id, data, text })
    }

    /// Behind the priority. Time, host and tag are each there or not.
    fn rfc3164(text: &'a str, now_ns: i64) -> Self {
        let mut message = Self::default();
        let mut rest = text;
        if let Some((time_ns, tail)) = old_time(rest, now_ns).or_else(|| new_time(rest)) {
            message.time_ns = Some(time_ns);
            rest = tail;
            // A word that ends the tag is no host.
            if let Some((host, tail)) = rest.split_once(' ')
                && !host.ends_with(':')
                && !host.contains('[')
                && !host.is_empty()
            {
                message.host = host;
                rest = tail;
            }
        }
        if let Some((app, process, tail)) = tag(rest) {
            (message.app, message.process) = (app, process);
            rest = tail;
        }
        message.text = rest.trim_start();
        message
    }
}

/// `<13>`.
fn priority(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = text.strip_prefix('<')?.split_once('>')?;
    let value: u8 = digits.parse().ok()?;
    (value <= 191 && digits.len() <= 3).then_some((value, rest))
}

/// `Nov  5 18:30:00 `: without a year it is the one that brings it nearest to now; without a zone it is UTC.
fn old_time(text: &str, now_ns: i64) -> Option<(i64, &str)> {
    let head = text.get(..16).filter(|head| head.is_ascii())?;
    let month = MONTHS.iter().position(|month| head.starts_with(month))? as i64 + 1;
    let number = |at: std::ops::Range<usize>| head.get(at)?.trim_start().parse::<i64>().ok();
    let (day, hour, minute, second) = (number(4..6)?, number(7..9)?, number(10..12)?, number(13..15)?);
    if !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let of_year = |year: i64| {
        rfc3339::days_since_1970(year, month, day) * S_PER_DAY + hour * 3600 + minute * 60 + second
    };
    let now_s = now_ns / NS_PER_S;
    let year = 1970 + now_s / 31_556_952;
    let nearest = [year - 1, year, year + 1].into_iter().map(of_year).min_by_key(|s| (s - now_s).abs())?;
    Some((nearest.checked_mul(NS_PER_S)?, &text[16..]))
}

/// `2026-11-25T18:30:00+01:00 `, as rsyslog forwards.
fn new_time(text: &str) -> Option<(i64, &str)> {
    let (word, rest) = text.split_once(' ')?;
    Some((rfc3339::parse_ns(word)?, rest))
}

/// `cron[42]:`.
fn tag(text: &str) -> Option<(&str, &str, &str)> {
    let end =
        text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '(' | ')')))?;
    let (app, rest) = text.split_at(end);
    if app.is_empty() {
        return None;
    }
    if let Some(tail) = rest.strip_prefix(':') {
        return Some((app, "", tail));
    }
    let (process, tail) = rest.strip_prefix('[')?.split_once(']')?;
    Some((app, process, tail.strip_prefix(':').unwrap_or(tail)))
}

/// Element id, parameter name, value.
type Parameter<'a> = (&'a str, &'a str, Cow<'a, str>);

/// `[id name="value" …]…` or `-`, and the text behind.
fn structured_data(text: &str) -> (Vec<Parameter<'_>>, &str) {
    let mut data = Vec::new();
    if let Some(rest) = text.strip_prefix('-') {
        return (data, rest.strip_prefix(' ').unwrap_or(rest));
    }
    let mut rest = text;
    while let Some(inside) = rest.strip_prefix('[') {
        match element(inside, &mut data) {
            Some(tail) => rest = tail,
            None => break,
        }
    }
    (data, rest.strip_prefix(' ').unwrap_or(rest))
}

fn element<'a>(text: &'a str, data: &mut Vec<Parameter<'a>>) -> Option<&'a str> {
    let end = text.find([' ', ']'])?;
    let (id, mut rest) = text.split_at(end);
    loop {
        rest = rest.trim_start_matches(' ');
        if let Some(tail) = rest.strip_prefix(']') {
            return Some(tail);
        }
        let (name, tail) = rest.split_once("=\"")?;
        let (value, tail) = parameter(tail)?;
        if data.len() == DATA_MAX {
            return None;
        }
        data.push((id, name, value));
        rest = tail;
    }
}

/// A value at its quote; `\"`, `\\` and `\]` are escapes.
fn parameter(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut owned: Option<String> = None;
    let mut from = 0;
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => {
                let tail = &text[at + 1..];
                return Some(match owned {
                    None => (Cow::Borrowed(&text[..at]), tail),
                    Some(mut value) => {
                        value.push_str(&text[from..at]);
                        (Cow::Owned(value), tail)
                    }
                });
            }
            b'\\' if matches!(bytes.get(at + 1), Some(b'"' | b'\\' | b']')) => {
                owned.get_or_insert_default().push_str(&text[from..at]);
                from = at + 1;
                at += 2;
            }
            _ => at += 1,
        }
    }
}
