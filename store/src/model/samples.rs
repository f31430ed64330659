//! Metric data points as columns, with OTel's identity of each series.
//!
//! A histogram data point is exploded into the series Prometheus shows (buckets, sum, count); all share one entry of
//! attributes. Exponential histograms stay whole. Times are Unix milliseconds, as in Prometheus.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use xxhash_rust::xxh3::Xxh3Default;

use super::event::{take, take_pod};
use super::histogram::HistogramPoint;
use super::{MalformedBatch, Nested, NestedWriter, Stream, StreamParts, Value};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u32)]
pub enum MetricKind {
    Unknown = 0,
    Gauge = 1,
    Sum = 2,
    Histogram = 3,
    ExponentialHistogram = 4,
    Summary = 5,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u32)]
pub enum Temporality {
    Unspecified = 0,
    Delta = 1,
    Cumulative = 2,
}

/// Which part of a data point a series carries.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum SeriesPart {
    /// A number, or a whole exponential histogram.
    Value,
    /// Cumulative count up to this bound.
    Bucket(f64),
    Sum,
    Count,
    Quantile(f64),
}

/// A metric as its sender described it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct MetricRef<'a> {
    pub name: &'a str,
    pub unit: &'a str,
    pub description: &'a str,
    pub kind: MetricKind,
    pub temporality: Temporality,
    pub monotonic: bool,
}

/// All that identifies a series.
#[derive(Clone, Copy, Debug)]
pub struct SeriesIdentity<'a> {
    /// Of stream, metric (name, unit, kind, temporality), attributes and part; of a series that came with Prometheus
    /// labels, of these alone: its type and unit are remarks that may change.
    pub hash: u128,
    pub stream: &'a Arc<Stream>,
    pub metric: MetricRef<'a>,
    /// A map sorted by key.
    pub attributes: Nested<'a>,
    pub part: SeriesPart,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar<'a> {
    /// Index of the series in the batch.
    pub series: u32,
    pub time_ms: i64,
    pub value: f64,
    /// 16 bytes, or none.
    pub trace_id: &'a [u8],
    /// 8 bytes, or none.
    pub span_id: &'a [u8],
    /// A map.
    pub attributes: Nested<'a>,
}

#[derive(Clone, Copy, Pod, Zeroable, Debug, PartialEq)]
#[repr(C)]
struct MetricEntry {
    name: [u32; 2],
    unit: [u32; 2],
    description: [u32; 2],
    kind: u32,
    temporality: u32,
    monotonic: u32,
    _pad: u32,
}

#[derive(Clone, Copy, Pod, Zeroable, Debug, PartialEq)]
#[repr(C)]
struct SeriesEntry {
    hash: [u64; 2],
    /// The bound or quantile.
    part_value: f64,
    stream: u32,
    metric: u32,
    attributes: [u32; 2],
    part: u32,
    _pad: u32,
}

#[derive(Clone, Copy, Pod, Zeroable, Debug, PartialEq)]
#[repr(C)]
struct ExemplarEntry {
    time_ms: i64,
    value: f64,
    series: u32,
    trace_id: [u32; 2],
    span_id: [u32; 2],
    attributes: [u32; 2],
    _pad: u32,
}

#[derive(Clone, Debug, PartialEq, Default)]
pub struct SampleBatch {
    arena: Vec<u8>,
    streams: Vec<Arc<Stream>>,
    metrics: Vec<MetricEntry>,
    series: Vec<SeriesEntry>,
    point_series: Vec<u32>,
    times: Vec<i64>,
    /// 0: not given.
    starts: Vec<i64>,
    values: Vec<f64>,
    /// Rows that carry a histogram: row, range of the arena. Sorted by row.
    histograms: Vec<[u32; 3]>,
    exemplars: Vec<ExemplarEntry>,
}

// === impl SampleBatch ===

impl SampleBatch {
    pub fn rows(&self) -> usize {
        self.times.len()
    }

    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    pub fn streams(&self) -> &[Arc<Stream>] {
        &self.streams
    }

