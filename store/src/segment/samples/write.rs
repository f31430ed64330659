//! Building a sample segment, one series after the other.

use std::sync::Arc;

use super::codec::{put_times, put_values, put_varint, zigzag};
use super::file::{self, SampleFooter, Section};
use super::series::{RawSamples, SeriesInput};
use super::table::{SeriesPlace, TableWriter};
use crate::head::OwnedExemplar;
use crate::model::{Lsn, Temporality, Tenant};

/// A block ends with the series that takes it over this: large enough to compress, small enough to read for one.
const BLOCK_SAMPLES: usize = 16_384;
/// Level 3 makes values 3 % smaller than level 1; higher levels gain another 1 %.
const ZSTD_LEVEL: i32 = 3;
/// Among so many lists of times a series looks for its own.
const TIMES_LOOKED_AT: usize = 8;

#[derive(Clone, Debug)]
pub(crate) struct SampleSegmentMeta {
    pub tenant: Tenant,
    pub lsns: Vec<(Lsn, Lsn)>,
    pub created_ms: i64,
    pub level: u32,
}

/// A file under construction.
pub(crate) struct SegmentWriter {
    out: Vec<u8>,
    table: TableWriter,
    blocks: Vec<Section>,
    block: Block,
    exemplars: Vec<u8>,
    series: u32,
    min_time_ms: i64,
    max_time_ms: i64,
    rows: u64,
    delta: bool,
}

// === impl SegmentWriter ===

impl SegmentWriter {
    pub(crate) fn new() -> Self {
        let mut out = Vec::new();
        file::begin(&mut out);
        Self {
            out,
            table: TableWriter::default(),
            blocks: Vec::new(),
            block: Block::default(),
            exemplars: Vec::new(),
            series: 0,
            min_time_ms: i64::MAX,
            max_time_ms: i64::MIN,
            rows: 0,
            delta: false,
        }
    }

    /// Adds a series whose samples are settled. Series come sorted by labels, each once.
    pub(crate) fn push(&mut self, one: &SeriesInput) {
        let samples = &one.samples;
        let (floats, histograms) = (&samples.times, &samples.histograms);
        let first = floats.first().copied().into_iter().chain(histograms.first().map(|h| h.time_ms)).min();
        let last = floats.last().copied().into_iter().chain(histograms.last().map(|h| h.time_ms)).max();
        self.min_time_ms = self.min_time_ms.min(first.unwrap_or(i64::MAX));
        self.max_time_ms = self.max_time_ms.max(last.unwrap_or(i64::MIN));
        self.rows += (floats.len() + histograms.len()) as u64;
        self.delta |= one.meta.temporality == Temporality::Delta;
        let place = SeriesPlace { block: self.blocks.len() as u32, index: self.block.series };
        self.table.push(one, place);
        one.exemplars.iter().for_each(|exemplar| put_exemplar(&mut self.exemplars, self.series, exemplar));
        self.series += 1;
        self.block.push(samples);
        if self.block.samples >= BLOCK_SAMPLES {
            self.blocks.push(std::mem::take(&mut self.block).append(&mut self.out));
        }
    }

    /// The file's bytes.
    pub(crate) fn finish(mut self, meta: &SampleSegmentMeta) -> Vec<u8> {
        if self.block.series > 0 {
            self.blocks.push(self.block.append(&mut self.out));
        }
        let mut out = self.out;
        let table = Section::append(&mut out, &compress(&self.table.finish()));
        let exemplars = Section::append(&mut out, &compress(&self.exemplars));
        let footer = SampleFooter {
            tenant: meta.tenant.clone(),
            lsns: meta.lsns.clone(),
            min_time_ms: self.min_time_ms,
            max_time_ms: self.max_time_ms,
            rows: self.rows,
            created_ms: meta.created_ms,
            level: meta.level,
            delta: self.delta,
            table,
            exemplars,
            blocks: self.blocks,
        };
        footer.finish(&mut out);
        out
    }
}

/// Columns of a block: each is compressed alone, so a reader of values need not touch the rest.
#[derive(Default)]
struct Block {
    series: u32,
    samples: usize,
    /// For each series: samples, which times, length of its values, length of its rest.
    heads: Vec<u8>,
    times: Vec<u8>,
    values: Vec<u8>,
    rest: Vec<u8>,
    /// Lists of times so far. Series of one scrape or export share them: said once.
    lists: Vec<Arc<[i64]>>,
    scratch: Vec<i64>,
}

impl Block {
    fn push(&mut self, one: &RawSamples) {
        self.series += 1;
        self.samples += one.times.len() + one.histograms.len();
        let list = self.list(&one.times);
        let (values, rest) = (self.values.len(), self.rest.len());
        put_values(&mut self.values, &one.values, &mut self.scratch);
        put_varint(&mut self.rest, one.starts.len() as u64);
        for (index, start) in &one.starts {
            put_varint(&mut self.rest, u64::from(*index));
            put_varint(&mut self.rest, zigzag(*start));
        }
        for h in &one.histograms {
            put_varint(&mut self.rest, zigzag(h.time_ms));
            put_varint(&mut self.rest, zigzag(h.start_ms));
            put_varint(&mut self.rest, h.bytes.len() as u64);
            self.rest.extend_from_slice(&h.bytes);
        }
        let lengths = [self.values.len() - values, self.rest.len() - rest];
        for number in [one.times.len(), list, lengths[0], lengths[1]] {
            put_varint(&mut self.heads, number as u64);
        }
    }

    fn list(&mut self, times: &[i64]) -> usize {
        let known = self.lists.iter().enumerate().rev().take(TIMES_LOOKED_AT);
        let known = known.into_iter().find(|(_, list)| &list[..] == times).map(|(at, _)| at);
        known.unwrap_or_else(|| {
            put_times(&mut self.times, times);
            self.lists.push(times.into());
            self.lists.len() - 1
        })
    }

    fn append(self, out: &mut Vec<u8>) -> Section {
        let mut bytes = self.series.to_le_bytes().to_vec();
        for column in [&self.heads, &self.times, &self.values, &self.rest] {
            let compressed = compress(column);
            bytes.extend_from_slice(&(compressed.len() as u32).to_le_bytes());
            bytes.extend_from_slice(&compressed);
        }
        Section::append(out, &bytes)
    }
}

fn put_exemplar(out: &mut Vec<u8>, series: u32, exemplar: &OwnedExemplar) {
    put_varint(out, u64::from(series));
    put_varint(out, zigzag(exemplar.time_ms));
    out.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
    for bytes in [&exemplar.trace_id, &exemplar.span_id, &exemplar.attributes] {
        put_varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
}

/// The uncompressed length, then zstd.
fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut out = (bytes.len() as u32).to_le_bytes().to_vec();
    // Compression into memory has no way to fail; an empty frame would be caught by the length.
    out.extend(zstd::bulk::compress(bytes, ZSTD_LEVEL).unwrap_or_default());
    out
}
