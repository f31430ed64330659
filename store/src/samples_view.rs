//! The samples of a snapshot: heads and segments of one tenant, merged by label set.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::StoreError;
use crate::head::{OwnedExemplar, SampleHead};
use crate::model::{LabelMatcher, Labels, RequestCtx, SampleBatch};
use crate::parallel::Helpers;
use crate::segment::samples::SampleSegment;
use crate::selection::{Selection, Source, SourceError, Spelling, exemplars_in};
use crate::series_set::SeriesSet;
use crate::snapshot::{LabelQuery, SeriesMeta, SeriesQuery, SeriesSamples};

/// Told about a segment that turned out damaged: its number and what is wrong.
pub(crate) type OnDamage = Arc<dyn Fn(u64, &str) + Send + Sync>;

#[derive(Clone, Default)]
pub(crate) struct SamplesView {
    /// Oldest first; the last takes new samples, the others are being flushed.
    heads: Vec<Arc<RwLock<SampleHead>>>,
    /// By number, in the order their samples were written.
    segments: Vec<(u64, Arc<SampleSegment>)>,
    on_damage: Option<OnDamage>,
    helpers: Helpers,
    spelling: Spelling,
}

impl SamplesView {
    pub(crate) fn new(
        heads: Vec<Arc<RwLock<SampleHead>>>,
        segments: Vec<(u64, Arc<SampleSegment>)>,
        on_damage: Option<OnDamage>,
    ) -> Self {
        Self { heads, segments, on_damage, ..Self::default() }
    }

    /// Threads queries may use beside the caller's.
    pub(crate) fn with(mut self, helpers: &Helpers) -> Self {
        self.helpers = helpers.clone();
        self
    }

    /// Whether matchers know label sets alone.
    pub(crate) fn strict(mut self, strict: bool) -> Self {
        self.spelling = if strict { Spelling::Prometheus } else { Spelling::Either };
        self
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

    /// The series that match; those of segments that do not reach into the range only if `wanted` says so.
    fn selection(
        &self,
        ctx: &RequestCtx,
        matchers: &[LabelMatcher],
        wanted: impl Fn(&SampleSegment) -> bool,
    ) -> Result<Selection, StoreError> {
        ctx.check()?;
        let segments = self.segments.iter().filter(|(_, segment)| wanted(segment));
        let segments = segments.map(|(number, segment)| Source::Segment(*number, Arc::clone(segment)));
        let heads = self.heads.iter().map(|head| Source::Head(Arc::clone(head)));
        let sources = segments.chain(heads).collect();
        let damaged = &mut |error| self.damaged(&error);
        Ok(Selection::new(sources, matchers, self.spelling, damaged).with_scopes_told())
    }

    pub(crate) fn series_set(&self, ctx: &RequestCtx, query: &SeriesQuery) -> Result<SeriesSet, StoreError> {
        let (start_ms, end_ms) = (query.start_ms, query.end_ms);
        let wanted = |segment: &SampleSegment| {
            let before = query.totals && segment.footer().delta && segment.footer().min_time_ms <= end_ms;
            before || segment.overlaps(start_ms, end_ms)
        };
        let selection = self.selection(ctx, &query.matchers, wanted)?;
        let strict = self.spelling == Spelling::Prometheus;
        Ok(SeriesSet::new(selection, query, self.on_damage.clone(), self.helpers.clone(), strict))
    }

    pub(crate) fn select(
        &self,
        ctx: &RequestCtx,
        query: &SeriesQuery,
    ) -> Result<Vec<SeriesSamples>, StoreError> {
        let set = self.series_set(ctx, query)?;
        let mut reader = set.reader();
        let mut found = Vec::with_capacity(set.len());
        for at in 0..set.len() {
            found.extend(reader.read(ctx, at)?);
        }
        Ok(found)
    }

    /// Label sets of series that match one of the selectors. A head's series count when they have samples in the range,
    /// a segment's when the segment has.
    pub(crate) fn series(
        &self,
        ctx: &RequestCtx,
        query: &LabelQuery,
    ) -> Result<Vec<(Labels, Arc<SeriesMeta>)>, StoreError> {
        let range = (query.start_ms, query.end_ms);
        let all = [Vec::new()];
        let selectors: &[Vec<LabelMatcher>] =
            if query.selectors.is_empty() { &all } else { &query.selectors };
        let mut found: Vec<(Labels, Arc<SeriesMeta>)> = Vec::new();
        for matchers in selectors {
            let selection = self.selection(ctx, matchers, |segment| segment.overlaps(range.0, range.1))?;
            let alive = (0..selection.len()).filter(|&at| selection.is_alive(at, range));
            found.extend(alive.map(|at| (selection.labels(at).clone(), Arc::clone(selection.meta(at)))));
        }
        if selectors.len() > 1 {
            found.sort_by(|a, b| a.0.cmp(&b.0));
            found.dedup_by(|a, b| a.0 == b.0);
        }
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

    /// Values of a label, hidden ones too: it is named.
    pub(crate) fn label_values(
        &self,
        ctx: &RequestCtx,
        name: &str,
        query: &LabelQuery,
    ) -> Result<BTreeSet<String>, StoreError> {
        let series = self.series(ctx, query)?;
        let value = |(labels, meta): &'_ (Labels, Arc<SeriesMeta>)| -> Option<String> {
            match self.spelling {
                Spelling::Prometheus => labels.get(name),
                Spelling::Either => labels.get_spelled(name).or_else(|| meta.hidden_label(name)),
            }
            .map(str::to_owned)
        };
        Ok(series.iter().filter_map(value).collect())
    }

    pub(crate) fn exemplars(
        &self,
        ctx: &RequestCtx,
        query: &SeriesQuery,
    ) -> Result<Vec<(Labels, Vec<OwnedExemplar>)>, StoreError> {
        let range = (query.start_ms, query.end_ms);
        let selection = self.selection(ctx, &query.matchers, |segment| segment.overlaps(range.0, range.1))?;
        Ok(exemplars_in(&selection, range, &mut |error| self.damaged(&error)))
    }

    fn damaged(&self, what: &SourceError) {
        if let Some(report) = &self.on_damage {
            report(what.segment, &what.error.to_string());
        }
    }
}
