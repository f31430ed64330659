//! Labels of resource and scope: a query may name them in `by`, `on` and `group_left` as if each series had them, in either
//! spelling. They are in no label set unless named; functions carry them, aggregations and operators between vectors
//! drop them. `without` and `ignoring` do not see them.

use store::SeriesSamples;
use store::model::Labels;

use super::Row;
use super::matching::with;
use crate::promql::ast::Expr;

/// The names an expression groups or matches by.
pub(super) fn named(expr: &Expr) -> Vec<String> {
    let mut names = Vec::new();
    collect(expr, &mut names);
    names.sort_unstable();
    names.dedup();
    names
}

fn collect(expr: &Expr, names: &mut Vec<String>) {
    match expr {
        Expr::Aggregate(a) if !a.without => names.extend(a.grouping.iter().cloned()),
        Expr::Binary(b) => {
            if b.matching.on {
                names.extend(b.matching.labels.iter().cloned());
            }
            names.extend(b.matching.include.iter().cloned());
        }
        _ => {}
    }
    expr.children().into_iter().for_each(|child| collect(child, names));
}

/// What the query names that is not in the series' label set as it is spelled there. A label set that came as one has
/// nothing beside it.
pub(super) fn hidden(named: &[String], series: &SeriesSamples) -> Labels {
    if named.is_empty() || series.meta.stream.has_plain_labels() {
        return Labels::default();
    }
    let absent = named.iter().filter(|name| series.labels.get(name).is_none());
    let found = absent.filter_map(|name| {
        let value = series.labels.get_spelled(name).or_else(|| series.meta.hidden_label(name));
        Some((name.as_str(), value?))
    });
    let found: Vec<(&str, &str)> = found.collect();
    if found.is_empty() { Labels::default() } else { Labels::new(found) }
}

// === impl Row ===

impl Row {
    /// Labels chosen from the row's own, with those that are named and hidden.
    pub(super) fn with_hidden(&self, labels: Labels, names: &[String]) -> Labels {
        if self.hidden.is_empty() {
            return labels;
        }
        let named = self
            .hidden
            .iter()
            .filter(|(name, _)| names.iter().any(|wanted| wanted == name) && self.labels.get(name).is_none());
        with(&labels, named)
    }
}