    /// The metrics as their sender described them.
    pub fn metrics(&self) -> impl Iterator<Item = MetricRef<'_>> {
        self.metrics.iter().map(|metric| self.metric(metric))
    }

    fn metric(&self, metric: &MetricEntry) -> MetricRef<'_> {
        MetricRef {
            name: self.text(metric.name),
            unit: self.text(metric.unit),
            description: self.text(metric.description),
            kind: kind_from(metric.kind),
            temporality: temporality_from(metric.temporality),
            monotonic: metric.monotonic != 0,
        }
    }

    /// Index of each sample's series.
    pub fn point_series(&self) -> &[u32] {
        &self.point_series
    }

    /// Unix milliseconds.
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// Start times in Unix milliseconds; 0 where the sender gave none.
    pub fn starts(&self) -> &[i64] {
        &self.starts
    }

    /// A histogram's row holds its count here.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    pub fn series_hash(&self, series: usize) -> u128 {
        let [low, high] = self.series[series].hash;
        u128::from(high) << 64 | u128::from(low)
    }

    pub fn series(&self, series: usize) -> SeriesIdentity<'_> {
        let entry = &self.series[series];
        let metric = &self.metrics[entry.metric as usize];
        SeriesIdentity {
            hash: self.series_hash(series),
            stream: &self.streams[entry.stream as usize],
            metric: self.metric(metric),
            attributes: Nested::new(self.bytes(entry.attributes)),
            part: part_from(entry.part, entry.part_value),
        }
    }

    /// The rows that carry a histogram, in order, with the encoding of [`HistogramPoint`].
    pub fn histograms(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.histograms.iter().map(|&[row, start, end]| (row as usize, self.bytes([start, end])))
    }

    pub fn exemplars(&self) -> impl Iterator<Item = Exemplar<'_>> {
        self.exemplars.iter().map(|entry| Exemplar {
            series: entry.series,
            time_ms: entry.time_ms,
            value: entry.value,
            trace_id: self.bytes(entry.trace_id),
            span_id: self.bytes(entry.span_id),
            attributes: Nested::new(self.bytes(entry.attributes)),
        })
    }

    pub fn intern_streams(&mut self, mut intern: impl FnMut(Arc<Stream>) -> Arc<Stream>) {
        for stream in &mut self.streams {
            *stream = intern(Arc::clone(stream));
        }
    }

    pub fn size_bytes(&self) -> usize {
        self.arena.capacity()
            + self.series.capacity() * size_of::<SeriesEntry>()
            + self.metrics.capacity() * size_of::<MetricEntry>()
            + self.times.capacity() * 28
            + self.histograms.capacity() * 12
            + self.exemplars.capacity() * size_of::<ExemplarEntry>()
    }

    fn bytes(&self, [start, end]: [u32; 2]) -> &[u8] {
        &self.arena[start as usize..end as usize]
    }

    fn text(&self, range: [u32; 2]) -> &str {
        std::str::from_utf8(self.bytes(range)).unwrap_or_default()
    }
}

fn kind_from(number: u32) -> MetricKind {
    match number {
        1 => MetricKind::Gauge,
        2 => MetricKind::Sum,
        3 => MetricKind::Histogram,
        4 => MetricKind::ExponentialHistogram,
        5 => MetricKind::Summary,
        _ => MetricKind::Unknown,
    }
}

fn temporality_from(number: u32) -> Temporality {
    match number {
        1 => Temporality::Delta,
        2 => Temporality::Cumulative,
        _ => Temporality::Unspecified,
    }
}

fn part_from(number: u32, value: f64) -> SeriesPart {
    match number {
        1 => SeriesPart::Bucket(value),
        2 => SeriesPart::Sum,
        3 => SeriesPart::Count,
        4 => SeriesPart::Quantile(value),
        _ => SeriesPart::Value,
    }
}

fn part_number(part: SeriesPart) -> (u32, f64) {
    match part {
        SeriesPart::Value => (0, 0.0),
        SeriesPart::Bucket(bound) => (1, bound),
        SeriesPart::Sum => (2, 0.0),
        SeriesPart::Count => (3, 0.0),
        SeriesPart::Quantile(quantile) => (4, quantile),
    }
}

impl MetricKind {
    pub fn from_number(number: u32) -> Self {
        kind_from(number)
    }
}

impl Temporality {
    pub fn from_number(number: u32) -> Self {
        temporality_from(number)
    }
}

impl SeriesPart {
    /// The part as a number and a bound, for files.
    pub fn to_numbers(self) -> (u32, f64) {
        part_number(self)
    }

    pub fn from_numbers(number: u32, value: f64) -> Self {
        part_from(number, value)
    }
}

// === encoding ===

const ENCODING_VERSION: u32 = 1;
const HEADER_NUMBERS: usize = 9;

