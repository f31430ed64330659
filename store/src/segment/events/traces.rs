//! Trace ids: each stored once a segment, rows refer to it; by id one finds the blocks.
//!
//! ```text
//! count(4) prefix(1) ids, sorted: with a prefix of 1, ends(4 each) of those that begin with 0, 1, … 255, then the other
//! 15 bytes of each; else 16 bytes each
//! width(1) width(1) starts(4 each, one for STRIDE ids) counts(packed) blocks(packed)
//! ```
//!
//! The blocks of each id follow those of the one before; counts say how many it has, starts how many are before those of
//! every id at a multiple of STRIDE; the first width is that of counts.
//!
//! Before version 4 lists stood in place of widths, counts and blocks, and starts were places in them:
//!
//! ```text
//! starts lists: per id, blocks(varint) first(varint) gap(varint)…
//! ```
//!
//! Before version 3 ids stood in the order they were met:
//!
//! ```text
//! count(4) ids(16 each) width(1) order(packed: numbers of the ids in their order) starts lists
//! ```

use std::ops::Range;

use hashbrown::HashTable;

use super::super::SegmentBytes;
use super::super::coding::{Packed, Reader, pack, width_of};

pub(super) type TraceId = [u8; 16];

/// One list in so many has its start written down.
const STRIDE: usize = 64;
/// Of so many ids the first byte tells little that their place does not.
const PREFIX_IDS_MIN: usize = 4096;
/// The first version with sorted ids.
const SORTED_SINCE: u32 = 3;
/// The first version with packed blocks.
const PACKED_SINCE: u32 = 4;

#[derive(Default)]
pub(super) struct TracesWriter {
    table: HashTable<u32>,
    ids: Vec<TraceId>,
    /// (id, block) in the order they were met; a pair is there once.
    pairs: Vec<(u32, u32)>,
    /// The last block each id was met in.
    last_block: Vec<u32>,
}

/// The table with the bytes it is in.
#[derive(Clone)]
pub(super) struct TraceTable {
    bytes: SegmentBytes,
    range: Range<usize>,
    version: u32,
}

/// The table of an open segment, read in place.
#[derive(Clone, Copy)]
pub(super) struct Traces<'a> {
    ids: Ids<'a>,
    starts: &'a [u8],
    blocks: Blocks<'a>,
}

/// The blocks of each id.
#[derive(Clone, Copy)]
enum Blocks<'a> {
    Lists(&'a [u8]),
    Packed { counts: Packed<'a>, width: u32, blocks: &'a [u8] },
}

#[derive(Clone, Copy)]
enum Ids<'a> {
    Met {
        ids: &'a [TraceId],
        order: Packed<'a>,
    },
    Sorted(&'a [TraceId]),
    /// By first byte the end of those with it, and what follows that byte.
    Prefixed {
        ends: &'a [u8],
        rests: &'a [[u8; 15]],
    },
}

fn hash(id: &TraceId) -> u64 {
    let (low, high) = (u128::from_le_bytes(*id) as u64, (u128::from_le_bytes(*id) >> 64) as u64);
    let mixed = u128::from(low ^ 0x9E37_79B9_7F4A_7C15) * u128::from(high ^ 0xd6e8_feb8_6659_fd93);
    mixed as u64 ^ (mixed >> 64) as u64
}

impl TracesWriter {
    /// For rows with these ids, in any order, however often each comes.
    pub(super) fn new(mut ids: Vec<TraceId>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        let mut table = HashTable::with_capacity(ids.len());
        for (number, id) in (0u32..).zip(&ids) {
            table.insert_unique(hash(id), number, |&at| hash(&ids[at as usize]));
        }
        Self { table, last_block: vec![u32::MAX; ids.len()], ids, pairs: Vec::new() }
    }

