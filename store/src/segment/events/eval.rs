//! Which rows of a block match, exactly: a plan evaluated column by column.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::bits::Bits;
use super::decode::{Column, Data};
use super::patterns::{PatternColumn, Piece, Verdict};
use super::prune::{Leaf, Node};
use super::segment::{Block, DamagedBlock};
use super::traces::Traces;
use crate::model::{OwnedValue, Test, Value};

/// The candidates that match.
pub(super) fn matching(
    node: &Node<'_>,
    block: &mut Block<'_>,
    candidates: &Bits,
) -> Result<Bits, DamagedBlock> {
    let rows = candidates.len();
    match node {
        Node::Constant(true) => Ok(candidates.clone()),
        Node::Constant(false) => Ok(Bits::none(rows)),
        Node::And(nodes) => {
            let mut left = candidates.clone();
            for node in nodes {
                if left.is_empty() {
                    break;
                }
                left = matching(node, block, &left)?;
            }
            Ok(left)
        }
        Node::Or(nodes) => {
            let (mut found, mut left) = (Bits::none(rows), candidates.clone());
            for node in nodes {
                if left.is_empty() {
                    break;
                }
                let more = matching(node, block, &left)?;
                left.without(&more);
                found.or(&more);
            }
            Ok(found)
        }
        Node::Not(node) => {
            let mut left = candidates.clone();
            left.without(&matching(node, block, candidates)?);
            Ok(left)
        }
        Node::Stream(verdicts) => Ok(by_stream(verdicts, block, candidates)),
        Node::Own(leaf) => {
            let column = block.codes(leaf.column)?;
            of_leaf(leaf, column.as_ref(), block, candidates)
        }
    }
}

fn by_stream(verdicts: &[bool], block: &Block<'_>, candidates: &Bits) -> Bits {
    let mut rows = block.meta.rows_of(|stream| verdicts.get(stream as usize) == Some(&true));
    rows.and(candidates);
    rows
}

fn of_leaf(
    leaf: &Leaf<'_>,
    column: Option<&Arc<Column>>,
    block: &mut Block<'_>,
    candidates: &Bits,
) -> Result<Bits, DamagedBlock> {
    let Some(column) = column else { return Ok(of_absent(leaf, block, candidates)) };
    if column.is_full() {
        return of_present(leaf, column, block, candidates);
    }
    let (mut present, mut absent) = (Bits::none(candidates.len()), Bits::none(candidates.len()));
    for row in candidates.iter() {
        if column.has(row) { present.set(row) } else { absent.set(row) }
    }
    let mut found = of_absent(leaf, block, &absent);
    found.or(&of_present(leaf, column, block, &present)?);
    Ok(found)
}

/// Rows without a value of their own.
fn of_absent(leaf: &Leaf<'_>, block: &Block<'_>, candidates: &Bits) -> Bits {
    match &leaf.verdicts {
        Some(verdicts) => by_stream(verdicts, block, candidates),
        None if leaf.test.holds(None) => candidates.clone(),
        None => Bits::none(candidates.len()),
    }
}

impl Leaf<'_> {
    pub(super) fn holds(&self, value: Value<'_>) -> bool {
        match &self.folded {
            Some(regex) => regex.is_match(&value.text()),
            None => self.test.holds(Some(value)),
        }
    }
}

/// Rows with a value of their own.
fn of_present(
    leaf: &Leaf<'_>,
    column: &Column,
    block: &mut Block<'_>,
    candidates: &Bits,
) -> Result<Bits, DamagedBlock> {
    let mut found = Bits::none(candidates.len());
    match (&column.data, leaf.test) {
        (_, Test::Exists) => return Ok(candidates.clone()),
        (Data::Const(value), _) => {
            return Ok(if leaf.holds(value.as_value()) { candidates.clone() } else { found });
        }
        (Data::Dict { values, .. }, _) => {
            let verdicts: Vec<bool> = values.iter().map(|value| leaf.holds(value.as_value())).collect();
            if verdicts.contains(&true) {
                let passes =
                    |row: &usize| column.code(*row).is_some_and(|code| verdicts.get(code) == Some(&true));
                candidates.iter().filter(passes).for_each(|row| found.set(row));
            }
        }
        (Data::Traces { table, numbers }, Test::Equals(OwnedValue::Bytes(id))) => {
            let number = id.as_slice().try_into().ok().and_then(|id| table.read()?.find(id));
            let wanted = |other: u32| number == Some(other as usize);
            of_traces(column, numbers, candidates, wanted, &mut found);
        }
        (Data::Traces { table, numbers }, Test::OneOf(ids)) => {
            let find = |traces: Traces<'_>| ids.iter().filter_map(|id| traces.find(id)).collect();
            let wanted: FxHashSet<usize> = table.read().map(find).unwrap_or_default();
            of_traces(column, numbers, candidates, |other| wanted.contains(&(other as usize)), &mut found);
        }
        (Data::Patterns(patterns), _) => return of_patterns(patterns, leaf, column, block, candidates),
        (Data::Strings { ends, text }, Test::Contains { needle, ignore_case: false })
            if !needle.is_empty() && dense(candidates) =>
        {
            let finder = memchr::memmem::Finder::new(needle.as_bytes());
            let find = |from: usize| {
                let at = finder.find(&text.as_bytes()[from..])? + from;
                Some((at, at + needle.len()))
            };
            search(column, ends, candidates.len(), find, &mut found);
            found.and(candidates);
        }
        _ => {
            let mut scratch = Vec::new();
            for row in candidates.iter() {
                if column.value(row, &mut scratch).is_some_and(|value| leaf.holds(value)) {
                    found.set(row);
                }
            }
        }
    }
    Ok(found)
}

