//! The recent points of one group of series, in the order they came: the newest as they are, older ones packed.

use std::sync::Arc;

use crate::head::OwnedExemplar;
use crate::model::MalformedBatch;
use crate::segment::samples::codec::{
    put_times, put_values, put_varint, take_times, take_values, take_varint, unzigzag, zigzag,
};
use crate::segment::samples::{Piece, RawHistogram, SharedTimes, cut_starts, push_starts, start_at};

/// So many points are packed together.
const CHUNK_ROWS: usize = 120;

/// All parts of a data point share its times.
pub(super) struct Group {
    parts: u32,
    packed: Vec<Chunk>,
    times: Vec<i64>,
    /// From which of the unpacked points on a start time holds.
    starts: Vec<(u32, i64)>,
    /// Point by point, a value for each part.
    values: Vec<f64>,
    rare: Option<Box<Rare>>,
}

/// What few groups have.
#[derive(Default)]
struct Rare {
    histograms: Vec<RawHistogram>,
    /// With the part they belong to.
    exemplars: Vec<(u32, OwnedExemplar)>,
}

/// Times, start times, then each part's values with their length before them.
struct Chunk {
    min_ms: i64,
    max_ms: i64,
    rows: u32,
    /// Where the values begin.
    values_at: u32,
    bytes: Box<[u8]>,
}

/// From which index on a start time holds.
type Starts = Vec<(u32, i64)>;

/// Where the points of a range are in a group: found once for all its parts.
#[derive(Default)]
pub(crate) struct GroupCache {
    of: Option<(u32, (i64, i64), usize)>,
    spans: Vec<Span>,
    times: Option<Arc<[i64]>>,
    starts: Vec<(u32, i64)>,
}

/// Points `from..to` of a chunk, or of the unpacked ones.
struct Span {
    chunk: Option<usize>,
    from: usize,
    to: usize,
}

/// Memory for packing, used again.
#[derive(Default)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
    part: Vec<u8>,
    values: Vec<f64>,
    whole: Vec<i64>,
}

/// What a group costs beside its points and series.
pub(super) const GROUP_OVERHEAD_BYTES: u64 = 300;

// === impl Group ===

impl Group {
    pub(super) fn new(parts: u32) -> Self {
        Self {
            parts,
            packed: Vec::new(),
            times: Vec::new(),
            starts: Vec::new(),
            values: Vec::new(),
            rare: None,
        }
    }

    /// Adds a point; answers how many bytes the group grew by.
    pub(super) fn push(&mut self, time_ms: i64, start_ms: i64, values: &[f64], scratch: &mut Scratch) -> i64 {
        let mut grown = 0;
        if self.times.len() == CHUNK_ROWS {
            grown += self.pack(scratch);
        }
        if self.starts.last().map_or(0, |last| last.1) != start_ms {
            self.starts.push((self.times.len() as u32, start_ms));
            grown += 16;
        }
        self.times.push(time_ms);
        self.values.extend_from_slice(values);
        grown + 8 + 8 * values.len() as i64
    }

    /// Adds growth to that of the same time and start.
    pub(super) fn add(
        &mut self,
        time_ms: i64,
        start_ms: i64,
        generation: u64,
        values: &[f64],
        scratch: &mut Scratch,
    ) -> i64 {
        // What is packed, or in an earlier head, is not added to: a start of its own keeps both.
        let start_ms = start_ms + (generation << 10 | self.packed.len() as u64 & 1023) as i64;
        let parts = self.parts as usize;
        let same = |row: &usize| self.times[*row] == time_ms && start_at(&self.starts, *row) == start_ms;
        let Some(row) = (0..self.times.len()).rev().find(same) else {
            return self.push(time_ms, start_ms, values, scratch);
        };
        let known = &mut self.values[row * parts..(row + 1) * parts];
        // Markers of an end are no growth.
        let numbers = known.iter_mut().zip(values).filter(|(_, value)| !value.is_nan());
        numbers.for_each(|(known, value)| *known += value);
        0
    }

    /// Sets the newest values.
    pub(super) fn set(&mut self, time_ms: i64, start_ms: i64, values: &[f64], scratch: &mut Scratch) -> i64 {
        if self.times.last().is_some_and(|last| *last >= time_ms) {
            let newest = self.values.len() - self.parts as usize;
            self.values[newest..].copy_from_slice(values);
            return 0;
        }
        let start_ms = self.starts.first().map_or(start_ms, |first| first.1);
        self.push(time_ms, start_ms, values, scratch)
    }

    pub(super) fn push_histogram(&mut self, time_ms: i64, start_ms: i64, bytes: &[u8]) {
        let histogram = RawHistogram { time_ms, start_ms, bytes: bytes.into() };
        self.rare.get_or_insert_default().histograms.push(histogram);
    }

    pub(super) fn push_exemplar(&mut self, part: u32, exemplar: OwnedExemplar) {
        self.rare.get_or_insert_default().exemplars.push((part, exemplar));
    }

    pub(super) fn exemplars(&self, part: u32) -> impl Iterator<Item = &OwnedExemplar> {
        let all = self.rare.as_ref().map_or(&[][..], |rare| &rare.exemplars);
        all.iter().filter(move |(of, _)| *of == part).map(|(_, exemplar)| exemplar)
    }

    pub(super) fn has_points(&self, start_ms: i64, end_ms: i64) -> bool {
        let inside = |time: &i64| (start_ms..=end_ms).contains(time);
        self.times.iter().rev().any(inside)
            || self.packed.iter().any(|chunk| chunk.min_ms <= end_ms && chunk.max_ms >= start_ms)
            || self.rare.as_ref().is_some_and(|rare| rare.histograms.iter().any(|h| inside(&h.time_ms)))
    }

