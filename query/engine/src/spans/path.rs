//! Where a trace's time went: the chain of spans that decided its length, and the time each span spent itself.

use store::model::{Field, Value};

use crate::traceql::{Structure, Trace};

/// A piece of the critical path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathPart {
    /// Row of the trace's spans.
    pub row: usize,
    /// Unix nanoseconds.
    pub start: i64,
    pub end: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TracePath {
    /// In the order of time, without gaps and overlaps, from the root's start to its end.
    pub parts: Vec<PathPart>,
    /// By row: nanoseconds no child was running.
    pub self_ns: Vec<i64>,
}

/// Of the earliest root, or of the earliest span if no root came.
pub fn trace_path(trace: &Trace) -> TracePath {
    let spans = &trace.spans;
    let structure = Structure::of(spans);
    let start = |row: usize| spans.times()[row];
    let end = |row: usize| {
        let duration = spans.field(row, Field::Duration).and_then(Value::as_int).unwrap_or(0);
        start(row).saturating_add(duration.max(0))
    };
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); spans.rows()];
    for (row, parent) in structure.parents().iter().enumerate() {
        if let Some(parent) = parent {
            children[*parent].push(row);
        }
    }
    let own =
        |row: usize| self_time((start(row), end(row)), children[row].iter().map(|c| (start(*c), end(*c))));
    let self_ns = (0..spans.rows()).map(own).collect();
    // The last to end comes first: it is what was waited for.
    children.iter_mut().for_each(|list| list.sort_by_key(|row| (std::cmp::Reverse(end(*row)), *row)));
    let first =
        (0..spans.rows()).filter(|row| structure.parents()[*row].is_none()).min_by_key(|row| start(*row));
    let Some(root) = structure.root().or(first) else { return TracePath { parts: Vec::new(), self_ns } };
    let mut parts = Vec::new();
    // Backwards in time: a span, up to when it is looked at, and which child is next.
    let mut open = vec![(root, end(root), 0usize)];
    while let Some((row, until, next)) = open.pop() {
        let from = start(row);
        let waited = |child: &usize| end(*child).min(until) > start(*child).max(from);
        let skipped = children[row][next..].iter().take_while(|child| !waited(child)).count();
        let Some(child) = children[row].get(next + skipped) else {
            push(&mut parts, row, from, until);
            continue;
        };
        let child_end = end(*child).min(until);
        push(&mut parts, row, child_end, until);
        // What is left of the span lies before the child.
        open.push((row, start(*child).max(from), next + skipped + 1));
        open.push((*child, child_end, 0));
    }
    parts.reverse();
    clip(&mut parts);
    TracePath { parts, self_ns }
}

fn push(parts: &mut Vec<PathPart>, row: usize, start: i64, end: i64) {
    if end > start {
        parts.push(PathPart { row, start, end });
    }
}

/// Clocks that differ let a child begin before its parent: the earlier part keeps its place.
fn clip(parts: &mut Vec<PathPart>) {
    let mut last = i64::MIN;
    parts.retain_mut(|part| {
        part.start = part.start.max(last);
        last = last.max(part.end);
        part.end > part.start
    });
}

/// What children do not cover.
fn self_time((start, end): (i64, i64), children: impl Iterator<Item = (i64, i64)>) -> i64 {
    let mut covered: Vec<(i64, i64)> =
        children.map(|(from, to)| (from.max(start), to.min(end))).filter(|(from, to)| to > from).collect();
    covered.sort_unstable();
    let (mut own, mut at) = (0, start);
    for (from, to) in covered {
        own += (from - at).max(0);
        at = at.max(to);
    }
    own + (end - at).max(0)
}

#[cfg(test)]
mod tests {
    use store::model::{EventBatchBuilder, Signal, StreamParts};

    use super::*;

    /// id, parent, start, end
    fn trace(spans: &[(u8, u8, i64, i64)]) -> Trace {
        let mut b = EventBatchBuilder::new(Signal::Spans);
        for (id, parent, start, end) in spans {
            let stream = b.stream(&StreamParts::default());
            b.begin_row(*start, stream);
            b.field(Field::SpanId, Value::Bytes(&[*id; 8]));
            if *parent > 0 {
                b.field(Field::ParentSpanId, Value::Bytes(&[*parent; 8]));
            }
            b.field(Field::Duration, Value::Int(end - start));
            b.end_row();
        }
        Trace { id: [1; 16], spans: b.finish() }
    }

    fn shown(path: &TracePath) -> String {
        path.parts
            .iter()
            .map(|p| format!("{}:{}-{}", p.row + 1, p.start, p.end))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn the_path_follows_what_was_waited_for() {
        // Two calls in turn, then two at once of which the longer counts; the last goes on after its parent.
        let spans =
            [(1, 0, 0, 100), (2, 1, 10, 30), (3, 1, 40, 90), (4, 1, 45, 80), (5, 3, 50, 60), (6, 1, 95, 140)];
        let path = trace_path(&trace(&spans));
        assert_eq!(shown(&path), "1:0-10 2:10-30 1:30-40 3:40-50 5:50-60 3:60-90 1:90-95 6:95-100");
        assert_eq!(path.self_ns, [25, 20, 40, 35, 10, 45]);
        assert_eq!(path.parts.iter().map(|part| part.end - part.start).sum::<i64>(), 100);
    }

    #[test]
    fn traces_without_a_root_and_with_clocks_that_differ_have_a_path_without_overlaps() {
        for spans in [
            vec![(2, 9, 10, 30), (3, 2, 5, 25)],
            vec![(1, 2, 0, 10), (2, 1, 5, 30)],
            vec![(1, 0, 50, 60), (2, 1, 0, 55), (3, 2, 58, 70)],
            vec![(1, 0, 5, 5)],
        ] {
            let path = trace_path(&trace(&spans));
            assert!(path.parts.windows(2).all(|pair| pair[0].end <= pair[1].start), "{path:?}");
            assert!(path.self_ns.iter().all(|nanos| *nanos >= 0));
        }
        assert_eq!(trace_path(&trace(&[])), TracePath::default());
    }
}
