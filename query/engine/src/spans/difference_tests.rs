//! Seeded faults and none: what is ranked first, and what is called significant.

use store::model::{Batch, Budget, EventBatch, EventBatchBuilder, Field, Role, StreamParts, Tenant};

use super::*;
use crate::traceql::{Expr, SpansetExpr, Stage, parse};

const SPANS: usize = 6_000;
const ATTRIBUTES: usize = 24;

/// xorshift64*: a scenario is its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn chance(&mut self, p: f64) -> bool {
        self.next() < p
    }

    /// Log-normal around one.
    fn spread(&mut self, sigma: f64) -> f64 {
        let (a, b) = (self.next().max(1e-12), self.next());
        (sigma * (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()).exp()
    }
}

/// Thirty attributes: 24 of no meaning, the faulty one, three decoys that follow it, an id, a rare one. A decoy has the
/// value of 1 with the correlation 0.7 to the fault.
fn scenario(seed: u64, slower: f64) -> EventBatch {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let share = 0.02 + 0.08 * random.next();
    // Of two variables with one share, 0.7 of the other's spans copy the first.
    let mut b = EventBatchBuilder::new(Signal::Spans);
    for at in 0..SPANS {
        let stream = b
            .stream(&StreamParts { resource: &[("service.name", Value::Str("shop"))], ..Default::default() });
        b.begin_row(at as i64, stream);
        let faulty = random.chance(share);
        let factor = if faulty { slower } else { 1.0 };
        let nanos = (100e6 * factor * random.spread(0.3)) as i64;
        b.field(Field::Duration, Value::Int(nanos));
        b.field(Field::Name, Value::Str("GET /"));
        b.attribute("fault", Value::Str(if faulty { "bad" } else { "good" }));
        for decoy in ["decoy.a", "decoy.b", "decoy.c"] {
            let same = random.chance(0.7);
            let on = if same { faulty } else { random.chance(share) };
            b.attribute(decoy, Value::Str(if on { "1" } else { "0" }));
        }
        for (n, key) in KEYS.iter().enumerate() {
            let values = 2 + n as u64 % 9;
            b.attribute(key, Value::Int((random.next() * values as f64) as i64));
        }
        b.attribute("request.id", Value::Str(&format!("r-{seed}-{at}")));
        if random.chance(0.002) {
            b.attribute("rare", Value::Bool(true));
        }
        b.end_row();
    }
    b.finish()
}

const KEYS: [&str; ATTRIBUTES] = [
    "k.01", "k.02", "k.03", "k.04", "k.05", "k.06", "k.07", "k.08", "k.09", "k.10", "k.11", "k.12", "k.13",
    "k.14", "k.15", "k.16", "k.17", "k.18", "k.19", "k.20", "k.21", "k.22", "k.23", "k.24",
];

fn condition(text: &str) -> FieldExpr {
    match parse(text).unwrap().expr {
        Expr::Search(mut stages) => match stages.remove(0) {
            Stage::Spanset(SpansetExpr::Filter(Some(expr))) => expr,
            other => panic!("{other:?}"),
        },
        Expr::Metrics(_) => panic!("{text}"),
    }
}

fn found(batch: EventBatch) -> Differences {
    let mut durations: Vec<i64> =
        (0..batch.rows()).filter_map(|row| batch.field(row, Field::Duration)?.as_int()).collect();
    durations.sort_unstable();
    let slow = durations[durations.len() * 95 / 100];
    let selection = condition(&format!("{{ duration > {slow}ns }}"));
    let ctx =
        RequestCtx::new(Tenant::authenticated("t").unwrap(), "test", Role::Read, None, Budget::new(1 << 28));
    let params = DifferenceParams { window: (0, 1 << 40), among: None, selection: &selection, limit: 10 };
    difference(&ctx, &Snapshot::of_batches([Batch::Events(batch)]), &params).unwrap()
}

#[test]
fn a_seeded_fault_is_ranked_first_in_95_of_100_scenarios() {
    let mut first = 0;
    for seed in 0..100 {
        let slower = 1.5 + 3.5 * (seed as f64 / 99.0);
        let values = found(scenario(seed + 1, slower)).values;
        let top = values.first().filter(|value| value.significant);
        first += usize::from(top.is_some_and(|value| value.attribute == "span.fault"));
    }
    assert!(first >= 95, "first in {first} of 100");
}

#[test]
fn without_a_fault_nothing_is_significant_in_95_of_100_scenarios() {
    let quiet = (0..100)
        .filter(|seed| !found(scenario(seed + 1_000, 1.0)).values.iter().any(|v| v.significant))
        .count();
    assert!(quiet >= 95, "quiet in {quiet} of 100");
}

#[test]
fn counts_are_those_of_the_spans_and_decoys_are_explained() {
    let found = found(scenario(7, 3.0));
    assert_eq!((found.selected, found.others, found.truncated), (299, 5_701, false));
    let value = &found.values[0];
    assert_eq!((value.attribute.as_str(), value.value.text().as_str()), ("span.fault", "bad"));
    assert!(value.effect > 0.3 && value.p < 1e-9 && value.explained_by.is_none(), "{value:?}");
    let decoys =
        found.values.iter().filter(|value| value.attribute.starts_with("span.decoy") && value.significant);
    assert!(decoys.clone().count() > 0);
    assert!(decoys.into_iter().all(|decoy| decoy.explained_by.is_some()), "{:?}", found.values);
    assert!(!found.values.iter().any(|value| value.attribute.contains("request.id")));
}

#[test]
fn tails_are_right() {
    for (chi, p) in [(0.0, 1.0), (3.841_458, 0.05), (10.827_566, 0.001), (25.0, 5.733e-7)] {
        assert!((chi_tail(chi) / p - 1.0).abs() < 1e-3, "{chi}: {}", chi_tail(chi));
        assert!(p > 0.9 || (chi_of(p) / chi - 1.0).abs() < 1e-3);
    }
    // The tea party: 3 of 4 right have one tail of 17/70.
    let tea = Cells { a: 3, b: 1, c: 1, d: 3 };
    assert!((tea.fisher() - 34.0 / 70.0).abs() < 1e-9);
    assert!((Cells { a: 1, b: 3, c: 3, d: 1 }.fisher() - 34.0 / 70.0).abs() < 1e-9);
    assert!((ln_factorial(40) - (2..=40).map(|k| f64::from(k).ln()).sum::<f64>()).abs() < 1e-9);
}
