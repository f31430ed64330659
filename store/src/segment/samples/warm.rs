//! Blocks that were read lately, decompressed: rules and dashboards ask for the same few series again and again.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::read::Block;

/// What all warm blocks may hold.
const BYTES_MAX: usize = 16 << 20;
/// A block that was not asked for among so many lookups makes room for another. One asked for by a long scan does not
/// push out those that others ask for.
const LOOKUPS_MAX: u64 = 4_096;
/// Room is looked for once in so many lookups.
const SWEEP_EVERY: u64 = 256;

/// Shared by all segments of a store. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct WarmSamples(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// By segment and block, with the lookup that found it last.
    blocks: HashMap<(u64, u32), (Arc<Block>, u64)>,
    size_bytes: usize,
    lookups: u64,
    swept: u64,
}

impl WarmSamples {
    pub(super) fn get(&self, segment: u64, block: u32) -> Option<Arc<Block>> {
        let mut state = self.0.lock();
        state.lookups += 1;
        let lookups = state.lookups;
        let (warm, last) = state.blocks.get_mut(&(segment, block))?;
        *last = lookups;
        Some(Arc::clone(warm))
    }

    /// Keeps a block if there is room.
    pub(super) fn put(&self, segment: u64, number: u32, block: &Arc<Block>) {
        let size = block.size_bytes();
        let mut state = self.0.lock();
        if state.size_bytes + size > BYTES_MAX && state.swept + SWEEP_EVERY <= state.lookups {
            state.swept = state.lookups;
            let oldest = state.lookups.saturating_sub(LOOKUPS_MAX);
            state.keep(|_, last| last >= oldest);
        }
        if state.size_bytes + size > BYTES_MAX {
            return;
        }
        let entry = (Arc::clone(block), state.lookups);
        let before = state.blocks.insert((segment, number), entry);
        state.size_bytes += size;
        state.size_bytes -= before.map_or(0, |(block, _)| block.size_bytes());
    }

    /// The segment is closed.
    pub(super) fn forget(&self, segment: u64) {
        self.0.lock().keep(|of, _| of != segment);
    }
}

impl State {
    fn keep(&mut self, wanted: impl Fn(u64, u64) -> bool) {
        self.blocks.retain(|(segment, _), (_, last)| wanted(*segment, *last));
        self.size_bytes = self.blocks.values().map(|(block, _)| block.size_bytes()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_what_is_not_makes_room() {
        let warm = WarmSamples::default();
        let block = Arc::new(Block::of_size(BYTES_MAX / 4));
        (0..5).for_each(|number| warm.put(1, number, &block));
        let there = |segment: u64, number: u32| warm.get(segment, number).is_some();
        assert_eq!(
            (0..5).map(|number| there(1, number)).collect::<Vec<_>>(),
            [true, true, true, true, false]
        );
        (0..LOOKUPS_MAX + SWEEP_EVERY).for_each(|_| drop(warm.get(1, 0)));
        warm.put(2, 7, &block);
        assert!(there(1, 0) && !there(1, 1) && there(2, 7));
        warm.forget(1);
        assert!(!there(1, 0) && there(2, 7));
        assert_eq!(warm.0.lock().size_bytes, block.size_bytes());
    }
}
