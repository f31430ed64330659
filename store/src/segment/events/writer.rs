//! Makes a segment: takes rows in their final order, block by block, and ends with the file's bytes.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::coding::{put_text, put_varint};
use super::encode::{Beside, Cell, Encoder, Encoding};
use super::format::{
    BLOCK_ROWS_MAX, BlockMeta, ColumnAt, MAGIC, Run, SECTIONS, Section, SectionAt, SegmentError, SegmentInfo,
    SegmentMeta, TIMES, VERSION, write_directory,
};
use super::fuse;
use super::ints::put_ints;
use super::tokens::BlockTokens;
use super::traces::{TraceId, TracesWriter};
use super::words::WordsWriter;
use crate::model::{ColumnId, EventBatch, Field, Stream, Value};

/// How segments are made. The defaults are measured: see `docs/architecture.md`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct WriteOptions {
    pub(crate) block_rows: usize,
    /// A block of fewer rows is cut when its text is larger than this.
    pub(crate) block_bytes: usize,
    pub(crate) segment_rows: usize,
    pub(crate) zstd_level: i32,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { block_rows: 4096, block_bytes: 8 << 20, segment_rows: 1 << 20, zstd_level: 5 }
    }
}

/// A finished segment.
#[derive(Debug)]
pub(crate) struct WrittenSegment {
    pub(crate) info: SegmentInfo,
    pub(crate) bytes: Vec<u8>,
}

/// A batch rows come from, with the segment's numbers of its columns.
pub(super) struct Source<'a> {
    batch: &'a EventBatch,
    attributes: Vec<u32>,
}

/// A row on its way into a segment.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    /// The segment's number of the stream.
    pub(super) stream: u32,
    pub(super) row: u32,
    pub(super) time: i64,
    pub(super) source: &'a Source<'a>,
}

/// Attribute keys of the segment, numbered as they are met.
#[derive(Default)]
pub(super) struct KeyTable {
    numbers: HashMap<Box<str>, u32>,
    keys: Vec<Box<str>>,
}

pub(super) struct SegmentWriter {
    options: WriteOptions,
    file: Vec<u8>,
    encoder: Encoder,
    tokens: BlockTokens,
    words: WordsWriter,
    word_text: String,
    traces: TracesWriter,
    /// The block at hand has trace ids that are none.
    loose_traces: bool,
    filters: Vec<u8>,
    blocks: Vec<BlockMeta>,
}

/// One block's rows, by column.
#[derive(Default)]
pub(super) struct Gathered<'a> {
    times: Vec<i64>,
    runs: Vec<Run>,
    columns: Vec<Vec<Cell<'a>>>,
    bytes: usize,
}

// === impl KeyTable ===

impl KeyTable {
    /// Registers a batch's keys.
    pub(super) fn source<'a>(&mut self, batch: &'a EventBatch) -> Source<'a> {
        let attributes = batch.attribute_keys().map(|(_, key)| self.number(key)).collect();
        Source { batch, attributes }
    }

    fn number(&mut self, key: &str) -> u32 {
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        let number = Field::RESERVED + self.keys.len() as u32;
        self.keys.push(key.into());
        self.numbers.insert(key.into(), number);
        number
    }

    fn columns(&self) -> usize {
        Field::RESERVED as usize + self.keys.len()
    }
}

impl Row<'_> {
    /// The row's trace id, if it has one.
    pub(super) fn trace(&self) -> Option<TraceId> {
        match self.source.batch.field(self.row as usize, Field::TraceId) {
            Some(Value::Bytes(id)) => id.try_into().ok(),
            _ => None,
        }
    }
}

impl Source<'_> {
    fn column(&self, column: ColumnId) -> Option<u32> {
        match column.0.checked_sub(Field::RESERVED) {
            Some(at) => self.attributes.get(at as usize).copied(),
            None => self.batch.column_name(column).map(|_| column.0),
        }
    }
}

// === impl Gathered ===

