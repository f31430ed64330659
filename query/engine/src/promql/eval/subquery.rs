//! Subqueries: an instant vector evaluated at steps of its own, as a range vector.

use super::selector::Samples;
use super::value::{Steps, is_absent};
use super::window::Ranges;
use super::{Eval, EvalError, Evaluated};
use crate::promql::ast::{Edge, Subquery};

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
        self.for_each(&s.expr, &inner, &mut |eval, row| {
            let present = row.floats.iter().filter(|v| !is_absent(**v)).count();
            let mut samples = Samples {
                labels: row.labels.clone(),
                drop_name: row.drop_name,
                times: Vec::with_capacity(present),
                values: Vec::with_capacity(present),
                histograms: Vec::new(),
                delta: false,
            };
            for (i, time) in inner.times().enumerate() {
                if let Some(h) = row.histogram(i) {
                    samples.histograms.push((time, h.clone()));
                } else if !is_absent(row.floats[i]) {
                    samples.times.push(time);
                    samples.values.push(row.floats[i]);
                }
            }
            eval.hold(samples.times.len())?;
            series.push(samples);
            Ok(())
        })?;
        Ok(Ranges { series, ends, range, edge: Edge::Plain })
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
