//! Selectors: reading series from the snapshot, and the times `@` and `offset` make of the evaluation times.

use std::sync::Arc;

use super::reading::Worker;
use super::samples::{Samples, is_stale};
use super::value::{Row, STALE_BITS, Steps};
use super::{Eval, EvalError, Evaluated, Sink};
use crate::promql::ast::*;
use crate::promql::functions::Body;

/// Whether an expression has the same value at every step.
pub(crate) fn invariant(expr: &Expr) -> bool {
    match expr {
        Expr::Number(_) | Expr::String(_) => true,
        Expr::Selector(s) => s.time.at.is_some(),
        Expr::Matrix(m) => m.selector.time.at.is_some(),
        Expr::Subquery(s) => s.time.at.is_some(),
        Expr::Call(c) => {
            let knows_time =
                matches!(c.function.body, Body::Special(_) if c.args.is_empty()) || c.function.reads_time;
            !knows_time && !c.args.is_empty() && c.args.iter().all(invariant)
        }
        Expr::Aggregate(_) | Expr::Binary(_) | Expr::Paren(_) | Expr::Unary(_) => {
            expr.children().into_iter().all(invariant)
        }
    }
}

// === impl Eval ===

impl<'a> Eval<'a> {
    /// The times a selector or subquery looks at: those of the evaluation, moved by `@` and `offset`.
    pub(crate) fn shifted(&self, time: &TimeModifier, steps: &Steps) -> Evaluated<Steps> {
        let offset = match &time.offset {
            Some(offset) => self.duration(offset)?,
            None => 0,
        };
        let (start, step) = match time.at {
            None => (steps.start, steps.step),
            Some(At::Time(at)) => (at, 0),
            Some(At::Start) => (self.query.start, 0),
            Some(At::End) => (self.query.end(), 0),
        };
        let start =
            start.checked_sub(offset).ok_or_else(|| EvalError::execution("offset is out of range"))?;
        Ok(Steps { start, step, len: steps.len })
    }

    /// A duration in milliseconds; expressions in it may name the query's step and range.
    pub(crate) fn duration(&self, value: &DurationValue) -> Evaluated<i64> {
        match value {
            DurationValue::Millis(millis) => Ok(*millis),
            DurationValue::Expr(expr) => {
                let millis = self.duration_seconds(expr) * 1000.0;
                if !millis.is_finite() || millis.abs() > 9.2e15 {
                    return Err(EvalError::execution(format!("duration {expr} is out of range")));
                }
                Ok(millis.round() as i64)
            }
        }
    }

    /// As [`Eval::duration`], where a window needs a length.
    pub(crate) fn positive_duration(&self, value: &DurationValue) -> Evaluated<i64> {
        let millis = self.duration(value)?;
        if millis <= 0 {
            return Err(EvalError::execution("duration must be greater than 0"));
        }
        Ok(millis)
    }

    fn duration_seconds(&self, expr: &DurationExpr) -> f64 {
        match expr {
            DurationExpr::Number(n) => n.value,
            DurationExpr::Step if self.query.len == 1 => 0.0,
            DurationExpr::Step => self.query.step as f64 / 1000.0,
            DurationExpr::Range => (self.query.end() - self.query.start) as f64 / 1000.0,
            DurationExpr::Negate(inner) => -self.duration_seconds(inner),
            DurationExpr::Paren(inner) => self.duration_seconds(inner),
            DurationExpr::MinOf(a, b) => self.duration_seconds(a).min(self.duration_seconds(b)),
            DurationExpr::MaxOf(a, b) => self.duration_seconds(a).max(self.duration_seconds(b)),
            DurationExpr::Binary(op, a, b) => {
                super::operators::arithmetic(*op, self.duration_seconds(a), self.duration_seconds(b))
            }
        }
    }

    /// Series that match, with their samples from `start` (exclusive) to `end` (inclusive): growth as it came, for
    /// functions over windows.
    pub(crate) fn read(&mut self, matchers: &[Matcher], start: i64, end: i64) -> Evaluated<Vec<Samples>> {
        self.read_series(matchers, (start, end), false)
    }

    /// The same as a bare selector shows them: growth as the running total of its series.
    pub(crate) fn read_shown(
        &mut self,
        matchers: &[Matcher],
        start: i64,
        end: i64,
    ) -> Evaluated<Vec<Samples>> {
        self.read_series(matchers, (start, end), true)
    }

    fn read_series(
        &mut self,
        matchers: &[Matcher],
        range: (i64, i64),
        totals: bool,
    ) -> Evaluated<Vec<Samples>> {
        let reading = self.reading(matchers, range, totals, true)?;
        let mut all = Vec::new();
        self.each_series(&reading, &|_, samples| Ok(Some(samples)), &mut |_, samples| {
            all.push(samples);
            Ok(())
        })?;
        Ok(all)
    }

