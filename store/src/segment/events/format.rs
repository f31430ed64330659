//! The frame of a segment file: magic, sections, footer. `FORMAT.md` draws it.

use std::ops::Range;

use super::super::coding::{Reader, put_text, put_varint};
use super::bits::Bits;
use super::tokens::Gaps;
use crate::model::{Lsn, Signal, Tenant, TenantNo, WriterId};

pub(super) const MAGIC: &[u8; 8] = b"SBXEVENT";
/// What this program writes.
pub(super) const VERSION: u32 = 4;
/// The oldest reader that understands what this program writes.
pub(super) const READER_MIN: u32 = 4;
/// Column number of the times: beside the fields, below the attributes.
pub(super) const TIMES: u32 = 63;
/// Info length, info checksum, file checksum, version, lowest reader, magic.
pub(super) const TAIL_BYTES: usize = 4 * 5 + MAGIC.len();
/// More rows than any writer puts in a block.
pub(super) const BLOCK_ROWS_MAX: usize = 1 << 16;

/// A segment cannot be made or read.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum SegmentError {
    #[error("this is not a segment of events, or its end is missing")]
    NotASegment,
    #[error("segment format {found} needs a reader of format {needed}, this program reads up to {VERSION}")]
    Newer { found: u32, needed: u32 },
    #[error("the segment's {part} is damaged")]
    Damaged { part: &'static str },
    #[error("write the word index of a segment: {0}")]
    Index(String),
    #[error("compress a segment: {0}")]
    Compress(String),
}

impl From<tantivy::TantivyError> for SegmentError {
    fn from(error: tantivy::TantivyError) -> Self {
        Self::Index(error.to_string())
    }
}

/// A run of one writer's log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LsnRange {
    pub(crate) first: Lsn,
    /// Inclusive.
    pub(crate) last: Lsn,
}

/// What whoever makes a segment knows of it: enough to rebuild the catalog's row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SegmentMeta {
    pub(crate) tenant_no: TenantNo,
    pub(crate) tenant: Tenant,
    pub(crate) signal: Signal,
    pub(crate) lsns: Vec<LsnRange>,
    pub(crate) created_ms: i64,
}

/// The footer of a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SegmentInfo {
    /// Of the format.
    pub(super) version: u32,
    pub(crate) meta: SegmentMeta,
    pub(crate) rows: u64,
    pub(crate) blocks: u32,
    /// Unix nanoseconds, inclusive.
    pub(crate) time_min: i64,
    /// Unix nanoseconds, inclusive.
    pub(crate) time_max: i64,
    pub(super) sections: [SectionAt; SECTIONS],
}

/// A part of the file beside the blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Section {
    /// The block index.
    Blocks = 0,
    Streams = 1,
    /// Attribute keys.
    Keys = 2,
    /// One filter after the other.
    Filters = 3,
    /// tantivy's files.
    Words = 4,
    Traces = 5,
    /// Texts without what varies in them; since version 2.
    Patterns = 6,
}

pub(super) const SECTIONS: usize = 7;
/// Sections of files of version 1.
const SECTIONS_V1: usize = 6;

impl Section {
    pub(super) const ALL: [Self; SECTIONS] =
        [Self::Blocks, Self::Streams, Self::Keys, Self::Filters, Self::Words, Self::Traces, Self::Patterns];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Blocks => "block index",
            Self::Streams => "stream table",
            Self::Keys => "key table",
            Self::Filters => "filters",
            Self::Words => "word index",
            Self::Traces => "trace table",
            Self::Patterns => "pattern table",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct SectionAt {
    pub(super) offset: usize,
    pub(super) len: usize,
    pub(super) crc: u32,
}

impl SectionAt {
    pub(super) fn range(self) -> Range<usize> {
        self.offset..self.offset + self.len
    }
}

// === footer ===

impl SegmentInfo {
    /// Appends the footer to a file that has all its sections.
    pub(super) fn write(&self, file: &mut Vec<u8>) {
        let file_crc = crc32fast::hash(file);
        let mut info = Vec::new();
        info.push(self.meta.signal as u8);
        put_varint(&mut info, u64::from(self.meta.tenant_no.0));
        put_text(&mut info, self.meta.tenant.as_str());
        info.extend_from_slice(&self.meta.created_ms.to_le_bytes());
        put_varint(&mut info, self.meta.lsns.len() as u64);
        for range in &self.meta.lsns {
            put_varint(&mut info, u64::from(range.first.writer.0));
            put_varint(&mut info, range.first.counter);
            put_varint(&mut info, range.last.counter);
        }
        put_varint(&mut info, self.rows);
        put_varint(&mut info, u64::from(self.blocks));
        info.extend_from_slice(&self.time_min.to_le_bytes());
        info.extend_from_slice(&self.time_max.to_le_bytes());
        for section in &self.sections {
            put_varint(&mut info, section.offset as u64);
            put_varint(&mut info, section.len as u64);
            info.extend_from_slice(&section.crc.to_le_bytes());
        }
        file.extend_from_slice(&info);
        for number in [info.len() as u32, crc32fast::hash(&info), file_crc, VERSION, READER_MIN] {
            file.extend_from_slice(&number.to_le_bytes());
        }
        file.extend_from_slice(MAGIC);
    }

