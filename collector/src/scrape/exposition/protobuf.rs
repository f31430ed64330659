//! `io.prometheus.client.MetricFamily`, each with its length before it. Classic histograms and summaries become the
//! series the text format has for them.

use std::borrow::Cow;

use store::model::HistogramPoint;

use super::{Entry, ExemplarText, Kind, Malformed, Native, Pair, Remark, Sample, Sink, Value};
use crate::protocol::{Fault, HistogramCounts, HistogramReader, Reader};

struct Family<'a> {
    name: &'a str,
    kind: Kind,
    metrics: Vec<&'a [u8]>,
}

/// One metric of a family on its way to samples.
struct Writer<'a, 's, 'k> {
    family: &'s Family<'a>,
    labels: Vec<Pair<'a>>,
    time_ms: Option<i64>,
    start_ms: i64,
    key: Vec<u8>,
    sink: &'s mut Sink<'k>,
}

const KINDS: [Kind; 6] =
    [Kind::Counter, Kind::Gauge, Kind::Summary, Kind::Unknown, Kind::Histogram, Kind::GaugeHistogram];

pub(super) fn read(bytes: &[u8], native: Native, sink: &mut Sink<'_>) -> Result<(), Malformed> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (length, used) = length(rest).ok_or(Malformed::Protobuf("the length of a family"))?;
        let end = used.checked_add(length).filter(|end| *end <= rest.len());
        let end = end.ok_or(Malformed::Protobuf("a family is cut off"))?;
        read_family(&rest[used..end], native, sink)?;
        rest = &rest[end..];
    }
    Ok(())
}

fn length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * at as u32)?;
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, at + 1));
        }
    }
    None
}

fn read_family(bytes: &[u8], native: Native, sink: &mut Sink<'_>) -> Result<(), Malformed> {
    let mut family = Family { name: "", kind: Kind::Counter, metrics: Vec::new() };
    let (mut help, mut unit) = ("", "");
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next().map_err(malformed)? {
        match number {
            1 => family.name = payload.text().map_err(fault)?,
            2 => help = payload.text().map_err(fault)?,
            3 => {
                let number = payload.varint().map_err(malformed)?;
                family.kind = KINDS.get(number as usize).copied().unwrap_or(Kind::Unknown);
            }
            4 => family.metrics.push(payload.bytes().map_err(malformed)?),
            5 => unit = payload.text().map_err(fault)?,
            _ => {}
        }
    }
    sink(Entry::Meta { family: family.name, remark: Remark::Kind(family.kind) })?;
    if !help.is_empty() {
        sink(Entry::Meta { family: family.name, remark: Remark::Help(Cow::Borrowed(help)) })?;
    }
    if !unit.is_empty() {
        sink(Entry::Meta { family: family.name, remark: Remark::Unit(unit) })?;
    }
    for metric in &family.metrics {
        read_metric(&family, metric, native, sink)?;
    }
    Ok(())
}

fn read_metric(
    family: &Family<'_>,
    bytes: &[u8],
    native: Native,
    sink: &mut Sink<'_>,
) -> Result<(), Malformed> {
    let mut writer = Writer { family, labels: Vec::new(), time_ms: None, start_ms: 0, key: Vec::new(), sink };
    // Labels and time first: fields may come in any order.
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next().map_err(malformed)? {
        match number {
            1 => writer.labels.push(label(payload.bytes().map_err(malformed)?)?),
            6 => writer.time_ms = Some(payload.varint().map_err(malformed)? as i64),
            _ => {}
        }
    }
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next().map_err(malformed)? {
        match number {
            2 | 5 => writer.number(payload.bytes().map_err(malformed)?)?,
            3 => writer.counter(payload.bytes().map_err(malformed)?)?,
            4 => writer.summary(payload.bytes().map_err(malformed)?)?,
            7 => writer.histogram(payload.bytes().map_err(malformed)?, native)?,
            _ => {}
        }
    }
    Ok(())
}

fn malformed(error: crate::protocol::Malformed) -> Malformed {
    Malformed::Protobuf(error.0)
}

fn fault(_: Fault) -> Malformed {
    Malformed::Protobuf("a text is not UTF-8")
}

