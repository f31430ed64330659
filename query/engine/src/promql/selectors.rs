//! What an expression reads: for rules (which incoming series concern this one?) and for explaining a query.

use super::ast::{DurationValue, Expr, Matcher, Selector};

/// One selector of an expression and the time it covers.
#[derive(Clone, Debug)]
pub struct Used<'a> {
    pub matchers: &'a [Matcher],
    /// The window it reads before its evaluation time, in milliseconds; `None` for an instant selector (the
    /// lookback applies) or where it depends on the query's step.
    pub range_ms: Option<i64>,
    /// It may read another time than "now": `@`, `offset` or a subquery around it.
    pub shifted: bool,
}

/// Every selector of the expression, in the order they are written.
pub fn selectors(expr: &Expr) -> Vec<Used<'_>> {
    let mut found = Vec::new();
    collect(expr, false, &mut found);
    found
}

fn collect<'a>(expr: &'a Expr, shifted: bool, found: &mut Vec<Used<'a>>) {
    let mut push = |s: &'a Selector, range_ms| {
        let shifted = shifted || s.time.at.is_some() || s.time.offset.is_some();
        found.push(Used { matchers: &s.matchers, range_ms, shifted });
    };
    match expr {
        Expr::Selector(s) => push(s, None),
        Expr::Matrix(m) => push(
            &m.selector,
            match m.range {
                DurationValue::Millis(millis) => Some(millis),
                DurationValue::Expr(_) => None,
            },
        ),
        _ => {
            let shifted = shifted || matches!(expr, Expr::Subquery(_));
            for child in expr.children() {
                collect(child, shifted, found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::parse;

    #[test]
    fn an_expression_names_what_it_reads() {
        let expr =
            parse("sum(rate(a{x=\"1\"}[5m])) / on() b offset 1h > max_over_time(c[1h:1m])").expect("valid");
        let used = selectors(&expr);
        let shown: Vec<_> = used.iter().map(|u| (u.matchers.len(), u.range_ms, u.shifted)).collect();
        assert_eq!(shown, [(2, Some(300_000), false), (1, None, true), (1, None, true)]);
    }
}
