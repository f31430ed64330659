//! What was found against what a test expects.

use std::collections::BTreeMap;

use engine::promql::{Counts, Histogram, Point};
use store::model::{HistogramPoint, Labels};

use super::file::{AlertCase, ExpectedSample};
use super::run::time;
use crate::rules::query::Vector;

type Texts = BTreeMap<String, String>;
/// Labels and annotations.
pub(super) type Alert = (Texts, Texts);

pub(super) fn alerts(case: &AlertCase, got: &[Alert]) -> Result<(), String> {
    let expected = case.expected.iter().map(|one| {
        let mut labels = one.exp_labels.clone();
        labels.insert("alertname".to_owned(), case.alertname.clone());
        (labels, one.exp_annotations.clone())
    });
    let (mut expected, mut got): (Vec<Alert>, Vec<Alert>) = (expected.collect(), got.to_vec());
    expected.sort();
    got.sort();
    if expected == got {
        return Ok(());
    }
    let shown = |alerts: &[Alert]| {
        let one = |(labels, annotations): &Alert| format!("{} {}", texts(labels), texts(annotations));
        format!("[{}]", alerts.iter().map(one).collect::<Vec<_>>().join(", "))
    };
    Err(format!(
        "alertname: {}, time: {}: expected {}, got {}",
        case.alertname,
        time(case.at_ms),
        shown(&expected),
        shown(&got)
    ))
}

pub(super) fn samples(expected: &[ExpectedSample], got: &Vector, fuzzy: bool) -> Result<(), String> {
    let mut expected: Vec<(Labels, &ExpectedSample)> =
        expected.iter().map(|one| (Labels::new(one.labels.iter().cloned()), one)).collect();
    let mut got: Vec<&(Labels, Point)> = got.iter().collect();
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    got.sort_by(|a, b| a.0.cmp(&b.0));
    let same = |((labels, want), (found, point)): (&(Labels, &ExpectedSample), &&(Labels, Point))| {
        labels == found && is_value(want, point, fuzzy)
    };
    if expected.len() == got.len() && expected.iter().zip(&got).all(same) {
        return Ok(());
    }
    let want = |(labels, one): &(Labels, &ExpectedSample)| match &one.histogram {
        Some(histogram) => format!("{} {histogram:?}", labels_text(labels)),
        None => format!("{} {:E}", labels_text(labels), one.value),
    };
    let found = |(labels, point): &&(Labels, Point)| match point {
        Point::Histogram(histogram) => format!("{} {histogram}", labels_text(labels)),
        Point::Float(value) => format!("{} {value:E}", labels_text(labels)),
    };
    let list = |all: Vec<String>| if all.is_empty() { "nothing".to_owned() } else { all.join(", ") };
    Err(format!(
        "expected {}, got {}",
        list(expected.iter().map(want).collect()),
        list(got.iter().map(found).collect())
    ))
}

fn is_value(want: &ExpectedSample, got: &Point, fuzzy: bool) -> bool {
    match (&want.histogram, got) {
        (Some(want), Point::Histogram(got)) => same_histogram(want, got),
        (None, Point::Float(got)) => same_float(want.value, *got, fuzzy),
        // promtool sees a histogram's float, which is zero, but its text too, which is not empty.
        _ => false,
    }
}

/// As in promtool NaN is never what was expected; `fuzzy` lets a value be one step of its precision off.
fn same_float(want: f64, got: f64, fuzzy: bool) -> bool {
    want == got || (fuzzy && (want == got.next_up() || want == got.next_down()))
}

fn same_histogram(want: &HistogramPoint, got: &Histogram) -> bool {
    let filled = |counts: &Counts| -> Vec<(i32, u64)> {
        let all = counts.counts.iter().enumerate();
        let filled = all.filter(|(_, count)| **count != 0.0);
        filled.map(|(at, count)| (counts.offset.saturating_add(at as i32), count.to_bits())).collect()
    };
    let wanted = |offset: i32, counts: &[f64]| {
        filled(&Counts { offset: offset.saturating_add(1), counts: counts.to_vec() })
    };
    want.scale == got.schema
        && want.bounds == got.custom.clone().unwrap_or_default()
        && want.hint == got.hint
        && want.count == got.count
        && want.sum == got.sum
        && want.zero_count == got.zero_count
        && want.zero_threshold == got.zero_threshold
        && wanted(want.positive_offset, &want.positive) == filled(&got.positive)
        && wanted(want.negative_offset, &want.negative) == filled(&got.negative)
}

fn texts(all: &Texts) -> String {
    let pairs: Vec<String> = all.iter().map(|(name, text)| format!("{name}={text:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

fn labels_text(labels: &Labels) -> String {
    texts(&labels.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect())
}
