//! Building a [`SampleBatch`]: metric, parts, attributes, group, then points.

use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use xxhash_rust::xxh3::xxh3_128;

use super::sample_batch::{ExemplarEntry, GroupEntry, MetricEntry, PartEntry};
use super::{
    Exemplar, HistogramPoint, MetricRef, NestedWriter, SampleBatch, SeriesPart, Stream, StreamParts, Value,
};

/// Builds a [`SampleBatch`]. Per data point: attributes once, then its group and values.
#[derive(Default, Debug)]
pub struct SampleBatchBuilder {
    batch: SampleBatch,
    known: HashMap<u128, u32, FxBuildHasher>,
    /// Attributes by their hash: many points of a batch have the same.
    attributes: HashMap<u128, [u32; 2], FxBuildHasher>,
    scratch: NestedWriter,
    /// Of what the last group had in common with the next: metric and parts, and their hashes.
    hashed: Hashed,
}

#[derive(Default, Debug)]
struct Hashed {
    metric: Option<(u32, u128)>,
    parts: Option<([u32; 2], u128)>,
}

// === impl SampleBatchBuilder ===

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

    /// Attributes of a data point, in any order (sorted here); the range is for [`SampleBatchBuilder::group`].
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
        let bytes = self.scratch.as_nested().as_bytes();
        let arena = &mut self.batch.arena;
        *self.attributes.entry(xxh3_128(bytes)).or_insert_with(|| {
            let start = arena.len() as u32;
            arena.extend_from_slice(bytes);
            [start, arena.len() as u32]
        })
    }

    /// The parts of a data point, at least one; the range is for [`SampleBatchBuilder::group`].
    pub fn parts(&mut self, parts: impl Iterator<Item = SeriesPart> + Clone) -> [u32; 2] {
        let all = &mut self.batch.parts;
        // Points of one metric, and most metrics of one sender, have the same bounds.
        if let Some((range, _)) = self.hashed.parts {
            let last = &all[range[0] as usize..range[1] as usize];
            if last.iter().copied().eq(parts.clone().map(PartEntry::new)) {
                return range;
            }
        }
        let start = all.len() as u32;
        all.extend(parts.map(PartEntry::new));
        [start, all.len() as u32]
    }

    /// The group's index in the batch; the same identity gives the same index.
    pub fn group(&mut self, stream: u32, metric: u32, attributes: [u32; 2], parts: [u32; 2]) -> u32 {
        let entry = GroupEntry { stream, metric, attributes, parts };
        let hash = self.batch.hash_of(&entry, &mut self.hashed);
        *self.known.entry(hash).or_insert_with(|| {
            self.batch.groups.push(entry);
            self.batch.hashes.push(hash);
            self.batch.groups.len() as u32 - 1
        })
    }

    /// A group of one part.
    pub fn series(&mut self, stream: u32, metric: u32, attributes: [u32; 2], part: SeriesPart) -> u32 {
        let parts = self.parts(std::iter::once(part));
        self.group(stream, metric, attributes, parts)
    }

    /// Adds a point to a group of one part.
    pub fn point(&mut self, group: u32, time_ms: i64, start_ms: i64, value: f64) {
        self.group_point(group, time_ms, start_ms, std::iter::once(value));
    }

    /// Adds a point; `values` has one for each part of the group.
    pub fn group_point(
        &mut self,
        group: u32,
        time_ms: i64,
        start_ms: i64,
        values: impl Iterator<Item = f64>,
    ) {
        let batch = &mut self.batch;
        batch.point_groups.push(group);
        batch.times.push(time_ms);
        batch.starts.push(start_ms);
        let [first, last] = batch.groups[group as usize].parts;
        let before = batch.values.len();
        batch.values.extend(values.take((last - first) as usize));
        debug_assert_eq!(batch.values.len() - before, (last - first) as usize, "one value for each part");
        batch.values.resize(before + (last - first) as usize, f64::NAN);
    }

    pub fn histogram(&mut self, group: u32, time_ms: i64, start_ms: i64, histogram: &HistogramPoint) {
        let start = self.batch.arena.len() as u32;
        histogram.encode(&mut self.batch.arena);
        let point = self.batch.times.len() as u32;
        self.batch.histograms.push([point, start, self.batch.arena.len() as u32]);
        self.point(group, time_ms, start_ms, histogram.count);
    }

    pub fn exemplar(&mut self, exemplar: Exemplar<'_>) {
        let entry = ExemplarEntry {
            time_ms: exemplar.time_ms,
            value: exemplar.value,
            group: exemplar.group,
            part: exemplar.part,
            trace_id: self.put(exemplar.trace_id),
            span_id: self.put(exemplar.span_id),
            attributes: self.put(exemplar.attributes.as_bytes()),
        };
        self.batch.exemplars.push(entry);
    }

    /// Samples so far.
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
}

