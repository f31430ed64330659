//! Building a sample segment from series.

use std::sync::Arc;

use super::codec::{put_times, put_values, put_varint, zigzag};
use super::file::{self, SampleFooter, Section};
use super::table::{SeriesPlace, TableWriter};
use crate::head::OwnedExemplar;
use crate::model::{Labels, Lsn, Tenant};
use crate::snapshot::SeriesMeta;

/// A block ends with the series that takes it over this: large enough to compress, small enough to read for one.
const BLOCK_SAMPLES: usize = 16_384;
const ZSTD_LEVEL: i32 = 1;

/// One series' samples, sorted by time, one a millisecond.
#[derive(Clone, Debug)]
pub(crate) struct SeriesInput {
    pub labels: Labels,
    pub meta: Arc<SeriesMeta>,
    pub times: Vec<i64>,
    pub values: Vec<f64>,
    /// From which index on a start time holds; sorted by index.
    pub starts: Vec<(u32, i64)>,
    /// Time, start time, encoded histogram; sorted by time.
    pub histograms: Vec<(i64, i64, Box<[u8]>)>,
    pub exemplars: Vec<OwnedExemplar>,
}

#[derive(Clone, Debug)]
pub(crate) struct SampleSegmentMeta {
    pub tenant: Tenant,
    pub lsns: Vec<(Lsn, Lsn)>,
    pub created_ms: i64,
    pub level: u32,
}

/// The file's bytes. Series may come in any order; they are sorted here.
pub(crate) fn write(meta: &SampleSegmentMeta, mut series: Vec<SeriesInput>) -> Vec<u8> {
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    let mut out = Vec::new();
    file::begin(&mut out);
    let mut table = TableWriter::default();
    let mut blocks = Vec::new();
    let mut block = Block::default();
    let (mut min, mut max, mut rows) = (i64::MAX, i64::MIN, 0u64);
    for one in &series {
        let times = || one.times.iter().copied().chain(one.histograms.iter().map(|h| h.0));
        min = times().min().map_or(min, |t| t.min(min));
        max = times().max().map_or(max, |t| t.max(max));
        rows += (one.times.len() + one.histograms.len()) as u64;
        table.push(one, SeriesPlace { block: blocks.len() as u32, index: block.series });
        block.push(one);
        if block.samples >= BLOCK_SAMPLES {
            blocks.push(std::mem::take(&mut block).append(&mut out));
        }
    }
    if block.series > 0 {
        blocks.push(block.append(&mut out));
    }
    let table = Section::append(&mut out, &compress(&table.finish()));
    let exemplars = Section::append(&mut out, &compress(&exemplar_bytes(&series)));
    let footer = SampleFooter {
        tenant: meta.tenant.clone(),
        lsns: meta.lsns.clone(),
        min_time_ms: min,
        max_time_ms: max,
        rows,
        created_ms: meta.created_ms,
        level: meta.level,
        table,
        exemplars,
        blocks,
    };
    footer.finish(&mut out);
    out
}

/// Columns of a block: each is compressed alone, so a reader of values need not touch the rest.
#[derive(Default)]
struct Block {
    series: u32,
    samples: usize,
    counts: Vec<u8>,
    times: Vec<u8>,
    values: Vec<u8>,
    rest: Vec<u8>,
    last_times: Vec<i64>,
    scratch: Vec<i64>,
}

impl Block {
    fn push(&mut self, one: &SeriesInput) {
        self.series += 1;
        self.samples += one.times.len() + one.histograms.len();
        put_varint(&mut self.counts, one.times.len() as u64);
        // Series of one scrape or export share their times: said once.
        let same = one.times == self.last_times;
        self.times.push(u8::from(same));
        if !same {
            put_times(&mut self.times, &one.times);
            self.last_times.clone_from(&one.times);
        }
        put_values(&mut self.values, &one.values, &mut self.scratch);
        put_varint(&mut self.rest, one.starts.len() as u64);
        for (index, start) in &one.starts {
            put_varint(&mut self.rest, u64::from(*index));
            put_varint(&mut self.rest, zigzag(*start));
        }
        put_varint(&mut self.rest, one.histograms.len() as u64);
        for (time, start, bytes) in &one.histograms {
            put_varint(&mut self.rest, zigzag(*time));
            put_varint(&mut self.rest, zigzag(*start));
            put_varint(&mut self.rest, bytes.len() as u64);
            self.rest.extend_from_slice(bytes);
        }
    }

    fn append(self, out: &mut Vec<u8>) -> Section {
        let mut bytes = self.series.to_le_bytes().to_vec();
        for column in [&self.counts, &self.times, &self.values, &self.rest] {
            let compressed = compress(column);
            bytes.extend_from_slice(&(compressed.len() as u32).to_le_bytes());
            bytes.extend_from_slice(&compressed);
        }
        Section::append(out, &bytes)
    }
}

fn exemplar_bytes(series: &[SeriesInput]) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, one) in series.iter().enumerate() {
        for exemplar in &one.exemplars {
            put_varint(&mut out, index as u64);
            put_varint(&mut out, zigzag(exemplar.time_ms));
            out.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
            for bytes in [&exemplar.trace_id, &exemplar.span_id, &exemplar.attributes] {
                put_varint(&mut out, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
        }
    }
    out
}

/// The uncompressed length, then zstd.
fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut out = (bytes.len() as u32).to_le_bytes().to_vec();
    // Compression into memory has no way to fail; an empty frame would be caught by the length.
    out.extend(zstd::bulk::compress(bytes, ZSTD_LEVEL).unwrap_or_default());
    out
}
