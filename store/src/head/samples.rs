//! Recent samples, by series.

use std::hash::{BuildHasherDefault, Hasher};
use std::path::Path;
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;
use roaring::RoaringBitmap;
use rustc_hash::FxBuildHasher;
use xxhash_rust::xxh3::xxh3_128;

use super::fuse::{Fuse, LabelOverflow, Verdict};
use super::group::{GROUP_OVERHEAD_BYTES, Group, GroupCache, Scratch};
use crate::model::{
    Exemplar, LabelMatcher, Labels, Limits, MalformedBatch, MetricKind, Nested, SampleBatch, SampleGroup,
    SamplePoint, SeriesPart, Stream, Temporality, naming,
};
use crate::segment::samples::{LabelIndex, Piece, SharedTimes, Strings};
use crate::snapshot::SeriesMeta;

#[derive(Default)]
pub(crate) struct SampleHead {
    /// Groups by identity: what a known data point costs is one look into this.
    by_hash: HashMap<u128, u32, BuildHasherDefault<HashOfHash>>,
    groups: Vec<Group>,
    series: Vec<HeadSeries>,
    index: LabelIndex,
    strings: Strings,
    /// Hidden labels of streams.
    hidden: HashMap<u128, Labels, FxBuildHasher>,
    /// By resource: the group of its `target_info`, and the time of its newest sample.
    targets: HashMap<u128, (u32, i64), FxBuildHasher>,
    /// Series sorted by labels, as of the last time somebody asked.
    order: Mutex<Arc<[u32]>>,
    scratch: Scratch,
    fuse: Fuse,
    size_bytes: u64,
}

/// Where the points of a batch's group go.
struct Destination {
    group: u32,
    /// Identity of the series they are added up in, if their own is folded.
    folded: Option<u128>,
}

struct HeadSeries {
    labels: Labels,
    meta: Arc<SeriesMeta>,
    group: u32,
    part: u32,
}

/// An exemplar apart from its batch.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedExemplar {
    pub time_ms: i64,
    pub value: f64,
    /// 16 bytes, or none.
    pub trace_id: Box<[u8]>,
    /// 8 bytes, or none.
    pub span_id: Box<[u8]>,
    /// An encoded map.
    pub attributes: Box<[u8]>,
}

/// Identities are hashes already.
#[derive(Default)]
struct HashOfHash(u64);

impl Hasher for HashOfHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_le_bytes(word);
        }
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}

/// What a series costs beside its samples: labels, metadata, index entries.
const SERIES_OVERHEAD_BYTES: u64 = 500;
/// What a sample of the head keeps in the log and makes a start take, as bytes of memory.
const LOGGED_BYTES: u64 = 4;
/// A resource's `target_info` has a sample at least this often while its series have some.
const TARGET_EVERY_MS: i64 = 60_000;

impl SampleHead {
    pub(crate) fn push(&mut self, batch: &SampleBatch) {
        let places: Vec<Destination> = (0..batch.group_count()).map(|i| self.destination(batch, i)).collect();
        let mut newest = vec![i64::MIN; batch.streams().len()];
        for point in batch.points() {
            let newest = &mut newest[batch.group_stream(point.group as usize)];
            *newest = (*newest).max(point.time_ms);
            let place = &places[point.group as usize];
            if let Some(series) = place.folded {
                self.push_folded(batch, place.group, series, &point);
                continue;
            }
            let group = &mut self.groups[place.group as usize];
            match point.histogram {
                Some(bytes) => {
                    group.push_histogram(point.time_ms, point.start_ms, bytes);
                    self.size_bytes += bytes.len() as u64 + 48;
                }
                None => {
                    let grown = group.push(point.time_ms, point.start_ms, point.values, &mut self.scratch);
                    self.size_bytes = self.size_bytes.saturating_add_signed(grown);
                }
            }
        }
        self.size_bytes += batch.rows() as u64 * LOGGED_BYTES;
        for exemplar in batch.exemplars() {
            let place = &places[exemplar.group as usize];
            if place.folded.is_none() {
                self.push_exemplar(place.group, &exemplar);
            }
        }
        for (stream, newest) in batch.streams().iter().zip(newest) {
            if newest > i64::MIN {
                self.push_target(stream, newest);
            }
        }
    }

