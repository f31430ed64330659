//! Reading a sample segment: the table once, blocks when asked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use roaring::RoaringBitmap;

use super::codec::{take_times, take_values, take_varint, unzigzag, varints_len};
use super::file::{FileError, SampleFooter, take};
use super::series::{Piece, RawHistogram, SharedTimes, cut_starts};
use super::table::SeriesTable;
use super::warm::WarmSamples;
use crate::blobs::BlobData;
use crate::head::OwnedExemplar;
use crate::model::{LabelMatcher, Labels, MalformedBatch};
use crate::snapshot::SeriesMeta;

/// A decompressed column or table is never larger; a damaged length cannot make us allocate more.
const COLUMN_BYTES_MAX: usize = 1 << 30;

static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);

/// An open segment. Cheap until something is asked of it.
pub(crate) struct SampleSegment {
    data: BlobData,
    footer: SampleFooter,
    table: OnceLock<Result<SeriesTable, String>>,
    warm: WarmSamples,
    /// What warm blocks know it by.
    number: u64,
}

/// The block a reader is in, for a time range. Series next to each other are in one block.
#[derive(Default)]
pub(crate) struct BlockCache {
    number: Option<u32>,
    range_ms: (i64, i64),
    block: Arc<Block>,
    /// What of the block's lists of times is in the range, once a series asked.
    times: Vec<Option<TimesRead>>,
    /// Is read at once.
    column: Vec<u8>,
    scratch: Vec<i64>,
    /// Its tables are larger than most blocks.
    unpacker: Option<zstd::bulk::Decompressor<'static>>,
}

/// A block, decompressed.
#[derive(Default)]
pub(super) struct Block {
    heads: Vec<SeriesHead>,
    lists: Vec<TimeList>,
    times: Vec<u8>,
    values: Vec<u8>,
    rest: Vec<u8>,
}

/// Where a series is in the columns of its block.
#[derive(Clone, Copy)]
struct SeriesHead {
    samples: usize,
    list: usize,
    values: (usize, usize),
    rest: (usize, usize),
}

/// Times that series of the block share.
struct TimeList {
    /// Where they are in their column.
    at: usize,
    count: usize,
}

#[derive(Clone)]
struct TimesRead {
    from: usize,
    to: usize,
    times: Arc<[i64]>,
}

impl SampleSegment {
    /// Checks the footer; sections are checked when they are read.
    pub(crate) fn open(data: BlobData) -> Result<Self, FileError> {
        let footer = SampleFooter::read(&data)?;
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        Ok(Self { data, footer, table: OnceLock::new(), warm: WarmSamples::default(), number })
    }

