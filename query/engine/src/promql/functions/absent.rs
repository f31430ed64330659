//! Whether anything is there at all.

use store::model::Labels;

use crate::promql::ast::{Call, Expr, MatchOp, Matcher};
use crate::promql::eval::{Eval, Evaluated, Row, Steps, Value};

pub(super) fn absent(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    let mut present = vec![false; steps.len];
    eval.for_each(&c.args[0], steps, &mut |_, row| {
        (0..steps.len).for_each(|i| present[i] |= row.has(i));
        Ok(())
    })?;
    Ok(answer(&c.args[0], &present))
}

pub(super) fn absent_over_time(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    let ranges = eval.ranges(&c.args[0], steps)?;
    let mut present = vec![false; steps.len];
    for (i, end) in ranges.ends.times().enumerate() {
        let start = end.saturating_sub(ranges.range);
        let inside = |t: &i64| *t > start && *t <= end;
        // The times ascend, so the first one after the window's start decides.
        let first_inside = |times: &[i64]| {
            let at = times.partition_point(|t| *t <= start);
            times.get(at).is_some_and(inside)
        };
        present[i] = ranges
            .series
            .iter()
            .any(|s| first_inside(&s.times) || s.histograms.iter().any(|(t, _)| inside(t)));
    }
    Ok(answer(&c.args[0], &present))
}

fn answer(arg: &Expr, present: &[bool]) -> Value {
    let mut row = Row::empty(labels_of(arg), present.len());
    for (slot, present) in row.floats.iter_mut().zip(present) {
        if !present {
            *slot = 1.0;
        }
    }
    let rows = if row.is_empty() { Vec::new() } else { vec![row] };
    Value::Vector(rows)
}

/// The labels the missing series would surely have: those with one matcher, an equality.
fn labels_of(arg: &Expr) -> Labels {
    let matchers: &[Matcher] = match arg.unparen() {
        Expr::Selector(s) => &s.matchers,
        Expr::Matrix(m) => &m.selector.matchers,
        _ => &[],
    };
    let sure = |m: &&Matcher| {
        let single = matchers.iter().filter(|other| other.name == m.name).count() == 1;
        m.op == MatchOp::Equal && m.name != Labels::METRIC_NAME && single
    };
    Labels::new(matchers.iter().filter(sure).map(|m| (m.name.as_str(), m.value.as_str())))
}