fn label(bytes: &[u8]) -> Result<Pair<'_>, Malformed> {
    let (mut name, mut value) = ("", "");
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next().map_err(malformed)? {
        match number {
            1 => name = payload.text().map_err(fault)?,
            2 => value = payload.text().map_err(fault)?,
            _ => {}
        }
    }
    Ok((Cow::Borrowed(name), Cow::Borrowed(value)))
}

/// A `google.protobuf.Timestamp` in milliseconds.
fn timestamp(bytes: &[u8]) -> Result<i64, Malformed> {
    let (mut seconds, mut nanos) = (0i64, 0i64);
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next().map_err(malformed)? {
        match number {
            1 => seconds = payload.varint().map_err(malformed)? as i64,
            2 => nanos = payload.varint().map_err(malformed)? as i64,
            _ => {}
        }
    }
    Ok(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000))
}

fn exemplar(bytes: &[u8]) -> Result<ExemplarText<'_>, Malformed> {
    let mut found = ExemplarText { labels: Vec::new(), value: 0.0, time_ms: None };
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next().map_err(malformed)? {
        match number {
            1 => found.labels.push(label(payload.bytes().map_err(malformed)?)?),
            2 => found.value = payload.double().map_err(malformed)?,
            3 => found.time_ms = Some(timestamp(payload.bytes().map_err(malformed)?)?),
            _ => {}
        }
    }
    Ok(found)
}

#[derive(Default)]
struct Classic<'a> {
    sum: f64,
    count: f64,
    buckets: Vec<(f64, f64, Option<ExemplarText<'a>>)>,
    exemplars: Vec<ExemplarText<'a>>,
}

// === impl Writer ===