impl SampleBatch {
    /// Appends the batch, columns as they lie in memory (little-endian).
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut streams = Vec::new();
        self.streams.iter().for_each(|stream| stream.write(&mut streams));
        let header: [u32; HEADER_NUMBERS] = [
            ENCODING_VERSION,
            self.arena.len() as u32,
            self.streams.len() as u32,
            streams.len() as u32,
            self.metrics.len() as u32,
            self.series.len() as u32,
            self.times.len() as u32,
            self.histograms.len() as u32,
            self.exemplars.len() as u32,
        ];
        out.extend_from_slice(bytemuck::cast_slice(&header));
        out.extend_from_slice(&streams);
        out.extend_from_slice(bytemuck::cast_slice(&self.metrics));
        out.extend_from_slice(bytemuck::cast_slice(&self.series));
        out.extend_from_slice(bytemuck::cast_slice(&self.point_series));
        out.extend_from_slice(bytemuck::cast_slice(&self.times));
        out.extend_from_slice(bytemuck::cast_slice(&self.starts));
        out.extend_from_slice(bytemuck::cast_slice(&self.values));
        out.extend_from_slice(bytemuck::cast_slice(&self.histograms));
        out.extend_from_slice(bytemuck::cast_slice(&self.exemplars));
        out.extend_from_slice(&self.arena);
    }

    /// Reads what [`SampleBatch::encode`] wrote; every reference is checked.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, MalformedBatch> {
        let rest = &mut bytes;
        let header: Vec<u32> = take_pod(rest, HEADER_NUMBERS)?;
        let count = |i: usize| header[i] as usize;
        if header[0] != ENCODING_VERSION {
            return Err(MalformedBatch("unknown version of the batch encoding"));
        }
        let mut stream_bytes = take(rest, count(3))?;
        let streams = (0..count(2))
            .map(|_| Stream::read(&mut stream_bytes).map(Arc::new).ok_or(MalformedBatch("streams")))
            .collect::<Result<_, _>>()?;
        let batch = Self {
            streams,
            metrics: take_pod(rest, count(4))?,
            series: take_pod(rest, count(5))?,
            point_series: take_pod(rest, count(6))?,
            times: take_pod(rest, count(6))?,
            starts: take_pod(rest, count(6))?,
            values: take_pod(rest, count(6))?,
            histograms: take_pod(rest, count(7))?,
            exemplars: take_pod(rest, count(8))?,
            arena: take(rest, count(1))?.to_vec(),
        };
        batch.check()?;
        Ok(batch)
    }

    fn check(&self) -> Result<(), MalformedBatch> {
        let range = |[start, end]: [u32; 2]| {
            self.arena.get(start as usize..end as usize).ok_or(MalformedBatch("range of the arena"))
        };
        let text = |r| range(r).and_then(|b| std::str::from_utf8(b).map_err(|_| MalformedBatch("text")));
        for metric in &self.metrics {
            for r in [metric.name, metric.unit, metric.description] {
                text(r)?;
            }
        }
        for series in &self.series {
            range(series.attributes)?;
            if series.stream as usize >= self.streams.len() || series.metric as usize >= self.metrics.len() {
                return Err(MalformedBatch("series"));
            }
        }
        if self.point_series.iter().any(|&s| s as usize >= self.series.len()) {
            return Err(MalformedBatch("a sample names a series that is not there"));
        }
        for &[row, start, end] in &self.histograms {
            range([start, end])?;
            if row as usize >= self.rows() {
                return Err(MalformedBatch("histogram row"));
            }
        }
        for exemplar in &self.exemplars {
            for r in [exemplar.trace_id, exemplar.span_id, exemplar.attributes] {
                range(r)?;
            }
            if exemplar.series as usize >= self.series.len() {
                return Err(MalformedBatch("exemplar"));
            }
        }
        Ok(())
    }
}

// === building ===

/// Builds a [`SampleBatch`]. Per data point: attributes once, then its series and values.
#[derive(Default, Debug)]
pub struct SampleBatchBuilder {
    batch: SampleBatch,
    known: HashMap<u128, u32, FxBuildHasher>,
    scratch: NestedWriter,
}

impl SampleBatchBuilder {
    pub fn stream(&mut self, parts: &StreamParts<'_>) -> u32 {
        self.shared_stream(Arc::new(Stream::new(parts)))
    }