/// Sets the rows whose trace id has a number that is wanted.
fn of_traces(
    column: &Column,
    numbers: &[u32],
    candidates: &Bits,
    wanted: impl Fn(u32) -> bool,
    found: &mut Bits,
) {
    let number = |row: usize| numbers.get(column.place(row)?).copied();
    candidates.iter().filter(|row| number(*row).is_some_and(&wanted)).for_each(|row| found.set(row));
}

/// Rows of a column of patterns: only texts of patterns that leave a doubt are written out.
fn of_patterns(
    patterns: &PatternColumn,
    leaf: &Leaf<'_>,
    column: &Column,
    block: &mut Block<'_>,
    candidates: &Bits,
) -> Result<Bits, DamagedBlock> {
    let verdicts = leaf.search.verdicts(patterns);
    let (mut found, mut doubtful) = (Bits::none(candidates.len()), Bits::none(candidates.len()));
    for row in candidates.iter() {
        match column.pattern(row).and_then(|code| verdicts.get(code)) {
            Some(Verdict::Always) => found.set(row),
            Some(Verdict::Never) => {}
            _ => doubtful.set(row),
        }
    }
    if !doubtful.is_empty() {
        // Texts lead to other columns.
        let _ = block.column(leaf.column)?;
        if let Some(piece) = leaf.search.piece() {
            let wanted = |code| verdicts.get(code) == Some(&Verdict::Maybe);
            let places = doubtful.iter().filter_map(|row| Some((column.place(row)?, row)));
            if let Some(rows) = patterns.rows_with(piece, &wanted, places) {
                doubtful.and(&rows);
            }
        }
        let mut scratch = Vec::new();
        for row in doubtful.iter() {
            if column.value(row, &mut scratch).is_some_and(|value| leaf.holds(value)) {
                found.set(row);
            }
        }
    }
    Ok(found)
}

impl Column {
    /// The rows whose value may have the piece in it: those that have are among them. `None`: all may.
    pub(super) fn rows_with(&self, piece: &Piece, rows: usize) -> Option<Bits> {
        let mut found = Bits::none(rows);
        match &self.data {
            Data::Dict { values, .. } => {
                let has =
                    |value: &OwnedValue| value.as_value().as_str().is_none_or(|s| piece.is_in(s.as_bytes()));
                let has: Vec<bool> = values.iter().map(has).collect();
                if has.contains(&true) {
                    let passes =
                        |row: &usize| self.code(*row).is_some_and(|code| has.get(code) == Some(&true));
                    (0..rows).filter(passes).for_each(|row| found.set(row));
                }
            }
            Data::Strings { ends, text } if !piece.is_folded() => {
                search(self, ends, rows, |from| piece.find(text.as_bytes(), from), &mut found);
            }
            Data::Patterns(patterns) => {
                return patterns.rows_with(piece, &|_| true, self.rows_by_place(rows));
            }
            _ => return None,
        }
        Some(found)
    }
}

/// Whether a search through the whole text beats one row after the other.
fn dense(candidates: &Bits) -> bool {
    candidates.count() * 4 >= candidates.len()
}

/// Sets the rows in whose part of a column's text something is found. `find` searches from an offset on and finds
/// nothing empty.
fn search(
    column: &Column,
    ends: &[u32],
    rows: usize,
    find: impl Fn(usize) -> Option<(usize, usize)>,
    found: &mut Bits,
) {
    let mut values =
        column.rows_by_place(rows).filter_map(|(place, row)| Some((*ends.get(place)? as usize, row)));
    let mut current = values.next();
    let mut from = 0;
    while let Some((start, end)) = find(from) {
        while current.is_some_and(|(value_end, _)| value_end <= start) {
            current = values.next();
        }
        let Some((value_end, row)) = current else { return };
        if end <= value_end {
            found.set(row);
            from = value_end;
        } else {
            // Found across the border of two values: what begins one byte later may lie in one.
            from = start + 1;
        }
    }
}
