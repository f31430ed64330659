//! One copy in memory of each stream, however many segments list it.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::model::Stream;

/// Streams somebody holds. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct StreamInterner(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    known: HashMap<u128, Weak<Stream>>,
    /// Forgotten streams are swept out when the table has grown to this.
    sweep_at: usize,
}

const SWEEP_MIN: usize = 1024;

impl StreamInterner {
    /// The shared copy of an equal stream.
    pub(crate) fn intern(&self, stream: Arc<Stream>) -> Arc<Stream> {
        let mut state = self.0.lock();
        if let Some(known) = state.known.get(&stream.hash()).and_then(Weak::upgrade) {
            return known;
        }
        if state.known.len() >= state.sweep_at.max(SWEEP_MIN) {
            state.known.retain(|_, known| known.strong_count() > 0);
            state.sweep_at = state.known.len() * 2;
        }
        state.known.insert(stream.hash(), Arc::downgrade(&stream));
        stream
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{StreamParts, Value};

    #[test]
    fn equal_streams_are_one_and_unused_ones_are_forgotten() {
        let stream = |n| {
            let resource = [("n", Value::Int(n))];
            Arc::new(Stream::new(&StreamParts { resource: &resource, ..Default::default() }))
        };
        let interner = StreamInterner::default();
        let first = interner.intern(stream(1));
        assert!(Arc::ptr_eq(&first, &interner.intern(stream(1))));
        (2..5000).for_each(|n| drop(interner.intern(stream(n))));
        assert!(interner.0.lock().known.len() < 2100);
        assert!(Arc::ptr_eq(&first, &interner.intern(stream(1))));
    }
}
