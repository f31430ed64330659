//! An open segment: its tables, its index, and its blocks. Everything is verified before it is used, once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::super::coding::Reader;
use super::super::{SegmentBytes, StreamInterner};
use super::decode::{Column, Context, Data};
use super::format::{
    BlockMeta, ColumnAt, SECTIONS, Section, SegmentError, SegmentInfo, TIMES, read_directory,
};
use super::fuse::Fuse;
use super::ints::read_ints;
use super::patterns::PatternTable;
use super::traces::{TraceTable, Traces};
use super::warm::{Warm, WarmBlocks};
use super::words::Words;
use crate::model::{Field, Stream, Value};

/// A part of a segment that is not as it was written. The rest can be read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Damage {
    /// A table or index; without it blocks are read that could have been skipped, or cannot be read.
    Section(&'static str),
    /// Rows that are left out of answers.
    Block(u32),
}

/// Told each damaged part once, for quarantine.
pub(crate) type DamageSink = Arc<dyn Fn(Damage) + Send + Sync>;

/// Share it as `Arc`.
pub(crate) struct EventSegment {
    bytes: SegmentBytes,
    pub(crate) info: SegmentInfo,
    keys: Vec<Box<str>>,
    pub(super) blocks: Vec<BlockMeta>,
    interner: StreamInterner,
    streams: OnceLock<Option<Vec<Arc<Stream>>>>,
    words: OnceLock<Option<Words>>,
    patterns: OnceLock<Option<Arc<PatternTable>>>,
    verified: [OnceLock<bool>; SECTIONS],
    reported: Mutex<Vec<Damage>>,
    sink: DamageSink,
    warm: WarmBlocks,
    /// What warm blocks know it by.
    number: u64,
}

/// Of the next segment that is opened in this process.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);

/// A block being read; columns are decoded as they are asked for.
pub(super) struct Block<'s> {
    pub(super) segment: &'s EventSegment,
    number: usize,
    pub(super) meta: &'s BlockMeta,
    directory: Vec<ColumnAt>,
    pub(super) times: Arc<Vec<i64>>,
    columns: Vec<Option<Arc<Column>>>,
    pub(super) bytes_read: u64,
}

/// The block cannot be read; it has been reported.
#[derive(Debug)]
pub(super) struct DamagedBlock;

// === impl EventSegment ===

impl EventSegment {
    /// Reads footer and block index; everything else waits until it is needed.
    pub(crate) fn open(
        bytes: SegmentBytes,
        interner: &StreamInterner,
        sink: DamageSink,
    ) -> Result<Self, SegmentError> {
        let info = SegmentInfo::read(&bytes)?;
        let mut segment = Self {
            bytes,
            info,
            keys: Vec::new(),
            blocks: Vec::new(),
            interner: interner.clone(),
            streams: OnceLock::new(),
            words: OnceLock::new(),
            patterns: OnceLock::new(),
            verified: Default::default(),
            reported: Mutex::default(),
            sink,
            warm: WarmBlocks::default(),
            number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
        };
        segment.keys = segment.read_keys().ok_or(SegmentError::Damaged { part: "key table" })?;
        segment.blocks = segment.read_blocks().ok_or(SegmentError::Damaged { part: "block index" })?;
        Ok(segment)
    }

    /// Keeps its warm blocks with those of others.
    pub(crate) fn with_warm(mut self, warm: &WarmBlocks) -> Self {
        self.warm = warm.clone();
        self
    }

    /// Whether a block may have rows with start <= time < end.
    pub(crate) fn overlaps(&self, start: i64, end: i64) -> bool {
        self.info.rows > 0 && self.info.time_min < end && self.info.time_max >= start
    }

    /// The streams with rows in blocks that touch the time range. `None`: the table is damaged.
    pub(crate) fn streams_between(&self, start: i64, end: i64) -> Option<Vec<Arc<Stream>>> {
        let streams = self.streams()?;
        let mut wanted = vec![false; streams.len()];
        for block in self.blocks.iter().filter(|block| block.time_min < end && block.time_max >= start) {
            block.runs.iter().for_each(|run| wanted[run.stream as usize] = true);
        }
        Some(
            streams
                .iter()
                .zip(wanted)
                .filter(|(_, wanted)| *wanted)
                .map(|(stream, _)| Arc::clone(stream))
                .collect(),
        )
    }

