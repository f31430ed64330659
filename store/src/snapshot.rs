//! A consistent view of one tenant's data: what queries read.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::StoreError;
use crate::head::OwnedExemplar;
use crate::model::{
    Batch, ColumnRef, EventBatch, Filter, HistogramPoint, LabelMatcher, Labels, MetricKind, RequestCtx,
    SeriesIdentity, SeriesPart, Signal, Stream, Temporality,
};
use crate::samples_view::SamplesView;

// === events ===

/// Which log records or spans, and what of them.
#[derive(Clone, Debug)]
pub struct EventQuery {
    /// Logs or spans.
    pub signal: Signal,
    /// Unix nanoseconds, inclusive.
    pub start: i64,
    /// Unix nanoseconds, exclusive.
    pub end: i64,
    pub filter: Filter,
    pub projection: Projection,
    pub order: Order,
}

/// Columns a visitor will read beside time and stream; others may be missing from the rows it is shown.
#[derive(Clone, Debug)]
pub enum Projection {
    All,
    Columns(Vec<ColumnRef>),
}

/// In which order blocks of rows come. Rows of one visit, and neighbouring visits, may overlap in time: a visitor that
/// wants the newest hundred keeps a heap and narrows the scan when it is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    Any,
    /// Blocks by their newest row, newest first.
    NewestFirst,
    /// Blocks by their oldest row, oldest first.
    OldestFirst,
}

/// Rows of one block (or head batch) that passed the filter.
#[derive(Clone, Copy)]
pub struct EventRows<'a> {
    pub batch: &'a EventBatch,
    pub rows: &'a [u32],
}

/// What a visitor wants next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScanControl {
    Continue,
    /// From now on only rows with start <= time < end are of interest.
    Narrow {
        start: i64,
        end: i64,
    },
    Stop,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ScanStats {
    pub blocks_total: u64,
    /// Blocks whose rows were looked at, after pruning.
    pub blocks_read: u64,
    pub rows_read: u64,
    pub rows_matched: u64,
    /// Decompressed bytes looked at.
    pub bytes_read: u64,
    /// Damaged blocks that were left out; they are in quarantine.
    pub blocks_damaged: u64,
}

// === samples ===

/// Which series, and the time range of their samples.
#[derive(Clone, Debug)]
pub struct SeriesQuery {
    pub matchers: Vec<LabelMatcher>,
    /// Unix milliseconds, inclusive.
    pub start_ms: i64,
    /// Unix milliseconds, inclusive.
    pub end_ms: i64,
}

/// Label names or values of series that match and have samples in the range.
#[derive(Clone, Debug)]
pub struct LabelQuery {
    /// Alternatives: a series that matches one of them counts. Empty: all series.
    pub selectors: Vec<Vec<LabelMatcher>>,
    pub start_ms: i64,
    pub end_ms: i64,
}

/// What OTel knows of a series beside its Prometheus labels.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesMeta {
    /// The OTel name.
    pub name: String,
    pub unit: String,
    pub description: String,
    pub kind: MetricKind,
    pub temporality: Temporality,
    pub monotonic: bool,
    pub part: SeriesPart,
    pub stream: Arc<Stream>,
}

/// One series with its samples in the asked range, sorted by time, one sample a millisecond.
#[derive(Clone, Debug)]
pub struct SeriesSamples {
    pub labels: Labels,
    pub meta: Arc<SeriesMeta>,
    /// Unix milliseconds of `values`.
    pub times: Vec<i64>,
    pub values: Vec<f64>,
    /// Exponential histograms, apart from the numbers.
    pub histograms: Vec<(i64, HistogramPoint)>,
}

impl SeriesMeta {
    pub(crate) fn of(identity: &SeriesIdentity<'_>) -> Self {
        Self {
            name: identity.metric.name.to_owned(),
            unit: identity.metric.unit.to_owned(),
            description: identity.metric.description.to_owned(),
            kind: identity.metric.kind,
            temporality: identity.metric.temporality,
            monotonic: identity.metric.monotonic,
            part: identity.part,
            stream: Arc::clone(identity.stream),
        }
    }
}

// === the snapshot ===

/// Cheap to clone; holds what it shows alive.
#[derive(Clone, Default)]
pub struct Snapshot {
    logs: Vec<Arc<EventBatch>>,
    spans: Vec<Arc<EventBatch>>,
    samples: SamplesView,
}

impl Snapshot {
    pub(crate) fn new(logs: Vec<Arc<EventBatch>>, spans: Vec<Arc<EventBatch>>, samples: SamplesView) -> Self {
        Self { logs, spans, samples }
    }

    /// A snapshot of loose batches: for tests of engines and for tools, without a store.
    pub fn of_batches(batches: impl IntoIterator<Item = Batch>) -> Self {
        let mut snapshot = Self::default();
        for batch in batches {
            match batch {
                Batch::Events(events) if events.signal() == Signal::Logs => {
                    snapshot.logs.push(Arc::new(events))
                }
                Batch::Events(events) => snapshot.spans.push(Arc::new(events)),
                Batch::Samples(samples) => snapshot.samples.push(&samples),
            }
        }
        snapshot
    }

