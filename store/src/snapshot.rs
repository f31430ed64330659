//! A consistent view of one tenant's data: what queries read.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::StoreError;
use crate::erasure::Erasures;
use crate::events_view::EventsView;
use crate::head::OwnedExemplar;
use crate::model::{
    Batch, ColumnRef, EventBatch, Filter, HistogramPoint, LabelMatcher, Labels, MetricKind, RequestCtx,
    SeriesPart, Signal, Stream, Temporality, naming,
};
use crate::parallel::Helpers;
use crate::samples_view::SamplesView;
use crate::series_set::SeriesSet;
use crate::tally::{Tally, TallyQuery};
use crate::usage::StreamUse;

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
    /// With [`Order::NewestFirst`] no row that is shown from here on is newer.
    pub newest: i64,
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

impl ScanStats {
    pub fn add(&mut self, other: &Self) {
        self.blocks_total += other.blocks_total;
        self.blocks_read += other.blocks_read;
        self.rows_read += other.rows_read;
        self.rows_matched += other.rows_matched;
        self.bytes_read += other.bytes_read;
        self.blocks_damaged += other.blocks_damaged;
    }
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
    /// Growth (delta temporality) is given as the running total of its series since its first sample.
    pub totals: bool,
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
    pub name: Arc<str>,
    pub unit: Arc<str>,
    pub description: Arc<str>,
    pub kind: MetricKind,
    pub temporality: Temporality,
    pub monotonic: bool,
    pub part: SeriesPart,
    pub stream: Arc<Stream>,
    /// Labels of resource and scope: to be named in matchers and groupings, in no label set unless named.
    pub hidden: Labels,
}

/// One series with its samples in the asked range, sorted by time, one sample a millisecond. A counter that tells its
/// start has a zero there.
#[derive(Clone, Debug)]
pub struct SeriesSamples {
    pub labels: Labels,
    pub meta: Arc<SeriesMeta>,
    /// Unix milliseconds of `values`.
    /// Series that were sampled together may share them.
    pub times: Arc<[i64]>,
    pub values: Vec<f64>,
    /// Start times of `values`: from which index on one holds, sorted by index. 0: not known.
    pub starts: Vec<(u32, i64)>,
    /// Native histograms, apart from the numbers: time, start time (0: not known), content.
    pub histograms: Vec<(i64, i64, HistogramPoint)>,
}

impl SeriesSamples {
    /// What the request's budget is asked for while the samples are held, roughly.
    pub fn held_bytes(&self) -> u64 {
        self.values.len() as u64 * 8 + self.histograms.len() as u64 * 256 + 64
    }
}

impl SeriesMeta {
    /// `otel_temporality`, of what has one.
    pub(crate) fn temporality_label(&self) -> Option<&'static str> {
        match self.temporality {
            Temporality::Delta => Some("delta"),
            Temporality::Cumulative => Some("cumulative"),
            Temporality::Unspecified => None,
        }
    }

    /// The value of a label that is not in the label set but may be named, by either spelling.
    pub fn hidden_label(&self, name: &str) -> Option<&str> {
        if name == naming::TEMPORALITY {
            return self.temporality_label();
        }
        self.hidden.get(name).or_else(|| self.hidden.get(&naming::label_name(name)))
    }

    /// Whether samples count up from zero since their start time.
    pub fn counts_from_start(&self) -> bool {
        match self.kind {
            MetricKind::Sum => self.monotonic,
            MetricKind::Histogram | MetricKind::ExponentialHistogram | MetricKind::Unknown => true,
            MetricKind::Summary => !matches!(self.part, SeriesPart::Quantile(_)),
            MetricKind::Gauge => false,
        }
    }

    /// The OTel spellings of the series' name, but the Prometheus one: the name with the suffix of the part, and for
    /// parts of a histogram or summary the name alone.
    pub(crate) fn otel_names(&self, prometheus: &str) -> impl Iterator<Item = Arc<str>> {
        let suffixed = match self.part {
            SeriesPart::Bucket(_) => Some("_bucket"),
            SeriesPart::Sum => Some("_sum"),
            SeriesPart::Count => Some("_count"),
            SeriesPart::Value | SeriesPart::Quantile(_) => None,
        };
        let suffixed = suffixed.map(|suffix| Arc::from(format!("{}{suffix}", self.name)));
        let names = [suffixed, Some(Arc::clone(&self.name))];
        names.into_iter().flatten().filter(move |name| **name != *prometheus)
    }
}

// === the snapshot ===

/// Cheap to clone; holds what it shows alive.
#[derive(Clone, Default)]
pub struct Snapshot {
    logs: EventsView,
    spans: EventsView,
    samples: SamplesView,
    /// Of log records.
    erasures: Erasures,
}