    /// Keeps its warm blocks with those of others.
    pub(crate) fn with_warm(mut self, warm: &WarmSamples) -> Self {
        self.warm = warm.clone();
        self
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

    /// The series that match, whatever their times, by number: sorted by labels.
    pub(crate) fn matching(&self, matchers: &[LabelMatcher]) -> Result<RoaringBitmap, FileError> {
        Ok(self.table()?.index.select(matchers))
    }

    /// What a series is.
    pub(crate) fn series(&self, number: u32) -> Result<(&Labels, &Arc<SeriesMeta>), FileError> {
        let row = self.table()?.series.get(number as usize).ok_or(MalformedBatch("series number"))?;
        Ok((&row.labels, &row.meta))
    }

    /// The sum of all values of a series of growth.
    pub(crate) fn total(&self, number: u32) -> Result<f64, FileError> {
        Ok(self.table()?.series.get(number as usize).map_or(0.0, |row| row.total))
    }

    /// The block a series is in.
    pub(crate) fn block_of(&self, number: u32) -> Option<u32> {
        Some(self.table().ok()?.series.get(number as usize)?.place.block)
    }

    /// A series' samples in the range (inclusive).
    pub(crate) fn read(
        &self,
        number: u32,
        range_ms: (i64, i64),
        cache: &mut BlockCache,
        shared: &mut SharedTimes,
    ) -> Result<Piece, FileError> {
        let row = self.table()?.series.get(number as usize).ok_or(MalformedBatch("series number"))?;
        if cache.number != Some(row.place.block) || cache.range_ms != range_ms {
            self.fill(cache, row.place.block, range_ms)?;
        }
        Ok(cache.piece(row.place.index, shared)?)
    }

    /// All exemplars, with the numbers of their series; sorted by these.
    pub(crate) fn exemplars(&self) -> Result<Vec<(u32, OwnedExemplar)>, FileError> {
        let bytes = decompress(self.footer.exemplars.read(&self.data, "exemplars")?)?;
        let mut rest = bytes.as_slice();
        let mut found = Vec::new();
        while !rest.is_empty() {
            let series = u32::try_from(take_varint(&mut rest)?).map_err(|_| MalformedBatch("exemplar"))?;
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
            found.push((series, exemplar));
        }
        Ok(found)
    }

    fn fill(&self, cache: &mut BlockCache, number: u32, range_ms: (i64, i64)) -> Result<(), FileError> {
        cache.number = None;
        match self.warm.get(self.number, number) {
            Some(block) => cache.block = block,
            None => {
                self.unpack(cache, number)?;
                self.warm.put(self.number, number, &cache.block);
            }
        }
        cache.times.clear();
        cache.times.resize(cache.block.lists.len(), None);
        (cache.number, cache.range_ms) = (Some(number), range_ms);
        Ok(())
    }

    /// Into the memory of the block before it, unless others have that.
    fn unpack(&self, cache: &mut BlockCache, number: u32) -> Result<(), FileError> {
        let section = self.footer.blocks.get(number as usize).ok_or(MalformedBatch("block number"))?;
        let mut rest = section.read(&self.data, "block")?;
        let count = u32::from_le_bytes(take(&mut rest)?);
        let mut unpacker = match cache.unpacker.take() {
            Some(unpacker) => unpacker,
            None => zstd::bulk::Decompressor::new().map_err(|_| MalformedBatch("zstd"))?,
        };
        if Arc::get_mut(&mut cache.block).is_none() {
            cache.block = Arc::default();
        }
        let block = Arc::get_mut(&mut cache.block).ok_or(MalformedBatch("block"))?;
        let heads = &mut cache.column;
        for column in [&mut *heads, &mut block.times, &mut block.values, &mut block.rest] {
            let len = u32::from_le_bytes(take(&mut rest)?) as usize;
            let (bytes, tail) = rest.split_at_checked(len).ok_or(MalformedBatch("column"))?;
            rest = tail;
            decompress_into(&mut unpacker, bytes, column)?;
        }
        block.read_heads(count, heads)?;
        cache.unpacker = Some(unpacker);
        Ok(())
    }
}

impl Drop for SampleSegment {
    fn drop(&mut self) {
        self.warm.forget(self.number);
    }
}

// === impl Block ===

impl Block {
    pub(super) fn size_bytes(&self) -> usize {
        let columns = self.times.capacity() + self.values.capacity() + self.rest.capacity();
        columns
            + self.heads.capacity() * size_of::<SeriesHead>()
            + self.lists.capacity() * size_of::<TimeList>()
    }

    #[cfg(test)]
    pub(super) fn of_size(bytes: usize) -> Self {
        Self { times: Vec::with_capacity(bytes), ..Self::default() }
    }

