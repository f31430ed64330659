//! Why a rule has an alert at a time, or has none: what it asked, what it found, and what was compared with what.

use std::collections::BTreeMap;

use engine::promql::{self, Point, Settings};
use engine::{logql, traceql};
use store::Snapshot;
use store::model::RequestCtx;

use super::early::Early;
use super::file::{Group, Rule, RuleBody};
use super::query::{Instant, Language, Query, Vector};

/// Elements that are shown.
const SHOWN_MAX: usize = 20;

/// A rule's evaluation at the instant of its grid a time belongs to.
#[derive(Clone, Debug)]
pub struct RuleExplained {
    pub group: String,
    pub file: String,
    pub name: String,
    pub expression: String,
    pub language: &'static str,
    pub interval_ms: u64,
    pub for_ms: u64,
    /// Arriving data may bring a firing forward.
    pub early: bool,
    pub instant_ms: i64,
    /// What the expression finds: each element is an alert.
    pub found: Result<Elements, String>,
    /// What it compares with a number, before the comparison; none: it compares nothing of the kind.
    pub compared: Option<Compared>,
}

#[derive(Clone, Debug, Default)]
pub struct Elements {
    pub count: usize,
    /// Of many the first.
    pub shown: Vec<(BTreeMap<String, String>, f64)>,
}

#[derive(Clone, Debug)]
pub struct Compared {
    /// As `> 5`.
    pub with: String,
    pub elements: Result<Elements, String>,
}

/// Blocking: reads data.
pub(super) fn explain(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    group: &Group,
    index: usize,
    time_ms: i64,
) -> Option<RuleExplained> {
    let rule = group.rules.get(index)?;
    let interval_ms = i64::try_from(group.interval_ms).unwrap_or(i64::MAX).max(1);
    let instant_ms = time_ms.div_euclid(interval_ms) * interval_ms;
    let offset_ms = i64::try_from(group.query_offset_ms).unwrap_or(0);
    let at = Instant { time_ms: instant_ms - offset_ms, settings: Settings::default() };
    let ask = |query: &Query| query.vector(ctx, snapshot, &at).map(elements);
    Some(RuleExplained {
        group: group.name.clone(),
        file: group.file.clone(),
        name: rule.name.clone(),
        expression: rule.text.clone(),
        language: match rule.query.language() {
            Language::Promql => "promql",
            Language::Logql => "logql",
            Language::Traceql => "traceql",
        },
        interval_ms: group.interval_ms,
        for_ms: hold_ms(rule),
        early: Early::of_group(group).iter().any(|early| early.rule == index),
        instant_ms,
        found: ask(&rule.query),
        compared: compared(&rule.query).map(|(query, with)| Compared { with, elements: ask(&query) }),
    })
}

fn hold_ms(rule: &Rule) -> u64 {
    match rule.body {
        RuleBody::Alerting { for_ms, .. } => for_ms,
        RuleBody::Recording => 0,
    }
}

fn elements(vector: Vector) -> Elements {
    let number = |point: Point| match point {
        Point::Float(value) => value,
        Point::Histogram(histogram) => histogram.count,
    };
    let count = vector.len();
    let texts = |(labels, point): (store::model::Labels, Point)| {
        let labels = labels.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        (labels, number(point))
    };
    Elements { count, shown: vector.into_iter().take(SHOWN_MAX).map(texts).collect() }
}

/// What is compared with a number, and that comparison.
fn compared(query: &Query) -> Option<(Query, String)> {
    match query {
        Query::Metrics(expr) => {
            let promql::Expr::Binary(b) = expr.unparen() else { return None };
            let is_number = |expr: &promql::Expr| expr.value_type() == promql::ast::ValueType::Scalar;
            match b.op.is_comparison() && !b.return_bool {
                true if is_number(&b.rhs) => {
                    Some((Query::Metrics(b.lhs.clone()), format!("{} {}", b.op.symbol(), b.rhs)))
                }
                true if is_number(&b.lhs) => {
                    Some((Query::Metrics(b.rhs.clone()), format!("{} {} it", b.lhs, b.op.symbol())))
                }
                _ => None,
            }
        }
        Query::Logs(logql::Expr::Metric(metric)) => {
            let logql::MetricKind::Binary(b) = &metric.kind else { return None };
            match (b.op, &b.right.kind) {
                (logql::BinaryOp::Compare(op), logql::MetricKind::Literal(number)) if !b.return_bool => {
                    let left = Query::Logs(logql::Expr::Metric(b.left.clone()));
                    Some((left, format!("{} {number}", symbol(op))))
                }
                _ => None,
            }
        }
        Query::Logs(logql::Expr::Log(_)) => None,
        Query::Traces { query, range_ms } => {
            let traceql::Expr::Metrics(traceql::MetricsExpr::Keep { op, number, of }) = &query.expr else {
                return None;
            };
            let query = traceql::Query { expr: traceql::Expr::Metrics((**of).clone()), ..query.clone() };
            Some((Query::Traces { query, range_ms: *range_ms }, format!("{} {number}", trace_symbol(*op))))
        }
    }
}

/// What an expression holds against a constant, and that constant; or all of it.
pub(crate) fn compared_with(expr: &promql::Expr) -> (&promql::Expr, Option<f64>) {
    let promql::Expr::Binary(b) = expr.unparen() else { return (expr, None) };
    if !b.op.is_comparison() {
        return (expr, None);
    }
    match (b.lhs.unparen(), b.rhs.unparen()) {
        (_, promql::Expr::Number(number)) => (&b.lhs, Some(number.value)),
        (promql::Expr::Number(number), _) => (&b.rhs, Some(number.value)),
        _ => (expr, None),
    }
}

fn trace_symbol(op: traceql::Comparison) -> &'static str {
    match op {
        traceql::Comparison::Eq => "=",
        traceql::Comparison::Ne => "!=",
        traceql::Comparison::Gt => ">",
        traceql::Comparison::Ge => ">=",
        traceql::Comparison::Lt => "<",
        traceql::Comparison::Le => "<=",
    }
}

fn symbol(op: logql::Compare) -> &'static str {
    match op {
        logql::Compare::Eq => "==",
        logql::Compare::Ne => "!=",
        logql::Compare::Gt => ">",
        logql::Compare::Ge => ">=",
        logql::Compare::Lt => "<",
        logql::Compare::Le => "<=",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::file::parse;

    #[test]
    fn what_is_compared_is_shown_apart() {
        for (expr, wanted) in [
            ("sum(rate(x[1m])) > 1024 * 2", Some("> 1024 * 2")),
            ("3 < x", Some("3 < it")),
            ("x > bool 3", None),
            ("x > y", None),
            ("absent(x)", None),
            ("sum(count_over_time({a=\"b\"} |= \"c\" [1m])) >= 3", Some(">= 3")),
            ("{ status = error } | rate() > 3", Some("> 3")),
        ] {
            let text = format!("groups: [{{name: g, rules: [{{alert: A, expr: '{expr}'}}]}}]");
            let rule = parse("a.yml", &text).unwrap().remove(0).rules.remove(0);
            assert_eq!(compared(&rule.query).map(|(_, with)| with).as_deref(), wanted, "{expr}");
        }
    }
}
