//! Which metrics queries more spans cannot take back: for rules that must not wait for the end of an interval.

use super::ast::*;
use super::table::{Intrinsic, MetricsOp};

/// Whether what passes the query's threshold has passed it for good: counts of spans, each judged by what itself says,
/// above a number.
pub fn only_grows(query: &Query) -> bool {
    let Expr::Metrics(MetricsExpr::Keep { op: Comparison::Gt | Comparison::Ge, of, .. }) = &query.expr else {
        return false;
    };
    let MetricsExpr::Select { stages, metrics } = &**of else { return false };
    let counts = matches!(metrics.op, MetricsOp::Rate | MetricsOp::Count);
    let judged_alone = match stages.as_slice() {
        [Stage::Spanset(SpansetExpr::Filter(None))] => true,
        [Stage::Spanset(SpansetExpr::Filter(Some(filter)))] => {
            let mut alone = true;
            filter.each_attribute(&mut |attribute| alone &= is_own(attribute));
            alone
        }
        _ => false,
    };
    counts && judged_alone && metrics.by.iter().all(is_own) && query.hint("extrapolate").is_none()
}

/// Whether a span says it itself, and not its parent or its trace.
fn is_own(attribute: &Attribute) -> bool {
    match attribute {
        Attribute::Named { parent, .. } => !parent,
        Attribute::Intrinsic(intrinsic) => !matches!(
            intrinsic,
            Intrinsic::ChildCount
                | Intrinsic::RootName
                | Intrinsic::RootService
                | Intrinsic::TraceDuration
                | Intrinsic::NestedLeft
                | Intrinsic::NestedRight
                | Intrinsic::NestedParent
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traceql::parse;

    #[test]
    fn counts_of_spans_above_a_number_only_grow() {
        for (text, wanted) in [
            ("{ status = error } | rate() > 3", true),
            ("{ resource.service.name = \"a\" } | count_over_time() by (name) >= 3", true),
            ("{ } | rate() > 3", true),
            ("{ status = error } | rate() < 3", false),
            ("{ rootName = \"a\" } | rate() > 3", false),
            ("{ status = error } | rate() by (rootServiceName) > 3", false),
            ("{ name = \"a\" } !>> { name = \"b\" } | rate() > 3", false),
            ("{ } | avg_over_time(duration) > 3", false),
            ("{ status = error } | rate()", false),
        ] {
            assert_eq!(only_grows(&parse(text).unwrap()), wanted, "{text}");
        }
    }
}