impl Snapshot {
    pub(crate) fn new(
        logs: impl Into<EventsView>,
        spans: impl Into<EventsView>,
        samples: SamplesView,
    ) -> Self {
        Self { logs: logs.into(), spans: spans.into(), samples, erasures: Erasures::default() }
    }

    /// Reads on the caller's thread and no other: for what nobody waits for.
    pub fn alone(self) -> Self {
        let nobody = Helpers::default();
        let (logs, spans) = (self.logs.with(&nobody), self.spans.with(&nobody));
        Self { logs, spans, samples: self.samples.with(&nobody), ..self }
    }

    /// Whether log records of the time range (Unix nanoseconds, the end exclusive) are being deleted.
    pub fn deletes(&self, start: i64, end: i64) -> bool {
        !self.erasures.overlapping(start, end).is_empty()
    }

    pub(crate) fn without(self, erasures: Erasures) -> Self {
        Self { erasures, ..self }
    }

    fn events(&self, signal: Signal) -> &EventsView {
        if signal == Signal::Logs { &self.logs } else { &self.spans }
    }

    /// A snapshot of loose batches: for tests of engines and for tools, without a store.
    pub fn of_batches(batches: impl IntoIterator<Item = Batch>) -> Self {
        let mut snapshot = Self::default();
        batches.into_iter().for_each(|batch| snapshot.push(batch));
        snapshot
    }

    /// A snapshot of one batch of events that somebody else holds.
    pub fn of_events(events: Arc<EventBatch>) -> Self {
        let mut snapshot = Self::default();
        match events.signal() {
            Signal::Logs => snapshot.logs.push(events),
            _ => snapshot.spans.push(events),
        }
        snapshot
    }

    /// One more, behind the others: for [`Self::of_batches`] that grow.
    pub fn push(&mut self, batch: Batch) {
        match batch {
            Batch::Events(events) if events.signal() == Signal::Logs => self.logs.push(Arc::new(events)),
            Batch::Events(events) => self.spans.push(Arc::new(events)),
            Batch::Samples(samples) => self.samples.push(&samples),
        }
    }

    /// Shows `visit` every row that passes the filter, block by block. Blocking: run it on a blocking thread.
    pub fn scan(
        &self,
        ctx: &RequestCtx,
        query: &EventQuery,
        visit: &mut dyn FnMut(EventRows<'_>) -> ScanControl,
    ) -> Result<ScanStats, StoreError> {
        let erasures = self.erasures.overlapping(query.start, query.end);
        if query.signal != Signal::Logs || erasures.is_empty() {
            return self.events(query.signal).scan(ctx, query, visit);
        }
        let query = EventQuery { projection: erasures.widened(&query.projection), ..query.clone() };
        let (mut kept, mut erased) = (Vec::new(), 0);
        let mut stats = self
            .events(query.signal)
            .scan(ctx, &query, &mut |rows| erasures.show(rows, &mut kept, &mut erased, visit))?;
        stats.rows_matched -= erased;
        Ok(stats)
    }

    /// Whether a tally sees what a scan sees: which rows are about to be deleted only a scan knows.
    pub fn tallies(&self, query: &EventQuery) -> bool {
        query.signal != Signal::Logs || self.erasures.overlapping(query.start, query.end).is_empty()
    }

    /// Counts rows by values and windows of time, where [`Self::tallies`] says so. Blocking.
    pub fn tally(&self, ctx: &RequestCtx, query: &TallyQuery<'_>) -> Result<Tally, StoreError> {
        self.events(query.events.signal).tally(ctx, query)
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
        self.events(signal).streams(ctx, start, end)
    }

    /// What each stream has of a signal in the time range (Unix nanoseconds, the end exclusive). Rows that are about to be
    /// deleted are there until they are; damaged blocks are left out. Blocking.
    pub fn uses(
        &self,
        ctx: &RequestCtx,
        signal: Signal,
        start: i64,
        end: i64,
    ) -> Result<Vec<StreamUse>, StoreError> {
        self.events(signal).uses(ctx, start, end)
    }

    /// The keys of record attributes in the time range (blocks' ranges decide).
    pub fn attribute_keys(
        &self,
        ctx: &RequestCtx,
        signal: Signal,
        start: i64,
        end: i64,
    ) -> Result<BTreeSet<String>, StoreError> {
        self.events(signal).attribute_keys(ctx, start, end)
    }

    /// The series that match, to be read one by one.
    pub fn series_set(&self, ctx: &RequestCtx, query: &SeriesQuery) -> Result<SeriesSet, StoreError> {
        self.samples.series_set(ctx, query)
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
