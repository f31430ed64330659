//! What each stream has in a range of time. The tables of blocks tell most of it: times are decoded only where a range cuts
//! a block, or where a stream is not yet known to reach as far as the block does.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::model::Stream;

/// The log records or spans of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamUse {
    pub stream: Arc<Stream>,
    pub records: u64,
    /// Bytes in segments: of each block's columns the share its rows have. What is only in memory has none yet.
    pub stored_bytes: u64,
    /// Unix nanoseconds of the oldest and the newest record.
    pub first: i64,
    pub last: i64,
}

/// Streams by their hash, as they are found.
#[derive(Default)]
pub(crate) struct Uses(FxHashMap<u128, StreamUse>);

/// Rows of one stream that stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowsUse {
    pub(crate) records: u64,
    pub(crate) stored_bytes: u64,
    /// `None`: they are between those of the stream that are known.
    pub(crate) times: Option<(i64, i64)>,
}

// === impl Uses ===

impl Uses {
    /// Whether the stream is known to have records so early and so late.
    pub(crate) fn reaches(&self, stream: &Stream, first: i64, last: i64) -> bool {
        self.0.get(&stream.hash()).is_some_and(|known| known.first <= first && known.last >= last)
    }

    pub(crate) fn add(&mut self, stream: &Arc<Stream>, rows: RowsUse) {
        let (first, last) = rows.times.unwrap_or((i64::MAX, i64::MIN));
        let known = self.0.entry(stream.hash()).or_insert_with(|| StreamUse {
            stream: Arc::clone(stream),
            records: 0,
            stored_bytes: 0,
            first,
            last,
        });
        known.records += rows.records;
        known.stored_bytes += rows.stored_bytes;
        known.first = known.first.min(first);
        known.last = known.last.max(last);
    }

    /// By the streams' hashes.
    pub(crate) fn finish(self) -> Vec<StreamUse> {
        let mut all: Vec<StreamUse> = self.0.into_values().collect();
        all.sort_unstable_by_key(|one| one.stream.hash());
        all
    }
}

/// The first, the last, the second, the last but one …: what lies between two of a stream's rows tells nothing new of its times.
pub(crate) fn from_both_ends(count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |at| if at % 2 == 0 { at / 2 } else { count - 1 - at / 2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_meet_and_each_is_named_once() {
        assert_eq!(from_both_ends(5).collect::<Vec<_>>(), [0, 4, 1, 3, 2]);
        assert_eq!(from_both_ends(2).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(from_both_ends(0).count(), 0);
    }
}