impl<'a> Writer<'a, '_, '_> {
    fn put(
        &mut self,
        suffix: &str,
        extra: Option<(&str, f64)>,
        value: Value<'_>,
        exemplars: &[ExemplarText<'_>],
    ) -> Result<(), Malformed> {
        let name = format!("{}{suffix}", self.family.name);
        let mut labels: Vec<Pair<'_>> = Vec::with_capacity(self.labels.len() + 2);
        labels.push((Cow::Borrowed("__name__"), Cow::Owned(name)));
        labels.extend(self.labels.iter().cloned());
        labels.extend(extra.map(|(name, bound)| (Cow::Borrowed(name), Cow::Owned(bound_text(bound)))));
        self.key.clear();
        for (name, value) in &labels {
            for part in [name, value] {
                self.key.extend_from_slice(part.as_bytes());
                self.key.push(0xff);
            }
        }
        let (key, time_ms, start_ms) = (self.key.as_slice(), self.time_ms, self.start_ms);
        (self.sink)(Entry::Sample(Sample { key, labels: &labels, value, time_ms, start_ms, exemplars }))
    }

    fn number(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let mut value = 0.0;
        let mut reader = Reader::new(bytes);
        while let Some((number, payload)) = reader.next().map_err(malformed)? {
            if number == 1 {
                value = payload.double().map_err(malformed)?;
            }
        }
        self.put("", None, Value::Float(value), &[])
    }

    fn counter(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let mut value = 0.0;
        let mut exemplars = Vec::new();
        let mut reader = Reader::new(bytes);
        while let Some((number, payload)) = reader.next().map_err(malformed)? {
            match number {
                1 => value = payload.double().map_err(malformed)?,
                2 => exemplars.push(exemplar(payload.bytes().map_err(malformed)?)?),
                3 => self.start_ms = timestamp(payload.bytes().map_err(malformed)?)?,
                _ => {}
            }
        }
        self.put("", None, Value::Float(value), &exemplars)
    }

    fn summary(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let mut quantiles = Vec::new();
        let (mut count, mut sum) = (0.0, 0.0);
        let mut reader = Reader::new(bytes);
        while let Some((number, payload)) = reader.next().map_err(malformed)? {
            match number {
                1 => count = payload.varint().map_err(malformed)? as f64,
                2 => sum = payload.double().map_err(malformed)?,
                3 => quantiles.push(two_doubles(payload.bytes().map_err(malformed)?)?),
                4 => self.start_ms = timestamp(payload.bytes().map_err(malformed)?)?,
                _ => {}
            }
        }
        for (quantile, value) in quantiles {
            self.put("", Some(("quantile", quantile)), Value::Float(value), &[])?;
        }
        self.put("_sum", None, Value::Float(sum), &[])?;
        self.put("_count", None, Value::Float(count), &[])
    }

    fn histogram(&mut self, bytes: &'a [u8], native: Native) -> Result<(), Malformed> {
        let mut classic = Classic::default();
        let mut counts = HistogramCounts::default();
        let mut reader = HistogramReader::default();
        let mut point = HistogramPoint::default();
        let mut is_native = false;
        let mut fields = Reader::new(bytes);
        while let Some((number, payload)) = fields.next().map_err(malformed)? {
            match number {
                1 => {
                    counts.count = payload.varint().map_err(malformed)?;
                    classic.count = counts.count as f64;
                }
                2 => (classic.sum, point.sum) = repeat(payload.double().map_err(malformed)?),
                3 => classic.buckets.push(bucket(payload.bytes().map_err(malformed)?)?),
                4 => {
                    classic.count = payload.double().map_err(malformed)?;
                    counts.count_float = (classic.count > 0.0).then_some(classic.count);
                }
                5 => point.scale = payload.sint32().map_err(malformed)?,
                6 => point.zero_threshold = payload.double().map_err(malformed)?,
                7 => counts.zero_count = payload.varint().map_err(malformed)?,
                8 => counts.zero_count_float = payload.double().map_err(malformed)?,
                9..=14 => reader.field(number, payload).map_err(malformed)?,
                15 => self.start_ms = timestamp(payload.bytes().map_err(malformed)?)?,
                16 => classic.exemplars.push(exemplar(payload.bytes().map_err(malformed)?)?),
                _ => {}
            }
            // A span says that it is native, even if it has no buckets yet.
            is_native |= matches!(number, 9 | 12);
        }
        is_native |= point.zero_threshold > 0.0;
        if is_native && native.taken {
            let broken = |_| Malformed::Protobuf("a native histogram contradicts itself");
            reader.fill(&counts, &mut point).map_err(broken)?;
            self.put("", None, Value::Histogram(&point), &classic.exemplars)?;
        }
        if !is_native || !native.taken || (native.classic_too && !classic.buckets.is_empty()) {
            self.classic(&classic)?;
        }
        Ok(())
    }

    fn classic(&mut self, classic: &Classic<'_>) -> Result<(), Malformed> {
        let mut ends = false;
        for (bound, count, exemplar) in &classic.buckets {
            ends |= bound.is_infinite();
            let exemplars = exemplar.as_slice();
            self.put("_bucket", Some(("le", *bound)), Value::Float(*count), exemplars)?;
        }
        if !ends {
            self.put("_bucket", Some(("le", f64::INFINITY)), Value::Float(classic.count), &[])?;
        }
        self.put("_sum", None, Value::Float(classic.sum), &[])?;
        self.put("_count", None, Value::Float(classic.count), &[])
    }
}

fn repeat(value: f64) -> (f64, f64) {
    (value, value)
}

/// `1` and `0.5` as Go writes floats that name a bucket or quantile.
fn bound_text(bound: f64) -> String {
    if bound.is_infinite() {
        return if bound > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    // OpenMetrics' form: whole numbers have a fraction, so that both formats name one series.
    if bound == bound.trunc() && bound.abs() < 1e15 { format!("{bound:.1}") } else { format!("{bound}") }
}

fn two_doubles(bytes: &[u8]) -> Result<(f64, f64), Malformed> {
    let (mut first, mut second) = (0.0, 0.0);
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next().map_err(malformed)? {
        match number {
            1 => first = payload.double().map_err(malformed)?,
            2 => second = payload.double().map_err(malformed)?,
            _ => {}
        }
    }
    Ok((first, second))
}

fn bucket(bytes: &[u8]) -> Result<(f64, f64, Option<ExemplarText<'_>>), Malformed> {
    let (mut bound, mut count, mut told) = (0.0, 0.0, None);
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next().map_err(malformed)? {
        match number {
            1 => count = payload.varint().map_err(malformed)? as f64,
            2 => bound = payload.double().map_err(malformed)?,
            3 => told = Some(exemplar(payload.bytes().map_err(malformed)?)?),
            4 => count = payload.double().map_err(malformed)?,
            _ => {}
        }
    }
    Ok((bound, count, told))
}