    /// The keys of record attributes.
    pub(crate) fn attribute_keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(AsRef::as_ref)
    }

    /// The section's bytes, verified on first use.
    fn section(&self, section: Section) -> Option<&[u8]> {
        let at = self.info.section(section);
        let bytes = self.bytes.slice(at.range())?;
        let sound = *self.verified[section as usize].get_or_init(|| {
            let sound = crc32fast::hash(bytes) == at.crc;
            if !sound {
                self.report(Damage::Section(section.name()));
            }
            sound
        });
        sound.then_some(bytes)
    }

    /// Bytes by section and column, for measurements.
    pub(crate) fn sizes(&self) -> Vec<(String, usize)> {
        let sections =
            Section::ALL.map(|section| (section.name().to_owned(), self.info.section(section).len));
        let mut sizes = sections.to_vec();
        for block in 0..self.blocks.len() {
            for at in self.directory(block).unwrap_or_default() {
                let field = Field::from_number(at.number).map(|field| format!("{field:?}"));
                let name = field.or_else(|| self.attribute_key(at.number).map(str::to_owned));
                sizes.push((format!("column {}", name.unwrap_or_else(|| "times".to_owned())), at.len));
            }
        }
        sizes
    }

    fn report(&self, damage: Damage) {
        let mut reported = self.reported.lock();
        if !reported.contains(&damage) {
            reported.push(damage);
            drop(reported);
            (self.sink)(damage);
        }
    }

    fn read_keys(&self) -> Option<Vec<Box<str>>> {
        let bytes = self.section(Section::Keys)?;
        let mut reader = Reader::new(bytes);
        let count = reader.count(bytes.len())?;
        (0..count).map(|_| reader.text().map(Into::into)).collect()
    }

    fn read_blocks(&self) -> Option<Vec<BlockMeta>> {
        let mut reader = Reader::new(self.section(Section::Blocks)?);
        let streams = reader.count(u32::MAX as usize)?;
        (0..self.info.blocks).map(|_| BlockMeta::read(&mut reader, streams)).collect()
    }

    /// All streams of the segment, by their numbers; at least as many as the block index names.
    pub(super) fn streams(&self) -> Option<&[Arc<Stream>]> {
        let read = || {
            let mut known = Reader::new(self.section(Section::Blocks)?);
            let mut reader = Reader::new(self.section(Section::Streams)?);
            let count = reader.count(u32::MAX as usize)?;
            let raw = reader.count(u32::MAX as usize)?;
            let raw = zstd::bulk::decompress(reader.rest(), raw).ok()?;
            let mut rest = raw.as_slice();
            let read = (0..count).map(|_| Stream::read(&mut rest).map(|s| self.interner.intern(Arc::new(s))));
            let streams: Vec<Arc<Stream>> = read.collect::<Option<_>>()?;
            (known.varint()? == streams.len() as u64).then_some(streams)
        };
        let streams = self.streams.get_or_init(|| {
            let streams = read();
            if streams.is_none() {
                self.report(Damage::Section(Section::Streams.name()));
            }
            streams
        });
        streams.as_deref()
    }

    /// The word index; `None`: words do not prune.
    pub(super) fn words(&self) -> Option<&Words> {
        let open = || {
            self.section(Section::Words)?;
            let words =
                Words::open(&self.bytes, self.info.section(Section::Words).range(), self.blocks.len());
            if words.is_none() {
                self.report(Damage::Section(Section::Words.name()));
            }
            words
        };
        self.words.get_or_init(open).as_ref()
    }

    /// The table of patterns; `None`: columns that refer to it cannot be read.
    fn patterns(&self) -> Option<&Arc<PatternTable>> {
        let read = || {
            let table = PatternTable::read(self.section(Section::Patterns)?);
            if table.is_none() {
                self.report(Damage::Section(Section::Patterns.name()));
            }
            table.map(Arc::new)
        };
        self.patterns.get_or_init(read).as_ref()
    }

    pub(super) fn traces(&self) -> Option<Traces<'_>> {
        Traces::read(self.section(Section::Traces)?, self.info.version)
    }

    fn trace_table(&self) -> Option<TraceTable> {
        self.section(Section::Traces)?;
        let range = self.info.section(Section::Traces).range();
        Some(TraceTable::new(&self.bytes, range, self.info.version))
    }

    /// The block's filter; `None`: ids and attribute values do not prune.
    pub(super) fn filter(&self, block: usize) -> Option<Fuse<'_>> {
        let meta = self.blocks.get(block).filter(|meta| !meta.gaps.keys)?;
        Fuse::read(self.section(Section::Filters)?.get(meta.filter.clone())?)
    }

    /// The segment's number of an attribute key.
    pub(super) fn attribute(&self, key: &str) -> Option<u32> {
        self.keys.iter().position(|known| **known == *key).map(|at| Field::RESERVED + at as u32)
    }

    pub(super) fn attribute_key(&self, column: u32) -> Option<&str> {
        self.keys.get(column.checked_sub(Field::RESERVED)? as usize).map(AsRef::as_ref)
    }

    /// The block's columns; `None`: damaged.
    pub(super) fn directory(&self, block: usize) -> Option<Vec<ColumnAt>> {
        let meta = self.blocks.get(block)?;
        let bytes = self.bytes.slice(meta.directory())?;
        let sound = crc32fast::hash(bytes) == meta.directory_crc;
        sound.then(|| read_directory(bytes))?
    }

    /// Whether a value with that text in a column's dictionary in a block passes. `None`: it has none, or it is damaged,
    /// which is found again where it is read.
    pub(super) fn dictionary_has(
        &self,
        block: usize,
        at: &ColumnAt,
        wanted: (&str, &dyn Fn(Value<'_>) -> bool),
    ) -> Option<bool> {
        let meta = self.blocks.get(block)?;
        Column::dictionary_has(self.column_bytes(meta, at)?, meta.rows, wanted)
    }

    fn column_bytes(&self, meta: &BlockMeta, at: &ColumnAt) -> Option<&[u8]> {
        let end = at.offset.checked_add(at.len)?;
        let bytes = self.bytes.slice(meta.columns())?.get(at.offset..end)?;
        (crc32fast::hash(bytes) == at.crc).then_some(bytes)
    }

    pub(super) fn block(&self, number: usize) -> Result<Block<'_>, DamagedBlock> {
        let open = || {
            let meta = self.blocks.get(number)?;
            let directory = self.directory(number)?;
            let warm =
                self.warm.get(self.number, number).filter(|warm| warm.columns.len() == directory.len());
            let is_warm = warm.is_some();
            let Warm { times, columns } =
                warm.unwrap_or_else(|| Warm { times: Arc::default(), columns: vec![None; directory.len()] });
            let mut block = Block { segment: self, number, meta, directory, times, columns, bytes_read: 0 };
            if !is_warm {
                block.times = Arc::new(block.read_times()?);
            }
            Some(block)
        };
        open().ok_or_else(|| self.damaged_block(number))
    }

    fn damaged_block(&self, number: usize) -> DamagedBlock {
        self.report(Damage::Block(number as u32));
        DamagedBlock
    }
}

