//! Which metric queries more lines cannot take back: for rules that must not wait for the end of an interval.

use super::ast::*;
use super::table::{RangeOp, VectorOp};

/// Whether what passes the query's threshold has passed it for good: counts of lines and bytes and sums of them above
/// a number.
pub fn only_grows(expr: &Expr) -> bool {
    let Expr::Metric(metric) = expr else { return false };
    let MetricKind::Binary(b) = &metric.kind else { return false };
    let (value, threshold) = match b.op {
        BinaryOp::Compare(Compare::Gt | Compare::Ge) => (&b.left, &b.right),
        BinaryOp::Compare(Compare::Lt | Compare::Le) => (&b.right, &b.left),
        _ => return false,
    };
    !b.return_bool && matches!(threshold.kind, MetricKind::Literal(_)) && grows(value)
}

fn grows(metric: &MetricExpr) -> bool {
    match &metric.kind {
        MetricKind::Range(range) => {
            let counts =
                matches!(range.op, RangeOp::Count | RangeOp::Rate | RangeOp::Bytes | RangeOp::BytesRate);
            // Which of equal lines is the first is not known before all are there.
            let distinct = |stage: &Stage| matches!(stage.kind, StageKind::Distinct(_));
            let plain = range.unwrap.is_none() && range.offset_ns == 0 && range.at.is_none();
            counts && plain && !range.log.stages.iter().any(distinct)
        }
        MetricKind::Vector(v) => matches!(v.op, VectorOp::Sum | VectorOp::Max) && grows(&v.inner),
        _ => false,
    }
}

/// A count of lines that is the sum of what each batch of lines adds to it.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Lines or bytes, whole numbers, without the threshold.
    pub value: Expr,
    pub threshold: f64,
    /// The threshold itself passes.
    pub or_equal: bool,
    /// How far back it looks.
    pub range_ns: i64,
    /// Of a rate the seconds its count is divided by.
    per_s: Option<f64>,
}

/// `None`: it has to be asked as a whole.
pub fn counted(expr: &Expr) -> Option<Counted> {
    let Expr::Metric(MetricExpr { kind: MetricKind::Binary(b), .. }) = expr else { return None };
    let (value, number, or_equal) = match b.op {
        BinaryOp::Compare(Compare::Gt) => (&b.left, &b.right, false),
        BinaryOp::Compare(Compare::Ge) => (&b.left, &b.right, true),
        BinaryOp::Compare(Compare::Lt) => (&b.right, &b.left, false),
        BinaryOp::Compare(Compare::Le) => (&b.right, &b.left, true),
        _ => return None,
    };
    let MetricKind::Literal(threshold) = number.kind else { return None };
    if !only_grows(expr) {
        return None;
    }
    let mut value = value.clone();
    let range = summed(&mut value)?;
    let range_ns = range.range_ns;
    let op = match range.op {
        RangeOp::Rate => RangeOp::Count,
        RangeOp::BytesRate => RangeOp::Bytes,
        op => op,
    };
    let per_s = (op != range.op).then_some(range_ns as f64 / 1e9);
    range.op = op;
    Some(Counted { value: Expr::Metric(value), threshold, or_equal, range_ns, per_s })
}

/// What a metric is the sum of.
fn summed(metric: &mut MetricExpr) -> Option<&mut RangeAggregation> {
    match &mut metric.kind {
        MetricKind::Range(range) => Some(range),
        MetricKind::Vector(v) if v.op == VectorOp::Sum => summed(&mut v.inner),
        _ => None,
    }
}

impl Counted {
    /// What the whole expression says of a count.
    pub fn of_count(&self, count: f64) -> f64 {
        self.per_s.map_or(count, |seconds| count / seconds)
    }

    pub fn passes(&self, count: f64) -> bool {
        let value = self.of_count(count);
        value > self.threshold || (self.or_equal && value == self.threshold)
    }

    /// Whether the expression cannot say otherwise for the sake of rounding: its sum of rates is not rounded as this is.
    pub fn is_plain(&self, count: f64) -> bool {
        let apart = (self.of_count(count) - self.threshold).abs();
        self.per_s.is_none() || apart > self.threshold.abs() * 1e-9
    }
}

/// The selectors of streams a query reads.
pub fn selectors(expr: &Expr) -> Vec<&[Matcher]> {
    let mut found = Vec::new();
    match expr {
        Expr::Log(log) => found.push(log.selector.as_slice()),
        Expr::Metric(metric) => collect(metric, &mut found),
    }
    found
}

fn collect<'e>(metric: &'e MetricExpr, found: &mut Vec<&'e [Matcher]>) {
    match &metric.kind {
        MetricKind::Range(range) => found.push(&range.log.selector),
        MetricKind::Vector(v) => collect(&v.inner, found),
        MetricKind::LabelReplace(l) => collect(&l.inner, found),
        MetricKind::Binary(b) => {
            collect(&b.left, found);
            collect(&b.right, found);
        }
        MetricKind::Literal(_) | MetricKind::Constant(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logql::parse;

    #[test]
    fn counts_above_a_number_only_grow() {
        for (text, wanted) in [
            ("sum by (app) (count_over_time({a=\"b\"} |= \"x\" [1m])) > 3", true),
            ("3 <= rate({a=\"b\"}[1m])", true),
            ("bytes_over_time({a=\"b\"} | json [1m]) > 3", true),
            ("count_over_time({a=\"b\"}[1m]) < 3", false),
            ("count_over_time({a=\"b\"}[1m] offset 1m) > 3", false),
            ("count_over_time({a=\"b\"} | distinct x [1m]) > 3", false),
            ("sum_over_time({a=\"b\"} | unwrap x [1m]) > 3", false),
            ("count_over_time({a=\"b\"}[1m]) > bool 3", false),
            ("count_over_time({a=\"b\"}[1m]) / rate({a=\"b\"}[1m]) > 3", false),
        ] {
            assert_eq!(only_grows(&parse(text).unwrap()), wanted, "{text}");
        }
    }

    #[test]
    fn sums_of_counts_are_made_of_batches() {
        let counted = |text: &str| counted(&parse(text).unwrap());
        let one = counted("sum by (app) (rate({a=\"b\"} |= \"x\" [1m])) >= 3").unwrap();
        assert_eq!((one.threshold, one.or_equal, one.range_ns), (3.0, true, 60_000_000_000));
        assert!(one.passes(180.0) && !one.passes(179.0) && one.is_plain(181.0) && !one.is_plain(180.0));
        assert!(matches!(&one.value, Expr::Metric(metric) if metric.to_string().contains("count_over_time")));
        assert!(counted("3 < count_over_time({a=\"b\"}[1m])").is_some_and(|one| !one.passes(3.0)));
        assert!(counted("max(count_over_time({a=\"b\"}[1m])) > 3").is_none());
    }

    #[test]
    fn selectors_are_those_of_all_parts() {
        let expr = parse("sum(rate({a=\"b\"}[1m])) / sum(rate({c=\"d\", e=~\"f\"}[1m]))").unwrap();
        assert_eq!(selectors(&expr).iter().map(|of| of.len()).collect::<Vec<_>>(), [1, 2]);
    }
}
