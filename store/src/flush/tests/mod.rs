//! The whole store with its ground pulled away: crashes between any two steps, flipped bits, clocks that jump, many
//! tenants.

mod crash;
mod erase;
mod flips;
mod ground;
mod retention;
mod tenants;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use crate::clock::Clock;
use crate::durable::Disk;
use crate::model::{
    Batch, BatchKey, Budget, EventBatchBuilder, Field, Filter, LabelMatcher, Labels, MatchOp, MetricKind,
    MetricRef, RequestCtx, Role, SampleBatchBuilder, SeriesPart, Signal, StreamParts, Temporality, Tenant,
    Value,
};
use crate::open::{Ground, open};
use crate::{
    Ack, Append, Config, EventQuery, EventRows, Order, Projection, ScanControl, SeriesQuery, Store,
    StoreError,
};

const DAY_MS: i64 = 86_400_000;
/// What the clock of these tests shows at first.
const NOW_MS: i64 = 1_700_000_000_000;

fn tenant(name: &str) -> Tenant {
    Tenant::authenticated(name).unwrap()
}

fn ctx(name: &str) -> RequestCtx {
    RequestCtx::new(tenant(name), "test", Role::Admin, None, Budget::new(1 << 30))
}

/// A store on a directory, without the maintenance thread: the test does its work.
fn store_on(config: Config, ground: Ground) -> Store {
    Store(Arc::new(open(config, ground).unwrap()))
}

fn config(dir: &Path) -> Config {
    Config { wal_file_bytes: 32 << 10, ..Config::new(dir) }
}

fn clock_at(ms: i64) -> (Arc<AtomicI64>, Clock) {
    let time = Arc::new(AtomicI64::new(ms));
    (Arc::clone(&time), Clock::Set(time))
}

/// When a numbered record was: today, yesterday or the day before, so that a flush makes several segments.
fn time_ms(number: u64) -> i64 {
    NOW_MS - DAY_MS * (number as i64 % 3) - number as i64
}

fn id(number: u64) -> String {
    format!("{:016x}", (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn batch(signal: Signal, numbers: Range<u64>) -> Batch {
    if signal == Signal::Samples {
        return samples(numbers);
    }
    let mut b = EventBatchBuilder::new(signal);
    let resource = [("service.name", Value::Str("cart"))];
    let stream = b.stream(&StreamParts { resource: &resource, ..Default::default() });
    for number in numbers {
        b.begin_row(time_ms(number) * 1_000_000, stream);
        let word = ["shipped", "refunded", "timeout"][number as usize % 3];
        b.field(Field::Body, Value::Str(&format!("{number} order {} {word}", id(number))));
        b.field(Field::TraceId, Value::Bytes(&u128::from(number).to_be_bytes()));
        b.attribute("order", Value::Str(&id(number)));
        b.end_row();
    }
    Batch::Events(b.finish())
}

/// One series for every number modulo four; the value is the number.
fn samples(numbers: Range<u64>) -> Batch {
    let mut b = SampleBatchBuilder::default();
    let stream = b.stream(&StreamParts::default());
    let metric = b.metric(MetricRef {
        name: "orders",
        unit: "",
        description: "",
        kind: MetricKind::Gauge,
        temporality: Temporality::Unspecified,
        monotonic: false,
    });
    for number in numbers {
        let attributes = b.attributes(&mut vec![("shard", Value::Int(number as i64 % 4))]);
        let series = b.series(stream, metric, attributes, SeriesPart::Value);
        b.point(series, time_ms(number), 0, number as f64);
    }
    Batch::Samples(b.finish())
}

fn key(name: &str, signal: Signal, first: u64) -> BatchKey {
    BatchKey(xxhash_rust::xxh3::xxh3_128(format!("{name} {} {first}", signal.as_str()).as_bytes()))
}

/// Sends numbers as one batch; the first of them makes its key.
async fn send(store: &Store, name: &str, signal: Signal, numbers: Range<u64>) -> Result<Ack, StoreError> {
    let key = Some(key(name, signal, numbers.start));
    let append = Append { batch: batch(signal, numbers), key, answer: Vec::new() };
    store.writer().append(&ctx(name), append).await
}

/// The numbers of a tenant's records, as often as they are there. Panics at a record nobody sent.
fn found(store: &Store, name: &str) -> BTreeMap<Signal, Vec<u64>> {
    let mut all = BTreeMap::new();
    for signal in [Signal::Logs, Signal::Spans] {
        all.insert(signal, events(store, name, signal, Filter::All));
    }
    let matcher = LabelMatcher::new(Labels::METRIC_NAME, MatchOp::Equal, "orders").unwrap();
    let query = SeriesQuery { matchers: vec![matcher], start_ms: i64::MIN, end_ms: i64::MAX, totals: false };
    let ctx = ctx(name);
    let mut numbers = Vec::new();
    for series in store.snapshot(&ctx.tenant).select(&ctx, &query).unwrap() {
        for (time, value) in series.times.iter().zip(&series.values) {
            let number = *value as u64;
            assert_eq!(*time, time_ms(number), "a sample nobody sent");
            assert_eq!(series.labels.get("shard"), Some(&*(number % 4).to_string()));
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    all.insert(Signal::Samples, numbers);
    all
}

fn events(store: &Store, name: &str, signal: Signal, filter: Filter) -> Vec<u64> {
    let query = EventQuery {
        signal,
        start: i64::MIN,
        end: i64::MAX,
        filter,
        projection: Projection::All,
        order: Order::Any,
    };
    let ctx = ctx(name);
    let mut numbers = Vec::new();
    let mut visit = |rows: EventRows<'_>| {
        numbers.extend(rows.rows.iter().map(|row| number(&rows, *row as usize, signal)));
        ScanControl::Continue
    };
    store.snapshot(&ctx.tenant).scan(&ctx, &query, &mut visit).unwrap();
    numbers.sort_unstable();
    numbers
}

/// The number a row carries; panics if any part of it is not that of one record.
fn number(rows: &EventRows<'_>, row: usize, signal: Signal) -> u64 {
    let body = rows.batch.field(row, Field::Body).and_then(Value::as_str).unwrap_or_default();
    let number: u64 =
        body.split(' ').next().and_then(|text| text.parse().ok()).expect("a record nobody sent");
    let Batch::Events(one) = batch(signal, number..number + 1) else { panic!("of events") };
    assert_eq!(rows.batch.times()[row], one.times()[0]);
    assert_eq!(rows.batch.stream(row), one.stream(0));
    for field in [Field::Body, Field::TraceId] {
        assert_eq!(rows.batch.field(row, field), one.field(0, field));
    }
    assert_eq!(rows.batch.attributes(row).collect::<Vec<_>>(), one.attributes(0).collect::<Vec<_>>());
    number
}

fn ground(disk: Arc<dyn Disk>, clock: Clock) -> Ground {
    Ground { disk, clock, ..Ground::machine() }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}
