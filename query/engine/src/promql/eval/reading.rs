//! Series read and worked on one by one, by several threads where that pays.

use std::ops::{ControlFlow, Range};
use std::sync::OnceLock;

use store::model::{HistogramPoint, LabelMatcher, MatchOp as StoreOp, RequestCtx, Temporality};
use store::{SeriesQuery, SeriesReader, SeriesSamples, SeriesSet, Snapshot};

use super::bounds::Scratch;
use super::samples::Samples;
use super::{Eval, EvalError, Evaluated, Notes};
use crate::promql::ast::{MatchOp, Matcher};

/// What a selector found, and all that reading it needs.
pub(super) struct Reading<'e> {
    ctx: &'e RequestCtx,
    snapshot: &'e Snapshot,
    query: SeriesQuery,
    set: SeriesSet,
    /// The same series before the range.
    earlier: OnceLock<Evaluated<SeriesSet>>,
    lookback_ms: i64,
    named: Vec<String>,
    tells_resets: bool,
    /// What is made of samples holds them.
    keeps: bool,
    notes: Notes,
}

/// What a thread needs beside the series.
pub(super) struct Worker<'r> {
    pub notes: Notes,
    pub scratch: Scratch,
    earlier: Option<SeriesReader<'r>>,
}

/// What was made of some series.
struct Part<T> {
    made: Vec<T>,
    samples: usize,
    notes: Notes,
    failed: Option<EvalError>,
}

// === impl Eval ===

impl<'a> Eval<'a> {
    /// `keeps`: what will be made of a series' samples holds them.
    pub(super) fn reading(
        &self,
        matchers: &[Matcher],
        (start, end): (i64, i64),
        totals: bool,
        keeps: bool,
    ) -> Evaluated<Reading<'a>> {
        let matchers = matchers.iter().map(store_matcher).collect::<Evaluated<Vec<_>>>()?;
        let query = SeriesQuery { matchers, start_ms: start.saturating_add(1), end_ms: end, totals };
        let set = self.snapshot.series_set(self.ctx, &query)?;
        Ok(Reading {
            ctx: self.ctx,
            snapshot: self.snapshot,
            named: if set.is_strict() { Vec::new() } else { self.named.clone() },
            set,
            query,
            earlier: OnceLock::new(),
            lookback_ms: self.settings.lookback_ms,
            tells_resets: self.tells_resets,
            keeps,
            notes: self.notes.empty(),
        })
    }

    /// Makes something of each series, if there is something to make, and takes it in the order of the labels.
    pub(super) fn each_series<'r, T: Send>(
        &mut self,
        reading: &'r Reading<'a>,
        make: &(dyn Fn(&mut Worker<'_>, Samples) -> Evaluated<Option<T>> + Sync),
        take: &mut dyn FnMut(&mut Self, T) -> Evaluated<()>,
    ) -> Evaluated<()> {
        let mut outcome = Ok(());
        let worker = || -> Worker<'r> {
            Worker { notes: reading.notes.empty(), scratch: Scratch::default(), earlier: None }
        };
        let work = |worker: &mut Worker<'r>, reader: &mut SeriesReader<'_>, range: Range<usize>| {
            let mut part = Part {
                made: Vec::with_capacity(range.len()),
                samples: 0,
                notes: Notes::default(),
                failed: None,
            };
            part.failed = reading.part(worker, reader, range, make, &mut part).err();
            part.notes = std::mem::replace(&mut worker.notes, reading.notes.empty());
            part
        };
        reading.set.in_parts(&worker, &work, &mut |part: Part<T>| {
            outcome = self.take_part(part, take);
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        outcome
    }

    fn take_part<T>(
        &mut self,
        part: Part<T>,
        take: &mut dyn FnMut(&mut Self, T) -> Evaluated<()>,
    ) -> Evaluated<()> {
        self.hold(part.samples)?;
        self.notes.absorb(part.notes);
        for one in part.made {
            take(self, one)?;
        }
        part.failed.map_or(Ok(()), Err)
    }
}

// === impl Reading ===

impl<'e> Reading<'e> {
    fn part<'r, T>(
        &'r self,
        worker: &mut Worker<'r>,
        reader: &mut SeriesReader<'_>,
        range: Range<usize>,
        make: &(dyn Fn(&mut Worker<'_>, Samples) -> Evaluated<Option<T>> + Sync),
        part: &mut Part<T>,
    ) -> Evaluated<()> {
        self.ctx.check()?;
        for at in range {
            let Some(series) = reader.read(self.ctx, at)? else { continue };
            part.samples += series.times.len() + series.histograms.len() * 10;
            let held = series.held_bytes();
            let before = self.histogram_before(worker, &series)?;
            let hidden = super::hidden::hidden(&self.named, &series);
            let shown_total = self.query.totals && series.meta.temporality == Temporality::Delta;
            let mut samples = Samples::of(series, before.as_ref(), self.tells_resets);
            samples.delta &= !shown_total;
            samples.hidden = hidden;
            part.made.extend(make(worker, samples)?);
            if !self.keeps {
                self.ctx.budget.give_back(held);
            }
        }
        Ok(())
    }

    /// The last histogram before the range, of a series that has histograms in it: what the first one is compared with to
    /// tell whether their counter began anew.
    fn histogram_before<'r>(
        &'r self,
        worker: &mut Worker<'r>,
        series: &SeriesSamples,
    ) -> Evaluated<Option<(i64, HistogramPoint)>> {
        // A running total is not compared with growth.
        let shown_total = self.query.totals && series.meta.temporality == Temporality::Delta;
        if series.histograms.is_empty() || shown_total {
            return Ok(None);
        }
        let open = || {
            let start_ms = self.query.start_ms.saturating_sub(self.lookback_ms);
            let end_ms = self.query.start_ms.saturating_sub(1);
            let query = SeriesQuery { start_ms, end_ms, totals: false, ..self.query.clone() };
            Ok(self.snapshot.series_set(self.ctx, &query)?)
        };
        let set = self.earlier.get_or_init(open).as_ref().map_err(Clone::clone)?;
        let Some(at) = set.find(&series.labels) else { return Ok(None) };
        let reader = worker.earlier.get_or_insert_with(|| set.reader());
        let Some(found) = reader.read(self.ctx, at)? else { return Ok(None) };
        self.ctx.budget.give_back(found.held_bytes());
        Ok(found.histograms.last().map(|(time, _, point)| (*time, point.clone())))
    }
}

fn store_matcher(m: &Matcher) -> Evaluated<LabelMatcher> {
    let op = match m.op {
        MatchOp::Equal => StoreOp::Equal,
        MatchOp::NotEqual => StoreOp::NotEqual,
        MatchOp::Regex => StoreOp::Regex,
        MatchOp::NotRegex => StoreOp::NotRegex,
    };
    LabelMatcher::new(&m.name, op, &m.value).map_err(|e| EvalError::BadData(e.to_string()))
}
