//! What a data directory holds, read by the store itself while no server runs, compared with the journals.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use store::model::{
    Budget, Field, Filter, LabelMatcher, Labels, MatchOp, RequestCtx, Role, Signal, Tenant, Value,
};
use store::{EventQuery, Order, Projection, ScanControl, SeriesQuery, Snapshot, Store};

use crate::batch::{Kind, metric_name};
use crate::client::{Client, TENANT};

/// Reads everything and panics if it is not what the journals allow; answers a line about it.
pub(crate) fn check(data: &Path, clients: &[Client]) -> String {
    let store = Store::open(store::Config::new(data)).expect("the store opens");
    let ctx = ctx();
    let snapshot = store.snapshot(&ctx.tenant);
    let mut events = named(&ctx, &snapshot, Signal::Logs, Field::Body);
    events.extend(named(&ctx, &snapshot, Signal::Spans, Field::Name));
    let (mut acked_count, mut stored_count, mut samples_count) = (0, 0, 0);
    for client in clients {
        let found = match client.kind {
            Kind::Metrics => samples(&ctx, &snapshot, client.number),
            _ => events.remove(&client.number).unwrap_or_default(),
        };
        let what = format!("{:?} over {:?}", client.kind, client.door);
        let stored: BTreeSet<u64> = found.iter().copied().collect();
        assert_eq!(stored.len(), found.len(), "{what}: something is there twice");
        let (sent, acked) = (client.journal.sent(), client.journal.acked());
        let lost: Vec<_> = acked.difference(&stored).collect();
        assert!(lost.is_empty(), "{what}: acknowledged and gone: {lost:?}");
        let invented: Vec<_> = stored.difference(&sent).collect();
        assert!(invented.is_empty(), "{what}: there, and nobody sent it: {invented:?}");
        acked_count += acked.len();
        stored_count += stored.len();
        samples_count += if client.kind == Kind::Metrics { stored.len() as u64 } else { 0 };
    }
    assert!(events.is_empty(), "records of clients that do not exist");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let status = runtime.block_on(store.status());
    assert_eq!(status.damaged, [], "damage");
    // Two samples of one millisecond show as one: only the count knows.
    let of_samples = status.signals.iter().find(|s| (s.tenant.as_str(), s.signal) == (TENANT, "samples"));
    assert_eq!(of_samples.map_or(0, |s| s.stored_since_creation), samples_count, "samples are there twice");
    format!("{acked_count} acknowledged, {stored_count} stored, {} from the log", status.replayed_records)
}

fn ctx() -> RequestCtx {
    RequestCtx::new(Tenant::authenticated(TENANT).unwrap(), "ledger", Role::Admin, None, Budget::new(1 << 30))
}

/// Numbers by client, of records whose field names both.
fn named(ctx: &RequestCtx, snapshot: &Snapshot, signal: Signal, field: Field) -> BTreeMap<u64, Vec<u64>> {
    let query = EventQuery {
        signal,
        start: i64::MIN,
        end: i64::MAX,
        filter: Filter::All,
        projection: Projection::All,
        order: Order::Any,
    };
    let mut found: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut visit = |rows: store::EventRows<'_>| {
        for row in rows.rows {
            let name = rows.batch.field(*row as usize, field).and_then(Value::as_str).unwrap_or_default();
            let numbers: Vec<u64> = name.split(' ').skip(1).map(|n| n.parse().unwrap()).collect();
            let [client, number] = numbers[..] else { panic!("a record named {name:?}") };
            found.entry(client).or_default().push(number);
        }
        ScanControl::Continue
    };
    snapshot.scan(ctx, &query, &mut visit).expect("the scan succeeds");
    found
}

fn samples(ctx: &RequestCtx, snapshot: &Snapshot, client: u64) -> Vec<u64> {
    let matcher = LabelMatcher::new(Labels::METRIC_NAME, MatchOp::Equal, &metric_name(client)).unwrap();
    let query = SeriesQuery { matchers: vec![matcher], start_ms: i64::MIN, end_ms: i64::MAX, totals: false };
    let series = snapshot.select(ctx, &query).expect("the selection succeeds");
    series.iter().flat_map(|series| series.values.iter().map(|value| *value as u64)).collect()
}
