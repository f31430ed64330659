//! The text formats: Prometheus' own and OpenMetrics, line by line.

use std::borrow::Cow;

use super::labels::{braces, quoted, series, unescape};
use super::{Entry, ExemplarText, Kind, Malformed, Pair, Remark, Sample, Sink, Value};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dialect {
    Prometheus,
    /// Ends in `# EOF`, times are seconds, samples may carry exemplars.
    OpenMetrics,
}

const BLANKS: [char; 2] = [' ', '\t'];

pub(super) fn read(bytes: &[u8], dialect: Dialect, sink: &mut Sink<'_>) -> Result<(), Malformed> {
    let mut rest = bytes;
    let mut number = 0;
    // Used again for each line; a line's labels borrow from it.
    let mut labels: Vec<Pair<'_>> = Vec::new();
    while !rest.is_empty() {
        number += 1;
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let malformed = |what| Malformed::Line { line: number, what };
        let line = std::str::from_utf8(&rest[..end]).map_err(|_| malformed("not UTF-8"))?;
        rest = rest.get(end + 1..).unwrap_or_default();
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start_matches(BLANKS);
        if line.is_empty() {
            continue;
        }
        if let Some(comment) = line.strip_prefix('#') {
            if dialect == Dialect::OpenMetrics && comment == " EOF" {
                return if rest.is_empty() { Ok(()) } else { Err(malformed("text after # EOF")) };
            }
            remark(comment, sink).map_err(|e| e.at(number))?;
        } else {
            sample(line, dialect, &mut labels, sink).map_err(|e| e.at(number))?;
        }
    }
    match dialect {
        Dialect::OpenMetrics => {
            Err(Malformed::Line { line: number + 1, what: "the text ends without # EOF" })
        }
        Dialect::Prometheus => Ok(()),
    }
}

/// What is wrong with a line, or why the reading ends.
enum Fault {
    What(&'static str),
    Ended(Malformed),
}

impl Fault {
    fn at(self, line: usize) -> Malformed {
        match self {
            Self::What(what) => Malformed::Line { line, what },
            Self::Ended(reason) => reason,
        }
    }
}

impl From<&'static str> for Fault {
    fn from(what: &'static str) -> Self {
        Self::What(what)
    }
}

impl From<Malformed> for Fault {
    fn from(reason: Malformed) -> Self {
        Self::Ended(reason)
    }
}

/// `# TYPE name kind`, `# HELP name text`, `# UNIT name unit`; other comments say nothing.
fn remark(comment: &str, sink: &mut Sink<'_>) -> Result<(), Fault> {
    let comment = comment.trim_start_matches(BLANKS);
    let Some((word, rest)) = comment.split_once(BLANKS) else { return Ok(()) };
    if !["TYPE", "HELP", "UNIT"].contains(&word) {
        return Ok(());
    }
    let rest = rest.trim_start_matches(BLANKS);
    let (family, text) = if rest.starts_with('"') {
        quoted(rest)?
    } else {
        let (name, text) = rest.split_once(BLANKS).unwrap_or((rest, ""));
        (Cow::Borrowed(name), text)
    };
    let text = text.trim_start_matches(BLANKS);
    let remark = match word {
        "TYPE" => Remark::Kind(Kind::named(text.trim_end()).ok_or("the type is not known")?),
        "UNIT" => Remark::Unit(text.trim_end()),
        _ if text.contains('\\') => Remark::Help(unescape(text).into()),
        _ => Remark::Help(Cow::Borrowed(text)),
    };
    Ok(sink(Entry::Meta { family: &family, remark })?)
}

fn sample<'a>(
    line: &'a str,
    dialect: Dialect,
    labels: &mut Vec<Pair<'a>>,
    sink: &mut Sink<'_>,
) -> Result<(), Fault> {
    let rest = series(line, labels)?;
    let key = &line.as_bytes()[..line.len() - rest.len()];
    let mut rest = rest.trim_start_matches(BLANKS);
    let mut exemplars = Vec::new();
    if dialect == Dialect::OpenMetrics
        && let Some((before, after)) = rest.split_once(" # ")
    {
        rest = before;
        exemplars.push(exemplar(after)?);
    }
    let mut words = rest.split(BLANKS).filter(|word| !word.is_empty());
    let value = number(words.next().ok_or("a sample has no value")?)?;
    let time_ms = words.next().map(|word| time(word, dialect)).transpose()?;
    if words.next().is_some() {
        return Err("text after the time".into());
    }
    let value = Value::Float(value);
    Ok(sink(Entry::Sample(Sample { key, labels, value, time_ms, start_ms: 0, exemplars: &exemplars }))?)
}

/// `{trace_id="…"} 0.5 1700000000.1`
fn exemplar(text: &str) -> Result<ExemplarText<'_>, &'static str> {
    let inside = text.trim_start_matches(BLANKS).strip_prefix('{').ok_or("an exemplar has no labels")?;
    let mut labels = Vec::new();
    let rest = braces(inside, &mut labels, false)?;
    let mut words = rest.split(BLANKS).filter(|word| !word.is_empty());
    let value = number(words.next().ok_or("an exemplar has no value")?)?;
    let time_ms = words.next().map(|word| time(word, Dialect::OpenMetrics)).transpose()?;
    Ok(ExemplarText { labels, value, time_ms })
}

fn number(word: &str) -> Result<f64, &'static str> {
    word.parse().map_err(|_| "the value is no number")
}

fn time(word: &str, dialect: Dialect) -> Result<i64, &'static str> {
    const PROBLEM: &str = "the time is no number";
    match dialect {
        Dialect::Prometheus => word.parse().map_err(|_| PROBLEM),
        Dialect::OpenMetrics => {
            let seconds: f64 = word.parse().map_err(|_| PROBLEM)?;
            if seconds.is_finite() { Ok((seconds * 1000.0).round() as i64) } else { Err(PROBLEM) }
        }
    }
}