    /// Reads the footer of a whole file.
    pub(super) fn read(file: &[u8]) -> Result<Self, SegmentError> {
        let start = file.len().checked_sub(TAIL_BYTES).ok_or(SegmentError::NotASegment)?;
        if !file.starts_with(MAGIC) || !file.ends_with(MAGIC) {
            return Err(SegmentError::NotASegment);
        }
        let mut tail = Reader::new(&file[start..]);
        let numbers = [(); 5].map(|()| tail.u32().unwrap_or_default());
        let [len, crc, _file_crc, version, needed] = numbers;
        if needed > VERSION {
            return Err(SegmentError::Newer { found: version, needed });
        }
        let damaged = SegmentError::Damaged { part: "footer" };
        let info =
            start.checked_sub(len as usize).and_then(|from| file.get(from..start)).ok_or(damaged.clone())?;
        if crc32fast::hash(info) != crc {
            return Err(damaged);
        }
        let sound = |info: &Self| info.sections.iter().all(|s| s.offset.saturating_add(s.len) <= file.len());
        Self::parse(info, version).filter(sound).ok_or(damaged)
    }

    fn parse(info: &[u8], version: u32) -> Option<Self> {
        let mut reader = Reader::new(info);
        let signal = Signal::from_number(reader.u8()?)?;
        let tenant_no = TenantNo(u32::try_from(reader.varint()?).ok()?);
        let tenant = Tenant::authenticated(reader.text()?).ok()?;
        let created_ms = reader.i64()?;
        let ranges = reader.count(info.len())?;
        let mut lsns = Vec::with_capacity(ranges);
        for _ in 0..ranges {
            let writer = WriterId(u32::try_from(reader.varint()?).ok()?);
            let first = Lsn { writer, counter: reader.varint()? };
            lsns.push(LsnRange { first, last: Lsn { writer, counter: reader.varint()? } });
        }
        let rows = reader.varint()?;
        let blocks = u32::try_from(reader.varint()?).ok()?;
        let (time_min, time_max) = (reader.i64()?, reader.i64()?);
        let mut sections = [SectionAt::default(); SECTIONS];
        let written = if version == 1 { SECTIONS_V1 } else { SECTIONS };
        for section in &mut sections[..written] {
            *section = SectionAt {
                offset: reader.count(usize::MAX)?,
                len: reader.count(usize::MAX)?,
                crc: reader.u32()?,
            };
        }
        let meta = SegmentMeta { tenant_no, tenant, signal, lsns, created_ms };
        Some(Self { version, meta, rows, blocks, time_min, time_max, sections })
    }

    pub(super) fn section(&self, section: Section) -> SectionAt {
        self.sections[section as usize]
    }
}

/// Whether a whole file is as it was written.
#[cfg(test)]
pub(super) fn verify(file: &[u8]) -> Result<SegmentInfo, SegmentError> {
    let info = SegmentInfo::read(file)?;
    let mut tail = Reader::new(&file[file.len() - TAIL_BYTES..]);
    let len = tail.u32().unwrap_or_default() as usize;
    let _info_crc = tail.u32();
    let body = &file[..file.len() - TAIL_BYTES - len];
    if tail.u32() == Some(crc32fast::hash(body)) {
        Ok(info)
    } else {
        Err(SegmentError::Damaged { part: "content" })
    }
}

// === block index ===

/// A run of rows of one stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    pub(super) stream: u32,
    pub(super) rows: u32,
}

/// What the block index says of a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct BlockMeta {
    pub(super) offset: usize,
    /// Bytes of all columns; the directory follows them.
    pub(super) columns_len: usize,
    pub(super) directory_len: usize,
    pub(super) directory_crc: u32,
    pub(super) rows: usize,
    pub(super) time_min: i64,
    pub(super) time_max: i64,
    pub(super) gaps: Gaps,
    /// In the section of filters; empty: the block has none.
    pub(super) filter: Range<usize>,
    pub(super) runs: Vec<Run>,
}

