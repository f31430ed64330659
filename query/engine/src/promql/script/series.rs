//! Series lines, and batches made of them.

use std::ops::RangeInclusive;

use store::model::{
    HistogramPoint, MetricKind, MetricRef, SampleBatch, SampleBatchBuilder, SeriesPart, Stream, StreamParts,
    Temporality, Value,
};

use super::histogram::{grow, parse_histogram};
use crate::promql::{Expr, parse};

/// Values of one line. A test has thousands; a mistyped repetition would have no end.
const ITEMS_MAX: usize = 1_000_000;

#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Missing,
    Float(f64),
    Histogram(HistogramPoint),
}

const STALE: u64 = 0x7ff0_0000_0000_0002;

/// One line: labels (the name among them) and its values at successive steps.
#[derive(Clone, Debug, Default)]
pub struct SeriesLine {
    pub labels: Pairs,
    pub items: Vec<Item>,
    /// Start times as distances from the samples' times, in milliseconds; empty, or one an item.
    pub starts: Vec<Option<i64>>,
}

pub fn parse_line(line: &str) -> Result<SeriesLine, String> {
    let (labels, rest) = parse_labels(line)?;
    Ok(SeriesLine { labels, items: parse_items(rest.trim())?, starts: Vec::new() })
}

/// The lines of a load. `name{…}@st -1mx4` gives the start times of the samples in the line that follows.
pub fn parse_load(block: &[String]) -> Result<Vec<SeriesLine>, String> {
    let mut lines = Vec::new();
    let mut starts = Vec::new();
    for line in block {
        let name_end =
            line.find("@st ").filter(|at| !line[..*at].contains("}} ") && !line[..*at].contains(' '));
        if let Some(at) = name_end {
            starts = parse_starts(&line[at + 4..])?;
            continue;
        }
        let mut parsed = parse_line(line)?;
        if !starts.is_empty() && starts.len() != parsed.items.len() {
            return Err(format!("{} start times for the samples of {line}", starts.len()));
        }
        parsed.starts = std::mem::take(&mut starts);
        lines.push(parsed);
    }
    Ok(lines)
}

/// Durations with a sign, in the notation of values.
fn parse_starts(text: &str) -> Result<Vec<Option<i64>>, String> {
    let seconds = |item: &Item| match item {
        Item::Float(seconds) => Some((seconds * 1000.0).round() as i64),
        _ => None,
    };
    let mut items = Vec::new();
    for word in text.split_whitespace() {
        parse_word(word.trim_start_matches('+'), &mut items)?;
    }
    Ok(items.iter().map(seconds).collect())
}

pub type Pairs = Vec<(String, String)>;

/// The labels a line begins with, the name among them, and what follows.
pub fn parse_labels(line: &str) -> Result<(Pairs, &str), String> {
    let mut labels = Vec::new();
    let end = line.find(|c: char| c == '{' || c.is_whitespace()).unwrap_or(line.len());
    let (name, mut rest) = line.split_at(end);
    // A line of values alone is a scalar.
    if parse(name).is_ok_and(|e| matches!(e, Expr::Number(_))) {
        return Ok((labels, line));
    }
    if !name.is_empty() {
        labels.push(("__name__".to_owned(), name.to_owned()));
    }
    if !rest.starts_with('{') || rest.starts_with("{{") {
        return Ok((labels, rest));
    }
    rest = &rest[1..];
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        let quoted = rest.starts_with('"');
        let (name, after) = match quoted {
            true => take_string(rest)?,
            false => {
                let at = rest.find('=').ok_or_else(|| format!("no = in {rest}"))?;
                (rest[..at].trim().to_owned(), &rest[at..])
            }
        };
        let Some(after) = after.trim_start().strip_prefix('=') else {
            labels.push(("__name__".to_owned(), name));
            rest = after;
            continue;
        };
        let (value, after) = take_string(after.trim_start())?;
        labels.push((name, value));
        rest = after;
    }
}

fn take_string(text: &str) -> Result<(String, &str), String> {
    let open = text.chars().next().ok_or("string expected")?;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == open && !escaped {
            let literal = &text[..=at];
            return match parse(literal) {
                Ok(Expr::String(s)) => Ok((s.value, &text[at + 1..])),
                _ => Err(format!("bad string {literal}")),
            };
        }
        escaped = c == '\\' && !escaped && open != '`';
    }
    Err(format!("unterminated string {text}"))
}

/// Values at successive steps.
pub fn parse_items(mut rest: &str) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    while !rest.is_empty() {
        if let Some(body) = rest.strip_prefix("{{") {
            let end = body.find("}}").ok_or("unterminated histogram")?;
            let histogram = parse_histogram(&body[..end])?;
            let after = &body[end + 2..];
            let word = after.split_whitespace().next().filter(|_| !after.starts_with(' ')).unwrap_or("");
            if word.starts_with(['+', '-']) {
                let sign = if word.starts_with('-') { -1.0 } else { 1.0 };
                let step = after[1..].strip_prefix("{{").ok_or("histogram expected")?;
                let end = step.find("}}").ok_or("unterminated histogram")?;
                let increment = parse_histogram(&step[..end])?;
                let tail = &step[end + 2..];
                let word = tail.split_whitespace().next().unwrap_or("");
                let times: usize = word.strip_prefix('x').and_then(|n| n.parse().ok()).ok_or("repetition")?;
                room(&items, times)?;
                for i in 0..=times {
                    items.push(Item::Histogram(grow(&histogram, &increment, sign * i as f64)?));
                }
                rest = tail[word.len()..].trim_start();
                continue;
            }
            let times = word.strip_prefix('x').and_then(|n| n.parse::<usize>().ok()).unwrap_or(0);
            room(&items, times)?;
            items.extend(vec![Item::Histogram(histogram); times + 1]);
            rest = after[word.len()..].trim_start();
            continue;
        }
        let word = rest.split_whitespace().next().unwrap_or("");
        parse_word(word, &mut items)?;
        rest = rest[word.len()..].trim_start();
    }
    Ok(items)
}

