//! What is different about some spans: attributes and values by how well they tell the selected spans from the others.
//!
//! Each value is a table of two by two (has it or not, selected or not). Values are ranked by the size of the effect
//! (phi, the correlation of the two), and called significant by an exact or a chi-squared test, corrected for how many
//! values were looked at. What only goes along with a stronger value (a decoy) is found out by looking at it within
//! the stronger one's spans and outside of them.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use store::model::{RequestCtx, Signal, Value};
use store::{EventQuery, Order, Projection, ScanControl, ScanStats, Snapshot};

use crate::logql::EvalError;
use crate::traceql::{self, FieldExpr, SpanCondition, TagValue};

/// Values of an attribute that are told apart; what has more is an id.
const VALUES_MAX: usize = 5_000;
/// A value that so few of all spans have tells nothing about the rest.
const SPANS_MIN: u64 = 5;
/// Beyond so many spans the newest are enough: shares are exact to a tenth of a percent.
const SPANS_MAX: usize = 200_000;
/// The chance that anything at all is called significant where nothing is different.
const ALPHA: f64 = 0.01;
/// Values whose dependence on each other is looked at.
const CANDIDATES: usize = 8;
/// An attribute by another name: whether it explains the first as well as the first explains it cannot be told.
const SAME: f64 = 0.999;

pub struct DifferenceParams<'a> {
    /// Unix nanoseconds, the end exclusive.
    pub window: (i64, i64),
    /// Which spans are looked at; `None`: all.
    pub among: Option<&'a FieldExpr>,
    /// Which of them are the selection; the others are what they are compared with.
    pub selection: &'a FieldExpr,
    /// Values to answer.
    pub limit: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Differences {
    /// Spans of the selection, and of the rest.
    pub selected: u64,
    pub others: u64,
    /// The strongest first.
    pub values: Vec<Difference>,
    /// Older spans than the newest so many were left out.
    pub truncated: bool,
    pub stats: ScanStats,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub attribute: String,
    pub value: TagValue,
    /// Spans that have the value, in the selection and in the rest.
    pub selected: u64,
    pub others: u64,
    /// From -1 (never in the selection) to 1 (there always, and nowhere else).
    pub effect: f64,
    /// How probable so large a difference is by chance, for this value alone.
    pub p: f64,
    pub significant: bool,
    /// The stronger value this one only goes along with.
    pub explained_by: Option<(String, TagValue)>,
}

/// Compares two sets of spans. Blocking.
pub fn difference(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    params: &DifferenceParams<'_>,
) -> Result<Differences, EvalError> {
    let among = params.among.map(SpanCondition::new).transpose()?;
    let selection = SpanCondition::new(params.selection)?;
    let query = EventQuery {
        signal: Signal::Spans,
        start: params.window.0,
        end: params.window.1,
        filter: among.as_ref().map(SpanCondition::filter).unwrap_or_default(),
        projection: Projection::All,
        order: Order::NewestFirst,
    };
    let mut table = Table::default();
    let mut failed = None;
    let stats = snapshot.scan(ctx, &query, &mut |rows| {
        for row in rows.rows {
            let row = *row as usize;
            if among.as_ref().is_some_and(|among| !among.holds(rows.batch, row)) {
                continue;
            }
            if table.selected.len() >= SPANS_MAX {
                table.truncated = true;
                return ScanControl::Stop;
            }
            let stream = rows.batch.stream(row);
            table.begin(selection.holds(rows.batch, row));
            stream.resource.iter().for_each(|(key, value)| table.add(Scope::Resource, key, value));
            rows.batch.attributes(row).for_each(|(key, value)| table.add(Scope::Span, key, value));
            for (name, value) in traceql::span_intrinsics(rows.batch, row) {
                let text = value.text();
                table.count(Scope::Intrinsic, name, &text, || value);
            }
        }
        match ctx.budget.take(table.grown()) {
            Ok(()) => ScanControl::Continue,
            Err(reason) => {
                failed = Some(reason);
                ScanControl::Stop
            }
        }
    })?;
    if let Some(reason) = failed {
        return Err(reason.into());
    }
    let (selected, others) = table.sizes();
    let truncated = table.truncated;
    Ok(Differences { selected, others, values: table.ranked(params.limit), truncated, stats })
}

#[derive(Clone, Copy)]
enum Scope {
    Resource,
    Span,
    Intrinsic,
}

const PREFIXES: [&str; 3] = ["resource.", "span.", ""];

/// Which spans have which value, by the number of the span.
#[derive(Default)]
struct Table {
    selected: Vec<bool>,
    /// By scope and name.
    attributes: [BTreeMap<String, Attribute>; 3],
    truncated: bool,
    bytes: u64,
}

#[derive(Default)]
struct Attribute {
    values: FxHashMap<String, (TagValue, Vec<u32>)>,
    /// More values than are told apart.
    is_id: bool,
}

impl Table {
    fn begin(&mut self, selected: bool) {
        self.selected.push(selected);
    }