impl Drop for EventSegment {
    fn drop(&mut self) {
        self.warm.forget(self.number);
    }
}

// === impl Block ===

impl Block<'_> {
    /// What was decoded is there when the block is read again soon.
    pub(super) fn keep_warm(&self) {
        let warm = Warm { times: Arc::clone(&self.times), columns: self.columns.clone() };
        self.segment.warm.put(self.segment.number, self.number, warm);
    }

    pub(super) fn rows(&self) -> usize {
        self.times.len()
    }

    fn column_bytes(&self, at: &ColumnAt) -> Option<&[u8]> {
        self.segment.column_bytes(self.meta, at)
    }

    fn read_times(&self) -> Option<Vec<i64>> {
        let at = self.directory.iter().find(|at| at.number == TIMES)?;
        let mut reader = Reader::new(self.column_bytes(at)?);
        let runs = &self.meta.runs;
        let empty = runs.iter().filter(|run| run.rows == 0).count();
        let firsts = read_ints(&mut reader, runs.len() - empty, &[])?;
        let steps = read_ints(&mut reader, self.meta.rows.checked_sub(firsts.len())?, &[])?;
        let (mut firsts, mut steps) = (firsts.into_iter(), steps.into_iter());
        let mut times = Vec::with_capacity(self.meta.rows);
        for run in runs.iter().filter(|run| run.rows > 0) {
            let mut time = firsts.next()?;
            times.push(time);
            for _ in 1..run.rows {
                time = time.wrapping_add(steps.next()?);
                times.push(time);
            }
        }
        Some(times)
    }

    /// The numbers of the block's columns, times left out.
    pub(super) fn column_numbers(&self) -> impl Iterator<Item = u32> {
        self.directory.iter().map(|at| at.number).filter(|number| *number != TIMES)
    }

    /// A column; `None`: no row of the block has it.
    pub(super) fn column(&mut self, number: u32) -> Result<Option<Arc<Column>>, DamagedBlock> {
        let Some(column) = self.codes(number)? else { return Ok(None) };
        if let Data::Patterns(patterns) = &column.data {
            let mut links = Vec::new();
            for other in patterns.others().ok_or_else(|| self.segment.damaged_block(self.number))? {
                // Only columns behind this one, so that no two lead to each other.
                let to = if other > number { self.column(other)? } else { None };
                links.push((other, to.ok_or_else(|| self.segment.damaged_block(self.number))?));
            }
            patterns.link(links);
        }
        Ok(Some(column))
    }

    /// A column of which no text that has a pattern is to be written out.
    pub(super) fn codes(&mut self, number: u32) -> Result<Option<Arc<Column>>, DamagedBlock> {
        let Ok(slot) = self.directory.binary_search_by_key(&number, |at| at.number) else { return Ok(None) };
        if let Some(column) = &self.columns[slot] {
            return Ok(Some(Arc::clone(column)));
        }
        let column = self.read_column(slot).ok_or_else(|| self.segment.damaged_block(self.number))?;
        self.bytes_read += column.size_bytes() as u64;
        let column = Arc::new(column);
        self.columns[slot] = Some(Arc::clone(&column));
        Ok(Some(column))
    }

    fn read_column(&self, slot: usize) -> Option<Column> {
        let at = &self.directory[slot];
        let bytes = self.column_bytes(at)?;
        let traces = if at.number == Field::TraceId as u32 { self.segment.trace_table() } else { None };
        let patterns = if Column::has_patterns(bytes, self.rows()) { self.segment.patterns() } else { None };
        // Of earlier columns only, so that none leads to itself.
        let other = |number: u32| {
            let slot = self.directory.binary_search_by_key(&number, |at| at.number).ok()?;
            if number < at.number { self.column_bytes(&self.directory[slot]) } else { None }
        };
        let context = Context { times: &self.times, traces: traces.as_ref(), patterns, other: &other };
        Column::read(bytes, context)
    }
}
