//! Rows of a block counted by the codes of its columns.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::bits::Bits;
use super::decode::{Column, Data};
use super::scan::SegmentScan;
use super::segment::Block;
use crate::model::{ColumnRef, StopReason, Stream};
use crate::snapshot::ScanStats;
use crate::tally::{Finder, Groups, hash_of};

/// Up to so many combinations of codes are counted by their number, without a look at a hash.
const DENSE_MAX: usize = 1 << 13;
/// Combinations of these codes have no group yet.
const NONE: u32 = u32::MAX;

/// A column's values, numbered: 0 is a missing one.
struct Coded {
    column: Option<Arc<Column>>,
    /// By row. Empty: all rows have the number 0.
    numbers: Vec<u32>,
    /// By number.
    hashes: Vec<u128>,
    /// A row with each number.
    rows: Vec<u32>,
    by_kind: bool,
}

impl Coded {
    fn new(column: Option<Arc<Column>>, rows: &Bits, by_kind: bool) -> Self {
        let mut coded = Self { column: None, numbers: Vec::new(), hashes: vec![0], rows: vec![0], by_kind };
        let Some(column) = column else { return coded };
        coded.numbers = vec![0; rows.len()];
        match &column.data {
            Data::Const(_) => coded.fill(&column, rows, 1, |_| Some(0)),
            Data::Dict { values, codes } => coded.fill(&column, rows, values.len(), |place| codes.get(place)),
            Data::Patterns(patterns) if patterns.numbers() > 0 => {
                coded.fill(&column, rows, patterns.numbers(), |place| patterns.number(place));
            }
            _ => coded.fill(&column, rows, 0, |_| None),
        }
        coded.column = Some(column);
        coded
    }

    /// Numbers the values of some rows; places with the same code, below `codes`, have the same value.
    fn fill(&mut self, column: &Column, rows: &Bits, codes: usize, code: impl Fn(usize) -> Option<usize>) {
        let mut of_codes = vec![0u32; codes];
        let (mut scratch, mut text) = (Vec::new(), String::new());
        for (place, row) in column.rows_by_place(rows.len()) {
            if !rows.contains(row) {
                continue;
            }
            let code = code(place);
            let known = code.and_then(|code| of_codes.get(code)).copied().unwrap_or(0);
            if known > 0 {
                self.numbers[row] = known;
                continue;
            }
            let Some(value) = column.value(row, &mut scratch) else { continue };
            let number = self.hashes.len() as u32;
            self.hashes.push(hash_of(Some(value), self.by_kind, &mut text));
            self.rows.push(row as u32);
            self.numbers[row] = number;
            if let Some(place) = code.and_then(|code| of_codes.get_mut(code)) {
                *place = number;
            }
        }
    }

    fn number(&self, row: usize) -> usize {
        self.numbers.get(row).map_or(0, |number| *number as usize)
    }
}

/// What a scan knows of its segment's streams: the class of each, if its rows count.
pub(crate) struct Classes<'s> {
    pub(super) streams: &'s [Arc<Stream>],
    pub(super) of: Vec<Option<u32>>,
    /// See [`crate::TallyQuery`].
    pub(crate) by_kind: bool,
}

impl SegmentScan<'_, '_> {
    /// Counts a block's rows with start <= time < end that match.
    pub(crate) fn tally(
        &self,
        block: usize,
        range: (i64, i64),
        columns: &[ColumnRef],
        classes: &Classes<'_>,
        (finder, groups): (&mut Finder, &mut Groups),
        stats: &mut ScanStats,
    ) -> Result<(), StopReason> {
        let Some((mut block, rows)) = self.find(block, range, stats) else { return Ok(()) };
        let before = block.bytes_read;
        let mut coded = Vec::with_capacity(columns.len());
        for column in columns {
            let number = self.number(column);
            let Ok(column) = number.map_or(Ok(None), |number| block.column(number)) else {
                stats.blocks_damaged += 1;
                return Ok(());
            };
            coded.push(Coded::new(column, &rows, classes.by_kind));
        }
        stats.bytes_read += block.bytes_read - before;
        Counting { block: &block, rows: &rows, coded: &coded, classes }.count(finder, groups)
    }
}

struct Counting<'b> {
    block: &'b Block<'b>,
    rows: &'b Bits,
    coded: &'b [Coded],
    classes: &'b Classes<'b>,
}

