//! Reading a sample segment: the table once, blocks when asked.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::codec::{take_times, take_values, take_varint, unzigzag};
use super::file::{FileError, SampleFooter, take};
use super::table::{SeriesTable, TableRow};
use super::write::SeriesInput;
use crate::blobs::BlobData;
use crate::head::OwnedExemplar;
use crate::model::{LabelMatcher, Labels, MalformedBatch};
use crate::snapshot::SeriesMeta;

/// A decompressed column or table is never larger; a damaged length cannot make us allocate more.
const COLUMN_BYTES_MAX: usize = 1 << 30;

/// An open segment. Cheap until something is asked of it.
pub(crate) struct SampleSegment {
    data: BlobData,
    footer: SampleFooter,
    table: OnceLock<Result<SeriesTable, String>>,
}

/// Series of one block, all of them decoded.
struct DecodedBlock {
    series: Vec<DecodedSeries>,
}

#[derive(Default, Clone)]
struct DecodedSeries {
    times: Vec<i64>,
    values: Vec<f64>,
    starts: Vec<(u32, i64)>,
    histograms: Vec<(i64, i64, Box<[u8]>)>,
}

impl SampleSegment {
    /// Checks the footer; sections are checked when they are read.
    pub(crate) fn open(data: BlobData) -> Result<Self, FileError> {
        let footer = SampleFooter::read(&data)?;
        Ok(Self { data, footer, table: OnceLock::new() })
    }

    pub(crate) fn footer(&self) -> &SampleFooter {
        &self.footer
    }

    /// Whether it can hold samples of the range.
    pub(crate) fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool {
        self.footer.min_time_ms <= end_ms && self.footer.max_time_ms >= start_ms
    }

    fn table(&self) -> Result<&SeriesTable, FileError> {
        let table = self.table.get_or_init(|| {
            let bytes = self.footer.table.read(&self.data, "series table").map_err(|e| e.to_string())?;
            let bytes = decompress(bytes).map_err(|e| e.to_string())?;
            SeriesTable::read(&bytes).map_err(|e| e.to_string())
        });
        table.as_ref().map_err(|_| FileError::Checksum("series table"))
    }

    /// Labels of the series that match, whatever their times.
    pub(crate) fn matching(
        &self,
        matchers: &[LabelMatcher],
    ) -> Result<impl Iterator<Item = (&Labels, &Arc<SeriesMeta>)>, FileError> {
        let table = self.table()?;
        let numbers = table.select(matchers);
        Ok(numbers
            .into_iter()
            .filter_map(|n| table.series.get(n as usize))
            .map(|row| (&row.labels, &row.meta)))
    }

    /// Shows the samples of matching series in the range (inclusive), block by block. `visit` may stop it.
    /// A damaged block is an error; the blocks before it were shown.
    pub(crate) fn select<E>(
        &self,
        matchers: &[LabelMatcher],
        range_ms: (i64, i64),
        visit: &mut dyn FnMut(SeriesInput) -> Result<(), E>,
    ) -> Result<Result<(), E>, FileError> {
        let table = self.table()?;
        let mut by_block: BTreeMap<u32, Vec<&TableRow>> = BTreeMap::new();
        for row in table.select(matchers).iter().filter_map(|n| table.series.get(n as usize)) {
            by_block.entry(row.place.block).or_default().push(row);
        }
        for (block, rows) in by_block {
            let mut decoded = self.block(block)?;
            for row in rows {
                let place = decoded.series.get_mut(row.place.index as usize).map(std::mem::take);
                let series = place.ok_or(MalformedBatch("a series is not in its block"))?;
                let input = cut(row, series, range_ms);
                if input.times.is_empty() && input.histograms.is_empty() {
                    continue;
                }
                if let Err(stop) = visit(input) {
                    return Ok(Err(stop));
                }
            }
        }
        Ok(Ok(()))
    }

    /// All of it, with exemplars: for merging.
    pub(crate) fn read_all(&self) -> Result<Vec<SeriesInput>, FileError> {
        let mut all = Vec::new();
        let visited = self.select::<std::convert::Infallible>(&[], (i64::MIN, i64::MAX), &mut |one| {
            all.push(one);
            Ok(())
        })?;
        match visited {
            Ok(()) => {}
            Err(never) => match never {},
        }
        let places: BTreeMap<Labels, usize> =
            all.iter().enumerate().map(|(i, one)| (one.labels.clone(), i)).collect();
        for (row, exemplar) in self.exemplars()? {
            if let Some(&at) = places.get(&row.labels) {
                all[at].exemplars.push(exemplar);
            }
        }
        Ok(all)
    }

