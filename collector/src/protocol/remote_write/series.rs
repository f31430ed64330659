//! Series of either message to columns.

use std::collections::HashMap;

use store::model::{
    Batch, Exemplar, HistogramPoint, Labels, MetricKind, MetricRef, NestedWriter, SampleBatchBuilder,
    SeriesPart, Stream, StreamParts, Temporality, Value,
};

use super::Written;
use super::histogram::{self, Buckets};
use super::v1::pair;
use crate::protocol::fault::{Fault, Spend};
use crate::protocol::wire::{Payload, Reader};
use crate::protocol::{DecodeCtx, DecodeError, Decoded, Reject, Rejected, hex_id};

const NS_PER_MS: i64 = 1_000_000;
/// Times beyond cannot be told in nanoseconds.
const TIME_MS_MAX: i64 = i64::MAX / NS_PER_MS;
/// What a series, a sample and an exemplar take in columns.
const SERIES_COST: u64 = 120;
const SAMPLE_COST: u64 = 28;
const EXEMPLAR_COST: u64 = 64;

/// Where strings are found.
pub(super) enum Symbols<'a> {
    /// In place.
    Inline,
    /// By number; `None` is not UTF-8.
    Table(Vec<Option<&'a str>>),
}

/// Numbers of the fields that differ between the messages.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub samples: u32,
    pub histograms: u32,
    pub exemplars: u32,
}

/// What is said of a metric beside its name.
#[derive(Clone, Copy)]
pub(super) struct Remarks<'a> {
    pub kind: MetricKind,
    pub temporality: Temporality,
    pub monotonic: bool,
    pub unit: &'a str,
    pub help: &'a str,
}

impl Default for Remarks<'_> {
    fn default() -> Self {
        Self {
            kind: MetricKind::Unknown,
            temporality: Temporality::Unspecified,
            monotonic: false,
            unit: "",
            help: "",
        }
    }
}

/// A series whose labels were read into the writer.
pub(super) struct Open<'a> {
    bytes: &'a [u8],
    fields: Fields,
    records: u64,
    exemplars: u64,
    reject: Option<Reject>,
}

pub(super) struct SeriesWriter<'a, 'c> {
    ctx: &'c DecodeCtx<'c>,
    pub symbols: Symbols<'a>,
    pub spend: Spend,
    /// References of the series at hand.
    pub refs: Vec<u64>,
    builder: SampleBatchBuilder,
    stream: u32,
    metrics: HashMap<MetricRef<'a>, u32>,
    /// Most series follow one of the same metric.
    last_metric: Option<(MetricRef<'a>, u32)>,
    name: &'a str,
    last_label: Option<&'a str>,
    labels: Vec<(&'a str, Value<'a>)>,
    exemplar_labels: NestedWriter,
    buckets: Buckets,
    histogram: HistogramPoint,
    rejected: Rejected,
    written: Written,
}

impl<'a, 'c> SeriesWriter<'a, 'c> {
    pub fn new(ctx: &'c DecodeCtx<'c>, symbols: Symbols<'a>) -> Self {
        let mut builder = SampleBatchBuilder::default();
        let parts = StreamParts { resource_schema_url: Stream::LABELS_SCHEMA, ..StreamParts::default() };
        let stream = builder.stream(&parts);
        Self {
            ctx,
            symbols,
            spend: Spend::new(ctx.limits),
            refs: Vec::new(),
            builder,
            stream,
            metrics: HashMap::new(),
            last_metric: None,
            name: "",
            last_label: None,
            labels: Vec::new(),
            exemplar_labels: NestedWriter::default(),
            buckets: Buckets::default(),
            histogram: HistogramPoint::default(),
            rejected: Rejected::default(),
            written: Written::default(),
        }
    }

    pub fn finish(self) -> Decoded {
        Decoded {
            batch: Batch::Samples(self.builder.finish()),
            rejected: self.rejected,
            all_timestamped: true,
            detail: self.written.to_bytes(),
        }
    }

    /// Reads the labels of a `TimeSeries`, which `label` finds among its fields.
    pub fn begin(
        &mut self,
        bytes: &'a [u8],
        fields: Fields,
        label: fn(&mut Self, u32, Payload<'a>) -> Result<(), Fault>,
    ) -> Result<Open<'a>, DecodeError> {
        self.name = "";
        self.last_label = None;
        self.labels.clear();
        self.refs.clear();
        let mut open = Open { bytes, fields, records: 0, exemplars: 0, reject: None };
        let mut reader = Reader::new(bytes);
        while let Some((number, payload)) = reader.next()? {
            open.records += u64::from(number == fields.samples || number == fields.histograms);
            open.exemplars += u64::from(number == fields.exemplars);
            if open.reject.is_none()
                && let Err(fault) = label(self, number, payload)
            {
                open.reject = Some(fault.into_reject()?);
            }
        }
        if self.name.is_empty() {
            open.reject = open.reject.or(Some(Reject::MetricName));
        }
        if open.records + open.exemplars == 0 {
            open.reject = open.reject.or(Some(Reject::NoSample));
        }
        Ok(open)
    }

