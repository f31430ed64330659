//! Ten thousand traces as broken clients send them: missing parents, spans twice, circles, clocks that differ, ids and
//! values at their limits. Each opens, is searched and measured, and nothing panics.

use store::Snapshot;
use store::model::{
    Batch, Budget, EventBatchBuilder, Field, RequestCtx, Role, Signal, StreamParts, Tenant, Value,
};

use super::*;
use crate::spans::{service_graph, trace_path};
use crate::traceql::parse;

const TRACES: u64 = 10_000;

/// splitmix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn ctx() -> RequestCtx {
    RequestCtx::new(Tenant::authenticated("t").unwrap(), "test", Role::Read, None, Budget::new(1 << 30))
}

fn id(number: u64) -> TraceId {
    u128::from(number + 1).to_be_bytes()
}

/// Up to a dozen spans; a parent is any of them, itself, or nobody known.
fn add_trace(b: &mut EventBatchBuilder, number: u64, random: &mut u64) {
    let count = 1 + next(random) % 12;
    for span in 0..count {
        let resource = [("service.name", Value::Str(["a", "b", "c"][(next(random) % 3) as usize]))];
        let stream = b.stream(&StreamParts { resource: &resource, ..Default::default() });
        let skew = match next(random) % 20 {
            0 => -(next(random) as i64 % 86_400_000_000_000).abs(),
            1 => (next(random) as i64 % 3_000_000_000_000).abs(),
            _ => (next(random) % 1_000_000_000) as i64,
        };
        b.begin_row(1_700_000_000_000_000_000 + skew, stream);
        b.field(Field::TraceId, Value::Bytes(&id(number)));
        let own = if next(random).is_multiple_of(10) { next(random) % count } else { span };
        b.field(Field::SpanId, Value::Bytes(&own.to_be_bytes()));
        if !next(random).is_multiple_of(5) {
            b.field(Field::ParentSpanId, Value::Bytes(&(next(random) % (count + 2)).to_be_bytes()));
        }
        b.field(Field::Kind, Value::Int((next(random) % 8) as i64 - 1));
        let duration = match next(random) % 30 {
            0 => i64::MAX,
            1 => -5,
            other => other as i64 * 1_000_000,
        };
        b.field(Field::Duration, Value::Int(duration));
        b.field(Field::StatusCode, Value::Int((next(random) % 5) as i64));
        b.attribute("n", Value::Int(next(random) as i64));
        b.end_row();
    }
}

fn snapshot() -> Snapshot {
    let mut random = 42;
    let batch = |first: u64, random: &mut u64| {
        let mut b = EventBatchBuilder::new(Signal::Spans);
        (first..first + 500).for_each(|number| add_trace(&mut b, number, random));
        Batch::Events(b.finish())
    };
    Snapshot::of_batches((0..TRACES / 500).map(|part| batch(part * 500, &mut random)))
}

#[test]
fn ten_thousand_broken_traces_open_and_are_searched() {
    let snapshot = snapshot();
    let mut opened = 0;
    for first in (0..TRACES).step_by(1_000) {
        let ids: Vec<TraceId> = (first..first + 1_000).map(id).collect();
        for trace in traces_by_id(&ctx(), &snapshot, &ids, None).unwrap() {
            assert!(trace.spans.rows() > 0);
            let path = trace_path(&trace);
            assert!(path.parts.windows(2).all(|pair| pair[0].end <= pair[1].start));
            opened += 1;
        }
    }
    assert_eq!(opened, TRACES);
    let params = SearchParams { start: 0, end: i64::MAX, limit: 10_000, spans_per_set: 2 };
    for text in
        ["{ .n > 0 } >> { .n < 0 }", "{ } !~ { status = error }", "{ } | avg(.n * 2) > 0 | by(parent.n)"]
    {
        let found = search(&ctx(), &snapshot, &parse(text).unwrap(), &params).unwrap();
        assert!(!found.traces.is_empty(), "{text}");
    }
    let graph = service_graph(&ctx(), &snapshot, (0, i64::MAX), i64::MAX).unwrap();
    assert!(!graph.edges.is_empty());
}
