//! Samples in any order, through heads, segments, merges and restarts, compared with a map.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::compact::compact_due;
use crate::model::{
    Batch, Budget, MetricKind, MetricRef, RequestCtx, Role, SampleBatchBuilder, SeriesPart, StreamParts,
    Temporality, Tenant, Value,
};
use crate::{Append, Config, SeriesQuery, SeriesSamples, Store};

/// A sample: series, time, start, value. Few of each, so that they meet.
type Row = (u8, i64, i64, f64);

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<Row>),
    Flush,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let row = (0..3u8, 0..40i64, 0..3i64, 0..5i32);
    let row =
        row.prop_map(|(series, time, start, value)| (series, time * 100, start, f64::from(value) / 4.0));
    prop_oneof![
        5 => prop::collection::vec(row, 1..20).prop_map(Step::Write),
        4 => Just(Step::Flush),
        1 => Just(Step::Restart),
    ]
}

fn ctx() -> RequestCtx {
    RequestCtx::new(Tenant::authenticated("t").unwrap(), "test", Role::Admin, None, Budget::new(1 << 30))
}

fn batch(rows: &[Row], temporality: Temporality) -> Batch {
    let mut b = SampleBatchBuilder::default();
    let stream = b.stream(&StreamParts::default());
    let metric = b.metric(MetricRef {
        name: "m",
        unit: "",
        description: "",
        kind: MetricKind::Sum,
        temporality,
        monotonic: false,
    });
    for (series, time, start, value) in rows {
        let attributes = b.attributes(&mut vec![("series", Value::Int(i64::from(*series)))]);
        let group = b.series(stream, metric, attributes, SeriesPart::Value);
        b.point(group, *time, *start, *value);
    }
    Batch::Samples(b.finish())
}

fn open(dir: &Path) -> Store {
    let mut config = Config::new(dir);
    config.group_linger = Duration::ZERO;
    Store::open(config).unwrap()
}

/// What queries of a range show, by series.
fn shown(store: &Store, start_ms: i64, end_ms: i64) -> BTreeMap<u8, Vec<(i64, f64)>> {
    let ctx = ctx();
    let query = SeriesQuery { matchers: Vec::new(), start_ms, end_ms, totals: false };
    let all = store.snapshot(&ctx.tenant).select(&ctx, &query).unwrap();
    let rows = |s: &SeriesSamples| s.times.iter().copied().zip(s.values.iter().copied()).collect();
    all.iter().map(|s| (s.labels.get("series").unwrap().parse().unwrap(), rows(s))).collect()
}

/// The same of a map from (series, time, start if it counts) to value.
fn expected(
    model: &BTreeMap<(u8, i64, i64), f64>,
    start_ms: i64,
    end_ms: i64,
) -> BTreeMap<u8, Vec<(i64, f64)>> {
    let mut all: BTreeMap<u8, Vec<(i64, f64)>> = BTreeMap::new();
    for ((series, time, _), value) in model.iter().filter(|((_, t, _), _)| (start_ms..=end_ms).contains(t)) {
        let rows = all.entry(*series).or_default();
        match rows.last_mut().filter(|last| last.0 == *time) {
            Some(last) => last.1 += value,
            None => rows.push((*time, *value)),
        }
    }
    all
}

async fn run(steps: &[Step], temporality: Temporality) -> Result<(), TestCaseError> {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let mut model: BTreeMap<(u8, i64, i64), f64> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Write(rows) => {
                let append = Append { batch: batch(rows, temporality), key: None, answer: Vec::new() };
                store.writer().append(&ctx(), append).await.unwrap();
                for (series, time, start, value) in rows {
                    let start = if temporality == Temporality::Delta { *start } else { 0 };
                    model.insert((*series, *time, start), *value);
                }
            }
            Step::Flush => store.flush().await.unwrap(),
            Step::Restart => {
                store.shutdown().await;
                drop(store);
                store = open(dir.path());
            }
        }
        compact_due(&store.0).unwrap();
        for (start, end) in [(i64::MIN, i64::MAX), (1_000, 2_500)] {
            prop_assert_eq!(shown(&store, start, end), expected(&model, start, end));
        }
    }
    store.shutdown().await;
    Ok(())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_later_written_of_equal_times_stays(steps in prop::collection::vec(step(), 1..60)) {
        runtime().block_on(run(&steps, Temporality::Cumulative))?;
    }

    #[test]
    fn growth_of_equal_times_counts_for_each_start(steps in prop::collection::vec(step(), 1..60)) {
        runtime().block_on(run(&steps, Temporality::Delta))?;
    }
}
