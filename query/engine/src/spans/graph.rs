//! The service graph of a window, and rate, errors and duration of its operations, from the spans themselves: exact
//! whatever the order they came in.

use std::collections::BTreeMap;

use store::Snapshot;
use store::model::RequestCtx;

use super::distribution::Distribution;
use super::edges;
use super::rows::{Part, Rows, Survey};
use crate::logql::EvalError;
use crate::traceql::{Kind, Status};

/// The other half of a call may lie outside of the window by this much; farther ones are found by trace id.
pub const MARGIN_NS: i64 = 30 * 1_000_000_000;

/// Spans that are in memory together, some 40 MB.
const PART_SPANS: u64 = 250_000;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    pub client: String,
    pub server: String,
    pub kind: EdgeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeKind {
    /// A request and its answer.
    Calls,
    Messaging,
    Database,
    /// One side sends no spans.
    Virtual,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct EdgeStats {
    pub calls: u64,
    pub failed: u64,
    /// As the server and as the client saw it.
    pub server: Distribution,
    pub client: Distribution,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    pub service: String,
    pub name: String,
    pub kind: &'static str,
    pub status: &'static str,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceGraph {
    pub operations: BTreeMap<Operation, Distribution>,
    pub edges: BTreeMap<Edge, EdgeStats>,
}

impl EdgeKind {
    /// The label `connection_type` in Tempo's service graphs.
    pub fn label(self) -> &'static str {
        match self {
            EdgeKind::Calls => "",
            EdgeKind::Messaging => "messaging_system",
            EdgeKind::Database => "database",
            EdgeKind::Virtual => "virtual_node",
        }
    }
}

/// The graph of spans that start in the window (Unix nanoseconds, the end exclusive). Blocking. Calls that end after
/// `settled` and have no answer yet are left open.
pub fn service_graph(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    window: (i64, i64),
    settled: i64,
) -> Result<ServiceGraph, EvalError> {
    service_graph_in_parts(ctx, snapshot, window, settled, PART_SPANS)
}

fn service_graph_in_parts(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    window: (i64, i64),
    settled: i64,
    part_spans: u64,
) -> Result<ServiceGraph, EvalError> {
    let survey = Survey::of(ctx, snapshot, window, MARGIN_NS)?;
    let mut graph = ServiceGraph::default();
    let of = survey.spans / part_spans + 1;
    for number in 0..of {
        let rows = Rows::read(ctx, snapshot, window, MARGIN_NS, Part { number, of })?;
        add_operations(&rows, &mut graph);
        edges::add(&rows, &survey, settled, &mut graph);
        ctx.budget.give_back(rows.bytes);
    }
    Ok(graph)
}

fn add_operations(rows: &Rows, graph: &mut ServiceGraph) {
    let mut operations: BTreeMap<(u32, u32, u8, u8), Distribution> = BTreeMap::new();
    for row in rows.rows.iter().filter(|row| row.inside) {
        let key = (row.service, row.name, row.kind as u8, row.status as u8);
        operations.entry(key).or_default().add(row.example());
    }
    for ((service, name, kind, status), distribution) in operations {
        let operation = Operation {
            service: rows.texts.text(service).to_owned(),
            name: rows.texts.text(name).to_owned(),
            kind: Kind::of(i64::from(kind)).otel_name(),
            status: Status::of(i64::from(status)).otel_name(),
        };
        graph.operations.entry(operation).or_default().merge(&distribution);
    }
}

#[cfg(test)]
mod tests {
    use store::model::{
        Batch, Budget, EventBatchBuilder, Field, NestedWriter, Role, Signal, StreamParts, Tenant, Value,
    };

    use super::*;

    const MS: i64 = 1_000_000;

    /// trace, id, parent, service, kind, start ms, duration ms, attributes, link
    type Span =
        (u8, u8, u8, &'static str, Kind, i64, i64, &'static [(&'static str, &'static str)], Option<(u8, u8)>);

    const SPANS: [Span; 11] = [
        (1, 1, 0, "front", Kind::Server, 1000, 90, &[], None),
        (1, 2, 1, "front", Kind::Client, 1010, 50, &[("server.address", "cart:80")], None),
        (1, 3, 2, "cart", Kind::Server, 1020, 30, &[], None),
        (1, 4, 3, "cart", Kind::Internal, 1021, 20, &[], None),
        (
            1,
            5,
            4,
            "cart",
            Kind::Client,
            1022,
            10,
            &[("db.system.name", "postgresql"), ("db.namespace", "shop")],
            None,
        ),
        (1, 6, 1, "front", Kind::Client, 1060, 5, &[("server.address", "api.example")], None),
        (1, 7, 1, "front", Kind::Producer, 1070, 1, &[("messaging.destination.name", "orders")], None),
        (2, 1, 0, "mail", Kind::Consumer, 1500, 8, &[("messaging.destination.name", "orders")], Some((1, 7))),
        (3, 1, 9, "lost", Kind::Server, 1600, 8, &[], None),
        (4, 1, 0, "front", Kind::Producer, 1700, 8, &[("messaging.destination.name", "audit")], None),
        (5, 1, 0, "mail", Kind::Consumer, 1800, 8, &[("messaging.destination.name", "audit")], None),
    ];