    pub(super) fn instant_selector(
        &mut self,
        s: &Selector,
        steps: &Steps,
        sink: Sink<'_, 'a>,
    ) -> Evaluated<()> {
        if s.edge == Edge::Smoothed {
            return self.smoothed_selector(s, steps, sink);
        }
        let times = self.shifted(&s.time, steps)?;
        let lookback = self.settings.lookback_ms;
        let range = (times.start.saturating_sub(lookback), times.end());
        let reading = self.reading(&s.matchers, range, true, false)?;
        let make = |worker: &mut Worker<'_>, mut samples: Samples| {
            let mut row = Row::empty(std::mem::take(&mut samples.labels), steps.len);
            row.hidden = std::mem::take(&mut samples.hidden);
            if samples.histograms.is_empty() {
                // A marker of the end is what stands for no sample.
                let newest = worker.scratch.newest(&samples.times, &times, lookback);
                newest.fill(&samples.values, &mut row.floats);
            } else {
                pick(&samples, &times, lookback, |i, newest| match newest {
                    Newest::Float(at) => row.floats[i] = samples.values[at],
                    Newest::Histogram(at) => {
                        row.set(i, super::Point::Histogram(Arc::clone(&samples.histograms[at].1)));
                    }
                });
            }
            Ok((!row.is_empty()).then_some(row))
        };
        self.each_series(&reading, &make, sink)
    }

    /// The times of the samples an instant selector shows, in seconds: `timestamp(selector)`.
    pub(crate) fn sample_times(&mut self, s: &Selector, steps: &Steps) -> Evaluated<Vec<Row>> {
        self.of_newest(s, steps, |samples, newest| match newest {
            Newest::Float(at) => samples.times[at],
            Newest::Histogram(at) => samples.histograms[at].0,
        })
    }

    /// The start times of those samples, in seconds; 0 where none is known.
    pub(crate) fn sample_starts(&mut self, s: &Selector, steps: &Steps) -> Evaluated<Vec<Row>> {
        self.of_newest(s, steps, |samples, newest| match newest {
            Newest::Float(at) => samples.start_of(at),
            Newest::Histogram(at) => samples.histogram_start_of(at),
        })
    }

    /// A time in milliseconds of each sample an instant selector shows, as seconds.
    fn of_newest(
        &mut self,
        s: &Selector,
        steps: &Steps,
        time_of: impl Fn(&Samples, Newest) -> i64,
    ) -> Evaluated<Vec<Row>> {
        let times = self.shifted(&s.time, steps)?;
        let lookback = self.settings.lookback_ms;
        let mut rows = Vec::new();
        for samples in self.read(&s.matchers, times.start.saturating_sub(lookback), times.end())? {
            let mut row = Row::empty(samples.labels.clone(), steps.len);
            (row.drop_name, row.hidden) = (true, samples.hidden.clone());
            pick(&samples, &times, lookback, |i, newest| {
                row.floats[i] = time_of(&samples, newest) as f64 / 1000.0;
            });
            rows.push(row);
        }
        rows.retain(|row| !row.is_empty());
        Ok(rows)
    }
}

enum Newest {
    Float(usize),
    Histogram(usize),
}

/// For every time the newest sample not older than the lookback, unless it marks the series as stale.
fn pick(samples: &Samples, times: &Steps, lookback: i64, mut found: impl FnMut(usize, Newest)) {
    let (mut floats, mut histograms) = (0, 0);
    for (i, time) in times.times().enumerate() {
        while samples.times.get(floats).is_some_and(|t| *t <= time) {
            floats += 1;
        }
        while samples.histograms.get(histograms).is_some_and(|(t, _)| *t <= time) {
            histograms += 1;
        }
        let oldest = time.saturating_sub(lookback);
        let float = floats.checked_sub(1).filter(|at| samples.times[*at] > oldest);
        let histogram = histograms.checked_sub(1).filter(|at| samples.histograms[*at].0 > oldest);
        match (float, histogram) {
            (Some(f), h) if h.is_none_or(|h| samples.histograms[h].0 <= samples.times[f]) => {
                newest_float(samples, f).into_iter().for_each(|newest| found(i, newest));
            }
            (_, Some(h)) if !is_stale(&samples.histograms[h].1) => found(i, Newest::Histogram(h)),
            _ => {}
        }
    }
}

fn newest_float(samples: &Samples, at: usize) -> Option<Newest> {
    (samples.values[at].to_bits() != STALE_BITS).then_some(Newest::Float(at))
}
