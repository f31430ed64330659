//! Metric data points as columns, with OTel's identity of each.
//!
//! A **group** is what one kind of data point carries: one value for most, and for a histogram or summary one for each
//! series that Prometheus shows of it (buckets, sum, count). A point has one time, one start time and a value for each
//! part of its group, so that a histogram is identified, looked up and timed once. Exponential histograms stay whole.
//! Times are Unix milliseconds, as in Prometheus.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use super::event::{take, take_pod};
use super::samples::{kind_from, part_from, part_number, temporality_from};
use super::{Exemplar, MalformedBatch, MetricRef, Nested, SeriesIdentity, SeriesPart, Stream};

#[derive(Clone, Copy, Pod, Zeroable, Debug, PartialEq)]
#[repr(C)]
pub(super) struct MetricEntry {
    pub name: [u32; 2],
    pub unit: [u32; 2],
    pub description: [u32; 2],
    pub kind: u32,
    pub temporality: u32,
    pub monotonic: u32,
    pub _pad: u32,
}

#[derive(Clone, Copy, Pod, Zeroable, Debug, PartialEq)]
#[repr(C)]
pub(super) struct PartEntry {
    /// The bound or quantile.
    value: f64,
    part: u32,
    _pad: u32,
}

#[derive(Clone, Copy, Pod, Zeroable, Debug, PartialEq)]
#[repr(C)]
pub(super) struct GroupEntry {
    pub stream: u32,
    pub metric: u32,
    pub attributes: [u32; 2],
    pub parts: [u32; 2],
}

#[derive(Clone, Copy, Pod, Zeroable, Debug, PartialEq)]
#[repr(C)]
pub(super) struct ExemplarEntry {
    pub time_ms: i64,
    pub value: f64,
    pub group: u32,
    pub part: u32,
    pub trace_id: [u32; 2],
    pub span_id: [u32; 2],
    pub attributes: [u32; 2],
}

#[derive(Clone, Debug, PartialEq, Default)]
pub struct SampleBatch {
    pub(super) arena: Vec<u8>,
    pub(super) streams: Vec<Arc<Stream>>,
    pub(super) metrics: Vec<MetricEntry>,
    pub(super) parts: Vec<PartEntry>,
    pub(super) groups: Vec<GroupEntry>,
    /// Identity of each group's content; made again when a batch is decoded.
    pub(super) hashes: Vec<u128>,
    pub(super) point_groups: Vec<u32>,
    pub(super) times: Vec<i64>,
    /// 0: not given.
    pub(super) starts: Vec<i64>,
    /// As many for each point as its group has parts.
    pub(super) values: Vec<f64>,
    /// Points that carry an exponential histogram: point, range of the arena. Sorted by point.
    pub(super) histograms: Vec<[u32; 3]>,
    pub(super) exemplars: Vec<ExemplarEntry>,
}

/// What all points of a group share.
#[derive(Clone, Copy, Debug)]
pub struct SampleGroup<'a> {
    pub stream: &'a Arc<Stream>,
    pub metric: MetricRef<'a>,
    /// A map sorted by key.
    pub attributes: Nested<'a>,
    parts: &'a [PartEntry],
}

/// One data point.
#[derive(Clone, Copy, Debug)]
pub struct SamplePoint<'a> {
    pub group: u32,
    pub time_ms: i64,
    /// 0: not given.
    pub start_ms: i64,
    /// One for each part; an exponential histogram has its count here.
    pub values: &'a [f64],
    /// The encoding of [`super::HistogramPoint`].
    pub histogram: Option<&'a [u8]>,
}

// === impl PartEntry ===

impl PartEntry {
    pub(super) fn new(part: SeriesPart) -> Self {
        let (part, value) = part_number(part);
        Self { value, part, _pad: 0 }
    }
}

// === impl SampleGroup ===

impl<'a> SampleGroup<'a> {
    pub fn parts(&self) -> impl ExactSizeIterator<Item = SeriesPart> + 'a {
        self.parts.iter().map(|entry| part_from(entry.part, entry.value))
    }

    /// The same with other attributes.
    pub(crate) fn with_attributes<'b>(&self, attributes: Nested<'b>) -> SampleGroup<'b>
    where
        'a: 'b,
    {
        SampleGroup { attributes, ..*self }
    }

    pub fn identity(&self, part: SeriesPart) -> SeriesIdentity<'a> {
        SeriesIdentity { stream: self.stream, metric: self.metric, attributes: self.attributes, part }
    }
}

// === impl SampleBatch ===

impl SampleBatch {
    /// Number of samples: values of all points.
    pub fn rows(&self) -> usize {
        self.values.len()
    }

    pub fn group_count(&self) -> usize {
        self.groups.len()
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

    pub fn group(&self, group: usize) -> SampleGroup<'_> {
        let entry = &self.groups[group];
        SampleGroup {
            stream: &self.streams[entry.stream as usize],
            metric: self.metric(&self.metrics[entry.metric as usize]),
            attributes: Nested::new(self.bytes(entry.attributes)),
            parts: &self.parts[entry.parts[0] as usize..entry.parts[1] as usize],
        }
    }