impl BlockMeta {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put_varint(out, self.offset as u64);
        put_varint(out, self.columns_len as u64);
        put_varint(out, self.directory_len as u64);
        out.extend_from_slice(&self.directory_crc.to_le_bytes());
        put_varint(out, self.rows as u64);
        out.extend_from_slice(&self.time_min.to_le_bytes());
        out.extend_from_slice(&self.time_max.to_le_bytes());
        let gaps = self.gaps;
        let bits = [gaps.words, gaps.runs, gaps.keys, gaps.traces];
        out.push(bits.iter().rev().fold(0, |byte, gap| byte << 1 | u8::from(*gap)));
        put_varint(out, self.filter.start as u64);
        put_varint(out, self.filter.len() as u64);
        put_varint(out, self.runs.len() as u64);
        for run in &self.runs {
            put_varint(out, u64::from(run.stream));
            put_varint(out, u64::from(run.rows));
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>, streams: usize) -> Option<Self> {
        let offset = reader.count(usize::MAX)?;
        let (columns_len, directory_len) = (reader.count(usize::MAX)?, reader.count(usize::MAX)?);
        let directory_crc = reader.u32()?;
        let rows = reader.count(BLOCK_ROWS_MAX)?;
        let (time_min, time_max) = (reader.i64()?, reader.i64()?);
        let bits = reader.u8()?;
        let gap = |place: u32| bits >> place & 1 != 0;
        let gaps = Gaps { words: gap(0), runs: gap(1), keys: gap(2), traces: gap(3) };
        let start = reader.count(usize::MAX)?;
        let filter = start..start.checked_add(reader.count(usize::MAX)?)?;
        let count = reader.count(rows)?;
        let mut runs = Vec::with_capacity(count);
        let mut total = 0;
        for _ in 0..count {
            let stream = reader.count(streams.checked_sub(1)?)? as u32;
            let len = reader.count(rows)?;
            total += len;
            runs.push(Run { stream, rows: len as u32 });
        }
        let meta = Self {
            offset,
            columns_len,
            directory_len,
            directory_crc,
            rows,
            time_min,
            time_max,
            gaps,
            filter,
            runs,
        };
        (total == rows && meta.columns_len.checked_add(meta.directory_len)?.checked_add(offset).is_some())
            .then_some(meta)
    }

    pub(super) fn columns(&self) -> Range<usize> {
        self.offset..self.offset + self.columns_len
    }

    pub(super) fn directory(&self) -> Range<usize> {
        self.offset + self.columns_len..self.offset + self.columns_len + self.directory_len
    }

    /// The rows of each run.
    pub(super) fn run_ranges(&self) -> impl Iterator<Item = (u32, Range<usize>)> {
        let mut start = 0;
        self.runs.iter().map(move |run| {
            let rows = start..start + run.rows as usize;
            start = rows.end;
            (run.stream, rows)
        })
    }

    /// The rows of the runs whose stream is wanted.
    pub(super) fn rows_of(&self, mut wanted: impl FnMut(u32) -> bool) -> Bits {
        let mut rows = Bits::none(self.rows);
        for (stream, range) in self.run_ranges() {
            if wanted(stream) {
                rows.set_range(range.start, range.end);
            }
        }
        rows
    }
}

// === column directory ===

/// Every value of the column is a key of the block's filter.
const KEYED: u8 = 1;

/// Where a block has a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ColumnAt {
    pub(super) number: u32,
    pub(super) keyed: bool,
    /// From the block's first byte.
    pub(super) offset: usize,
    pub(super) len: usize,
    pub(super) crc: u32,
}

pub(super) fn write_directory(columns: &[ColumnAt], out: &mut Vec<u8>) {
    put_varint(out, columns.len() as u64);
    for column in columns {
        put_varint(out, u64::from(column.number));
        out.push(if column.keyed { KEYED } else { 0 });
        put_varint(out, column.len as u64);
        out.extend_from_slice(&column.crc.to_le_bytes());
    }
}

/// Columns in the order of their numbers.
pub(super) fn read_directory(bytes: &[u8]) -> Option<Vec<ColumnAt>> {
    let mut reader = Reader::new(bytes);
    let count = reader.count(bytes.len())?;
    let mut columns = Vec::with_capacity(count);
    let mut offset = 0usize;
    for _ in 0..count {
        let number = u32::try_from(reader.varint()?).ok()?;
        let keyed = reader.u8()? & KEYED != 0;
        let len = reader.count(u32::MAX as usize)?;
        columns.push(ColumnAt { number, keyed, offset, len, crc: reader.u32()? });
        offset += len;
    }
    columns.is_sorted_by_key(|column| column.number).then_some(columns)
}
