//! What a query selects: series sorted by labels, their samples read when asked, by several threads if need be.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::StoreError;
use crate::model::{HistogramPoint, Labels, MetricKind, RequestCtx, Temporality};
use crate::parallel::{self, Helpers};
use crate::samples_view::OnDamage;
use crate::segment::samples::{Piece, RawHistogram, RawSamples, start_at};
use crate::selection::{Selection, SelectionReader, SourceError};
use crate::snapshot::{SeriesMeta, SeriesQuery, SeriesSamples};

/// What marks the end of a series, as a value.
const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// A part has at least so many series, so that threads meet seldom; then it ends with the next block.
const PART_SERIES: usize = 64;
/// Series without samples fill no block.
const PART_SERIES_MAX: usize = 512;

/// The series that match a query; some may turn out to have no samples in its range.
pub struct SeriesSet {
    selection: Selection,
    range_ms: (i64, i64),
    totals: bool,
    on_damage: Option<OnDamage>,
    helpers: Helpers,
    is_strict: bool,
}

/// Reads the series of a [`SeriesSet`]; neighbours are cheap.
pub struct SeriesReader<'a> {
    set: &'a SeriesSet,
    reader: SelectionReader<'a>,
}

// === impl SeriesSet ===

impl SeriesSet {
    pub(crate) fn new(
        selection: Selection,
        query: &SeriesQuery,
        on_damage: Option<OnDamage>,
        helpers: Helpers,
        is_strict: bool,
    ) -> Self {
        let range_ms = (query.start_ms, query.end_ms);
        Self { selection, range_ms, totals: query.totals, on_damage, helpers, is_strict }
    }

    pub fn len(&self) -> usize {
        self.selection.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn labels(&self, at: usize) -> &Labels {
        self.selection.labels(at)
    }

    pub fn meta(&self, at: usize) -> &Arc<SeriesMeta> {
        self.selection.meta(at)
    }

    /// Whether labels that stand in no label set are not to be named.
    pub fn is_strict(&self) -> bool {
        self.is_strict
    }

    /// Where a label set is.
    pub fn find(&self, labels: &Labels) -> Option<usize> {
        self.selection.find(labels)
    }

    pub fn reader(&self) -> SeriesReader<'_> {
        SeriesReader { set: self, reader: self.selection.reader() }
    }

