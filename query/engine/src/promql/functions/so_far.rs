//! Growth over a window as far as its samples show it, nothing extrapolated: more samples only make it more.

use super::{Body, Function, Variadic};
use crate::promql::ast::ValueType;
use crate::promql::eval::{Notes, Point, RangeFn, Window};
use crate::promql::kahan;

/// Rows like those of the table, for expressions that are made and not written: no text names them.
pub(crate) static INCREASE_SO_FAR: Function = row("increase", increase_so_far);
pub(crate) static RATE_SO_FAR: Function = row("rate", rate_so_far);

const fn row(name: &'static str, function: fn(&Window<'_>, &mut Notes) -> Option<Point>) -> Function {
    Function {
        name,
        args: &[ValueType::Matrix],
        variadic: Variadic::No,
        returns: ValueType::Vector,
        doc: "growth of a counter over the range as far as it was seen",
        experimental: false,
        reads_time: false,
        body: Body::Range(RangeFn::Plain(function)),
    }
}

fn increase_so_far(w: &Window<'_>, _: &mut Notes) -> Option<Point> {
    growth(w).map(Point::Float)
}

fn rate_so_far(w: &Window<'_>, _: &mut Notes) -> Option<Point> {
    let by = w.seconds();
    growth(w).map(|growth| Point::Float(if w.delta { growth / by } else { growth * (1.0 / by) }))
}

/// Nothing of what is no counter: with histograms or negative values, more samples may mean less.
fn growth(w: &Window<'_>) -> Option<f64> {
    if !w.histograms.is_empty() || w.values.iter().any(|value| value.is_nan() || *value < 0.0) {
        return None;
    }
    if w.delta {
        return Some(kahan::sum(w.values));
    }
    let (first, last) = (*w.values.first()?, *w.values.last()?);
    let mut growth = last - first;
    for at in w.before_resets() {
        growth += w.values[at];
    }
    let start = w.start_of(0);
    match start > w.start && start != 0 && start < w.times[0] {
        true => Some(growth + first),
        false => (w.values.len() > 1).then_some(growth),
    }
}