    fn exemplars(&self) -> Result<Vec<(&TableRow, OwnedExemplar)>, FileError> {
        let table = self.table()?;
        let bytes = decompress(self.footer.exemplars.read(&self.data, "exemplars")?)?;
        let mut rest = bytes.as_slice();
        let mut found = Vec::new();
        while !rest.is_empty() {
            let series = take_varint(&mut rest)? as usize;
            let time_ms = unzigzag(take_varint(&mut rest)?);
            let value = f64::from_bits(u64::from_le_bytes(take(&mut rest)?));
            let mut field = || {
                let len = take_varint(&mut rest)? as usize;
                let (bytes, tail) = rest.split_at_checked(len).ok_or(MalformedBatch("exemplar"))?;
                rest = tail;
                Ok::<Box<[u8]>, MalformedBatch>(bytes.into())
            };
            let exemplar =
                OwnedExemplar { time_ms, value, trace_id: field()?, span_id: field()?, attributes: field()? };
            found.push((table.series.get(series).ok_or(MalformedBatch("exemplar"))?, exemplar));
        }
        Ok(found)
    }

    /// Exemplars of matching series in the range.
    pub(crate) fn exemplars_of(
        &self,
        matchers: &[LabelMatcher],
        (start_ms, end_ms): (i64, i64),
    ) -> Result<Vec<(Labels, OwnedExemplar)>, FileError> {
        let matches =
            |labels: &Labels| matchers.iter().all(|m| m.matches(labels.get(&m.name).unwrap_or_default()));
        let all = self.exemplars()?;
        let inside = |e: &OwnedExemplar| (start_ms..=end_ms).contains(&e.time_ms);
        Ok(all
            .into_iter()
            .filter(|(row, exemplar)| inside(exemplar) && matches(&row.labels))
            .map(|(row, exemplar)| (row.labels.clone(), exemplar))
            .collect())
    }

    fn block(&self, number: u32) -> Result<DecodedBlock, FileError> {
        let section = self.footer.blocks.get(number as usize).ok_or(MalformedBatch("block number"))?;
        let mut rest = section.read(&self.data, "block")?;
        let count = u32::from_le_bytes(take(&mut rest)?);
        let mut column = || {
            let len = u32::from_le_bytes(take(&mut rest)?) as usize;
            let (bytes, tail) = rest.split_at_checked(len).ok_or(MalformedBatch("column"))?;
            rest = tail;
            decompress(bytes)
        };
        let columns = [column()?, column()?, column()?, column()?];
        Ok(decode_block(count, &columns)?)
    }
}

fn decode_block(count: u32, columns: &[Vec<u8>; 4]) -> Result<DecodedBlock, MalformedBatch> {
    let [mut counts, mut times, mut values, mut rest] = columns.each_ref().map(|column| column.as_slice());
    let mut series = Vec::new();
    let mut last_times: Vec<i64> = Vec::new();
    for _ in 0..count {
        let samples = take_varint(&mut counts)? as usize;
        let [same] = take(&mut times)?;
        if same == 0 {
            last_times = take_times(&mut times, samples)?;
        }
        if last_times.len() != samples {
            return Err(MalformedBatch("shared times"));
        }
        let values = take_values(&mut values, samples)?;
        let mut one = DecodedSeries { times: last_times.clone(), values, ..Default::default() };
        for _ in 0..take_varint(&mut rest)? {
            let index = u32::try_from(take_varint(&mut rest)?).map_err(|_| MalformedBatch("start"))?;
            one.starts.push((index, unzigzag(take_varint(&mut rest)?)));
        }
        for _ in 0..take_varint(&mut rest)? {
            let (time, start) = (unzigzag(take_varint(&mut rest)?), unzigzag(take_varint(&mut rest)?));
            let len = take_varint(&mut rest)? as usize;
            let (bytes, tail) = rest.split_at_checked(len).ok_or(MalformedBatch("histogram"))?;
            rest = tail;
            one.histograms.push((time, start, bytes.into()));
        }
        series.push(one);
    }
    Ok(DecodedBlock { series })
}

/// The part of a series inside the range.
fn cut(row: &TableRow, mut series: DecodedSeries, (start_ms, end_ms): (i64, i64)) -> SeriesInput {
    let from = series.times.partition_point(|time| *time < start_ms);
    let to = series.times.partition_point(|time| *time <= end_ms);
    series.times.truncate(to);
    series.values.truncate(to);
    let before =
        series.starts.iter().rfind(|(index, _)| *index as usize <= from).map(|(_, start)| (0, *start));
    let inside = series.starts.iter().filter(|(index, _)| (from + 1..to).contains(&(*index as usize)));
    let starts =
        before.into_iter().chain(inside.map(|(index, start)| (*index - from as u32, *start))).collect();
    series.histograms.retain(|(time, ..)| (start_ms..=end_ms).contains(time));
    SeriesInput {
        labels: row.labels.clone(),
        meta: Arc::clone(&row.meta),
        times: series.times.split_off(from),
        values: series.values.split_off(from),
        starts,
        histograms: series.histograms,
        exemplars: Vec::new(),
    }
}

fn decompress(mut bytes: &[u8]) -> Result<Vec<u8>, MalformedBatch> {
    let len = u32::from_le_bytes(take(&mut bytes)?) as usize;
    if len > COLUMN_BYTES_MAX {
        return Err(MalformedBatch("column is too large"));
    }
    let out = zstd::bulk::decompress(bytes, len).map_err(|_| MalformedBatch("zstd"))?;
    if out.len() == len { Ok(out) } else { Err(MalformedBatch("column length")) }
}
