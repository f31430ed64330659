//! What the streams of a block have.

use std::ops::Range;

use super::segment::{Block, EventSegment};
use crate::usage::{RowsUse, Uses};

impl EventSegment {
    /// The blocks that touch a time range, and the times of their oldest rows.
    pub(crate) fn blocks_between(&self, start: i64, end: i64) -> impl Iterator<Item = (i64, usize)> {
        let blocks = self.blocks.iter().enumerate();
        let touching = blocks.filter(move |(_, block)| block.time_min < end && block.time_max >= start);
        touching.map(|(number, block)| (block.time_min, number))
    }

    /// Adds a block's rows with start <= time < end. `None`: the block is damaged, which was reported; the rest of it is left
    /// out.
    pub(crate) fn add_uses(&self, number: usize, range: (i64, i64), uses: &mut Uses) -> Option<()> {
        let (meta, streams) = (self.blocks.get(number)?, self.streams()?);
        let is_whole = range.0 <= meta.time_min && meta.time_max < range.1;
        let mut block: Option<Block<'_>> = None;
        for (stream, rows) in meta.run_ranges().filter(|(_, rows)| !rows.is_empty()) {
            let stream = streams.get(stream as usize)?;
            let found = if is_whole && uses.reaches(stream, meta.time_min, meta.time_max) {
                (rows.len() as u64, None)
            } else {
                let block = match &mut block {
                    Some(block) => block,
                    none => none.insert(self.block(number).ok()?),
                };
                let (records, times) = times_in(block, rows, range);
                (records, Some(times))
            };
            let (records, times) = found;
            if records > 0 {
                let stored_bytes = meta.columns_len as u64 * records / (meta.rows as u64).max(1);
                uses.add(stream, RowsUse { records, stored_bytes, times });
            }
        }
        Some(())
    }
}

/// How many rows of a run are in the range, and the first and the last time of these.
fn times_in(block: &Block<'_>, rows: Range<usize>, (start, end): (i64, i64)) -> (u64, (i64, i64)) {
    let times = block.times.get(rows).unwrap_or_default().iter();
    let inside = times.filter(|time| (start..end).contains(time));
    inside.fold((0, (i64::MAX, i64::MIN)), |(records, (first, last)), time| {
        (records + 1, (first.min(*time), last.max(*time)))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::super::EventSegment;
    use super::super::tests::{Random, ctx, query, random_batch, segments};
    use crate::events_view::EventsView;
    use crate::model::Filter;
    use crate::snapshot::ScanControl;

    fn column_bytes(segments: &[Arc<EventSegment>]) -> u64 {
        segments.iter().flat_map(|segment| &segment.blocks).map(|block| block.columns_len as u64).sum()
    }

    #[test]
    fn what_streams_have_is_what_a_scan_sees_of_them() {
        let mut random = Random(7);
        let batches: Vec<_> = (0..6).map(|_| Arc::new(random_batch(&mut random, 150))).collect();
        let times: Vec<i64> = batches.iter().flat_map(|batch| batch.times().iter().copied()).collect();
        let written: Vec<_> =
            batches[..4].iter().flat_map(|batch| segments(std::slice::from_ref(batch))).collect();
        let all_bytes = column_bytes(&written);
        let view = EventsView::new(batches[4..].to_vec(), written);
        for round in 0..60 {
            let (a, b) = (times[random.below(times.len())], times[random.below(times.len())]);
            let (start, end) = if round == 0 { (i64::MIN, i64::MAX) } else { (a.min(b), a.max(b)) };
            let mut events = query(Filter::All);
            (events.start, events.end) = (start, end);
            let mut expected: BTreeMap<u128, (u64, i64, i64)> = BTreeMap::new();
            view.scan(&ctx(), &events, &mut |rows| {
                for row in rows.rows.iter().map(|row| *row as usize) {
                    let time = rows.batch.times()[row];
                    let one = expected.entry(rows.batch.stream(row).hash()).or_insert((0, time, time));
                    *one = (one.0 + 1, one.1.min(time), one.2.max(time));
                }
                ScanControl::Continue
            })
            .unwrap();
            let uses = view.uses(&ctx(), start, end).unwrap();
            let found: BTreeMap<u128, (u64, i64, i64)> =
                uses.iter().map(|one| (one.stream.hash(), (one.records, one.first, one.last))).collect();
            assert_eq!(found, expected, "round {round}");
            let bytes: u64 = uses.iter().map(|one| one.stored_bytes).sum();
            assert!(bytes <= all_bytes, "{bytes} of {all_bytes}");
            // Each run of a block rounds down by less than one byte.
            let runs_max = times.len() as u64;
            assert!(round > 0 || bytes + runs_max >= all_bytes, "{bytes} of {all_bytes}");
        }
    }
}