    /// Adds a label to the series at hand; they come sorted.
    pub fn label(&mut self, name: &'a str, value: &'a str) -> Result<(), Fault> {
        let limits = self.ctx.limits;
        let reject = |reason| Err(Fault::Reject(reason));
        match self.last_label {
            _ if name.is_empty() => return reject(Reject::LabelName),
            Some(last) if last == name => return reject(Reject::LabelTwice),
            Some(last) if last > name => return reject(Reject::LabelOrder),
            _ => self.last_label = Some(name),
        }
        if name.len() as u64 > limits.attribute_key_bytes_max {
            return reject(Reject::KeyTooLong);
        }
        if value.len() as u64 > limits.attribute_value_bytes_max {
            return reject(Reject::ValueTooLong);
        }
        if name == Labels::METRIC_NAME {
            self.name = value;
            return Ok(());
        }
        // A label without a value is no label.
        if !value.is_empty() {
            if self.labels.len() as u64 == limits.attributes_per_record_max {
                return reject(Reject::TooManyAttributes);
            }
            self.labels.push((name, Value::Str(value)));
        }
        Ok(())
    }

    /// Adds the labels of the references read so far.
    pub fn labels_of_refs(&mut self) -> Result<(), Fault> {
        let refs = std::mem::take(&mut self.refs);
        let (pairs, rest) = refs.as_chunks::<2>();
        let result = pairs.iter().try_for_each(|[name, value]| {
            let (name, value) = (self.symbols.get(*name)?, self.symbols.get(*value)?);
            self.label(name, value)
        });
        // Whoever packs a list may cut it anywhere: half a pair waits for its other half.
        let kept = rest.len();
        self.refs = refs;
        self.refs.drain(..self.refs.len() - kept);
        result
    }

    /// Takes the samples of a series whose labels were read.
    pub fn take(&mut self, open: Open<'a>, remarks: Remarks<'a>, created_ms: i64) -> Result<(), DecodeError> {
        let half_a_pair = (!self.refs.is_empty()).then_some(Reject::SymbolRef);
        if let Some(reason) = open.reject.or(half_a_pair) {
            self.rejected.add(reason, open.records.max(1));
            return Ok(());
        }
        match self.take_all(&open, remarks, created_ms) {
            Ok(()) => Ok(()),
            Err(fault) => fault.into_reject().map(|reason| self.rejected.add(reason, open.records)),
        }
    }

    fn take_all(&mut self, open: &Open<'a>, remarks: Remarks<'a>, created_ms: i64) -> Result<(), Fault> {
        let label_bytes: usize = self.labels.iter().map(|(name, value)| name.len() + text_len(value)).sum();
        self.spend.take(SERIES_COST + label_bytes as u64 + self.name.len() as u64)?;
        self.spend.take(open.records * SAMPLE_COST + open.exemplars * EXEMPLAR_COST)?;
        let metric = self.metric(remarks)?;
        let attributes = self.builder.attributes(&mut self.labels);
        let series = self.builder.series(self.stream, metric, attributes, SeriesPart::Value);
        let mut reader = Reader::new(open.bytes);
        while let Some((number, payload)) = reader.next()? {
            let taken = match number {
                n if n == open.fields.samples => self.sample(series, payload.bytes()?, created_ms),
                n if n == open.fields.histograms => self.histogram(series, payload.bytes()?, created_ms),
                // A faulty exemplar is left away: it decorates samples that are taken.
                n if n == open.fields.exemplars => match self.exemplar(series, payload.bytes()?) {
                    Err(Fault::Reject(_)) => Ok(()),
                    other => other,
                },
                _ => Ok(()),
            };
            match taken {
                Err(Fault::Reject(reason)) => self.rejected.add(reason, 1),
                other => other?,
            }
        }
        Ok(())
    }

