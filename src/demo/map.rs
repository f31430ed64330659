//! Who calls whom in the shop: declared here, and held against what the service graph finds in the shop's spans.

use std::collections::BTreeSet;

use engine::spans::{EdgeKind, service_graph};
use opentelemetry::trace::SpanKind;
use store::Snapshot;
use store::model::{
    Batch, Budget, EventBatchBuilder, Field, RequestCtx, Role, Signal, StreamParts, Tenant, Value,
};

use super::actions;
use super::plan::{Plan, SpanPlan};
use super::random::Random;
use super::timeline::Incident;

/// Every edge and no other.
const EDGES: [(&str, &str, EdgeKind); 23] = [
    ("user", "frontend", EdgeKind::Virtual),
    ("frontend", "recommendation", EdgeKind::Calls),
    ("frontend", "catalog", EdgeKind::Calls),
    ("frontend", "pricing", EdgeKind::Calls),
    ("frontend", "search", EdgeKind::Calls),
    ("frontend", "review", EdgeKind::Calls),
    ("frontend", "cart", EdgeKind::Calls),
    ("frontend", "checkout", EdgeKind::Calls),
    ("search", "catalog", EdgeKind::Calls),
    ("catalog", "review", EdgeKind::Calls),
    ("checkout", "cart", EdgeKind::Calls),
    ("checkout", "pricing", EdgeKind::Calls),
    ("checkout", "inventory", EdgeKind::Calls),
    ("checkout", "payments", EdgeKind::Calls),
    ("checkout", "shipping", EdgeKind::Messaging),
    ("checkout", "mail", EdgeKind::Messaging),
    ("catalog", "shop", EdgeKind::Database),
    ("review", "shop", EdgeKind::Database),
    ("pricing", "shop", EdgeKind::Database),
    ("inventory", "shop", EdgeKind::Database),
    ("checkout", "shop", EdgeKind::Database),
    ("cart", "redis", EdgeKind::Database),
    ("payments", "bank.example", EdgeKind::Virtual),
];
const MAILS: (&str, &str, EdgeKind) = ("mail", "smtp.example", EdgeKind::Virtual);

/// A span as a batch of its own.
fn batch(number: u64, index: usize, span: &SpanPlan) -> Batch {
    let id = |index: usize| (number << 16 | (index as u64 + 1)).to_be_bytes();
    let mut b = EventBatchBuilder::new(Signal::Spans);
    let resource = [("service.name", Value::Str(span.service.name()))];
    let stream = b.stream(&StreamParts { resource: &resource, ..Default::default() });
    b.begin_row(span.start_us as i64 * 1_000, stream);
    b.field(Field::TraceId, Value::Bytes(&u128::from(number + 1).to_be_bytes()));
    b.field(Field::SpanId, Value::Bytes(&id(index)));
    if let Some(parent) = span.parent {
        b.field(Field::ParentSpanId, Value::Bytes(&id(parent.0)));
    }
    b.field(Field::Name, Value::Str(&span.name));
    let kind = match span.kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    };
    b.field(Field::Kind, Value::Int(kind));
    b.field(Field::Duration, Value::Int((span.end_us - span.start_us) as i64 * 1_000));
    if span.error.is_some() {
        b.field(Field::StatusCode, Value::Int(2));
    }
    for attribute in &span.attributes {
        b.attribute(attribute.key.as_str(), Value::Str(&attribute.value.to_string()));
    }
    b.end_row();
    Batch::Events(b.finish())
}

#[test]
fn the_service_graph_of_the_shop_is_the_declared_one() {
    let mut random = Random::new(7);
    let incidents = [Incident::Healthy, Incident::ReviewDown, Incident::BadPayments, Incident::SlowDatabase];
    let plans: Vec<Plan> =
        (0..600).map(|at| actions::next(&mut random, incidents[at % incidents.len()])).collect();
    let spans = plans.iter().enumerate().flat_map(|(number, plan)| {
        plan.spans.iter().enumerate().map(move |(index, span)| batch(number as u64, index, span))
    });
    // Spans come one by one, and in another order than they happened.
    let mut batches: Vec<Batch> = spans.collect();
    for at in (1..batches.len()).rev() {
        batches.swap(at, random.below(at as u64 + 1) as usize);
    }
    let tenant = Tenant::authenticated("default").unwrap();
    let ctx = RequestCtx::new(tenant, "test", Role::Read, None, Budget::new(1 << 30));
    let snapshot = Snapshot::of_batches(batches);
    let graph = service_graph(&ctx, &snapshot, (0, 60_000_000_000), i64::MAX).unwrap();
    let found: BTreeSet<(&str, &str, EdgeKind)> =
        graph.edges.keys().map(|edge| (edge.client.as_str(), edge.server.as_str(), edge.kind)).collect();
    let declared: BTreeSet<_> = EDGES.into_iter().chain([MAILS]).collect();
    assert_eq!(found, declared);
    // Rate and errors are the sums of what the services did.
    let did = |counts: &dyn Fn(&SpanPlan) -> bool| {
        plans.iter().flat_map(|plan| &plan.spans).filter(|span| counts(span)).count() as u64
    };
    let counted = |service: &str, status: &str| {
        let own = graph.operations.iter().filter(|(operation, _)| {
            operation.service == service && (status.is_empty() || operation.status == status)
        });
        own.map(|(_, distribution)| distribution.count).sum::<u64>()
    };
    for row in &super::service::SERVICES {
        let all = did(&|span: &SpanPlan| span.service == row.service);
        let failed = did(&|span: &SpanPlan| span.service == row.service && span.error.is_some());
        assert_eq!(
            (counted(row.name, ""), counted(row.name, "STATUS_CODE_ERROR")),
            (all, failed),
            "{}",
            row.name
        );
    }
}