    /// The stream of a group, by its place in [`SampleBatch::streams`].
    pub fn group_stream(&self, group: usize) -> usize {
        self.groups[group].stream as usize
    }

    /// Equal for equal stream, metric (name, unit, kind, temporality), attributes and parts.
    pub(crate) fn group_hash(&self, group: usize) -> u128 {
        self.hashes[group]
    }

    /// The points, in the order they came.
    pub fn points(&self) -> impl Iterator<Item = SamplePoint<'_>> {
        let mut values = self.values.as_slice();
        let mut histograms = self.histograms.iter().peekable();
        (0..self.times.len()).map(move |at| {
            let group = self.point_groups[at];
            let [first, last] = self.groups[group as usize].parts;
            let (own, rest) = values.split_at((last - first) as usize);
            values = rest;
            let histogram = histograms.next_if(|entry| entry[0] as usize == at);
            SamplePoint {
                group,
                time_ms: self.times[at],
                start_ms: self.starts[at],
                values: own,
                histogram: histogram.map(|&[_, start, end]| self.bytes([start, end])),
            }
        })
    }

    pub fn exemplars(&self) -> impl Iterator<Item = Exemplar<'_>> {
        self.exemplars.iter().map(|entry| Exemplar {
            group: entry.group,
            part: entry.part,
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
            + self.groups.capacity() * (size_of::<GroupEntry>() + size_of::<u128>())
            + self.metrics.capacity() * size_of::<MetricEntry>()
            + self.times.capacity() * 20
            + self.values.capacity() * 8
            + self.histograms.capacity() * 12
            + self.exemplars.capacity() * size_of::<ExemplarEntry>()
    }

    pub(super) fn bytes(&self, [start, end]: [u32; 2]) -> &[u8] {
        &self.arena[start as usize..end as usize]
    }

    fn text(&self, range: [u32; 2]) -> &str {
        std::str::from_utf8(self.bytes(range)).unwrap_or_default()
    }
}

// === encoding ===

const ENCODING_VERSION: u32 = 2;
const HEADER_NUMBERS: usize = 11;

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
            self.parts.len() as u32,
            self.groups.len() as u32,
            self.times.len() as u32,
            self.values.len() as u32,
            self.histograms.len() as u32,
            self.exemplars.len() as u32,
        ];
        out.reserve(self.size_bytes() + streams.len());
        out.extend_from_slice(bytemuck::cast_slice(&header));
        out.extend_from_slice(&streams);
        out.extend_from_slice(bytemuck::cast_slice(&self.metrics));
        out.extend_from_slice(bytemuck::cast_slice(&self.parts));
        out.extend_from_slice(bytemuck::cast_slice(&self.groups));
        out.extend_from_slice(bytemuck::cast_slice(&self.point_groups));
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
        let mut batch = Self {
            streams,
            metrics: take_pod(rest, count(4))?,
            parts: take_pod(rest, count(5))?,
            groups: take_pod(rest, count(6))?,
            hashes: Vec::new(),
            point_groups: take_pod(rest, count(7))?,
            times: take_pod(rest, count(7))?,
            starts: take_pod(rest, count(7))?,
            values: take_pod(rest, count(8))?,
            histograms: take_pod(rest, count(9))?,
            exemplars: take_pod(rest, count(10))?,
            arena: take(rest, count(1))?.to_vec(),
        };
        batch.check()?;
        batch.hash_groups();
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
        for group in &self.groups {
            range(group.attributes)?;
            let [first, last] = group.parts.map(|at| at as usize);
            let known =
                (group.stream as usize) < self.streams.len() && (group.metric as usize) < self.metrics.len();
            if !known || first >= last || last > self.parts.len() {
                return Err(MalformedBatch("group"));
            }
        }
        let mut values = 0;
        for &group in &self.point_groups {
            let group = self.groups.get(group as usize);
            let group = group.ok_or(MalformedBatch("a point names a group that is not there"))?;
            values += (group.parts[1] - group.parts[0]) as usize;
        }
        if values != self.values.len() {
            return Err(MalformedBatch("number of values"));
        }
        if !self.histograms.is_sorted_by_key(|entry| entry[0]) {
            return Err(MalformedBatch("order of histograms"));
        }
        for &[point, start, end] in &self.histograms {
            range([start, end])?;
            if point as usize >= self.times.len() {
                return Err(MalformedBatch("histogram of no point"));
            }
        }
        for exemplar in &self.exemplars {
            for r in [exemplar.trace_id, exemplar.span_id, exemplar.attributes] {
                range(r)?;
            }
            let group = self.groups.get(exemplar.group as usize).ok_or(MalformedBatch("exemplar"))?;
            if exemplar.part >= group.parts[1] - group.parts[0] {
                return Err(MalformedBatch("exemplar"));
            }
        }
        Ok(())
    }
}