fn room(items: &[Item], more: usize) -> Result<(), String> {
    match items.len().saturating_add(more) < ITEMS_MAX {
        true => Ok(()),
        false => Err(format!("a series of a test has at most {ITEMS_MAX} values")),
    }
}

fn parse_word(word: &str, items: &mut Vec<Item>) -> Result<(), String> {
    let (spec, times) = match word.rsplit_once('x') {
        Some((spec, n)) if !spec.is_empty() => {
            (spec, Some(n.parse::<usize>().map_err(|e| format!("{word}: {e}"))?))
        }
        _ => (word, None),
    };
    room(items, times.unwrap_or(1))?;
    if spec == "_" {
        items.extend(vec![Item::Missing; times.unwrap_or(1)]);
        return Ok(());
    }
    let repeats = times.unwrap_or(0);
    if spec == "stale" {
        items.extend(vec![Item::Float(f64::from_bits(STALE)); repeats + 1]);
        return Ok(());
    }
    // The sign that separates start and increment is not the first character and not an exponent's.
    let split = spec
        .char_indices()
        .skip(1)
        .find(|(at, c)| matches!(c, '+' | '-') && !spec[..*at].ends_with(['e', 'E']));
    let number = |text: &str| parse_float(text).ok_or_else(|| format!("bad number {text}"));
    let (start, increment) = match split {
        Some((at, sign)) if times.is_some() => {
            let size = number(&spec[at + 1..])?;
            (number(&spec[..at])?, if sign == '-' { -size } else { size })
        }
        _ => (number(spec)?, 0.0),
    };
    let mut value = start;
    for _ in 0..=repeats {
        items.push(Item::Float(value));
        value += increment;
    }
    Ok(())
}

pub(super) fn parse_float(text: &str) -> Option<f64> {
    match parse(text).ok()? {
        Expr::Number(n) => Some(n.value),
        _ => None,
    }
}

/// When the values of lines are, and which of them are wanted; milliseconds.
#[derive(Clone, Debug)]
pub struct Times {
    /// Of the first value.
    pub start: i64,
    pub step: i64,
    pub wanted: RangeInclusive<i64>,
}

impl Times {
    /// From time zero on.
    pub fn all(step: i64) -> Self {
        Self { start: 0, step, wanted: i64::MIN..=i64::MAX }
    }

    /// Which of a line's values are wanted.
    fn indexes(&self, len: usize) -> std::ops::Range<usize> {
        let steps = |time: i64| time.saturating_sub(self.start).div_euclid(self.step.max(1));
        let first = steps(self.wanted.start().saturating_sub(1)).saturating_add(1).max(0);
        let end = steps(*self.wanted.end()).saturating_add(1).max(0);
        let index = |at: i64| usize::try_from(at).unwrap_or(usize::MAX).min(len);
        index(first)..index(end).max(index(first))
    }
}

/// The lines as one batch, with their labels as they stand.
pub fn batch(lines: &[SeriesLine], times: &Times) -> SampleBatch {
    let mut builder = SampleBatchBuilder::default();
    let labels = StreamParts { resource_schema_url: Stream::LABELS_SCHEMA, ..StreamParts::default() };
    let stream = builder.stream(&labels);
    for line in lines {
        let at = |i: usize| times.start.saturating_add(times.step.saturating_mul(i as i64));
        let wanted = times.indexes(line.items.len());
        let points = line.items.iter().enumerate().take(wanted.end).skip(wanted.start);
        let mut points = points.filter(|(_, item)| **item != Item::Missing).peekable();
        if points.peek().is_none() {
            continue;
        }
        let name = line.labels.iter().find(|(n, _)| n == "__name__").map_or("", |(_, v)| v);
        let metric = builder.metric(MetricRef {
            name,
            unit: "",
            description: "",
            kind: MetricKind::Gauge,
            temporality: Temporality::Unspecified,
            monotonic: false,
        });
        let labels = line.labels.iter().filter(|(n, _)| n != "__name__");
        let mut pairs: Vec<(&str, Value<'_>)> = labels.map(|(n, v)| (n.as_str(), Value::Str(v))).collect();
        let attributes = builder.attributes(&mut pairs);
        let series = builder.series(stream, metric, attributes, SeriesPart::Value);
        for (i, item) in points {
            let time = at(i);
            let start = line.starts.get(i).copied().flatten().map_or(0, |distance| time + distance);
            match item {
                Item::Missing => {}
                Item::Float(value) => builder.point(series, time, start, *value),
                Item::Histogram(h) => builder.histogram(series, time, start, h),
            }
        }
    }
    builder.finish()
}