    fn push_exemplar(&mut self, group: u32, exemplar: &Exemplar<'_>) {
        let owned = OwnedExemplar {
            time_ms: exemplar.time_ms,
            value: exemplar.value,
            trace_id: exemplar.trace_id.into(),
            span_id: exemplar.span_id.into(),
            attributes: exemplar.attributes.as_bytes().into(),
        };
        self.size_bytes += size_of::<OwnedExemplar>() as u64 + 24 + owned.attributes.len() as u64;
        self.groups[group as usize].push_exemplar(exemplar.part, owned);
    }

    /// Adds a point of a series that is folded to what it is folded into.
    fn push_folded(&mut self, batch: &SampleBatch, group: u32, series: u128, point: &SamplePoint<'_>) {
        let of = batch.group(point.group as usize);
        self.fuse.count(of.metric.name);
        let to = &mut self.groups[group as usize];
        let grown = if let Some(bytes) = point.histogram {
            to.push_histogram(point.time_ms, point.start_ms + self.fuse.generation() as i64, bytes);
            bytes.len() as i64 + 48
        } else if of.metric.temporality == Temporality::Delta {
            let generation = self.fuse.generation();
            to.add(point.time_ms, point.start_ms, generation, point.values, &mut self.scratch)
        } else {
            let counter = of.metric.counts_up();
            let member = batch.group_hash(point.group as usize);
            let total = self.fuse.total(series, member, point.values, counter);
            to.set(point.time_ms, point.start_ms, total, &mut self.scratch)
        };
        self.size_bytes = self.size_bytes.saturating_add_signed(grown);
    }

    pub(crate) fn set_limits(&mut self, limits: &Limits) {
        self.fuse.set_limits(limits);
    }

    /// Where files of values may be made that are too many for memory.
    pub(crate) fn set_folder(&mut self, folder: &Arc<Path>) {
        self.fuse.set_folder(folder);
    }

    /// Labels that are being folded.
    pub(crate) fn overflows(&self) -> Vec<LabelOverflow> {
        self.fuse.overflows().cloned().collect()
    }

    /// An empty head that goes on where this one ends.
    pub(crate) fn successor(&mut self) -> Self {
        Self { fuse: self.fuse.successor(), ..Self::default() }
    }

    /// Bytes of memory, roughly.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The series all matchers accept, by number.
    pub(crate) fn matching(&self, matchers: &[LabelMatcher]) -> RoaringBitmap {
        self.index.select(matchers)
    }

    /// The numbers of some series, sorted by labels.
    pub(crate) fn sorted(&self, numbers: &RoaringBitmap) -> Vec<u32> {
        let few = numbers.len() * 8 < self.series.len() as u64;
        if few {
            let mut sorted: Vec<u32> = numbers.iter().collect();
            sorted.sort_by(|a, b| self.labels(*a).cmp(self.labels(*b)));
            return sorted;
        }
        let order = self.order();
        order.iter().copied().filter(|number| numbers.contains(*number)).collect()
    }

    fn order(&self) -> Arc<[u32]> {
        let mut order = self.order.lock();
        if order.len() != self.series.len() {
            let mut sorted: Vec<u32> = (0..self.series.len() as u32).collect();
            sorted.sort_by(|a, b| self.labels(*a).cmp(self.labels(*b)));
            *order = sorted.into();
        }
        Arc::clone(&order)
    }

    fn labels(&self, number: u32) -> &Labels {
        &self.series[number as usize].labels
    }

    pub(crate) fn series(&self, number: u32) -> (&Labels, &Arc<SeriesMeta>) {
        let series = &self.series[number as usize];
        (&series.labels, &series.meta)
    }

    pub(crate) fn has_samples(&self, number: u32, start_ms: i64, end_ms: i64) -> bool {
        self.groups[self.series[number as usize].group as usize].has_points(start_ms, end_ms)
    }

    pub(crate) fn exemplars(&self, number: u32) -> impl Iterator<Item = &OwnedExemplar> {
        let series = &self.series[number as usize];
        self.groups[series.group as usize].exemplars(series.part)
    }

