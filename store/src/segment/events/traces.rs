//! Trace ids: each stored once a segment, rows refer to it; by id one finds the blocks.
//!
//! ```text
//! count(4) ids(16 each, by first appearance) width(1) order(packed: appearance numbers in the order of the ids)
//! starts(4 each, count/STRIDE + 1) lists: per id, blocks(varint) first(varint) gap(varint)…
//! ```

use hashbrown::HashTable;

use super::super::coding::{Packed, Reader, pack, put_varint, width_of};

pub(super) type TraceId = [u8; 16];

/// One list in so many has its start written down.
const STRIDE: usize = 64;

#[derive(Default)]
pub(super) struct TracesWriter {
    table: HashTable<u32>,
    ids: Vec<TraceId>,
    /// (id, block) in the order they were met; a pair is there once.
    pairs: Vec<(u32, u32)>,
    /// The last block each id was met in.
    last_block: Vec<u32>,
}

/// The table of an open segment, read in place.
#[derive(Clone, Copy)]
pub(super) struct Traces<'a> {
    ids: &'a [TraceId],
    order: Packed<'a>,
    starts: &'a [u8],
    lists: &'a [u8],
}

fn hash(id: &TraceId) -> u64 {
    let (low, high) = (u128::from_le_bytes(*id) as u64, (u128::from_le_bytes(*id) >> 64) as u64);
    let mixed = u128::from(low ^ 0x9E37_79B9_7F4A_7C15) * u128::from(high ^ 0xd6e8_feb8_6659_fd93);
    mixed as u64 ^ (mixed >> 64) as u64
}

impl TracesWriter {
    /// The number of an id that a row of `block` has; blocks come in ascending order.
    pub(super) fn number(&mut self, id: &TraceId, block: u32) -> u32 {
        let hashed = hash(id);
        let known = self.table.find(hashed, |&at| self.ids[at as usize] == *id).copied();
        let number = known.unwrap_or_else(|| {
            let number = self.ids.len() as u32;
            self.ids.push(*id);
            self.last_block.push(u32::MAX);
            let ids = &self.ids;
            self.table.insert_unique(hashed, number, |&at| hash(&ids[at as usize]));
            number
        });
        let last = &mut self.last_block[number as usize];
        if *last != block {
            *last = block;
            self.pairs.push((number, block));
        }
        number
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        let count = self.ids.len();
        out.extend_from_slice(&(count as u32).to_le_bytes());
        out.extend_from_slice(bytemuck::cast_slice(&self.ids));
        let mut order: Vec<u32> = (0..count as u32).collect();
        order.sort_unstable_by_key(|&at| self.ids[at as usize]);
        let width = width_of(count.saturating_sub(1) as u64);
        out.push(width as u8);
        pack(out, width, order.iter().map(|&at| u64::from(at)));
        self.pairs.sort_unstable();
        let (mut starts, mut lists) = (Vec::new(), Vec::new());
        let mut pairs = self.pairs.as_slice();
        for number in 0..count as u32 {
            if (number as usize).is_multiple_of(STRIDE) {
                starts.push(lists.len() as u32);
            }
            let own = pairs.iter().take_while(|(of, _)| *of == number).count();
            let (list, rest) = pairs.split_at(own);
            pairs = rest;
            put_varint(&mut lists, own as u64);
            let mut before = 0;
            for (_, block) in list {
                put_varint(&mut lists, u64::from(block - before));
                before = *block;
            }
        }
        starts.iter().for_each(|start: &u32| out.extend_from_slice(&start.to_le_bytes()));
        out.extend_from_slice(&lists);
    }
}

impl<'a> Traces<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let count = reader.u32()? as usize;
        let ids = bytemuck::try_cast_slice(reader.bytes(count.checked_mul(size_of::<TraceId>())?)?).ok()?;
        let width = u32::from(reader.u8()?);
        let order = Packed::read(&mut reader, width, count)?;
        let starts = reader.bytes(count.div_ceil(STRIDE) * 4)?;
        Some(Self { ids, order, starts, lists: reader.rest() })
    }

    pub(super) fn id(&self, number: usize) -> Option<&'a TraceId> {
        self.ids.get(number)
    }

    /// The number of an id, if a row has it.
    pub(super) fn find(&self, id: &TraceId) -> Option<usize> {
        let (mut low, mut high) = (0, self.order.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let number = self.order.get(middle) as usize;
            match self.ids.get(number)?.cmp(id) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(number),
            }
        }
        None
    }

    /// The blocks with rows of that id; `None`: the lists are malformed.
    pub(super) fn blocks(&self, number: usize) -> Option<Vec<usize>> {
        let at = number / STRIDE * 4;
        let start = u32::from_le_bytes(self.starts.get(at..at + 4)?.try_into().ok()?) as usize;
        let mut reader = Reader::new(self.lists.get(start..)?);
        for _ in 0..number % STRIDE {
            for _ in 0..reader.count(u32::MAX as usize)? {
                reader.varint()?;
            }
        }
        let count = reader.count(self.lists.len())?;
        let mut blocks = Vec::with_capacity(count);
        let mut block = 0usize;
        for _ in 0..count {
            block = block.checked_add(reader.count(u32::MAX as usize)?)?;
            blocks.push(block);
        }
        Some(blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_to_their_blocks() {
        let id =
            |n: u64| (u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)).to_be_bytes();
        let mut writer = TracesWriter::default();
        for block in 0..40u32 {
            for n in 0..300u64 {
                if n % u64::from(block + 1) == 0 {
                    writer.number(&id(n), block);
                }
            }
        }
        let mut out = Vec::new();
        writer.finish(&mut out);
        let traces = Traces::read(&out).unwrap();
        assert_eq!(traces.ids.len(), 300);
        for n in 0..300u64 {
            let number = traces.find(&id(n)).unwrap();
            assert_eq!(traces.id(number), Some(&id(n)));
            let expected: Vec<usize> = (0..40).filter(|b| n % (*b as u64 + 1) == 0).collect();
            assert_eq!(traces.blocks(number).unwrap(), expected, "{n}");
        }
        assert_eq!(traces.find(&[1; 16]), None);
        (0..out.len()).for_each(|len| drop(Traces::read(&out[..len]).map(|t| t.blocks(299))));
    }
}
