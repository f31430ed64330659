//! Blocks whose rows were shown lately, as far as they were decoded: what is looked at is looked at again.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::decode::Column;

/// What all warm blocks may hold; beyond it the least recently shown go.
const BYTES_MAX: usize = 32 << 20;

/// Shared by all segments of a store. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct WarmBlocks(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// By segment and block.
    blocks: HashMap<(u64, usize), (Warm, u64)>,
    size_bytes: usize,
    shown: u64,
}

/// A block's times and, in the order of its directory, the columns that were read.
#[derive(Clone)]
pub(super) struct Warm {
    pub(super) times: Arc<Vec<i64>>,
    pub(super) columns: Vec<Option<Arc<Column>>>,
}

impl Warm {
    fn size_bytes(&self) -> usize {
        self.times.len() * 8 + self.columns.iter().flatten().map(|column| column.size_bytes()).sum::<usize>()
    }
}

impl WarmBlocks {
    pub(super) fn get(&self, segment: u64, block: usize) -> Option<Warm> {
        let mut state = self.0.lock();
        state.shown += 1;
        let shown = state.shown;
        let (warm, last) = state.blocks.get_mut(&(segment, block))?;
        *last = shown;
        Some(warm.clone())
    }

    pub(super) fn put(&self, segment: u64, block: usize, warm: Warm) {
        let size = warm.size_bytes();
        let mut state = self.0.lock();
        state.shown += 1;
        let entry = (warm, state.shown);
        let before = state.blocks.insert((segment, block), entry);
        state.size_bytes += size;
        state.size_bytes -= before.map_or(0, |(warm, _)| warm.size_bytes());
        if state.size_bytes > BYTES_MAX {
            state.shrink();
        }
    }

    /// The segment is closed.
    pub(super) fn forget(&self, segment: u64) {
        self.0.lock().keep(|(of, _), _| *of != segment);
    }
}

impl State {
    fn shrink(&mut self) {
        let mut sizes: Vec<(u64, usize)> =
            self.blocks.values().map(|(warm, shown)| (*shown, warm.size_bytes())).collect();
        sizes.sort_unstable();
        let mut over = self.size_bytes - BYTES_MAX * 3 / 4;
        let gone = sizes.iter().take_while(|(_, size)| {
            let wanted = over > 0;
            over = over.saturating_sub(*size);
            wanted
        });
        let last_gone = gone.last().map_or(0, |(shown, _)| *shown);
        self.keep(|_, shown| shown > last_gone);
    }

    fn keep(&mut self, wanted: impl Fn(&(u64, usize), u64) -> bool) {
        self.blocks.retain(|key, (_, shown)| wanted(key, *shown));
        self.size_bytes = self.blocks.values().map(|(warm, _)| warm.size_bytes()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Random, query, random_batch, run, segments};
    use super::*;
    use crate::events_view::EventsView;
    use crate::model::Filter;
    use crate::snapshot::{EventQuery, Order};

    fn warm(bytes: usize) -> Warm {
        Warm { times: Arc::new(vec![0; bytes / 8]), columns: Vec::new() }
    }

    #[test]
    fn the_least_recently_shown_go_when_it_is_too_much() {
        let blocks = WarmBlocks::default();
        for block in 0..8 {
            blocks.put(1, block, warm(BYTES_MAX / 8));
        }
        assert!(blocks.get(1, 0).is_some());
        blocks.put(2, 0, warm(BYTES_MAX / 8));
        let left: Vec<usize> = (0..8).filter(|block| blocks.get(1, *block).is_some()).collect();
        assert_eq!(left, [0, 4, 5, 6, 7]);
        assert!(blocks.get(2, 0).is_some());
        blocks.forget(1);
        assert!(blocks.get(1, 0).is_none() && blocks.get(2, 0).is_some());
        assert_eq!(blocks.0.lock().size_bytes, BYTES_MAX / 8);
    }

    #[test]
    fn what_was_shown_in_an_order_is_not_decoded_again() {
        let batches = [Arc::new(random_batch(&mut Random(5), 400))];
        let view = EventsView::new(Vec::new(), segments(&batches));
        let newest = EventQuery { order: Order::NewestFirst, ..query(Filter::All) };
        let ((first, read), (again, warm)) = (run(&view, &newest), run(&view, &newest));
        assert_eq!(first, again);
        assert!(read.bytes_read > 0);
        assert_eq!(warm.bytes_read, 0);
    }
}
