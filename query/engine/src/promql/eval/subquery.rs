//! Subqueries: an instant vector evaluated at steps of its own, as a range vector.

use std::sync::Arc;

use super::samples::Samples;
use super::value::{Steps, is_absent};
use super::window::Ranges;
use super::{Eval, EvalError, Evaluated};
use crate::promql::ast::{Edge, Subquery};
use crate::promql::histogram::{Histogram, ResetHint};

/// A subquery may have more inner steps than a picture has points, but not any number.
const INNER_STEPS_MAX: i64 = 10_000_000;

// === impl Eval ===

impl Eval<'_> {
    pub(super) fn subquery(&mut self, s: &Subquery, steps: &Steps) -> Evaluated<Ranges> {
        let ends = self.shifted(&s.time, steps)?;
        let range = self.positive_duration(&s.range)?;
        let step = match &s.step {
            Some(step) => self.positive_duration(step)?,
            None => self.settings.subquery_step_ms,
        };
        let inner = inner_steps(&ends, range, step)?;
        let mut series = Vec::new();
        let outer = std::mem::replace(&mut self.tells_resets, false);
        let evaluated = self.for_each(&s.expr, &inner, &mut |eval, row| {
            let present = row.floats.iter().filter(|v| !is_absent(**v)).count();
            let (mut times, mut values) = (Vec::with_capacity(present), Vec::with_capacity(present));
            let mut histograms = Vec::new();
            for (i, time) in inner.times().enumerate() {
                if let Some(h) = row.histogram(i) {
                    histograms.push((time, unhinted(h)));
                } else if !is_absent(row.floats[i]) {
                    times.push(time);
                    values.push(row.floats[i]);
                }
            }
            let mut samples = Samples::plain(row.labels.clone(), row.drop_name, times.into(), values);
            (samples.hidden, samples.histograms) = (row.hidden.clone(), histograms);
            eval.hold(samples.times.len())?;
            series.push(samples);
            Ok(())
        });
        self.tells_resets = outer;
        evaluated?;
        Ok(Ranges { series, ends, range, edge: Edge::Plain })
    }
}

/// The samples between two steps, or one sample at two steps, would make what a histogram says of its reset wrong.
fn unhinted(h: &Arc<Histogram>) -> Arc<Histogram> {
    match h.hint {
        ResetHint::Unknown | ResetHint::Gauge => Arc::clone(h),
        _ => Arc::new(Histogram { hint: ResetHint::Unknown, ..(**h).clone() }),
    }
}

/// The inner times are multiples of the step, from just after the first window's start to the last one's end.
fn inner_steps(ends: &Steps, range: i64, step: i64) -> Evaluated<Steps> {
    let from = ends.start.saturating_sub(range);
    let start = (from.div_euclid(step) + 1).saturating_mul(step);
    let len = if start > ends.end() { 0 } else { (ends.end() - start) / step + 1 };
    if len > INNER_STEPS_MAX {
        return Err(EvalError::Limit(format!("the subquery has more than {INNER_STEPS_MAX} steps")));
    }
    Ok(Steps { start, step, len: len as usize })
}
