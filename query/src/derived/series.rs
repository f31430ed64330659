//! The graph of a window as series: what each is called, its labels, its numbers.

use std::collections::BTreeMap;

use engine::spans::{BOUNDS_S, Distribution, Example, Operation, ServiceGraph};
use store::model::SeriesPart;

pub(super) const CALLS: &str = "traces_spanmetrics_calls";
pub(super) const LATENCY: &str = "traces_spanmetrics_latency";
pub(super) const REQUESTS: &str = "traces_service_graph_request";
pub(super) const FAILED: &str = "traces_service_graph_request_failed";
pub(super) const SERVER: &str = "traces_service_graph_request_server_seconds";
pub(super) const CLIENT: &str = "traces_service_graph_request_client_seconds";

/// Each metric, and whether it is a histogram.
pub(super) const METRICS: [(&str, bool); 6] =
    [(CALLS, false), (LATENCY, true), (REQUESTS, false), (FAILED, false), (SERVER, true), (CLIENT, true)];

/// Span names of a window beyond it are counted under one name: names with ids in them are many.
const OPERATIONS_MAX: usize = 2_000;
const OVERFLOW: &str = "__overflow__";

/// A metric with its labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) metric: &'static str,
    pub(super) labels: Vec<(&'static str, String)>,
}

/// A number for each part.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    pub(super) values: Vec<f64>,
    pub(super) example: Option<Example>,
}

/// The parts of a metric's series, in the order of its numbers.
pub(super) fn parts(histogram: bool) -> Vec<SeriesPart> {
    if !histogram {
        return vec![SeriesPart::Value];
    }
    let buckets = BOUNDS_S.iter().copied().chain([f64::INFINITY]).map(SeriesPart::Bucket);
    buckets.chain([SeriesPart::Sum, SeriesPart::Count]).collect()
}

pub(super) const LABELS: [&str; 7] =
    ["service", "span_name", "span_kind", "status_code", "client", "server", "connection_type"];

/// What a window's series grow to.
pub(super) fn wanted(graph: ServiceGraph) -> BTreeMap<Key, Numbers> {
    let mut out = BTreeMap::new();
    for (operation, distribution) in bounded(graph.operations) {
        let labels = vec![
            ("service", operation.service),
            ("span_name", operation.name),
            ("span_kind", operation.kind.to_owned()),
            ("status_code", operation.status.to_owned()),
        ];
        put(&mut out, CALLS, &labels, counter(distribution.count));
        put(&mut out, LATENCY, &labels, histogram(&distribution));
    }
    for (edge, stats) in graph.edges {
        let labels = vec![
            ("client", edge.client),
            ("server", edge.server),
            ("connection_type", edge.kind.label().to_owned()),
        ];
        put(&mut out, REQUESTS, &labels, counter(stats.calls));
        put(&mut out, FAILED, &labels, counter(stats.failed));
        put(&mut out, SERVER, &labels, histogram(&stats.server));
        put(&mut out, CLIENT, &labels, histogram(&stats.client));
    }
    out
}

fn put(
    out: &mut BTreeMap<Key, Numbers>,
    metric: &'static str,
    labels: &[(&'static str, String)],
    numbers: Numbers,
) {
    // An empty label is no label.
    let labels = labels.iter().filter(|(_, value)| !value.is_empty()).cloned().collect();
    let sum = out.entry(Key { metric, labels }).or_default();
    if sum.values.is_empty() {
        *sum = numbers;
        return;
    }
    sum.values.iter_mut().zip(numbers.values).for_each(|(sum, value)| *sum += value);
}

fn counter(count: u64) -> Numbers {
    Numbers { values: vec![count as f64], example: None }
}

fn histogram(of: &Distribution) -> Numbers {
    let counts = of.cumulative().into_iter().map(|count| count as f64);
    Numbers { values: counts.chain([of.sum_s(), of.count as f64]).collect(), example: of.slowest }
}

/// The most frequent by name; the rest under one name for each service, kind and status.
fn bounded(operations: BTreeMap<Operation, Distribution>) -> Vec<(Operation, Distribution)> {
    let mut all: Vec<(Operation, Distribution)> = operations.into_iter().collect();
    if all.len() <= OPERATIONS_MAX {
        return all;
    }
    all.sort_by(|a, b| b.1.count.cmp(&a.1.count).then_with(|| a.0.cmp(&b.0)));
    for (operation, _) in all.iter_mut().skip(OPERATIONS_MAX) {
        operation.name = OVERFLOW.to_owned();
    }
    all
}
