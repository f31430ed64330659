//! Counts the store makes: rows are seen as groups with equal values, never one by one.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Mutex;

use rustc_hash::FxHashMap;
use store::model::Stream;
use store::{EventQuery, ScanStats, Snapshot, Tally, TallyQuery, Windows};

use super::error::EvalError;
use super::names::{PATTERN, stream_value};
use super::plan::filter_names;
use super::range::{Grouper, Scanner, is_line_filter, push_part};
use super::row::{BoundBatch, Names, RowRef, stream_selected};
use crate::logql::ast::{Matcher, StageKind};
use crate::logql::table::RangeOp;

/// Whether nothing but counts and the labels of groups are asked for.
pub(super) fn applies(scanner: &Scanner<'_>) -> bool {
    if scanner.full || scanner.unwrap.is_some() || !matches!(scanner.range.op, RangeOp::Count | RangeOp::Rate)
    {
        return false;
    }
    match &scanner.by {
        // Filters on other labels would make groups of their values.
        // A line's pattern is found from its text.
        Grouper::By { lookup, .. } if lookup.iter().any(|name| name == PATTERN) => false,
        Grouper::By { lookup, .. } => scanner.residual.iter().all(|stage| match &stage.kind {
            StageKind::Filter(filter) => {
                let mut names = Vec::new();
                filter_names(filter, &mut names);
                names.iter().all(|name| lookup.contains(name))
            }
            _ => false,
        }),
        Grouper::Without(_) => scanner.residual.is_empty() && scanner.all_stages.iter().all(is_line_filter),
    }
}

/// Counts into the scanner's groups; with `keep`, only those among the largest of the one step there is.
pub(super) fn count(
    scanner: &mut Scanner<'_>,
    snapshot: &Snapshot,
    query: &EventQuery,
    names: &mut Names,
    keep: Option<usize>,
) -> Result<ScanStats, EvalError> {
    let steps = scanner.steps;
    let windows =
        Windows { start: steps.start, step: steps.step, count: steps.count, range: scanner.range.range_ns };
    let classes = Classes::new(names, &scanner.by);
    let class = |stream: &Stream| classes.of(stream);
    let asked = TallyQuery { events: query, windows, class: &class, by_kind: false };
    let tally = snapshot.tally(scanner.ctx, &asked)?;
    let bound = names.bind(&tally.rows);
    let kept = match (&scanner.by, keep) {
        (Grouper::By { .. }, Some(most)) if steps.count == 1 => largest(scanner, &tally, &bound, most),
        _ => (0..tally.rows.rows() as u32).collect(),
    };
    for group in kept {
        let row = RowRef { batch: &tally.rows, bound: &bound, row: group as usize };
        if let Some((group, _)) = scanner.row(row, None)? {
            scanner.groups[group].counts.add_all(tally.counts(row.row));
        }
    }
    Ok(tally.stats)
}

/// The groups of which series with the most rows are made, in the order of all.
fn largest(scanner: &mut Scanner<'_>, tally: &Tally, bound: &BoundBatch, most: usize) -> BTreeSet<u32> {
    let groups = tally.rows.rows();
    let (mut keys, mut ends) = (Vec::new(), Vec::with_capacity(groups));
    for group in 0..groups {
        let row = RowRef { batch: &tally.rows, bound, row: group };
        if scanner.passes(row) {
            scanner.write_key(row);
            keys.extend_from_slice(&scanner.key);
        }
        ends.push(keys.len());
    }
    let key = |group: usize| &keys[group.checked_sub(1).map_or(0, |before| ends[before])..ends[group]];
    let mut series: FxHashMap<&[u8], i64> = FxHashMap::default();
    series.reserve(groups);
    for group in 0..groups {
        *series.entry(key(group)).or_default() += tally.counts(group).first().copied().unwrap_or(0);
    }
    // What did not pass has no key.
    series.remove(&[][..]);
    let mut order: Vec<(Reverse<i64>, &[u8])> =
        series.iter().map(|(key, count)| (Reverse(*count), *key)).collect();
    if order.len() > most {
        order.select_nth_unstable(most);
        order.truncate(most);
    }
    let wanted: FxHashMap<&[u8], ()> = order.into_iter().map(|(_, key)| (key, ())).collect();
    (0..groups).filter(|group| wanted.contains_key(key(*group))).map(|group| group as u32).collect()
}

/// Numbers streams by what the query sees of them.
struct Classes<'n> {
    names: &'n [String],
    selector: &'n [Matcher],
    /// Each stream is a class of its own.
    apart: bool,
    known: Mutex<FxHashMap<Vec<u8>, u32>>,
}

impl<'n> Classes<'n> {
    fn new(names: &'n Names, by: &Grouper) -> Self {
        // The level of a record may be in any of its stream's labels.
        let apart =
            matches!(by, Grouper::Without(_)) || names.list().iter().any(|name| name == "detected_level");
        Self { names: names.list(), selector: names.selector(), apart, known: Mutex::default() }
    }

    /// `None`: the selector leaves the stream out.
    fn of(&self, stream: &Stream) -> Option<u32> {
        if !stream_selected(stream, self.selector) {
            return None;
        }
        let mut key = Vec::new();
        if self.apart {
            key.extend_from_slice(&stream.hash().to_le_bytes());
        } else {
            for name in self.names {
                let value = stream_value(stream, name);
                key.push(u8::from(value.is_some()));
                push_part(&mut key, value.as_deref().unwrap_or_default());
            }
        }
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let next = known.len() as u32;
        Some(*known.entry(key).or_insert(next))
    }
}
