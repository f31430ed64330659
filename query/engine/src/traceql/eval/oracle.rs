//! Structural operators against the plainest way to say what they mean, on random trees with everything that goes
//! wrong: parents that are missing, circles, several roots.

use proptest::collection::vec;
use proptest::prelude::*;
use store::Snapshot;
use store::model::{Batch, EventBatchBuilder, Field, Signal, StreamParts, Value};

use super::tests::ctx;
use super::*;
use crate::traceql::parse;

/// Parent (an index, or out of range for a missing one; none for a root), and which of `a` and `b` it is.
type Node = (Option<usize>, bool, bool);

fn snapshot(nodes: &[Node]) -> Snapshot {
    let id = |at: usize| (at as u64 + 1).to_be_bytes();
    // Spans come in two requests, every other one in each.
    let half = |odd: usize| {
        let mut b = EventBatchBuilder::new(Signal::Spans);
        for (at, (parent, a, is_b)) in nodes.iter().enumerate().filter(|(at, _)| at % 2 == odd) {
            let resource = [("service.name", Value::Str("s"))];
            let stream = b.stream(&StreamParts { resource: &resource, ..Default::default() });
            b.begin_row(1_000 + at as i64, stream);
            b.field(Field::TraceId, Value::Bytes(&[7; 16]));
            b.field(Field::SpanId, Value::Bytes(&id(at)));
            if let Some(parent) = parent {
                b.field(Field::ParentSpanId, Value::Bytes(&id(*parent)));
            }
            b.attribute("a", Value::Bool(*a));
            b.attribute("b", Value::Bool(*is_b));
            b.end_row();
        }
        Batch::Events(b.finish())
    };
    Snapshot::of_batches([half(1), half(0)])
}

/// A circle is cut at its earliest span; here spans are numbered by time.
fn parents(nodes: &[Node]) -> Vec<Option<usize>> {
    let known = |at: usize| nodes[at].0.filter(|parent| *parent < nodes.len() && *parent != at);
    let mut parents: Vec<Option<usize>> = (0..nodes.len()).map(known).collect();
    for start in 0..nodes.len() {
        let mut circle = vec![start];
        let mut at = parents[start];
        while let Some(row) = at.filter(|row| *row != start && circle.len() <= nodes.len()) {
            circle.push(row);
            at = parents[row];
        }
        if at == Some(start) && circle.iter().all(|row| *row >= start) {
            parents[start] = None;
        }
    }
    parents
}

fn ancestors(parents: &[Option<usize>], of: usize) -> Vec<usize> {
    std::iter::successors(parents[of], |at| parents[*at]).collect()
}

fn stands(parents: &[Option<usize>], relation: &str, left: usize, right: usize) -> bool {
    match relation {
        ">" => parents[right] == Some(left),
        "<" => parents[left] == Some(right),
        ">>" => ancestors(parents, right).contains(&left),
        "<<" => ancestors(parents, left).contains(&right),
        _ => left != right && parents[left].is_some() && parents[left] == parents[right],
    }
}

fn expected(nodes: &[Node], operator: &str) -> Vec<usize> {
    let parents = parents(nodes);
    let relation = operator.trim_start_matches(['!', '&']);
    let side = |is: fn(&Node) -> bool| (0..nodes.len()).filter(|at| is(&nodes[*at])).collect::<Vec<_>>();
    let (left, right) = (side(|node| node.1), side(|node| node.2));
    let pairs = |l: usize, r: usize| stands(&parents, relation, l, r);
    let has_left = |r: usize| left.iter().any(|l| pairs(*l, r));
    let mut found: Vec<usize> =
        right.iter().copied().filter(|r| has_left(*r) != operator.starts_with('!')).collect();
    if operator.starts_with('&') {
        found.extend(left.iter().filter(|l| right.iter().any(|r| pairs(**l, *r))));
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn found(snapshot: &Snapshot, operator: &str) -> Vec<usize> {
    let query = parse(&format!("{{ .a = true }} {operator} {{ .b = true }}")).unwrap();
    let params = SearchParams { start: 0, end: 1 << 40, limit: 10, spans_per_set: 1000 };
    let traces = search(&ctx(), snapshot, &query, &params).unwrap().traces;
    let spans = traces.iter().flat_map(|trace| &trace.span_sets).flat_map(|set| &set.spans);
    let number = |id: &[u8]| u64::from_be_bytes(id.try_into().unwrap()) as usize - 1;
    let mut found: Vec<usize> = spans.map(|span| number(&span.id)).collect();
    found.sort_unstable();
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn structural_operators_mean_what_the_oracle_says(
        nodes in vec((prop::option::weighted(0.85, 0..40usize), any::<bool>(), any::<bool>()), 1..32)
    ) {
        let snapshot = snapshot(&nodes);
        for relation in [">", "<", ">>", "<<", "~"] {
            for mode in ["", "!", "&"] {
                let operator = format!("{mode}{relation}");
                prop_assert_eq!(found(&snapshot, &operator), expected(&nodes, &operator), "{}", operator);
            }
        }
    }
}

#[test]
fn deep_chains_are_walked_without_recursion() {
    let nodes: Vec<Node> = (0..20_000).map(|at: usize| (at.checked_sub(1), at == 0, at == 19_999)).collect();
    let snapshot = snapshot(&nodes);
    assert_eq!(found(&snapshot, ">>"), [19_999]);
    assert_eq!(found(&snapshot, "&>>"), [0, 19_999]);
}
