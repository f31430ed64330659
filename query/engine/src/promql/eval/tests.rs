//! What is found for all windows at once is, to the bit, what is found window by window.

use std::sync::Arc;

use proptest::prelude::*;
use store::model::Labels;

use super::bounds::Scratch;
use super::samples::Samples;
use super::value::{STALE_BITS, Steps};
use super::window::{Calls, RangeFn};
use super::{Notes, Row};
use crate::promql::ast::{Edge, Span};
use crate::promql::functions::{Body, find};

/// A sample: milliseconds since the one before, what it says, when it says it began.
type Given = (i64, Said, Began);

#[derive(Clone, Copy, Debug)]
enum Said {
    Grown(f64),
    Fallen(f64),
    Same,
    NotANumber,
    Stale,
}

#[derive(Clone, Copy, Debug)]
enum Began {
    AsBefore,
    Unknown,
    AtTheSampleBefore,
    Before(i64),
}

fn given() -> impl Strategy<Value = Vec<Given>> {
    let said = prop_oneof![
        20 => (0.0..1e6).prop_map(Said::Grown),
        10 => (0u32..50).prop_map(|whole| Said::Grown(f64::from(whole))),
        4 => (0.0..100.0).prop_map(Said::Fallen),
        4 => Just(Said::Same),
        1 => Just(Said::NotANumber),
        1 => Just(Said::Stale),
    ];
    let began = prop_oneof![
        30 => Just(Began::AsBefore),
        1 => Just(Began::Unknown),
        2 => Just(Began::AtTheSampleBefore),
        1 => (0i64..200_000).prop_map(Began::Before),
    ];
    let distance = prop_oneof![5 => Just(15_000i64), 2 => 1i64..40_000, 1 => 40_000i64..400_000];
    prop::collection::vec((distance, said, began), 0..60)
}

fn samples(given: &[Given]) -> Samples {
    let (mut time, mut value, mut start) = (1_000_000, 0.0, 0);
    let (mut times, mut values, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    for (at, (distance, said, began)) in given.iter().enumerate() {
        let before = time;
        time += distance;
        let shown = match said {
            Said::Grown(by) => value + by,
            Said::Fallen(to) => *to,
            Said::Same => value,
            Said::NotANumber => f64::NAN,
            Said::Stale => f64::from_bits(STALE_BITS),
        };
        if !shown.is_nan() {
            value = shown;
        }
        let now = match began {
            Began::AsBefore => start,
            Began::Unknown => 0,
            Began::AtTheSampleBefore => before,
            Began::Before(by) => time - by,
        };
        if now != start {
            starts.push((at as u32, now));
            start = now;
        }
        times.push(time);
        values.push(shown);
    }
    let mut samples = Samples::plain(Labels::new([("a", "b")]), false, times.into(), values);
    samples.starts = starts;
    samples
}

fn row(calls: &Calls, scratch: &mut Scratch, given: &[Given]) -> (Option<Row>, (Vec<String>, Vec<String>)) {
    let mut notes = Notes::new(String::new());
    let mut samples = samples(given);
    samples.drop_stale();
    let row = calls.row(samples, scratch, &mut notes).unwrap();
    (row, notes.into_lists())
}

proptest! {
    #[test]
    fn growth_of_all_windows_is_that_of_each(
        all in prop::collection::vec(given(), 1..4),
        start in 900_000i64..1_500_000,
        step in 1i64..60_000,
        len in 1usize..40,
        range in 1i64..300_000,
    ) {
        let steps = Steps { start, step, len };
        for name in ["rate", "increase", "delta"] {
            let Some(Body::Range(RangeFn::Growth(each, whole))) = find(name).map(|f| f.body) else { panic!("{name}") };
            let calls = |function| Calls {
                function,
                span: Span::default(),
                ends: steps,
                range,
                edge: Edge::Plain,
                lookback: 300_000,
                steps,
                params: Vec::new(),
            };
            let (fast, plain) = (calls(RangeFn::Growth(each, whole)), calls(RangeFn::Plain(each)));
            let (mut one, mut other) = (Scratch::default(), Scratch::default());
            for given in &all {
                let (fast, fast_notes) = row(&fast, &mut one, given);
                let (plain, plain_notes) = row(&plain, &mut other, given);
                let bits = |row: &Option<Row>| row.as_ref().map(|row| row.floats.iter().map(|v| shown_bits(*v)).collect::<Vec<_>>());
                prop_assert_eq!(bits(&fast), bits(&plain), "{}", name);
                prop_assert_eq!(fast_notes, plain_notes);
            }
        }
    }
}

/// Which NaN a computation gives depends on the order of its operands, and nobody sees it.
fn shown_bits(value: f64) -> u64 {
    if value.is_nan() && value.to_bits() != STALE_BITS { f64::NAN.to_bits() } else { value.to_bits() }
}

#[test]
fn series_that_share_their_times_share_their_windows() {
    let times: Arc<[i64]> = (0..10).map(|i| i * 15_000).collect();
    let (ends, mut scratch) = (Steps { start: 0, step: 15_000, len: 10 }, Scratch::default());
    let first = scratch.bounds(&times, &ends, 60_000).0.as_ptr();
    assert_eq!(first, scratch.bounds(&times, &ends, 60_000).0.as_ptr());
}