    /// Neighbouring series are worked on together, on several threads where that pays; what is made of them is shown in
    /// the order of the series. A worker stays with its reader from part to part.
    pub fn in_parts<W: Send, T: Send>(
        &self,
        worker: &(dyn Fn() -> W + Sync),
        work: &(dyn Fn(&mut W, &mut SeriesReader<'_>, Range<usize>) -> T + Sync),
        visit: &mut dyn FnMut(T) -> ControlFlow<()>,
    ) {
        let parts = self.parts();
        let idle = Mutex::new(Vec::new());
        let read = |at: usize| {
            let free = idle.lock().pop();
            let (mut worker, mut reader) = free.unwrap_or_else(|| (worker(), self.reader()));
            let made = work(&mut worker, &mut reader, parts[at].clone());
            idle.lock().push((worker, reader));
            made
        };
        parallel::in_order(&self.helpers, parts.len(), &read, &|_| false, visit);
    }

    /// Parts end where blocks do: no block is decompressed for two of them.
    fn parts(&self) -> Vec<Range<usize>> {
        let mut parts = Vec::with_capacity(self.len() / PART_SERIES + 1);
        let mut from = 0;
        for at in 1..self.len() {
            let series = at - from;
            let ends = series >= PART_SERIES && self.selection.begins_block(at);
            if ends || series >= PART_SERIES_MAX {
                parts.push(from..at);
                from = at;
            }
        }
        if from < self.len() {
            parts.push(from..self.len());
        }
        parts
    }

    fn damaged(&self, what: &SourceError) {
        if let Some(report) = &self.on_damage {
            report(what.segment, &what.error.to_string());
        }
    }
}

// === impl SeriesReader ===

impl SeriesReader<'_> {
    /// A series with its samples in the range; `None`: it has none.
    pub fn read(&mut self, ctx: &RequestCtx, at: usize) -> Result<Option<SeriesSamples>, StoreError> {
        if at.is_multiple_of(256) {
            ctx.check()?;
        }
        let set = self.set;
        let meta = set.meta(at);
        let delta = meta.temporality == Temporality::Delta;
        let mut range_ms = set.range_ms;
        let totals = delta && set.totals;
        // Totals of whole histograms are made from all of them.
        if totals && meta.kind == MetricKind::ExponentialHistogram {
            range_ms.0 = i64::MIN;
        }
        let mut damaged = |error: SourceError| set.damaged(&error);
        let piece = self.reader.read(at, range_ms, &mut damaged);
        if piece.times.is_empty() && piece.histograms.is_empty() {
            return Ok(None);
        }
        let total_before = totals.then(|| self.reader.total_before(at, range_ms.0, &mut damaged));
        let mut samples = finish(set.labels(at), meta, piece, range_ms);
        if let Some(before) = total_before {
            run_totals(&mut samples, before, set.range_ms.0);
        }
        ctx.budget.take(samples.held_bytes())?;
        Ok(Some(samples))
    }
}

fn finish(labels: &Labels, meta: &Arc<SeriesMeta>, piece: Piece, range_ms: (i64, i64)) -> SeriesSamples {
    let Piece { mut times, mut values, mut starts, histograms } = piece;
    let delta = meta.temporality == Temporality::Delta;
    if delta && !times.is_sorted_by(|a, b| a < b) {
        (times, values, starts) = fold_equal_times(&times, &values, &starts);
    }
    // What came with Prometheus labels shows what was sent and no more.
    let counts = !delta && meta.counts_from_start() && !meta.stream.has_plain_labels();
    if counts && starts.iter().any(|(_, start)| (range_ms.0..=range_ms.1).contains(start) && *start != 0) {
        (times, values, starts) = with_zeros(&times, &values, &starts, range_ms.0);
    }
    let histograms = decode_histograms(&histograms, delta, counts.then_some(range_ms.0));
    let (labels, meta) = (labels.clone(), Arc::clone(meta));
    SeriesSamples { labels, meta, times, values, starts, histograms }
}

/// Growth to running totals. Totals have no start: it is the series' own.
fn run_totals(samples: &mut SeriesSamples, before: f64, start_ms: i64) {
    let mut total = before;
    for value in &mut samples.values {
        // A marker of the series' end is no number.
        if value.to_bits() != STALE_BITS {
            total += *value;
            *value = total;
        }
    }
    samples.starts.clear();
    let mut running: Option<HistogramPoint> = None;
    for (_, start, point) in &mut samples.histograms {
        *start = 0;
        if point.sum.to_bits() == STALE_BITS {
            continue;
        }
        // Buckets that cannot be joined begin a total of their own.
        if running.as_mut().is_some_and(|total| total.accumulate(point)) {
            running.iter().for_each(|total| point.clone_from(total));
        } else {
            running = Some(point.clone());
        }
    }
    samples.histograms.retain(|(time, ..)| *time >= start_ms);
}

type Rows = (Arc<[i64]>, Vec<f64>, Vec<(u32, i64)>);

fn rows(samples: RawSamples) -> Rows {
    (samples.times.into(), samples.values, samples.starts)
}

/// Growth of one time that began at different times adds up; it began at the first of these.
fn fold_equal_times(times: &[i64], values: &[f64], starts: &[(u32, i64)]) -> Rows {
    let mut folded = RawSamples::default();
    for (row, (time, value)) in times.iter().zip(values).enumerate() {
        if folded.times.last() == Some(time) {
            folded.values.iter_mut().next_back().into_iter().for_each(|last| *last += value);
        } else {
            folded.push(*time, start_at(starts, row), *value);
        }
    }
    rows(folded)
}

/// A counter that tells when it began was zero then: the first increment counts, and a new start is a reset whatever
/// the values say.
fn with_zeros(times: &[i64], values: &[f64], starts: &[(u32, i64)], range_start_ms: i64) -> Rows {
    let mut out = RawSamples::default();
    let mut changes = starts.iter().peekable();
    for (row, (time, value)) in times.iter().zip(values).enumerate() {
        if let Some((_, start)) = changes.next_if(|(index, _)| *index as usize == row)
            && *start >= range_start_ms
            && is_zero_between(*start, out.times.last().copied(), *time)
        {
            out.push(*start, 0, 0.0);
        }
        out.push(*time, start_at(starts, row), *value);
    }
    rows(out)
}

/// Whether the start of a sample tells of a zero before it. A sender that does not know its start gives the first
/// sample's time; one that begins before the sample before may have changed its mind.
fn is_zero_between(start: i64, previous: Option<i64>, time: i64) -> bool {
    start != 0 && start < time && previous.is_none_or(|previous| start > previous)
}

fn decode_histograms(
    histograms: &[RawHistogram],
    delta: bool,
    zeros_from: Option<i64>,
) -> Vec<(i64, i64, HistogramPoint)> {
    let mut out: Vec<(i64, i64, HistogramPoint)> = Vec::with_capacity(histograms.len());
    let mut start_before = 0;
    for raw in histograms {
        let Ok(point) = HistogramPoint::decode(&raw.bytes) else { continue };
        if let Some(range_start) = zeros_from
            && raw.start_ms != start_before
            && raw.start_ms >= range_start
            && is_zero_between(raw.start_ms, out.last().map(|last| last.0), raw.time_ms)
        {
            out.push((raw.start_ms, 0, point.zeroed()));
        }
        start_before = raw.start_ms;
        let same_time = out.last_mut().filter(|last| delta && last.0 == raw.time_ms);
        if !same_time.is_some_and(|last| last.2.accumulate(&point)) {
            out.push((raw.time_ms, raw.start_ms, point));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_zero_before_the_first_sample_and_at_every_reset() {
        let zeros = |rows: &[(i64, f64)], starts: &[(u32, i64)]| {
            let (times, values): (Vec<i64>, Vec<f64>) = rows.iter().copied().unzip();
            let (times, values, _) = with_zeros(&times, &values, starts, 0);
            times.iter().copied().zip(values).collect::<Vec<_>>()
        };
        assert_eq!(zeros(&[(20, 5.0)], &[(0, 10)]), [(10, 0.0), (20, 5.0)]);
        assert_eq!(
            zeros(&[(20, 5.0), (40, 9.0)], &[(0, 10), (1, 30)]),
            [(10, 0.0), (20, 5.0), (30, 0.0), (40, 9.0)],
            "the value grew across the restart"
        );
        assert_eq!(
            zeros(&[(20, 5.0), (40, 9.0)], &[(1, 15)]),
            [(20, 5.0), (40, 9.0)],
            "its own word against it"
        );
        assert_eq!(zeros(&[(20, 5.0), (40, 9.0)], &[(0, 20)]), [(20, 5.0), (40, 9.0)], "no start is known");
    }

    #[test]
    fn growth_of_one_time_adds_up() {
        let starts = [(0, 0), (1, 1), (2, 2)];
        let (times, values, starts) = fold_equal_times(&[1, 2, 2, 3], &[1.0, 2.0, 3.0, 4.0], &starts);
        assert_eq!((&*times, values), (&[1, 2, 3][..], vec![1.0, 5.0, 4.0]));
        assert_eq!(starts, [(1, 1), (2, 2)]);
    }
}