    /// The number of an id that a row of `block` has; blocks come in ascending order. `None`: an id that was not told.
    pub(super) fn number(&mut self, id: &TraceId, block: u32) -> Option<u32> {
        let number = *self.table.find(hash(id), |&at| self.ids[at as usize] == *id)?;
        let last = &mut self.last_block[number as usize];
        if *last != block {
            *last = block;
            self.pairs.push((number, block));
        }
        Some(number)
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        let count = self.ids.len();
        out.extend_from_slice(&(count as u32).to_le_bytes());
        out.push(u8::from(count >= PREFIX_IDS_MIN));
        if count >= PREFIX_IDS_MIN {
            for byte in 0..=u8::MAX {
                let end = self.ids.partition_point(|id| id[0] <= byte) as u32;
                out.extend_from_slice(&end.to_le_bytes());
            }
            self.ids.iter().for_each(|id| out.extend_from_slice(&id[1..]));
        } else {
            out.extend_from_slice(bytemuck::cast_slice(&self.ids));
        }
        self.pairs.sort_unstable();
        let mut counts = vec![0u64; count];
        self.pairs.iter().for_each(|(id, _)| counts[*id as usize] += 1);
        let last_block = self.pairs.iter().map(|pair| pair.1).max().unwrap_or(0);
        let widths = [counts.iter().copied().max().unwrap_or(0), u64::from(last_block)].map(width_of);
        out.extend(widths.map(|width| width as u8));
        let mut before = 0;
        for own in counts.chunks(STRIDE) {
            out.extend_from_slice(&(before as u32).to_le_bytes());
            before += own.iter().sum::<u64>();
        }
        pack(out, widths[0], counts.into_iter());
        pack(out, widths[1], self.pairs.iter().map(|(_, block)| u64::from(*block)));
    }
}

impl TraceTable {
    /// The table in a section of a file of that version.
    pub(super) fn new(bytes: &SegmentBytes, range: Range<usize>, version: u32) -> Self {
        Self { bytes: bytes.clone(), range, version }
    }

    pub(super) fn read(&self) -> Option<Traces<'_>> {
        Traces::read(self.bytes.slice(self.range.clone())?, self.version)
    }
}

impl<'a> Ids<'a> {
    fn len(self) -> usize {
        match self {
            Self::Met { ids, .. } | Self::Sorted(ids) => ids.len(),
            Self::Prefixed { rests, .. } => rests.len(),
        }
    }

    /// Of the sorted ids that many begin with a byte up to this.
    fn end(ends: &[u8], byte: u8) -> Option<usize> {
        let at = usize::from(byte) * 4;
        Some(u32::from_le_bytes(ends.get(at..at + 4)?.try_into().ok()?) as usize)
    }

    fn get(self, number: usize) -> Option<TraceId> {
        match self {
            Self::Met { ids, .. } | Self::Sorted(ids) => ids.get(number).copied(),
            Self::Prefixed { ends, rests } => {
                let rest = rests.get(number)?;
                let (mut low, mut high) = (0u8, u8::MAX);
                while low < high {
                    let middle = low + (high - low) / 2;
                    if Self::end(ends, middle)? <= number { low = middle + 1 } else { high = middle }
                }
                let mut id = [low; 16];
                id[1..].copy_from_slice(rest);
                Some(id)
            }
        }
    }

    fn find(self, id: &TraceId) -> Option<usize> {
        match self {
            Self::Sorted(ids) => ids.binary_search(id).ok(),
            Self::Prefixed { ends, rests } => {
                let start = id[0].checked_sub(1).map_or(Some(0), |before| Self::end(ends, before))?;
                let of_byte = rests.get(start..Self::end(ends, id[0])?)?;
                Some(start + of_byte.binary_search_by(|rest| rest.as_slice().cmp(&id[1..])).ok()?)
            }
            Self::Met { ids, order } => {
                let (mut low, mut high) = (0, order.len());
                while low < high {
                    let middle = low + (high - low) / 2;
                    let number = order.get(middle) as usize;
                    match ids.get(number)?.cmp(id) {
                        std::cmp::Ordering::Less => low = middle + 1,
                        std::cmp::Ordering::Greater => high = middle,
                        std::cmp::Ordering::Equal => return Some(number),
                    }
                }
                None
            }
        }
    }
}