// === impl SampleBatch ===

impl SampleBatch {
    /// The identities of all groups again: they are not in the encoding.
    pub(super) fn hash_groups(&mut self) {
        let mut hashed = Hashed::default();
        self.hashes = self.groups.iter().map(|group| self.hash_of(group, &mut hashed)).collect();
    }

    /// The identity of a group if it had other attributes.
    pub(crate) fn hash_with(&self, group: usize, attributes: &[u8]) -> u128 {
        self.hash_parts(&self.groups[group], attributes, &mut Hashed::default())
    }

    fn hash_of(&self, group: &GroupEntry, hashed: &mut Hashed) -> u128 {
        self.hash_parts(group, self.bytes(group.attributes), hashed)
    }

    fn hash_parts(&self, group: &GroupEntry, attributes: &[u8], hashed: &mut Hashed) -> u128 {
        let stream = &self.streams[group.stream as usize];
        let metric = match hashed.metric.filter(|(metric, _)| *metric == group.metric) {
            Some((_, hash)) => hash,
            None => self.hash_metric(group.metric, stream.has_plain_labels()),
        };
        let parts = match hashed.parts.filter(|(parts, _)| *parts == group.parts) {
            Some((_, hash)) => hash,
            None => {
                let [first, last] = group.parts;
                xxh3_128(bytemuck::cast_slice(&self.parts[first as usize..last as usize]))
            }
        };
        *hashed = Hashed { metric: Some((group.metric, metric)), parts: Some((group.parts, parts)) };
        let attributes = xxh3_128(attributes);
        xxh3_128(bytemuck::bytes_of(&[stream.hash(), metric, parts, attributes].map(u128::to_le_bytes)))
    }

    /// Of a series that came with Prometheus labels the name counts alone: its type and unit are remarks that may change.
    fn hash_metric(&self, metric: u32, plain_labels: bool) -> u128 {
        let entry = &self.metrics[metric as usize];
        if plain_labels {
            return xxh3_128(self.bytes(entry.name));
        }
        let numbers = [entry.kind, entry.temporality, entry.monotonic, entry.name[1] - entry.name[0]];
        let mut bytes = bytemuck::cast_slice(&numbers).to_vec();
        bytes.extend_from_slice(self.bytes(entry.name));
        bytes.extend_from_slice(self.bytes(entry.unit));
        xxh3_128(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MetricKind, Nested, Temporality};

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
        let all = [SeriesPart::Bucket(0.1), SeriesPart::Bucket(f64::INFINITY), SeriesPart::Sum];
        let parts = b.parts(all.into_iter());
        assert_eq!(b.parts(all.into_iter()).len(), 2);
        let group = b.group(stream, metric, attributes, parts);
        b.group_point(group, 1000, 10, [0.0, 1.0, 2.0].into_iter());
        assert_eq!(b.group(stream, metric, attributes, parts), group);
        let native = b.series(stream, metric, attributes, SeriesPart::Value);
        b.histogram(
            native,
            1000,
            10,
            &HistogramPoint { count: 3.0, positive: vec![1.0, 2.0], ..Default::default() },
        );
        b.exemplar(Exemplar {
            group: native,
            part: 0,
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
        assert_eq!((batch.rows(), batch.group_count()), (4, 2));
        let group = batch.group(0);
        assert_eq!(group.metric.name, "http.server.request.duration");
        assert_eq!(group.parts().next(), Some(SeriesPart::Bucket(0.1)));
        assert_eq!(group.attributes.get("a"), Some(Value::Str("x")));
        let points: Vec<_> = batch.points().collect();
        assert_eq!((points[0].values, points[1].values), (&[0.0, 1.0, 2.0][..], &[3.0][..]));
        assert_eq!(HistogramPoint::decode(points[1].histogram.unwrap()).unwrap().positive, [1.0, 2.0]);
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
        let group = b.series(stream, unknown, attributes, SeriesPart::Value);
        assert_eq!(b.series(stream, sum, attributes, SeriesPart::Value), group);
        let batch = b.finish();
        let labels = crate::model::naming::prometheus_labels(&batch.group(0).identity(SeriesPart::Value));
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
                let named = (0..other.group_count()).map(|i| other.group(i).parts().count());
                assert!(named.sum::<usize>() <= bytes.len());
                assert_eq!(other.points().map(|point| point.values.len()).sum::<usize>(), other.rows());
            }
        }
    }
}
