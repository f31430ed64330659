//! Recent samples, by series.

use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::model::{LabelMatcher, Labels, MatchOp, SampleBatch, naming};
use crate::segment::samples::SeriesInput;
use crate::snapshot::SeriesMeta;

#[derive(Default)]
pub(crate) struct SampleHead {
    by_hash: HashMap<u128, u32, FxBuildHasher>,
    /// Metric name → series.
    by_name: HashMap<Arc<str>, Vec<u32>, FxBuildHasher>,
    series: Vec<SeriesHead>,
    size_bytes: u64,
}

/// One series' recent samples in the order they came.
pub(crate) struct SeriesHead {
    pub(crate) labels: Labels,
    pub(crate) meta: Arc<SeriesMeta>,
    times: Vec<i64>,
    values: Vec<f64>,
    /// From which index on a start time holds.
    starts: Vec<(u32, i64)>,
    /// Time, start time, encoded histogram.
    histograms: Vec<(i64, i64, Box<[u8]>)>,
    exemplars: Vec<OwnedExemplar>,
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

/// What a series costs beside its samples: labels, metadata, index entries.
const SERIES_OVERHEAD_BYTES: u64 = 600;

impl SampleHead {
    pub(crate) fn push(&mut self, batch: &SampleBatch) {
        let ids: Vec<u32> = (0..batch.series_count()).map(|i| self.series_id(batch, i)).collect();
        let mut histograms = batch.histograms().peekable();
        for row in 0..batch.rows() {
            let series = &mut self.series[ids[batch.point_series()[row] as usize] as usize];
            let (time, start) = (batch.times()[row], batch.starts()[row]);
            match histograms.next_if(|(at, _)| *at == row) {
                Some((_, bytes)) => {
                    series.histograms.push((time, start, bytes.into()));
                    self.size_bytes += bytes.len() as u64 + 32;
                }
                None => {
                    if series.starts.last().map_or(0, |last| last.1) != start {
                        series.starts.push((series.times.len() as u32, start));
                    }
                    series.times.push(time);
                    series.values.push(batch.values()[row]);
                    // Vectors double: on the average half as much again as they hold.
                    self.size_bytes += 24;
                }
            }
        }
        for exemplar in batch.exemplars() {
            let owned = OwnedExemplar {
                time_ms: exemplar.time_ms,
                value: exemplar.value,
                trace_id: exemplar.trace_id.into(),
                span_id: exemplar.span_id.into(),
                attributes: exemplar.attributes.as_bytes().into(),
            };
            self.size_bytes += size_of::<OwnedExemplar>() as u64 + 24 + owned.attributes.len() as u64;
            self.series[ids[exemplar.series as usize] as usize].exemplars.push(owned);
        }
    }

    /// The series all matchers accept.
    pub(crate) fn matching<'a>(
        &'a self,
        matchers: &'a [LabelMatcher],
    ) -> Box<dyn Iterator<Item = &'a SeriesHead> + 'a> {
        let by_name = matchers.iter().find(|m| m.op == MatchOp::Equal && &*m.name == Labels::METRIC_NAME);
        let candidates: Box<dyn Iterator<Item = &SeriesHead>> = match by_name {
            Some(matcher) => {
                let numbers = self.by_name.get(&matcher.value).map(Vec::as_slice).unwrap_or_default();
                Box::new(numbers.iter().map(|&number| &self.series[number as usize]))
            }
            None => Box::new(self.series.iter()),
        };
        Box::new(candidates.filter(move |series| matches_all(&series.labels, matchers)))
    }

    /// Every series sorted for a segment, all its samples in it.
    pub(crate) fn to_inputs(&self) -> Vec<SeriesInput> {
        self.series.iter().map(|series| series.input(i64::MIN, i64::MAX)).collect()
    }

    fn series_id(&mut self, batch: &SampleBatch, index: usize) -> u32 {
        if let Some(&id) = self.by_hash.get(&batch.series_hash(index)) {
            return id;
        }
        let identity = batch.series(index);
        let id = self.series.len() as u32;
        let labels = naming::prometheus_labels(&identity);
        if let Some((_, name)) = labels.pairs().iter().find(|(name, _)| &**name == Labels::METRIC_NAME) {
            self.by_name.entry(Arc::clone(name)).or_default().push(id);
        }
        self.series.push(SeriesHead {
            labels,
            meta: Arc::new(SeriesMeta::of(&identity)),
            times: Vec::new(),
            values: Vec::new(),
            starts: Vec::new(),
            histograms: Vec::new(),
            exemplars: Vec::new(),
        });
        self.by_hash.insert(identity.hash, id);
        self.size_bytes += SERIES_OVERHEAD_BYTES;
        id
    }
}

impl SeriesHead {
    /// The samples in the range (inclusive), sorted; of two at one millisecond the later that came stays.
    pub(crate) fn input(&self, start_ms: i64, end_ms: i64) -> SeriesInput {
        let inside = |time: i64| (start_ms..=end_ms).contains(&time);
        let mut rows: Vec<u32> =
            (0..self.times.len() as u32).filter(|&row| inside(self.times[row as usize])).collect();
        if !rows.is_sorted_by_key(|&row| self.times[row as usize]) {
            rows.sort_by_key(|&row| self.times[row as usize]);
        }
        keep_last(&mut rows, |&row| self.times[row as usize]);
        let mut histograms: Vec<_> = self.histograms.iter().filter(|h| inside(h.0)).cloned().collect();
        histograms.sort_by_key(|h| h.0);
        keep_last(&mut histograms, |h| h.0);
        SeriesInput {
            labels: self.labels.clone(),
            meta: Arc::clone(&self.meta),
            times: rows.iter().map(|&row| self.times[row as usize]).collect(),
            values: rows.iter().map(|&row| self.values[row as usize]).collect(),
            starts: self.starts_of(&rows),
            histograms,
            exemplars: self.exemplars.iter().filter(|e| inside(e.time_ms)).cloned().collect(),
        }
    }

    pub(crate) fn has_samples(&self, start_ms: i64, end_ms: i64) -> bool {
        let inside = |time: &i64| (start_ms..=end_ms).contains(time);
        self.times.iter().rev().any(inside) || self.histograms.iter().any(|h| inside(&h.0))
    }

    pub(crate) fn exemplars(&self) -> &[OwnedExemplar] {
        &self.exemplars
    }

    fn starts_of(&self, rows: &[u32]) -> Vec<(u32, i64)> {
        let start_at = |row: u32| {
            let after = self.starts.partition_point(|(from, _)| *from <= row);
            after.checked_sub(1).map_or(0, |at| self.starts[at].1)
        };
        let mut starts: Vec<(u32, i64)> = Vec::new();
        for (index, &row) in rows.iter().enumerate() {
            let start = start_at(row);
            if starts.last().map_or(0, |last| last.1) != start {
                starts.push((index as u32, start));
            }
        }
        starts
    }
}

/// Of neighbours with one key, keeps the last.
pub(crate) fn keep_last<T, K: PartialEq>(items: &mut Vec<T>, key: impl Fn(&T) -> K) {
    items.dedup_by(|later, earlier| {
        let same = key(later) == key(earlier);
        if same {
            std::mem::swap(later, earlier);
        }
        same
    });
}

pub(crate) fn matches_all(labels: &Labels, matchers: &[LabelMatcher]) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_equal_keys_stays() {
        let mut items = vec![(1, 'a'), (2, 'b'), (2, 'c'), (2, 'd'), (3, 'e')];
        keep_last(&mut items, |item| item.0);
        assert_eq!(items, [(1, 'a'), (2, 'd'), (3, 'e')]);
    }
}
