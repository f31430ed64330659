//! Function calls: which shape a function has decides how its argument is evaluated.

use super::value::{Row, Steps, Value, is_absent};
use super::{Eval, EvalError, Evaluated, Sink};
use crate::promql::ast::{Call, Expr};
use crate::promql::functions::{Body, Civil};

/// Of histograms these need no buckets, so resets are found as samples are read.
const TOTALS_ONLY: [&str; 3] = ["histogram_avg", "histogram_count", "histogram_sum"];

/// Whether a call makes its rows one by one.
pub(super) fn streams(c: &Call) -> bool {
    match c.function.body {
        Body::Special(_) => false,
        Body::Date(_) => !c.args.is_empty(),
        _ => true,
    }
}

// === impl Eval ===

impl<'a> Eval<'a> {
    pub(super) fn call(&mut self, c: &Call, steps: &Steps) -> Evaluated<Value> {
        match c.function.body {
            Body::Special(function) => function(self, c, steps),
            Body::Date(part) if c.args.is_empty() => {
                let mut row = Row::empty(Default::default(), steps.len);
                for (slot, time) in row.floats.iter_mut().zip(steps.times()) {
                    *slot = part(&Civil::from_unix(time.div_euclid(1000)));
                }
                Ok(Value::Vector(vec![row]))
            }
            _ => {
                let mut rows = Vec::new();
                self.stream_call(c, steps, &mut |eval, row| {
                    eval.hold(steps.len)?;
                    rows.push(row);
                    Ok(())
                })?;
                Ok(Value::Vector(rows))
            }
        }
    }

    pub(super) fn stream_call(&mut self, c: &Call, steps: &Steps, sink: Sink<'_, 'a>) -> Evaluated<()> {
        let Some(first) = c.args.first() else {
            return Err(EvalError::execution("the call lacks its argument"));
        };
        match c.function.body {
            Body::Range(function) => self.over_windows(c, function, steps, sink),
            Body::Map(map) => self.each_float(first, steps, sink, |value, _| Some(map(value))),
            Body::Date(part) => self.each_float(first, steps, sink, |value, _| {
                Some(if value.is_finite() { part(&Civil::from_unix(value.floor() as i64)) } else { f64::NAN })
            }),
            Body::MapWith(map) => {
                let params =
                    c.args[1..].iter().map(|arg| self.scalar(arg, steps)).collect::<Evaluated<Vec<_>>>()?;
                let mut scratch = Vec::new();
                self.each_float(first, steps, sink, |value, i| {
                    scratch.clear();
                    scratch.extend(params.iter().map(|p| p[i]));
                    map(value, &scratch)
                })
            }
            Body::Histogram(map) => {
                let outer = std::mem::replace(&mut self.tells_resets, TOTALS_ONLY.contains(&c.function.name));
                let done = self.for_each(first, steps, &mut |eval, mut row| {
                    row.drop_name = true;
                    row.floats.fill(super::ABSENT);
                    let histograms = row.histograms.take();
                    for (slot, h) in row.floats.iter_mut().zip(histograms.iter().flatten()) {
                        *slot = h.as_ref().map_or(super::ABSENT, |h| map(h));
                    }
                    if row.is_empty() { Ok(()) } else { sink(eval, row) }
                });
                self.tells_resets = outer;
                done
            }
            Body::Special(_) => Err(EvalError::execution("the call makes all its rows at once")),
        }
    }

    /// Applies a function of one number to every float of a vector; histograms are left out.
    fn each_float(
        &mut self,
        arg: &Expr,
        steps: &Steps,
        sink: Sink<'_, 'a>,
        mut map: impl FnMut(f64, usize) -> Option<f64>,
    ) -> Evaluated<()> {
        self.for_each(arg, steps, &mut |eval, mut row| {
            row.drop_name = true;
            row.histograms = None;
            for (i, slot) in row.floats.iter_mut().enumerate() {
                if !is_absent(*slot) {
                    *slot = map(*slot, i).unwrap_or(super::ABSENT);
                }
            }
            if row.is_empty() { Ok(()) } else { sink(eval, row) }
        })
    }
}
