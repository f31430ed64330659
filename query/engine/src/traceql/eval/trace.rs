//! A whole trace in memory: its spans as a batch, and how they hang together.

use rustc_hash::FxHashMap;
use store::model::{EventBatch, Field, Value};

pub type TraceId = [u8; 16];

/// All spans of a trace that are stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    pub id: TraceId,
    /// Every row is a span of this trace, with all its columns.
    pub spans: EventBatch,
}

/// Parents, order and extent of a trace's spans, by row.
pub(super) struct Structure {
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
    pub(super) fn of(spans: &EventBatch) -> Structure {
        let rows = spans.rows();
        let by_id: FxHashMap<&[u8], usize> =
            (0..rows).map(|row| (id_of(spans, row, Field::SpanId), row)).collect();
        let parent_id = |row| id_of(spans, row, Field::ParentSpanId);
        let parents: Vec<Option<usize>> =
            (0..rows).map(|row| by_id.get(parent_id(row)).copied().filter(|parent| *parent != row)).collect();
        let is_root = |row: &usize| parent_id(*row).iter().all(|byte| *byte == 0);
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

    /// Walks without recursion: traces can be deeper than a stack. Spans in a circle of parents are never reached.
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

    pub(super) fn is_ancestor(&self, above: usize, below: usize) -> bool {
        if self.left[above] > 0 && self.left[below] > 0 {
            return self.left[above] < self.left[below] && self.right[below] < self.right[above];
        }
        // Without a root there are no numbers: follow the parents, at most once around.
        let mut at = self.parents[below];
        for _ in 0..self.parents.len() {
            match at {
                Some(parent) if parent == above => return true,
                Some(parent) => at = self.parents[parent],
                None => return false,
            }
        }
        false
    }
}