impl<'a> Traces<'a> {
    /// Reads the table of a file of that version.
    pub(super) fn read(bytes: &'a [u8], version: u32) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let count = reader.u32()? as usize;
        let prefixed = version >= SORTED_SINCE && reader.u8()? != 0;
        let ids = if prefixed {
            let ends = reader.bytes(4 * 256)?;
            let (rests, []) = reader.bytes(count.checked_mul(15)?)?.as_chunks::<15>() else { return None };
            Ids::Prefixed { ends, rests }
        } else {
            let ids = reader.bytes(count.checked_mul(size_of::<TraceId>())?)?;
            let ids = bytemuck::try_cast_slice(ids).ok()?;
            if version >= SORTED_SINCE {
                Ids::Sorted(ids)
            } else {
                let width = u32::from(reader.u8()?);
                Ids::Met { ids, order: Packed::read(&mut reader, width, count)? }
            }
        };
        let widths = if version >= PACKED_SINCE { Some((reader.u8()?, reader.u8()?)) } else { None };
        let starts = reader.bytes(count.div_ceil(STRIDE) * 4)?;
        let blocks = match widths {
            None => Blocks::Lists(reader.rest()),
            Some((of_counts, of_blocks)) => {
                let counts = Packed::read(&mut reader, u32::from(of_counts), count)?;
                Blocks::Packed { counts, width: u32::from(of_blocks), blocks: reader.rest() }
            }
        };
        Some(Self { ids, starts, blocks })
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn id(&self, number: usize) -> Option<TraceId> {
        self.ids.get(number)
    }

    /// All ids, by number.
    pub(super) fn ids(self) -> impl Iterator<Item = TraceId> {
        (0..self.ids.len()).filter_map(move |number| self.ids.get(number))
    }

    /// The number of an id, if a row has it.
    pub(super) fn find(&self, id: &TraceId) -> Option<usize> {
        self.ids.find(id)
    }

    /// The start written down last before an id.
    fn start(starts: &[u8], number: usize) -> Option<usize> {
        let at = number / STRIDE * 4;
        Some(u32::from_le_bytes(starts.get(at..at + 4)?.try_into().ok()?) as usize)
    }

    /// The blocks with rows of that id; `None`: they make no sense.
    pub(super) fn blocks(&self, number: usize) -> Option<Vec<usize>> {
        let start = Self::start(self.starts, number)?;
        match self.blocks {
            Blocks::Lists(lists) => blocks_of_list(lists.get(start..)?, number % STRIDE),
            Blocks::Packed { counts, width, blocks } => {
                let before = (number / STRIDE * STRIDE..number).map(|id| counts.get(id) as usize);
                let start = before.fold(start, usize::saturating_add);
                let count = counts.get(number) as usize;
                let end = start.checked_add(count)?;
                // All are the first block: an id has it once.
                let sound = if width == 0 { count <= 1 } else { Packed::bytes(width, end)? <= blocks.len() };
                let blocks = Packed::at_front(blocks, width, end);
                sound.then(|| (start..end).map(|at| blocks.get(at) as usize).collect())
            }
        }
    }
}

fn blocks_of_list(lists: &[u8], before: usize) -> Option<Vec<usize>> {
    let mut reader = Reader::new(lists);
    for _ in 0..before {
        for _ in 0..reader.count(u32::MAX as usize)? {
            reader.varint()?;
        }
    }
    let count = reader.count(lists.len())?;
    let mut blocks = Vec::with_capacity(count);
    let mut block = 0usize;
    for _ in 0..count {
        block = block.checked_add(reader.count(u32::MAX as usize)?)?;
        blocks.push(block);
    }
    Some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::events::format::VERSION;

    #[test]
    fn ids_lead_to_their_blocks() {
        for count in [300u64, 9000] {
            let id = |n: u64| {
                (u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)).to_be_bytes()
            };
            let mut writer = TracesWriter::new((0..count).chain(0..count / 2).map(id).collect());
            assert_eq!(writer.number(&[1; 16], 0), None);
            for block in 0..40u32 {
                for n in 0..count {
                    if n % u64::from(block + 1) == 0 {
                        assert!(writer.number(&id(n), block).is_some());
                    }
                }
            }
            let mut out = Vec::new();
            writer.finish(&mut out);
            let traces = Traces::read(&out, VERSION).unwrap();
            assert_eq!(traces.ids().count() as u64, count);
            for n in 0..count {
                let number = traces.find(&id(n)).unwrap();
                assert_eq!(traces.id(number), Some(id(n)));
                let expected: Vec<usize> = (0..40).filter(|b| n % (*b as u64 + 1) == 0).collect();
                assert_eq!(traces.blocks(number).unwrap(), expected, "{n}");
            }
            assert_eq!(traces.find(&[1; 16]), None);
            let cuts = (0..out.len()).step_by(1 + count as usize / 1000);
            cuts.for_each(|len| {
                drop(Traces::read(&out[..len], VERSION).map(|t| t.blocks(count as usize - 1)))
            });
        }
    }
}