impl<'a> Gathered<'a> {
    /// The attributes that are texts.
    fn texts(&self) -> Vec<(u32, &[Cell<'a>])> {
        let attributes = self.columns.iter().enumerate().skip(Field::RESERVED as usize);
        let texts =
            attributes.filter(|(_, cells)| cells.first().is_some_and(|cell| cell.1.as_str().is_some()));
        texts.map(|(number, cells)| (number as u32, cells.as_slice())).collect()
    }

    fn clear(&mut self, columns: usize) {
        self.times.clear();
        self.runs.clear();
        self.columns.iter_mut().for_each(Vec::clear);
        self.columns.resize_with(columns.max(self.columns.len()), Vec::new);
        self.bytes = 0;
    }

    fn push(&mut self, row: &Row<'a>) {
        let at = self.times.len() as u32;
        self.times.push(row.time);
        match self.runs.last_mut() {
            Some(run) if run.stream == row.stream => run.rows += 1,
            _ => self.runs.push(Run { stream: row.stream, rows: 1 }),
        }
        for (column, value) in row.source.batch.cells(row.row as usize) {
            let Some(column) = row.source.column(column) else { continue };
            let cells = &mut self.columns[column as usize];
            // Of two values in one column of a row the first counts, as everywhere.
            if cells.last().is_none_or(|(last, _)| *last != at) {
                self.bytes += value.as_bytes().map_or(8, <[u8]>::len);
                cells.push((at, value));
            }
        }
    }
}

// === impl SegmentWriter ===

impl SegmentWriter {
    /// For rows with these trace ids, in any order.
    pub(super) fn new(options: WriteOptions, traces: Vec<TraceId>) -> Result<Self, SegmentError> {
        let compress = |error: std::io::Error| SegmentError::Compress(error.to_string());
        Ok(Self {
            options,
            file: MAGIC.to_vec(),
            encoder: Encoder::new(options.zstd_level).map_err(compress)?,
            tokens: BlockTokens::default(),
            words: WordsWriter::new()?,
            word_text: String::new(),
            traces: TracesWriter::new(traces),
            loose_traces: false,
            filters: Vec::new(),
            blocks: Vec::new(),
        })
    }

    /// Writes as many of the first rows as make a block, and says how many.
    pub(super) fn push_block<'a>(
        &mut self,
        rows: &[Row<'a>],
        keys: &KeyTable,
        gathered: &mut Gathered<'a>,
    ) -> Result<usize, SegmentError> {
        gathered.clear(keys.columns());
        let most = self.options.block_rows.clamp(1, BLOCK_ROWS_MAX);
        for row in rows.iter().take(most) {
            gathered.push(row);
            if gathered.bytes >= self.options.block_bytes {
                break;
            }
        }
        if !gathered.times.is_empty() {
            self.write_block(gathered)?;
        }
        Ok(gathered.times.len())
    }

    fn write_block(&mut self, gathered: &Gathered<'_>) -> Result<(), SegmentError> {
        let offset = self.file.len();
        self.tokens.clear();
        self.encoder.begin_block();
        self.loose_traces = false;
        let mut directory = Vec::new();
        for (number, cells) in gathered.columns.iter().enumerate() {
            let start = self.file.len();
            let number = number as u32;
            let keyed = if number == TIMES {
                put_times(gathered, &mut self.file);
                false
            } else if cells.is_empty() {
                continue;
            } else {
                self.write_column(number, gathered, cells)
            };
            let bytes = &self.file[start..];
            let crc = crc32fast::hash(bytes);
            directory.push(ColumnAt { number, keyed, offset: start - offset, len: bytes.len(), crc });
        }
        let columns_len = self.file.len() - offset;
        write_directory(&directory, &mut self.file);
        let directory_bytes = &self.file[offset + columns_len..];
        let (directory_len, directory_crc) = (directory_bytes.len(), crc32fast::hash(directory_bytes));
        let (keys, mut gaps) = self.tokens.finish(&mut self.word_text);
        self.words.add_block(&self.word_text)?;
        let filter = self.filters.len();
        gaps.keys |= !fuse::build(keys, &mut self.filters);
        gaps.traces = self.loose_traces;
        self.blocks.push(BlockMeta {
            offset,
            columns_len,
            directory_len,
            directory_crc,
            rows: gathered.times.len(),
            time_min: gathered.times.iter().copied().min().unwrap_or_default(),
            time_max: gathered.times.iter().copied().max().unwrap_or_default(),
            gaps,
            filter: filter..self.filters.len(),
            runs: gathered.runs.clone(),
        });
        Ok(())
    }

    /// Appends a column and its index entries; true: every value is a key of the filter.
    fn write_column(&mut self, number: u32, gathered: &Gathered<'_>, cells: &[Cell<'_>]) -> bool {
        if number == Field::TraceId as u32 {
            if self.write_traces(gathered, cells) {
                return false;
            }
            self.loose_traces = true;
        }
        let body = number == Field::Body as u32;
        let others = if body { gathered.texts() } else { Vec::new() };
        let beside = Beside { others: &others, tokens: if body { Some(&mut self.tokens) } else { None } };
        let encoding = self.encoder.column(number, (&gathered.times, cells), beside, &mut self.file);
        if body {
            match encoding {
                Encoding::Patterns => {}
                Encoding::Const => {
                    cells.iter().take(1).for_each(|(_, body)| self.tokens.add_text(&body.text()))
                }
                _ => cells.iter().for_each(|(_, body)| self.tokens.add_text(&body.text())),
            }
        }
        let texts = matches!(encoding, Encoding::Strings | Encoding::Patterns);
        let keyed = number >= Field::RESERVED && texts;
        if keyed {
            let texts = cells.iter().filter_map(|(_, value)| value.as_str());
            texts.for_each(|text| self.tokens.add_attribute(number, text));
        }
        keyed
    }