    /// The unpacked points become a chunk.
    fn pack(&mut self, scratch: &mut Scratch) -> i64 {
        let freed = self.times.len() * 8 + self.values.len() * 8 + self.starts.len() * 16;
        let Scratch { bytes, part, values, whole } = scratch;
        bytes.clear();
        put_times(bytes, &self.times);
        put_varint(bytes, self.starts.len() as u64);
        for (index, start) in &self.starts {
            put_varint(bytes, u64::from(*index));
            put_varint(bytes, zigzag(*start));
        }
        let values_at = bytes.len() as u32;
        for number in 0..self.parts as usize {
            values.clear();
            values.extend(self.values.iter().skip(number).step_by(self.parts as usize));
            part.clear();
            put_values(part, values, whole);
            put_varint(bytes, part.len() as u64);
            bytes.extend_from_slice(part);
        }
        let last_start = self.starts.last().map_or(0, |last| last.1);
        self.packed.push(Chunk {
            min_ms: self.times.iter().copied().min().unwrap_or(i64::MAX),
            max_ms: self.times.iter().copied().max().unwrap_or(i64::MIN),
            rows: self.times.len() as u32,
            values_at,
            bytes: bytes.as_slice().into(),
        });
        self.times.clear();
        self.values.clear();
        self.starts.clear();
        if last_start != 0 {
            self.starts.push((0, last_start));
        }
        (bytes.len() + size_of::<Chunk>()) as i64 - freed as i64
    }

    /// What one part has in the range (inclusive), in the order it came.
    pub(super) fn read(
        &self,
        number: u32,
        part: u32,
        range_ms: (i64, i64),
        cache: &mut GroupCache,
        shared: &mut SharedTimes,
    ) -> Result<Piece, MalformedBatch> {
        let rows = self.packed.len() * CHUNK_ROWS + self.times.len();
        if cache.of != Some((number, range_ms, rows)) {
            self.find(range_ms, cache, shared)?;
            cache.of = Some((number, range_ms, rows));
        }
        let mut values = Vec::with_capacity(cache.times.as_ref().map_or(0, |times| times.len()));
        let (part, parts) = (part as usize, self.parts as usize);
        for span in &cache.spans {
            match span.chunk {
                Some(chunk) => self.packed[chunk].values(part, span.from..span.to, &mut values)?,
                None => values.extend((span.from..span.to).map(|row| self.values[row * parts + part])),
            }
        }
        let all = self.rare.as_ref().map_or(&[][..], |rare| &rare.histograms);
        let inside = |h: &&RawHistogram| (range_ms.0..=range_ms.1).contains(&h.time_ms);
        Ok(Piece {
            times: cache.times.clone().unwrap_or_else(|| Arc::from([])),
            values,
            starts: cache.starts.clone(),
            histograms: all.iter().filter(inside).cloned().collect(),
        })
    }

    fn find(
        &self,
        (start_ms, end_ms): (i64, i64),
        cache: &mut GroupCache,
        shared: &mut SharedTimes,
    ) -> Result<(), MalformedBatch> {
        *cache = GroupCache::default();
        let mut found = Vec::new();
        let mut take = |chunk: Option<usize>, times: &[i64], starts: &[(u32, i64)]| {
            let inside = |time: &i64| (start_ms..=end_ms).contains(time);
            let mut at = 0;
            while let Some(skip) = times[at..].iter().position(inside) {
                let from = at + skip;
                let to =
                    times[from..].iter().position(|time| !inside(time)).map_or(times.len(), |n| from + n);
                push_starts(&mut cache.starts, &cut_starts(starts, from, to), found.len() as u32);
                found.extend_from_slice(&times[from..to]);
                cache.spans.push(Span { chunk, from, to });
                at = to;
            }
        };
        for (number, chunk) in self.packed.iter().enumerate() {
            if chunk.min_ms <= end_ms && chunk.max_ms >= start_ms {
                let (times, starts) = chunk.times()?;
                take(Some(number), &times, &starts);
            }
        }
        take(None, &self.times, &self.starts);
        cache.times = Some(shared.get(&found));
        Ok(())
    }
}

// === impl Chunk ===

impl Chunk {
    fn times(&self) -> Result<(Vec<i64>, Starts), MalformedBatch> {
        let mut rest = &*self.bytes;
        let mut times = Vec::new();
        take_times(&mut rest, self.rows as usize, &mut times)?;
        Ok((times, take_starts(&mut rest)?))
    }

    fn values(
        &self,
        part: usize,
        range: std::ops::Range<usize>,
        values: &mut Vec<f64>,
    ) -> Result<(), MalformedBatch> {
        let mut rest = self.bytes.get(self.values_at as usize..).ok_or(MalformedBatch("chunk"))?;
        for _ in 0..part {
            let len = take_varint(&mut rest)? as usize;
            rest = rest.get(len..).ok_or(MalformedBatch("chunk"))?;
        }
        let len = take_varint(&mut rest)? as usize;
        let bytes = rest.get(..len).ok_or(MalformedBatch("chunk"))?;
        take_values(bytes, self.rows as usize, range, values)
    }
}

fn take_starts(rest: &mut &[u8]) -> Result<Starts, MalformedBatch> {
    let mut starts = Vec::new();
    for _ in 0..take_varint(rest)? {
        let index = u32::try_from(take_varint(rest)?).map_err(|_| MalformedBatch("start"))?;
        starts.push((index, unzigzag(take_varint(rest)?)));
    }
    Ok(starts)
}
