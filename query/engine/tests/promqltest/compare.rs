//! An answer against the lines a script expects.

use std::collections::BTreeMap;

use engine::promql::script::{Item, SeriesLine, parse_line};
use engine::promql::{Data, Histogram, Point};
use store::model::{HistogramPoint, Labels, ResetHint};

const EPSILON: f64 = 1e-6;

/// `times`: the first time and the step.
pub fn answer(data: &Data, times: (i64, i64), lines: &[String], expect: &[String]) -> Result<(), String> {
    if let Some(text) = expect.iter().find_map(|e| e.strip_prefix("string ")) {
        let want = match engine::promql::parse(text.trim()) {
            Ok(engine::promql::Expr::String(s)) => s.value,
            _ => return Err(format!("bad string {text}")),
        };
        return match data {
            Data::String { value, .. } if *value == want => Ok(()),
            other => Err(format!("expected the string {want:?}, got {other:?}")),
        };
    }
    let times = range_vector_times(expect).unwrap_or(times);
    let lines = lines.iter().map(|line| parse_line(line)).collect::<Result<Vec<_>, _>>()?;
    match data {
        Data::Scalar { value, .. } => match lines.as_slice() {
            [SeriesLine { labels, items, .. }] if labels.is_empty() => match items.as_slice() {
                [Item::Float(want)] if close(*want, *value) => Ok(()),
                _ => Err(format!("expected {items:?}, got {value}")),
            },
            _ => Err(format!("expected {lines:?}, got the scalar {value}")),
        },
        Data::String { value, .. } => Err(format!("got the string {value:?}")),
        Data::Vector(samples) => {
            let got: Vec<_> =
                samples.iter().map(|s| (s.labels.clone(), vec![Some(s.value.clone())])).collect();
            sets(&got, &lines, expect.iter().any(|e| e == "ordered"))
        }
        Data::Matrix(series) => {
            let mut got = Vec::new();
            for s in series {
                let mut points: BTreeMap<i64, Point> =
                    s.floats.iter().map(|(t, v)| (*t, Point::Float(*v))).collect();
                points.extend(s.histograms.iter().map(|(t, h)| (*t, Point::Histogram(h.clone()))));
                got.push((s.labels.clone(), on_steps(&points, times)?));
            }
            sets(&got, &lines, false)
        }
    }
}

/// `range vector from 10s to 1m step 10s`
fn range_vector_times(expect: &[String]) -> Option<(i64, i64)> {
    let words: Vec<&str> =
        expect.iter().find_map(|e| e.strip_prefix("range vector from "))?.split(' ').collect();
    let [start, _, _, _, step] = words.as_slice() else { return None };
    Some((engine::promql::parse_duration(start).ok()?, engine::promql::parse_duration(step).ok()?))
}

fn on_steps(points: &BTreeMap<i64, Point>, (start, step): (i64, i64)) -> Result<Vec<Option<Point>>, String> {
    let mut out = Vec::new();
    for (time, point) in points {
        let at = if step == 0 { out.len() as i64 } else { (time - start) / step };
        if step != 0 && (time - start) % step != 0 {
            return Err(format!("a point at {time} between the steps"));
        }
        out.resize(at.max(0) as usize, None);
        out.push(Some(point.clone()));
    }
    Ok(out)
}

type Got = (Labels, Vec<Option<Point>>);

fn sets(got: &[Got], want: &[SeriesLine], ordered: bool) -> Result<(), String> {
    let problem = |what: String| Err(format!("{what}\n    got  {got:?}\n    want {want:?}"));
    let mut want_left: Vec<(Labels, &SeriesLine)> =
        want.iter().map(|e| (Labels::new(e.labels.iter().cloned()), e)).collect();
    want_left.retain(|(_, e)| e.items.iter().any(|i| *i != Item::Missing));
    if got.len() != want_left.len() {
        return problem(format!("{} series instead of {}", got.len(), want_left.len()));
    }
    for (n, (labels, points)) in got.iter().enumerate() {
        let Some(at) = want_left.iter().position(|(l, _)| l == labels) else {
            return problem(format!("{labels:?} was not expected"));
        };
        if ordered && at != n {
            return problem(format!("{labels:?} is in the wrong place"));
        }
        let items = &want_left[at].1.items;
        let len = items.len().max(points.len());
        for i in 0..len {
            let fits = match (items.get(i).unwrap_or(&Item::Missing), points.get(i).cloned().flatten()) {
                (Item::Missing, None) => true,
                (Item::Float(want), Some(Point::Float(got))) => close(*want, got),
                (Item::Histogram(want), Some(Point::Histogram(got))) => same_histogram(want, &got),
                _ => false,
            };
            if !fits {
                return problem(format!("{labels:?} differs at {i}"));
            }
        }
    }
    Ok(())
}

fn close(want: f64, got: f64) -> bool {
    if want.is_nan() && got.is_nan() || want == got {
        return true;
    }
    let (size, difference) = (want.abs() + got.abs(), (want - got).abs());
    if want == 0.0 || got == 0.0 || size < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / size.min(f64::MAX) < EPSILON
}

fn same_histogram(want: &HistogramPoint, got: &Histogram) -> bool {
    let buckets = |offset: i32, counts: &[f64]| -> BTreeMap<i32, f64> {
        let all = counts.iter().enumerate().map(|(i, c)| (offset + i as i32, *c));
        all.filter(|(_, c)| *c != 0.0).collect()
    };
    let same = |want: BTreeMap<i32, f64>, got: BTreeMap<i32, f64>| {
        want.len() == got.len() && want.iter().zip(&got).all(|(a, b)| a.0 == b.0 && close(*a.1, *b.1))
    };
    want.scale == got.schema
        && want.bounds == got.custom.clone().unwrap_or_default()
        && (want.hint == ResetHint::Unknown || want.hint == got.hint)
        && close(want.count, got.count)
        && close(want.sum, got.sum)
        && close(want.zero_count, got.zero_count)
        && close(want.zero_threshold, got.zero_threshold)
        && same(
            buckets(want.positive_offset + 1, &want.positive),
            buckets(got.positive.offset, &got.positive.counts),
        )
        && same(
            buckets(want.negative_offset + 1, &want.negative),
            buckets(got.negative.offset, &got.negative.counts),
        )
}
