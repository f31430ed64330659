//! A whole trace in memory: its spans as a batch, and how they hang together.

use rustc_hash::FxHashMap;
use store::model::{EventBatch, Field, Value};

use crate::traceql::ast::Kind;

pub type TraceId = [u8; 16];

/// All spans of a trace that are stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    pub id: TraceId,
    /// Every row is a span of this trace, with all its columns.
    pub spans: EventBatch,
}

/// Parents, order and extent of a trace's spans, by row.
pub(crate) struct Structure {
    pub(super) parents: Vec<Option<usize>>,
    pub(super) children: Vec<i64>,
    /// Numbers of a walk from the roots; a span lies between its ancestors'. Zero for a span no root leads to.
    pub(super) left: Vec<i64>,
    pub(super) right: Vec<i64>,
    /// The first span without a parent.
    pub(super) root: Option<usize>,
    pub(super) start: i64,
    pub(super) end: i64,
}

pub(super) fn duration_of(batch: &EventBatch, row: usize) -> i64 {
    batch.field(row, Field::Duration).and_then(Value::as_int).unwrap_or(0)
}

pub(super) fn id_of(batch: &EventBatch, row: usize, field: Field) -> &[u8] {
    batch.field(row, field).and_then(Value::as_bytes).unwrap_or_default()
}

impl Structure {
    pub(crate) fn of(spans: &EventBatch) -> Structure {
        let rows = spans.rows();
        let parents = parents(spans);
        let parent_id = |row| id_of(spans, row, Field::ParentSpanId);
        let is_root = |row: &usize| parents[*row].is_none() && parent_id(*row).iter().all(|byte| *byte == 0);
        let mut roots: Vec<usize> = (0..rows).filter(is_root).collect();
        roots.sort_by_key(|row| spans.times()[*row]);
        let mut structure = Structure {
            children: vec![0; rows],
            left: vec![0; rows],
            right: vec![0; rows],
            root: roots.first().copied(),
            start: spans.times().iter().copied().min().unwrap_or(0),
            end: (0..rows)
                .map(|row| spans.times()[row].saturating_add(duration_of(spans, row)))
                .max()
                .unwrap_or(0),
            parents,
        };
        structure.number(&roots);
        structure
    }

    pub(crate) fn parents(&self) -> &[Option<usize>] {
        &self.parents
    }

    pub(crate) fn root(&self) -> Option<usize> {
        self.root
    }

    /// Walks without recursion: traces can be deeper than a stack.
    fn number(&mut self, roots: &[usize]) {
        let mut below: Vec<Vec<usize>> = vec![Vec::new(); self.parents.len()];
        for (row, parent) in self.parents.iter().enumerate() {
            if let Some(parent) = parent {
                below[*parent].push(row);
                self.children[*parent] += 1;
            }
        }
        let mut next = 1;
        let mut open: Vec<(usize, bool)> = roots.iter().rev().map(|row| (*row, true)).collect();
        while let Some((row, enters)) = open.pop() {
            if enters {
                self.left[row] = next;
                open.push((row, false));
                open.extend(below[row].iter().rev().map(|child| (*child, true)));
            } else {
                self.right[row] = next;
            }
            next += 1;
        }
    }
}

/// Each span's parent, if it is there. Client and server of one call may share an id (Zipkin's way): the server's
/// parent is the client then, and what names the id as its parent is below the server.
fn parents(spans: &EventBatch) -> Vec<Option<usize>> {
    let rows = spans.rows();
    let calls = |row: usize| {
        let kind = spans.field(row, Field::Kind).and_then(Value::as_int);
        matches!(Kind::of(kind.unwrap_or(0)), Kind::Client | Kind::Producer)
    };
    let mut callers: FxHashMap<&[u8], usize> = FxHashMap::default();
    let mut others: FxHashMap<&[u8], usize> = FxHashMap::default();
    for row in 0..rows {
        let known = if calls(row) { &mut callers } else { &mut others };
        known.entry(id_of(spans, row, Field::SpanId)).or_insert(row);
    }
    let parent = |row: usize| {
        let own = id_of(spans, row, Field::SpanId);
        if let Some(caller) = callers.get(own).filter(|_| !calls(row) && !own.is_empty()) {
            return Some(*caller);
        }
        let id = id_of(spans, row, Field::ParentSpanId);
        if id.is_empty() || id == own {
            return None;
        }
        others.get(id).or_else(|| callers.get(id)).copied()
    };
    let mut parents: Vec<Option<usize>> = (0..rows).map(parent).collect();
    cut_circles(&mut parents, spans.times());
    parents
}

/// Broken clients send spans whose parents lead in a circle: the earliest span of it loses its parent.
fn cut_circles(parents: &mut [Option<usize>], times: &[i64]) {
    const NEW: usize = usize::MAX;
    let mut walk = vec![NEW; parents.len()];
    for start in 0..parents.len() {
        let mut at = Some(start);
        while let Some(row) = at.filter(|row| walk[*row] == NEW) {
            walk[row] = start;
            at = parents[row];
        }
        // A walk that meets itself has found a circle; one that meets another ends.
        let Some(entry) = at.filter(|row| walk[*row] == start) else { continue };
        let (mut earliest, mut row) = (entry, entry);
        while let Some(parent) = parents[row].filter(|parent| *parent != entry) {
            row = parent;
            if (times[row], row) < (times[earliest], earliest) {
                earliest = row;
            }
        }
        parents[earliest] = None;
    }
}