    /// Shows `visit` every row that passes the filter, block by block. Blocking: run it on a blocking thread.
    pub fn scan(
        &self,
        ctx: &RequestCtx,
        query: &EventQuery,
        visit: &mut dyn FnMut(EventRows<'_>) -> ScanControl,
    ) -> Result<ScanStats, StoreError> {
        let batches = if query.signal == Signal::Logs { &self.logs } else { &self.spans };
        let mut ordered: Vec<&Arc<EventBatch>> = batches.iter().filter(|batch| batch.rows() > 0).collect();
        match query.order {
            Order::Any => {}
            Order::NewestFirst => {
                ordered.sort_by_cached_key(|batch| std::cmp::Reverse(batch.times().iter().copied().max()));
            }
            Order::OldestFirst => ordered.sort_by_cached_key(|batch| batch.times().iter().copied().min()),
        }
        let (mut start, mut end) = (query.start, query.end);
        let mut stats = ScanStats { blocks_total: ordered.len() as u64, ..Default::default() };
        for batch in ordered {
            ctx.check()?;
            let bound = query.filter.bind(batch);
            let in_range = |row: &u32| (start..end).contains(&batch.times()[*row as usize]);
            let rows: Vec<u32> = (0..batch.rows() as u32)
                .filter(in_range)
                .filter(|&row| bound.matches(batch, row as usize))
                .collect();
            stats.blocks_read += 1;
            stats.rows_read += batch.rows() as u64;
            stats.rows_matched += rows.len() as u64;
            stats.bytes_read += batch.size_bytes() as u64;
            if rows.is_empty() {
                continue;
            }
            match visit(EventRows { batch, rows: &rows }) {
                ScanControl::Continue => {}
                ScanControl::Narrow { start: s, end: e } => (start, end) = (s.max(start), e.min(end)),
                ScanControl::Stop => break,
            }
        }
        Ok(stats)
    }

    /// The streams that have records of a signal in the time range (Unix nanoseconds; blocks' ranges decide, so a few
    /// more may come).
    pub fn streams(
        &self,
        ctx: &RequestCtx,
        signal: Signal,
        start: i64,
        end: i64,
    ) -> Result<Vec<Arc<Stream>>, StoreError> {
        let batches = if signal == Signal::Logs { &self.logs } else { &self.spans };
        let mut found: std::collections::BTreeMap<u128, Arc<Stream>> = Default::default();
        for batch in batches {
            ctx.check()?;
            for (row, time) in batch.times().iter().enumerate() {
                if (start..end).contains(time) {
                    let stream = batch.stream(row);
                    found.entry(stream.hash()).or_insert_with(|| Arc::clone(stream));
                }
            }
        }
        Ok(found.into_values().collect())
    }

    /// The keys of record attributes in the time range (blocks' ranges decide).
    pub fn attribute_keys(
        &self,
        ctx: &RequestCtx,
        signal: Signal,
        start: i64,
        end: i64,
    ) -> Result<BTreeSet<String>, StoreError> {
        let batches = if signal == Signal::Logs { &self.logs } else { &self.spans };
        let mut keys = BTreeSet::new();
        for batch in batches {
            ctx.check()?;
            if batch.times().iter().any(|time| (start..end).contains(time)) {
                keys.extend(batch.attribute_keys().map(|(_, key)| key.to_owned()));
            }
        }
        Ok(keys)
    }

    /// The series that match and have samples in the range, with those samples.
    pub fn select(&self, ctx: &RequestCtx, query: &SeriesQuery) -> Result<Vec<SeriesSamples>, StoreError> {
        self.samples.select(ctx, query)
    }

    /// The label sets (and what OTel knows) of series that match one of the selectors, sorted.
    pub fn series(
        &self,
        ctx: &RequestCtx,
        query: &LabelQuery,
    ) -> Result<Vec<(Labels, Arc<SeriesMeta>)>, StoreError> {
        self.samples.series(ctx, query)
    }

    pub fn label_names(&self, ctx: &RequestCtx, query: &LabelQuery) -> Result<BTreeSet<String>, StoreError> {
        self.samples.label_names(ctx, query)
    }

    pub fn label_values(
        &self,
        ctx: &RequestCtx,
        name: &str,
        query: &LabelQuery,
    ) -> Result<BTreeSet<String>, StoreError> {
        self.samples.label_values(ctx, name, query)
    }

    /// Exemplars of matching series in the range, by time.
    pub fn exemplars(
        &self,
        ctx: &RequestCtx,
        query: &SeriesQuery,
    ) -> Result<Vec<(Labels, Vec<OwnedExemplar>)>, StoreError> {
        self.samples.exemplars(ctx, query)
    }
}