    pub fn shared_stream(&mut self, stream: Arc<Stream>) -> u32 {
        let last = self.batch.streams.len();
        if self.batch.streams.last().is_some_and(|known| known.hash() == stream.hash()) {
            return last as u32 - 1;
        }
        self.batch.streams.push(stream);
        last as u32
    }

    pub fn metric(&mut self, metric: MetricRef<'_>) -> u32 {
        let entry = MetricEntry {
            name: self.put(metric.name.as_bytes()),
            unit: self.put(metric.unit.as_bytes()),
            description: self.put(metric.description.as_bytes()),
            kind: metric.kind as u32,
            temporality: metric.temporality as u32,
            monotonic: u32::from(metric.monotonic),
            _pad: 0,
        };
        self.batch.metrics.push(entry);
        self.batch.metrics.len() as u32 - 1
    }

    /// Attributes of a data point, in any order (sorted here); the range is for [`SampleBatchBuilder::series`].
    pub fn attributes(&mut self, pairs: &mut Vec<(&str, Value<'_>)>) -> [u32; 2] {
        if !pairs.is_sorted_by_key(|(key, _)| *key) {
            pairs.sort_by_key(|(key, _)| *key);
        }
        pairs.dedup_by_key(|(key, _)| *key);
        self.scratch.clear();
        self.scratch.begin_map();
        for (key, value) in pairs.iter() {
            self.scratch.key(key);
            self.scratch.value(*value);
        }
        self.scratch.end();
        let start = self.batch.arena.len() as u32;
        self.batch.arena.extend_from_slice(self.scratch.as_nested().as_bytes());
        [start, self.batch.arena.len() as u32]
    }

    /// The series' index in the batch; the same identity gives the same index.
    pub fn series(&mut self, stream: u32, metric: u32, attributes: [u32; 2], part: SeriesPart) -> u32 {
        let hash = self.hash(stream, metric, attributes, part);
        if let Some(&known) = self.known.get(&hash) {
            return known;
        }
        let (part, part_value) = part_number(part);
        let index = self.batch.series.len() as u32;
        self.batch.series.push(SeriesEntry {
            hash: [hash as u64, (hash >> 64) as u64],
            part_value,
            stream,
            metric,
            attributes,
            part,
            _pad: 0,
        });
        self.known.insert(hash, index);
        index
    }

    pub fn point(&mut self, series: u32, time_ms: i64, start_ms: i64, value: f64) {
        self.batch.point_series.push(series);
        self.batch.times.push(time_ms);
        self.batch.starts.push(start_ms);
        self.batch.values.push(value);
    }

    pub fn histogram(&mut self, series: u32, time_ms: i64, start_ms: i64, histogram: &HistogramPoint) {
        let start = self.batch.arena.len() as u32;
        histogram.encode(&mut self.batch.arena);
        let row = self.batch.times.len() as u32;
        self.batch.histograms.push([row, start, self.batch.arena.len() as u32]);
        self.point(series, time_ms, start_ms, histogram.count);
    }

    pub fn exemplar(&mut self, exemplar: Exemplar<'_>) {
        let entry = ExemplarEntry {
            time_ms: exemplar.time_ms,
            value: exemplar.value,
            series: exemplar.series,
            trace_id: self.put(exemplar.trace_id),
            span_id: self.put(exemplar.span_id),
            attributes: self.put(exemplar.attributes.as_bytes()),
            _pad: 0,
        };
        self.batch.exemplars.push(entry);
    }

    pub fn rows(&self) -> usize {
        self.batch.rows()
    }

    pub fn finish(self) -> SampleBatch {
        self.batch
    }

    fn put(&mut self, bytes: &[u8]) -> [u32; 2] {
        let start = self.batch.arena.len() as u32;
        self.batch.arena.extend_from_slice(bytes);
        [start, self.batch.arena.len() as u32]
    }

    fn hash(&self, stream: u32, metric: u32, attributes: [u32; 2], part: SeriesPart) -> u128 {
        let entry = &self.batch.metrics[metric as usize];
        let (part, part_value) = part_number(part);
        let stream = &self.batch.streams[stream as usize];
        let mut hasher = Xxh3Default::new();
        hasher.update(&stream.hash().to_le_bytes());
        if stream.has_plain_labels() {
            for range in [entry.name, attributes] {
                hasher.update(&(range[1] - range[0]).to_le_bytes());
                hasher.update(self.batch.bytes(range));
            }
            return hasher.digest128();
        }
        for range in [entry.name, entry.unit, attributes] {
            hasher.update(&(range[1] - range[0]).to_le_bytes());
            hasher.update(self.batch.bytes(range));
        }
        let numbers = [entry.kind, entry.temporality, entry.monotonic, part];
        hasher.update(bytemuck::cast_slice(&numbers));
        hasher.update(&part_value.to_bits().to_le_bytes());
        hasher.digest128()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> SampleBatch {
        let mut b = SampleBatchBuilder::default();
        let resource = [("service.name", Value::Str("cart"))];
        let stream = b.stream(&StreamParts { resource: &resource, ..Default::default() });
        let metric = b.metric(MetricRef {
            name: "http.server.request.duration",
            unit: "s",
            description: "d",
            kind: MetricKind::Histogram,
            temporality: Temporality::Cumulative,
            monotonic: true,
        });
        let attributes = b.attributes(&mut vec![("z", Value::Int(1)), ("a", Value::Str("x"))]);
        for (i, part) in [SeriesPart::Bucket(0.1), SeriesPart::Bucket(f64::INFINITY), SeriesPart::Sum]
            .into_iter()
            .enumerate()
        {
            let series = b.series(stream, metric, attributes, part);
            b.point(series, 1000, 10, i as f64);
        }
        let again = b.series(stream, metric, attributes, SeriesPart::Sum);
        assert_eq!(again, 2);
        let native = b.series(stream, metric, attributes, SeriesPart::Value);
        b.histogram(
            native,
            1000,
            10,
            &HistogramPoint { count: 3.0, positive: vec![1.0, 2.0], ..Default::default() },
        );
        b.exemplar(Exemplar {
            series: native,
            time_ms: 999,
            value: 0.5,
            trace_id: &[1; 16],
            span_id: &[],
            attributes: Nested::new(&[]),
        });
        b.finish()
    }

    #[test]
    fn identities_and_points_read_back() {
        let batch = sample();
        assert_eq!((batch.rows(), batch.series_count()), (4, 4));
        let identity = batch.series(0);
        assert_eq!(identity.metric.name, "http.server.request.duration");
        assert_eq!(identity.part, SeriesPart::Bucket(0.1));
        assert_eq!(identity.attributes.get("a"), Some(Value::Str("x")));
        let (row, bytes) = batch.histograms().next().unwrap();
        assert_eq!(row, 3);
        assert_eq!(HistogramPoint::decode(bytes).unwrap().positive, [1.0, 2.0]);
        assert_eq!(batch.exemplars().next().unwrap().trace_id, [1; 16]);
    }

    #[test]
    fn a_series_with_plain_labels_is_the_same_whatever_is_said_of_its_type() {
        let mut b = SampleBatchBuilder::default();
        let plain = StreamParts { resource_schema_url: Stream::LABELS_SCHEMA, ..Default::default() };
        let stream = b.stream(&plain);
        let metric = |kind, unit| MetricRef {
            name: "up_total",
            unit,
            description: "",
            kind,
            temporality: Temporality::Unspecified,
            monotonic: false,
        };
        let (unknown, sum) =
            (b.metric(metric(MetricKind::Unknown, "")), b.metric(metric(MetricKind::Sum, "s")));
        let attributes = b.attributes(&mut vec![("job", Value::Str("node")), ("a.b", Value::Str("x"))]);
        let series = b.series(stream, unknown, attributes, SeriesPart::Value);
        assert_eq!(b.series(stream, sum, attributes, SeriesPart::Value), series);
        let batch = b.finish();
        let labels = crate::model::naming::prometheus_labels(&batch.series(0));
        let sent = [("__name__", "up_total"), ("a.b", "x"), ("job", "node")];
        assert_eq!(labels.iter().collect::<Vec<_>>(), sent);
    }

    #[test]
    fn encoding_round_trips_and_damage_is_an_error() {
        let batch = sample();
        let mut bytes = Vec::new();
        batch.encode(&mut bytes);
        assert_eq!(SampleBatch::decode(&bytes).unwrap(), batch);
        for len in 0..bytes.len() {
            assert!(SampleBatch::decode(&bytes[..len]).is_err());
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x80;
            if let Ok(other) = SampleBatch::decode(&flipped) {
                (0..other.series_count()).for_each(|i| {
                    other.series(i);
                });
            }
        }
    }
}
