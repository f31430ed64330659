//! The samples of a snapshot: heads and segments of one tenant, merged by label set.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::RwLock;
use rustc_hash::FxBuildHasher;

use crate::StoreError;
use crate::head::{OwnedExemplar, SampleHead};
use crate::model::{HistogramPoint, LabelMatcher, Labels, RequestCtx, SampleBatch};
use crate::segment::samples::{SampleSegment, SeriesInput, append, sorted};
use crate::snapshot::{LabelQuery, SeriesMeta, SeriesQuery, SeriesSamples};

/// Told about a segment that turned out damaged: its number and what is wrong.
pub(crate) type OnDamage = Arc<dyn Fn(u64, &str) + Send + Sync>;

#[derive(Clone, Default)]
pub(crate) struct SamplesView {
    /// Oldest first; the last takes new samples, the others are being flushed.
    heads: Vec<Arc<RwLock<SampleHead>>>,
    /// By number, in the order they were written.
    segments: Vec<(u64, Arc<SampleSegment>)>,
    on_damage: Option<OnDamage>,
}

type Merged = HashMap<Labels, SeriesInput, FxBuildHasher>;

impl SamplesView {
    pub(crate) fn new(
        heads: Vec<Arc<RwLock<SampleHead>>>,
        segments: Vec<(u64, Arc<SampleSegment>)>,
        on_damage: Option<OnDamage>,
    ) -> Self {
        Self { heads, segments, on_damage }
    }

    /// For snapshots of loose batches.
    pub(crate) fn push(&mut self, batch: &SampleBatch) {
        if self.heads.is_empty() {
            self.heads.push(Arc::default());
        }
        if let Some(head) = self.heads.last() {
            head.write().push(batch);
        }
    }

    pub(crate) fn select(
        &self,
        ctx: &RequestCtx,
        query: &SeriesQuery,
    ) -> Result<Vec<SeriesSamples>, StoreError> {
        let mut merged = Merged::default();
        let range = (query.start_ms, query.end_ms);
        for (number, segment) in self.segments.iter().filter(|(_, s)| s.overlaps(range.0, range.1)) {
            ctx.check()?;
            let read = segment.select(&query.matchers, range, &mut |one| merge(ctx, &mut merged, one));
            match read {
                Ok(visited) => visited?,
                Err(damage) => self.damaged(*number, &damage.to_string()),
            }
        }
        for head in &self.heads {
            for (i, series) in head.read().matching(&query.matchers).enumerate() {
                if i % 256 == 0 {
                    ctx.check()?;
                }
                let one = series.input(range.0, range.1);
                if !one.times.is_empty() || !one.histograms.is_empty() {
                    merge(ctx, &mut merged, one)?;
                }
            }
        }
        Ok(merged.into_values().map(finish).collect())
    }

    /// Label sets of series that match one of the selectors. A head's series count when they have samples in the range,
    /// a segment's when the segment has.
    pub(crate) fn series(
        &self,
        ctx: &RequestCtx,
        query: &LabelQuery,
    ) -> Result<Vec<(Labels, Arc<SeriesMeta>)>, StoreError> {
        let mut found: HashMap<Labels, Arc<SeriesMeta>, FxBuildHasher> = HashMap::default();
        let all = [Vec::new()];
        let selectors: &[Vec<LabelMatcher>] =
            if query.selectors.is_empty() { &all } else { &query.selectors };
        for matchers in selectors {
            for (number, segment) in
                self.segments.iter().filter(|(_, s)| s.overlaps(query.start_ms, query.end_ms))
            {
                ctx.check()?;
                match segment.matching(matchers) {
                    Ok(series) => {
                        found.extend(series.map(|(labels, meta)| (labels.clone(), Arc::clone(meta))))
                    }
                    Err(damage) => self.damaged(*number, &damage.to_string()),
                }
            }
            for head in &self.heads {
                ctx.check()?;
                let head = head.read();
                let alive = head.matching(matchers).filter(|s| s.has_samples(query.start_ms, query.end_ms));
                found.extend(alive.map(|series| (series.labels.clone(), Arc::clone(&series.meta))));
            }
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }

    pub(crate) fn label_names(
        &self,
        ctx: &RequestCtx,
        query: &LabelQuery,
    ) -> Result<BTreeSet<String>, StoreError> {
        let series = self.series(ctx, query)?;
        let names: BTreeSet<&str> =
            series.iter().flat_map(|(labels, _)| labels.iter().map(|(n, _)| n)).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    pub(crate) fn label_values(
        &self,
        ctx: &RequestCtx,
        name: &str,
        query: &LabelQuery,
    ) -> Result<BTreeSet<String>, StoreError> {
        let series = self.series(ctx, query)?;
        let values: BTreeSet<&str> = series.iter().filter_map(|(labels, _)| labels.get(name)).collect();
        Ok(values.into_iter().map(str::to_owned).collect())
    }

    pub(crate) fn exemplars(
        &self,
        ctx: &RequestCtx,
        query: &SeriesQuery,
    ) -> Result<Vec<(Labels, Vec<OwnedExemplar>)>, StoreError> {
        let range = (query.start_ms, query.end_ms);
        let mut found: HashMap<Labels, Vec<OwnedExemplar>, FxBuildHasher> = HashMap::default();
        for (number, segment) in self.segments.iter().filter(|(_, s)| s.overlaps(range.0, range.1)) {
            ctx.check()?;
            match segment.exemplars_of(&query.matchers, range) {
                Ok(all) => all.into_iter().for_each(|(labels, e)| found.entry(labels).or_default().push(e)),
                Err(damage) => self.damaged(*number, &damage.to_string()),
            }
        }
        for head in &self.heads {
            for series in head.read().matching(&query.matchers) {
                let inside = series.exemplars().iter().filter(|e| (range.0..=range.1).contains(&e.time_ms));
                for exemplar in inside {
                    found.entry(series.labels.clone()).or_default().push(exemplar.clone());
                }
            }
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found.iter_mut().for_each(|(_, exemplars)| exemplars.sort_by_key(|e| e.time_ms));
        Ok(found)
    }

    fn damaged(&self, number: u64, what: &str) {
        if let Some(report) = &self.on_damage {
            report(number, what);
        }
    }
}

fn merge(ctx: &RequestCtx, merged: &mut Merged, one: SeriesInput) -> Result<(), StoreError> {
    ctx.budget.take(one.times.len() as u64 * 16 + 64)?;
    match merged.get_mut(&one.labels) {
        Some(known) => append(known, one),
        None => drop(merged.insert(one.labels.clone(), one)),
    }
    Ok(())
}

/// Sorts what came from several places; of two samples at one millisecond the one written later stays.
fn finish(one: SeriesInput) -> SeriesSamples {
    let one = sorted(one);
    let decode = |(time, start, bytes): &(i64, i64, Box<[u8]>)| {
        Some((*time, *start, HistogramPoint::decode(bytes).ok()?))
    };
    SeriesSamples {
        histograms: one.histograms.iter().filter_map(decode).collect(),
        labels: one.labels,
        meta: one.meta,
        times: one.times,
        values: one.values,
        starts: one.starts,
    }
}