    fn read_heads(&mut self, count: u32, mut heads: &[u8]) -> Result<(), MalformedBatch> {
        self.heads.clear();
        self.lists.clear();
        let (mut times_end, mut values_end, mut rest_end) = (0, 0, 0);
        for _ in 0..count {
            let mut number = || Ok::<_, MalformedBatch>(take_varint(&mut heads)? as usize);
            let (samples, which, values, rest) = (number()?, number()?, number()?, number()?);
            if which == self.lists.len() {
                self.lists.push(TimeList { at: times_end, count: samples });
                times_end += varints_len(&self.times[times_end..], samples)?;
            }
            if self.lists.get(which).is_none_or(|list| list.count != samples) {
                return Err(MalformedBatch("times of a series"));
            }
            let end = |start: usize, len: usize, bytes: &[u8]| {
                let end = start.checked_add(len).filter(|end| *end <= bytes.len());
                end.ok_or(MalformedBatch("length of a series"))
            };
            let (values, rest) = (end(values_end, values, &self.values)?, end(rest_end, rest, &self.rest)?);
            self.heads.push(SeriesHead {
                samples,
                list: which,
                values: (values_end, values),
                rest: (rest_end, rest),
            });
            (values_end, rest_end) = (values, rest);
        }
        Ok(())
    }
}

// === impl BlockCache ===

impl BlockCache {
    /// The times of a list that are in the range.
    fn times(&mut self, list: usize, shared: &mut SharedTimes) -> Result<TimesRead, MalformedBatch> {
        let read = &mut self.times[list];
        if let Some(read) = read {
            return Ok(read.clone());
        }
        let list = &self.block.lists[list];
        self.scratch.clear();
        take_times(&mut &self.block.times[list.at..], list.count, &mut self.scratch)?;
        let from = self.scratch.partition_point(|time| *time < self.range_ms.0);
        let to = self.scratch.partition_point(|time| *time <= self.range_ms.1).max(from);
        let found = TimesRead { from, to, times: shared.get(&self.scratch[from..to]) };
        *read = Some(found.clone());
        Ok(found)
    }

    fn piece(&mut self, index: u32, shared: &mut SharedTimes) -> Result<Piece, MalformedBatch> {
        let head = self.block.heads.get(index as usize);
        let head = *head.ok_or(MalformedBatch("a series is not in its block"))?;
        let list = self.times(head.list, shared)?;
        let block = &*self.block;
        let mut values = Vec::new();
        let bytes = &block.values[head.values.0..head.values.1];
        if list.to > list.from {
            take_values(bytes, head.samples, list.from..list.to, &mut values)?;
        }
        let mut rest = &block.rest[head.rest.0..head.rest.1];
        let mut starts = Vec::new();
        for _ in 0..take_varint(&mut rest)? {
            let index = u32::try_from(take_varint(&mut rest)?).map_err(|_| MalformedBatch("start"))?;
            starts.push((index, unzigzag(take_varint(&mut rest)?)));
        }
        let mut histograms = Vec::new();
        while !rest.is_empty() {
            let (time_ms, start_ms) = (unzigzag(take_varint(&mut rest)?), unzigzag(take_varint(&mut rest)?));
            let len = take_varint(&mut rest)? as usize;
            let (bytes, tail) = rest.split_at_checked(len).ok_or(MalformedBatch("histogram"))?;
            rest = tail;
            if (self.range_ms.0..=self.range_ms.1).contains(&time_ms) {
                histograms.push(RawHistogram { time_ms, start_ms, bytes: bytes.into() });
            }
        }
        let starts = cut_starts(&starts, list.from, list.to);
        Ok(Piece { times: list.times, values, starts, histograms })
    }
}

fn decompress(bytes: &[u8]) -> Result<Vec<u8>, MalformedBatch> {
    let mut unpacker = zstd::bulk::Decompressor::new().map_err(|_| MalformedBatch("zstd"))?;
    let mut out = Vec::new();
    decompress_into(&mut unpacker, bytes, &mut out)?;
    Ok(out)
}

fn decompress_into(
    unpacker: &mut zstd::bulk::Decompressor<'_>,
    mut bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), MalformedBatch> {
    let len = u32::from_le_bytes(take(&mut bytes)?) as usize;
    if len > COLUMN_BYTES_MAX {
        return Err(MalformedBatch("column is too large"));
    }
    out.clear();
    out.reserve(len);
    unpacker.decompress_to_buffer(bytes, out).map_err(|_| MalformedBatch("zstd"))?;
    if out.len() == len { Ok(()) } else { Err(MalformedBatch("column length")) }
}