    fn add(&mut self, scope: Scope, key: &str, value: Value<'_>) {
        if let Value::Empty | Value::Bytes(_) = value {
            return;
        }
        let text = value.text();
        let tag = || TagValue::of_value(value).unwrap_or_else(|| TagValue::Text(text.clone().into_owned()));
        self.count(scope, key, &text, tag);
    }

    fn count(&mut self, scope: Scope, name: &str, text: &str, value: impl FnOnce() -> TagValue) {
        let span = self.selected.len() as u32 - 1;
        let attributes = &mut self.attributes[scope as usize];
        if !attributes.contains_key(name) {
            attributes.insert(name.to_owned(), Attribute::default());
        }
        let Some(attribute) = attributes.get_mut(name).filter(|attribute| !attribute.is_id) else { return };
        self.bytes += 4;
        if let Some((_, spans)) = attribute.values.get_mut(text) {
            spans.push(span);
            return;
        }
        if attribute.values.len() >= VALUES_MAX {
            *attribute = Attribute { is_id: true, ..Attribute::default() };
            return;
        }
        self.bytes += text.len() as u64 * 2 + 160;
        attribute.values.insert(text.to_owned(), (value(), vec![span]));
    }

    fn grown(&mut self) -> u64 {
        std::mem::take(&mut self.bytes)
    }

    fn sizes(&self) -> (u64, u64) {
        let selected = self.selected.iter().filter(|selected| **selected).count() as u64;
        (selected, self.selected.len() as u64 - selected)
    }

    fn ranked(&self, limit: usize) -> Vec<Difference> {
        let mut found = self.all();
        let bound = ALPHA / found.len().max(1) as f64;
        found.iter_mut().for_each(|(value, _)| value.significant = value.p < bound);
        // Of a value and its opposite, which separate alike, the one that is in the selection.
        let order =
            |value: &Difference| (value.significant, (value.effect.abs() * 1e9).round(), value.effect > 0.0);
        found.sort_by(|(x, _), (y, _)| {
            let by_effect = order(y).partial_cmp(&order(x)).unwrap_or(std::cmp::Ordering::Equal);
            by_effect.then_with(|| (&x.attribute, x.value.text()).cmp(&(&y.attribute, y.value.text())))
        });
        self.explain(&mut found, bound);
        let mut values: Vec<Difference> = found.into_iter().map(|(value, _)| value).collect();
        // What goes along with something stronger comes after what stands for itself.
        values.sort_by_key(|value| (!value.significant, value.explained_by.is_some()));
        values.truncate(limit);
        values
    }

    /// Every value that some spans have and others do not, with its spans.
    fn all(&self) -> Vec<(Difference, &[u32])> {
        let (selected, others) = self.sizes();
        let mut found = Vec::new();
        for (prefix, attributes) in PREFIXES.iter().zip(&self.attributes) {
            for (name, attribute) in attributes {
                for (value, spans) in attribute.values.values() {
                    let total = spans.len() as u64;
                    // What all have, or hardly any, separates nothing.
                    if total < SPANS_MIN || total == selected + others {
                        continue;
                    }
                    let a = spans.iter().filter(|span| self.selected[**span as usize]).count() as u64;
                    let cells = Cells { a, b: total - a, c: selected - a, d: others - (total - a) };
                    let value = Difference {
                        attribute: format!("{prefix}{name}"),
                        value: value.clone(),
                        selected: a,
                        others: total - a,
                        effect: cells.phi(),
                        p: cells.p(),
                        significant: false,
                        explained_by: None,
                    };
                    found.push((value, spans.as_slice()));
                }
            }
        }
        found
    }

    /// Finds, among the strongest, those that another explains: within its spans and outside they tell nothing more.
    fn explain(&self, found: &mut [(Difference, &[u32])], bound: f64) {
        let count = found.iter().take(CANDIDATES).take_while(|(value, _)| value.significant).count();
        let spans = self.selected.len();
        let sets: Vec<Bits> = found[..count]
            .iter()
            .map(|(_, set)| Bits::of(spans, set.iter().map(|span| *span as usize)))
            .collect();
        let numbers = self.selected.iter().enumerate().filter(|(_, selected)| **selected);
        let selected = Bits::of(spans, numbers.map(|(span, _)| span));
        let chance = chi_of(bound);
        for at in 0..count {
            let explains = |by: &usize| {
                let (own, other) = (&sets[at], &sets[*by]);
                let left = chi_given(own, other, &selected, spans);
                *by != at
                    && found[*by].0.explained_by.is_none()
                    && left < chance
                    && chi_given(other, own, &selected, spans) > left
                    && (*by < at || own.overlap(other) < SAME)
            };
            if let Some(by) = (0..count).find(explains) {
                let (attribute, value) = (found[by].0.attribute.clone(), found[by].0.value.clone());
                found[at].0.explained_by = Some((attribute, value));
            }
        }
    }
}

/// A set of spans.
struct Bits(Vec<u64>);

impl Bits {
    fn of(spans: usize, members: impl Iterator<Item = usize>) -> Bits {
        let mut words = vec![0u64; spans.div_ceil(64)];
        members.for_each(|span| words[span / 64] |= 1 << (span % 64));
        Bits(words)
    }

    fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    fn common(&self, other: &Bits) -> u64 {
        self.0.iter().zip(&other.0).map(|(a, b)| u64::from((a & b).count_ones())).sum()
    }

    fn common_of_three(&self, second: &Bits, third: &Bits) -> u64 {
        let words = self.0.iter().zip(&second.0).zip(&third.0);
        words.map(|((a, b), c)| u64::from((a & b & c).count_ones())).sum()
    }

    /// The share of both that is common.
    fn overlap(&self, other: &Bits) -> f64 {
        self.common(other) as f64 * 2.0 / (self.count() + other.count()).max(1) as f64
    }
}

/// Mantel and Haenszel's chi-squared of a value and the selection, in two layers: with and without `given`.
fn chi_given(value: &Bits, given: &Bits, selected: &Bits, spans: usize) -> f64 {
    let with =
        (given.count(), value.common(given), selected.common(given), value.common_of_three(selected, given));
    let all = (spans as u64, value.count(), selected.count(), value.common(selected));
    let without = (all.0 - with.0, all.1 - with.1, all.2 - with.2, all.3 - with.3);
    let (mut difference, mut variance) = (0.0, 0.0);
    for (n, row, column, both) in [with, without] {
        if n < 2 {
            continue;
        }
        let (n, row, column) = (n as f64, row as f64, column as f64);
        difference += both as f64 - row * column / n;
        variance += row * (n - row) * column * (n - column) / (n * n * (n - 1.0));
    }
    if variance > 0.0 { difference * difference / variance } else { 0.0 }
}

/// Spans with the value that are selected (a) and not (b), without it that are (c) and are not (d).
#[derive(Clone, Copy, Debug, Default)]
struct Cells {
    a: u64,
    b: u64,
    c: u64,
    d: u64,
}

impl Cells {
    fn total(self) -> u64 {
        self.a + self.b + self.c + self.d
    }

    fn phi(self) -> f64 {
        let [a, b, c, d] = [self.a, self.b, self.c, self.d].map(|count| count as f64);
        let product = (a + b) * (c + d) * (a + c) * (b + d);
        if product > 0.0 { (a * d - b * c) / product.sqrt() } else { 0.0 }
    }

    /// Both tails. Where a cell is expected to hold few, Fisher's exact test; else chi-squared.
    fn p(self) -> f64 {
        let n = self.total() as f64;
        let (row, column) = ((self.a + self.b) as f64, (self.a + self.c) as f64);
        let least = row.min(n - row) * column.min(n - column) / n.max(1.0);
        if least < 20.0 {
            return self.fisher();
        }
        chi_tail(self.phi() * self.phi() * n)
    }

    /// Twice the probability of the smaller tail.
    fn fisher(self) -> f64 {
        let (row, column, n) = (self.a + self.b, self.a + self.c, self.total());
        let (low, high) = ((row + column).saturating_sub(n), row.min(column));
        let expected = row as f64 * column as f64 / n.max(1) as f64;
        let up = self.a as f64 >= expected;
        let mut term = ln_choose(row, self.a) + ln_choose(n - row, column - self.a) - ln_choose(n, column);
        let (mut sum, mut a) = (0.0, self.a);
        loop {
            let probability = term.exp();
            sum += probability;
            if probability < sum * 1e-12 || a == if up { high } else { low } {
                return (2.0 * sum).min(1.0);
            }
            let (x, row, column, n) = (a as f64, row as f64, column as f64, n as f64);
            let rest = n - row - column;
            term += match up {
                true => ((row - x) * (column - x)).ln() - ((x + 1.0) * (rest + x + 1.0)).ln(),
                false => (x * (rest + x)).ln() - ((row - x + 1.0) * (column - x + 1.0)).ln(),
            };
            a = if up { a + 1 } else { a - 1 };
        }
    }
}

fn ln_choose(n: u64, k: u64) -> f64 {
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// Stirling's series beyond the first few.
fn ln_factorial(n: u64) -> f64 {
    if n < 32 {
        return (2..=n).map(|k| (k as f64).ln()).sum();
    }
    let x = n as f64 + 1.0;
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3));
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series
}

/// The upper tail of chi-squared with one degree of freedom: the complementary error function, by Abramowitz and
/// Stegun's 7.1.26 near zero and its asymptotic series far out.
fn chi_tail(chi: f64) -> f64 {
    let x = (chi.max(0.0) / 2.0).sqrt();
    if x > 3.0 {
        let square = x * x;
        let series = 1.0 - 0.5 / square + 0.75 / (square * square);
        return (-square).exp() / (x * std::f64::consts::PI.sqrt()) * series;
    }
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let sum = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592]
        .into_iter()
        .fold(0.0, |sum, c| (sum + c) * t);
    sum * (-x * x).exp()
}

/// The value chi-squared passes with that probability.
fn chi_of(p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1500.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if chi_tail(middle) > p { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
#[path = "difference_tests.rs"]
mod tests;