    fn metric(&mut self, remarks: Remarks<'a>) -> Result<u32, Fault> {
        let metric = MetricRef {
            name: self.name,
            unit: remarks.unit,
            description: remarks.help,
            kind: remarks.kind,
            temporality: remarks.temporality,
            monotonic: remarks.monotonic,
        };
        if let Some((last, number)) = self.last_metric
            && last == metric
        {
            return Ok(number);
        }
        let number = match self.metrics.get(&metric) {
            Some(number) => *number,
            None => {
                self.spend.take((metric.unit.len() + metric.description.len()) as u64)?;
                let number = self.builder.metric(metric);
                self.metrics.insert(metric, number);
                number
            }
        };
        self.last_metric = Some((metric, number));
        Ok(number)
    }

    fn sample(&mut self, series: u32, bytes: &[u8], created_ms: i64) -> Result<(), Fault> {
        let (mut value, mut time_ms, mut start_ms) = (0.0, 0, created_ms);
        let mut reader = Reader::new(bytes);
        while let Some((number, payload)) = reader.next()? {
            match number {
                1 => value = payload.double()?,
                2 => time_ms = payload.varint()? as i64,
                3 => start_ms = payload.varint()? as i64,
                _ => {}
            }
        }
        self.builder.point(series, checked_ms(time_ms, self.ctx)?, start_or_none(start_ms), value);
        self.written.samples += 1;
        Ok(())
    }

    fn histogram(&mut self, series: u32, bytes: &[u8], created_ms: i64) -> Result<(), Fault> {
        let times = histogram::read(bytes, &mut self.buckets, &mut self.histogram)?;
        let time_ms = checked_ms(times.time_ms, self.ctx)?;
        let start_ms = if times.start_ms == 0 { created_ms } else { times.start_ms };
        self.spend.take(8 * (self.histogram.positive.len() + self.histogram.negative.len()) as u64)?;
        self.builder.histogram(series, time_ms, start_or_none(start_ms), &self.histogram);
        self.written.histograms += 1;
        Ok(())
    }

    fn exemplar(&mut self, series: u32, bytes: &'a [u8]) -> Result<(), Fault> {
        let (mut value, mut time_ms) = (0.0, 0);
        let (mut trace_id, mut span_id) = (None, None);
        let mut labels: Vec<(&'a str, &'a str)> = Vec::new();
        self.refs.clear();
        let mut reader = Reader::new(bytes);
        while let Some((number, payload)) = reader.next()? {
            match (number, &self.symbols) {
                (1, Symbols::Inline) => labels.push(pair(payload.bytes()?)?),
                (1, Symbols::Table(_)) => payload.push_varints(&mut self.refs)?,
                (2, _) => value = payload.double()?,
                (3, _) => time_ms = payload.varint()? as i64,
                _ => {}
            }
        }
        let refs = std::mem::take(&mut self.refs);
        for [name, value] in refs.as_chunks::<2>().0 {
            labels.push((self.symbols.get(*name)?, self.symbols.get(*value)?));
        }
        self.refs = refs;
        self.refs.clear();
        let map = &mut self.exemplar_labels;
        map.clear();
        map.begin_map();
        for (name, text) in labels {
            match name {
                "trace_id" if hex_id::<16>(text).is_some() => trace_id = hex_id::<16>(text),
                "span_id" if hex_id::<8>(text).is_some() => span_id = hex_id::<8>(text),
                _ => {
                    map.key(name);
                    map.value(Value::Str(text));
                }
            }
        }
        map.end();
        self.builder.exemplar(Exemplar {
            group: series,
            part: 0,
            time_ms: checked_ms(time_ms, self.ctx)?,
            value,
            trace_id: trace_id.as_ref().map_or(&[], |id| id.as_slice()),
            span_id: span_id.as_ref().map_or(&[], |id| id.as_slice()),
            attributes: self.exemplar_labels.as_nested(),
        });
        self.written.exemplars += 1;
        Ok(())
    }
}

fn text_len(value: &Value<'_>) -> usize {
    value.as_str().map_or(0, str::len)
}

fn checked_ms(time_ms: i64, ctx: &DecodeCtx<'_>) -> Result<i64, Fault> {
    let ahead_ms = i64::try_from(ctx.limits.future_ms_max).unwrap_or(i64::MAX);
    let latest_ms = (ctx.now_ns / NS_PER_MS).saturating_add(ahead_ms);
    match time_ms {
        ms if ms > latest_ms => Err(Fault::Reject(Reject::InFuture)),
        ms if ms.saturating_abs() > TIME_MS_MAX => Err(Fault::Reject(Reject::Time)),
        ms => Ok(ms),
    }
}

/// A start time is a remark: a senseless one is none.
fn start_or_none(start_ms: i64) -> i64 {
    if (0..=TIME_MS_MAX).contains(&start_ms) { start_ms } else { 0 }
}