    fn write_traces(&mut self, gathered: &Gathered<'_>, cells: &[Cell<'_>]) -> bool {
        let block = self.blocks.len() as u32;
        let ids: Vec<&TraceId> = cells
            .iter()
            .filter_map(|(_, value)| if let Value::Bytes(id) = value { (*id).try_into().ok() } else { None })
            .collect();
        if ids.len() != cells.len() {
            return false;
        }
        let numbers = ids.iter().map(|id| self.traces.number(id, block).map(i64::from));
        let Some(numbers) = numbers.collect::<Option<Vec<i64>>>() else { return false };
        self.encoder.traces(gathered.times.len(), cells, &numbers, &mut self.file);
        true
    }

    /// Appends the sections and the footer. `streams` are those the rows' numbers mean.
    pub(super) fn finish(
        mut self,
        meta: &SegmentMeta,
        streams: &[Arc<Stream>],
        keys: &KeyTable,
    ) -> Result<WrittenSegment, SegmentError> {
        let mut sections = [SectionAt::default(); SECTIONS];
        let mut file = std::mem::take(&mut self.file);
        let mut words = Some(self.words);
        let mut traces = Some(self.traces);
        for section in Section::ALL {
            let offset = file.len();
            match section {
                Section::Blocks => {
                    put_varint(&mut file, streams.len() as u64);
                    self.blocks.iter().for_each(|block| block.write(&mut file));
                }
                Section::Streams => write_streams(streams, self.options.zstd_level, &mut file)?,
                Section::Keys => {
                    put_varint(&mut file, keys.keys.len() as u64);
                    keys.keys.iter().for_each(|key| put_text(&mut file, key));
                }
                Section::Filters => file.extend_from_slice(&self.filters),
                Section::Words => {
                    if let Some(words) = words.take() {
                        words.finish(&mut file)?;
                    }
                }
                Section::Patterns => {
                    let table = &mut self.encoder.table_of_patterns;
                    let written = table.finish(self.options.zstd_level, &mut file);
                    written.map_err(|error| SegmentError::Compress(error.to_string()))?;
                }
                Section::Traces => {
                    if let Some(traces) = traces.take() {
                        traces.finish(&mut file);
                    }
                }
            }
            let bytes = &file[offset..];
            sections[section as usize] = SectionAt { offset, len: bytes.len(), crc: crc32fast::hash(bytes) };
        }
        let info = SegmentInfo {
            version: VERSION,
            meta: meta.clone(),
            rows: self.blocks.iter().map(|block| block.rows as u64).sum(),
            blocks: self.blocks.len() as u32,
            time_min: self.blocks.iter().map(|block| block.time_min).min().unwrap_or_default(),
            time_max: self.blocks.iter().map(|block| block.time_max).max().unwrap_or_default(),
            sections,
        };
        info.write(&mut file);
        Ok(WrittenSegment { info, bytes: file })
    }
}

/// The first time of each run, then each row's distance from the row before it in its run: within a run times ascend.
fn put_times(gathered: &Gathered<'_>, out: &mut Vec<u8>) {
    let mut firsts = Vec::with_capacity(gathered.runs.len());
    let mut steps = Vec::with_capacity(gathered.times.len());
    let mut times = gathered.times.iter().copied();
    for run in &gathered.runs {
        let mut last = None;
        for time in times.by_ref().take(run.rows as usize) {
            match last {
                None => firsts.push(time),
                Some(last) => steps.push(time.wrapping_sub(last)),
            }
            last = Some(time);
        }
    }
    put_ints(&firsts, None, out);
    put_ints(&steps, None, out);
}

fn write_streams(streams: &[Arc<Stream>], level: i32, out: &mut Vec<u8>) -> Result<(), SegmentError> {
    let mut raw = Vec::new();
    streams.iter().for_each(|stream| stream.write(&mut raw));
    let packed =
        zstd::bulk::compress(&raw, level).map_err(|error| SegmentError::Compress(error.to_string()))?;
    put_varint(out, streams.len() as u64);
    put_varint(out, raw.len() as u64);
    out.extend_from_slice(&packed);
    Ok(())
}
