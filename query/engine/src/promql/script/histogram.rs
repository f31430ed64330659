//! Histograms in series lines: `{{schema:0 sum:1 count:2 buckets:[1 1]}}`, and classic ones made native.

use std::collections::BTreeMap;

use store::model::{CUSTOM_BUCKETS_SCALE, HistogramPoint, ResetHint};

use super::series::{Item, Pairs, SeriesLine, parse_float};

/// What stands between the braces.
pub fn parse_histogram(text: &str) -> Result<HistogramPoint, String> {
    let mut h = HistogramPoint { positive_offset: -1, negative_offset: -1, ..HistogramPoint::default() };
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once(':').ok_or_else(|| format!("bad histogram {text}"))?;
        let (value, after) = match after.strip_prefix('[') {
            Some(list) => list.split_once(']').ok_or("unterminated list")?,
            None => after.split_once(' ').unwrap_or((after, "")),
        };
        let float = || parse_float(value).ok_or_else(|| format!("bad number {value}"));
        let list = || {
            let words = value.split_whitespace();
            words
                .map(|w| parse_float(w).ok_or_else(|| format!("bad number {w}")))
                .collect::<Result<Vec<_>, _>>()
        };
        match key.trim() {
            "schema" => h.scale = float()? as i32,
            "sum" => h.sum = float()?,
            "count" => h.count = float()?,
            "z_bucket" => h.zero_count = float()?,
            "z_bucket_w" => h.zero_threshold = float()?,
            "buckets" => h.positive = list()?,
            "n_buckets" => h.negative = list()?,
            "offset" => h.positive_offset = float()? as i32 - 1,
            "n_offset" => h.negative_offset = float()? as i32 - 1,
            "custom_values" => h.bounds = list()?,
            "counter_reset_hint" => h.hint = hint(value)?,
            other => return Err(format!("unknown histogram field {other}")),
        }
        rest = after.trim();
    }
    Ok(h)
}

fn hint(word: &str) -> Result<ResetHint, String> {
    Ok(match word {
        "unknown" => ResetHint::Unknown,
        "reset" => ResetHint::Reset,
        "not_reset" => ResetHint::NotReset,
        "gauge" => ResetHint::Gauge,
        other => return Err(format!("unknown hint {other}")),
    })
}

/// `base` with `times` times `by` added.
pub(super) fn grow(base: &HistogramPoint, by: &HistogramPoint, times: f64) -> Result<HistogramPoint, String> {
    if base.bounds != by.bounds {
        return Err("histogram sequences over different bucket layouts".to_owned());
    }
    let mut h = base.clone();
    (h.scale, h.zero_threshold) = (base.scale.min(by.scale), base.zero_threshold.max(by.zero_threshold));
    h.count += times * by.count;
    h.sum += times * by.sum;
    h.zero_count += times * by.zero_count;
    let shifts = [base.scale, by.scale].map(|scale| scale.wrapping_sub(h.scale) as u32);
    let sum = |a: (i32, &[f64]), b: (i32, &[f64])| {
        let mut all: BTreeMap<i32, f64> = BTreeMap::new();
        for (i, count) in a.1.iter().enumerate() {
            *all.entry((a.0 + i as i32) >> shifts[0]).or_default() += count;
        }
        for (i, count) in b.1.iter().enumerate() {
            *all.entry((b.0 + i as i32) >> shifts[1]).or_default() += times * count;
        }
        let (first, last) = (all.keys().next().copied(), all.keys().last().copied());
        let (Some(first), Some(last)) = (first, last) else { return (a.0, Vec::new()) };
        (first, (first..=last).map(|i| all.get(&i).copied().unwrap_or_default()).collect())
    };
    (h.positive_offset, h.positive) =
        sum((base.positive_offset, &base.positive), (by.positive_offset, &by.positive));
    (h.negative_offset, h.negative) =
        sum((base.negative_offset, &base.negative), (by.negative_offset, &by.negative));
    if (base.hint, by.hint) != (ResetHint::Gauge, ResetHint::Gauge) {
        h.hint = if times == 0.0 { base.hint } else { ResetHint::Unknown };
    }
    Ok(h)
}

#[derive(Default)]
struct Classic {
    buckets: BTreeMap<u64, (f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// Native histograms with custom buckets, made of the lines that are parts of classic ones.
pub fn custom_buckets(lines: &[SeriesLine]) -> Vec<SeriesLine> {
    let mut found: BTreeMap<Pairs, BTreeMap<usize, Classic>> = BTreeMap::new();
    for line in lines {
        let value =
            |wanted: &str| line.labels.iter().find(|(name, _)| name == wanted).map(|(_, v)| v.as_str());
        let name = value("__name__").unwrap_or_default();
        let part = ["_bucket", "_count", "_sum"].into_iter().find_map(|p| Some((p, name.strip_suffix(p)?)));
        let Some((part, family)) = part else { continue };
        let le = value("le").and_then(parse_float);
        if part == "_bucket" && le.is_none_or(f64::is_nan) {
            continue;
        }
        let mut labels: Pairs =
            line.labels.iter().filter(|(n, _)| n != "le" && n != "__name__").cloned().collect();
        labels.push(("__name__".to_owned(), family.to_owned()));
        labels.sort();
        let of_series = found.entry(labels).or_default();
        for (at, item) in line.items.iter().enumerate() {
            let Item::Float(value) = item else { continue };
            let classic = of_series.entry(at).or_default();
            match (part, le) {
                ("_bucket", Some(le)) => drop(classic.buckets.insert(ordered(le), (le, *value))),
                ("_count", _) => classic.count = Some(*value),
                _ => classic.sum = *value,
            }
        }
    }
    let series = found.into_iter().map(|(labels, at_steps)| {
        let len = at_steps.keys().last().map_or(0, |last| last + 1);
        let mut items = vec![Item::Missing; len];
        for (at, classic) in at_steps {
            items[at] = Item::Histogram(classic.convert());
        }
        SeriesLine { labels, items, starts: Vec::new() }
    });
    series.collect()
}

/// Floats in their order, as numbers that sort.
fn ordered(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

impl Classic {
    fn convert(self) -> HistogramPoint {
        let mut buckets: Vec<(f64, f64)> = self.buckets.into_values().collect();
        let count = self.count.or(buckets.last().map(|b| b.1)).unwrap_or_default();
        if buckets.last().is_none_or(|b| b.0 != f64::INFINITY) {
            buckets.push((f64::INFINITY, count));
        }
        let mut before = 0.0;
        let positive =
            buckets.iter().map(|(_, cumulative)| cumulative - std::mem::replace(&mut before, *cumulative));
        HistogramPoint {
            count,
            sum: self.sum,
            scale: CUSTOM_BUCKETS_SCALE,
            positive_offset: -1,
            positive: positive.collect(),
            negative_offset: -1,
            bounds: buckets.iter().map(|b| b.0).filter(|b| *b != f64::INFINITY).collect(),
            ..HistogramPoint::default()
        }
    }
}