    /// A series' samples in the range (inclusive), in the order they came.
    pub(crate) fn read(
        &self,
        number: u32,
        range_ms: (i64, i64),
        cache: &mut GroupCache,
        shared: &mut SharedTimes,
    ) -> Result<Piece, MalformedBatch> {
        let series = &self.series[number as usize];
        let group = &self.groups[series.group as usize];
        group.read(series.group, series.part, range_ms, cache, shared)
    }

    fn destination(&mut self, batch: &SampleBatch, index: usize) -> Destination {
        let hash = batch.group_hash(index);
        if let Some(&group) = self.by_hash.get(&hash) {
            return Destination { group, folded: None };
        }
        let group = batch.group(index);
        let (hash, group, folded) = match self.fuse.judge(&group, hash, self.series.len()) {
            Verdict::Keep => (hash, self.add_group(&group), None),
            Verdict::Fold(attributes) => {
                let hash = batch.hash_with(index, &attributes);
                if let Some(&group) = self.by_hash.get(&hash) {
                    return Destination { group, folded: Some(hash) };
                }
                let group = self.add_group(&group.with_attributes(Nested::new(&attributes)));
                (hash, group, Some(hash))
            }
        };
        self.by_hash.insert(hash, group);
        Destination { group, folded }
    }

    fn add_group(&mut self, group: &SampleGroup<'_>) -> u32 {
        let id = self.groups.len() as u32;
        self.groups.push(Group::new(group.parts().len() as u32));
        self.size_bytes += GROUP_OVERHEAD_BYTES;
        let hidden = self.hidden(group.stream);
        for (part, series_part) in group.parts().enumerate() {
            let labels = naming::prometheus_labels(&group.identity(series_part));
            let meta = SeriesMeta {
                name: self.strings.get(group.metric.name),
                unit: self.strings.get(group.metric.unit),
                description: self.strings.get(group.metric.description),
                kind: group.metric.kind,
                temporality: group.metric.temporality,
                monotonic: group.metric.monotonic,
                part: series_part,
                stream: Arc::clone(group.stream),
                hidden: hidden.clone(),
            };
            self.add_series(id, part as u32, &labels, meta);
        }
        id
    }

    fn add_series(&mut self, group: u32, part: u32, labels: &Labels, meta: SeriesMeta) {
        let labels = self.strings.shared(labels);
        self.index.push(&labels, &meta);
        self.series.push(HeadSeries { labels, meta: Arc::new(meta), group, part });
        self.size_bytes += SERIES_OVERHEAD_BYTES;
    }

    fn hidden(&mut self, stream: &Stream) -> Labels {
        if let Some(known) = self.hidden.get(&stream.hash()) {
            return known.clone();
        }
        let labels = self.strings.shared(&naming::hidden_labels(stream));
        self.hidden.insert(stream.hash(), labels.clone());
        labels
    }

    /// Says that a resource is there, now and then.
    fn push_target(&mut self, stream: &Arc<Stream>, time_ms: i64) {
        let resource = xxh3_128(stream.resource.as_bytes());
        let known = self.targets.get(&resource).copied();
        if known.is_some_and(|(_, last_ms)| (time_ms - last_ms).abs() < TARGET_EVERY_MS) {
            return;
        }
        let group = match known {
            Some((group, _)) => group,
            None => {
                let Some(labels) = naming::target_labels(stream) else { return };
                let group = self.groups.len() as u32;
                self.groups.push(Group::new(1));
                let meta = SeriesMeta {
                    name: self.strings.get(naming::TARGET_INFO),
                    unit: self.strings.get(""),
                    description: self.strings.get("Attributes of the resource"),
                    kind: MetricKind::Gauge,
                    temporality: Temporality::Unspecified,
                    monotonic: false,
                    part: SeriesPart::Value,
                    stream: Arc::clone(stream),
                    hidden: Labels::default(),
                };
                self.add_series(group, 0, &labels, meta);
                group
            }
        };
        self.groups[group as usize].push(time_ms, 0, &[1.0], &mut self.scratch);
        self.targets.insert(resource, (group, time_ms));
    }
}