    fn batch(spans: &[Span]) -> Batch {
        let mut b = EventBatchBuilder::new(Signal::Spans);
        for (trace, id, parent, service, kind, start, duration, attributes, link) in spans {
            let resource = [("service.name", Value::Str(service))];
            let stream = b.stream(&StreamParts { resource: &resource, ..Default::default() });
            b.begin_row(start * MS, stream);
            b.field(Field::TraceId, Value::Bytes(&[*trace; 16]));
            b.field(Field::SpanId, Value::Bytes(&[*id; 8]));
            if *parent > 0 {
                b.field(Field::ParentSpanId, Value::Bytes(&[*parent; 8]));
            }
            b.field(Field::Name, Value::Str("op"));
            b.field(Field::Kind, Value::Int(*kind as i64));
            b.field(Field::Duration, Value::Int(duration * MS));
            let mut links = NestedWriter::default();
            if let Some((trace, id)) = link {
                links.begin_array();
                links.begin_map();
                links.key("trace_id");
                links.value(Value::Bytes(&[*trace; 16]));
                links.key("span_id");
                links.value(Value::Bytes(&[*id; 8]));
                links.end();
                links.end();
                let bytes = links.into_bytes();
                b.field(Field::Links, Value::Nested(store::model::Nested::new(&bytes)));
            }
            attributes.iter().for_each(|(key, value)| b.attribute(key, Value::Str(value)));
            b.end_row();
        }
        Batch::Events(b.finish())
    }

    fn graph(batches: Vec<Batch>, settled_ms: i64) -> ServiceGraph {
        let tenant = Tenant::authenticated("t").unwrap();
        let ctx = RequestCtx::new(tenant, "test", Role::Read, None, Budget::new(1 << 24));
        let snapshot = Snapshot::of_batches(batches);
        service_graph(&ctx, &snapshot, (0, 60_000 * MS), settled_ms * MS).unwrap()
    }

    fn shown(graph: &ServiceGraph) -> Vec<String> {
        let edge = |(edge, stats): (&Edge, &EdgeStats)| {
            format!("{} > {} {}{}", edge.client, edge.server, edge.kind.label(), stats.calls)
        };
        graph.edges.iter().map(edge).collect()
    }

    #[test]
    fn edges_have_services_databases_queues_and_strangers() {
        let found = graph(vec![batch(&SPANS)], 60_000);
        assert_eq!(
            shown(&found),
            [
                "audit > mail messaging_system1",
                "cart > shop database1",
                "front > api.example virtual_node1",
                "front > audit messaging_system1",
                "front > cart 1",
                "front > mail messaging_system1",
                "user > front virtual_node1",
            ]
        );
        let cart =
            &found.edges[&Edge { client: "front".into(), server: "cart".into(), kind: EdgeKind::Calls }];
        assert_eq!((cart.server.sum_s(), cart.client.sum_s()), (0.03, 0.05));
        let front = found.operations.iter().filter(|(operation, _)| operation.service == "front");
        assert_eq!(front.map(|(_, distribution)| distribution.count).sum::<u64>(), 5);
    }

    #[test]
    fn the_order_and_the_requests_spans_come_in_do_not_matter_nor_do_repetitions() {
        let once = graph(vec![batch(&SPANS)], 60_000);
        let mut backwards = SPANS;
        backwards.reverse();
        let single = |span: &Span| batch(std::slice::from_ref(span));
        let mut shuffled: Vec<Batch> = backwards.iter().map(single).collect();
        shuffled.push(batch(&SPANS[..4]));
        assert_eq!(graph(shuffled, 60_000), once);
    }

    #[test]
    fn looking_at_traces_in_parts_finds_the_same() {
        let tenant = Tenant::authenticated("t").unwrap();
        let ctx = RequestCtx::new(tenant, "test", Role::Read, None, Budget::new(1 << 24));
        let snapshot = Snapshot::of_batches([batch(&SPANS)]);
        let whole = service_graph(&ctx, &snapshot, (0, 60_000 * MS), i64::MAX).unwrap();
        let parts = service_graph_in_parts(&ctx, &snapshot, (0, 60_000 * MS), i64::MAX, 1).unwrap();
        assert_eq!(parts, whole);
    }

    #[test]
    fn what_may_still_be_answered_is_no_stranger_yet() {
        let shown = shown(&graph(vec![batch(&SPANS)], 1_000));
        assert!(!shown.iter().any(|edge| edge.contains("api.example")), "{shown:?}");
        assert!(shown.iter().any(|edge| edge.contains("cart > shop")), "{shown:?}");
    }
}