impl Counting<'_> {
    fn count(&self, finder: &mut Finder, groups: &mut Groups) -> Result<(), StopReason> {
        let combinations = self.coded.iter().map(|coded| coded.hashes.len());
        let combinations = combinations.fold(1usize, usize::saturating_mul);
        let mut known: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
        for (stream, range) in self.block.meta.run_ranges() {
            let Some((class, stream)) = self.class(stream) else { continue };
            let dense = (combinations <= DENSE_MAX)
                .then(|| known.entry(class).or_insert_with(|| vec![NONE; combinations]));
            let Some(dense) = dense else {
                for row in self.rows.iter_in(range) {
                    let Some(windows) = finder.find(self.block.times[row]) else { continue };
                    let group = self.group(row, (class, stream), groups)?;
                    groups.add(group, windows);
                }
                continue;
            };
            for row in self.rows.iter_in(range) {
                let Some(windows) = finder.find(self.block.times[row]) else { continue };
                let number = self
                    .coded
                    .iter()
                    .fold(0, |number, coded| number * coded.hashes.len() + coded.number(row));
                if dense[number] == NONE {
                    dense[number] = self.group(row, (class, stream), groups)? as u32;
                }
                groups.add(dense[number] as usize, windows);
            }
        }
        Ok(())
    }

    fn class(&self, stream: u32) -> Option<(u32, &Arc<Stream>)> {
        let class = (*self.classes.of.get(stream as usize)?)?;
        Some((class, self.classes.streams.get(stream as usize)?))
    }

    fn group(
        &self,
        row: usize,
        class: (u32, &Arc<Stream>),
        groups: &mut Groups,
    ) -> Result<usize, StopReason> {
        let hashes = self.coded.iter().map(|coded| coded.hashes[coded.number(row)]);
        let hash = Groups::hash(class.0, hashes);
        groups.find(hash, class, &mut |at, put| {
            let coded = &self.coded[at];
            let mut scratch = Vec::new();
            let column = coded.column.as_ref().filter(|_| coded.number(row) > 0);
            let shown = coded.rows[coded.number(row)] as usize;
            column.and_then(|column| column.value(shown, &mut scratch)).into_iter().for_each(&mut *put);
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::tests::{
        Random, ctx, large_blocks, query, random_batch, random_filter, segments, segments_of,
    };
    use super::*;
    use crate::events_view::EventsView;
    use crate::model::{ColumnName, EventBatch, Field, Value};
    use crate::snapshot::{EventRows, Projection, ScanControl};
    use crate::tally::{TallyQuery, Windows};

    /// Rows of one host are one class; those of one service do not count.
    fn class(stream: &Stream) -> Option<u32> {
        let host = stream.resource.get("host").and_then(Value::as_int).unwrap_or(0);
        (stream.service() != "pay").then_some(host as u32 % 3)
    }

    type Counts = BTreeMap<(u32, String), Vec<i64>>;

    fn values(batch: &EventBatch, row: usize, columns: &[ColumnRef], by_kind: bool) -> String {
        let of_column = |column: &ColumnRef| {
            let own = batch.cells(row).find(|(id, _)| match (batch.column_name(*id), column) {
                (Some(ColumnName::Field(own)), ColumnRef::Field(field)) => own == *field,
                (Some(ColumnName::Attribute(own)), ColumnRef::Attribute(key)) => *own == **key,
                _ => false,
            });
            let shown =
                |value: Value<'_>| if by_kind { format!("{value:?}") } else { value.text().into_owned() };
            own.map(|(_, value)| shown(value))
        };
        format!("{:?}", columns.iter().map(of_column).collect::<Vec<_>>())
    }

    #[test]
    fn counts_are_those_of_the_rows_one_by_one() {
        let mut random = Random(99);
        let batches: Vec<_> = (0..4).map(|_| Arc::new(random_batch(&mut random, 150))).collect();
        let plain = EventsView::from(batches.clone());
        let mixed = EventsView::new(batches[2..].to_vec(), segments(&batches[..2]));
        let large = EventsView::new(Vec::new(), segments_of(&batches, &large_blocks()));
        let columns = [
            ColumnRef::Field(Field::SeverityNumber),
            ColumnRef::Attribute("user".into()),
            ColumnRef::Attribute("both".into()),
            ColumnRef::Field(Field::Body),
            ColumnRef::Attribute("absent".into()),
        ];
        for round in 0..60 {
            let columns: Vec<ColumnRef> = columns.iter().filter(|_| random.below(3) == 0).cloned().collect();
            let mut events = query(random_filter(&mut random, 2));
            events.projection = Projection::Columns(columns.clone());
            let by_kind = round % 2 == 0;
            let step = 1 + random.below(1 << 30) as i64;
            let (count, range) = (1 + random.below(8), 1 + random.below(1 << 32) as i64);
            let windows = Windows { start: 2_000_000_000, step, count, range };
            let mut expected = Counts::new();
            let mut all = |EventRows { batch, rows, .. }: EventRows<'_>| {
                for row in rows.iter().map(|row| *row as usize) {
                    let ends = (0..count as i64).map(|at| windows.start + at * step);
                    let holds = |end: i64| end - range < batch.times()[row] && batch.times()[row] <= end;
                    let Some(class) = class(batch.stream(row)).filter(|_| ends.clone().any(holds)) else {
                        continue;
                    };
                    let counts = expected
                        .entry((class, values(batch, row, &columns, by_kind)))
                        .or_insert(vec![0; count]);
                    ends.zip(counts).filter(|(end, _)| holds(*end)).for_each(|(_, count)| *count += 1);
                }
                ScanControl::Continue
            };
            plain.scan(&ctx(), &events, &mut all).unwrap();
            for view in [&plain, &mixed, &large] {
                let tally = view
                    .tally(&ctx(), &TallyQuery { events: &events, windows, class: &class, by_kind })
                    .unwrap();
                let rows = &tally.rows;
                let of_group = |group| {
                    let key = (class(rows.stream(group)).unwrap(), values(rows, group, &columns, by_kind));
                    (key, tally.counts(group).to_vec())
                };
                let found: Vec<_> = (0..rows.rows()).map(of_group).collect();
                assert_eq!(found.len(), expected.len(), "each group is there once, round {round}");
                assert_eq!(found.into_iter().collect::<Counts>(), expected, "round {round}: {events:?}");
            }
        }
    }
}
