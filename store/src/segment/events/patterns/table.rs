//! The patterns of a segment, each once.
//!
//! ```text
//! count(varint) raw length(varint) zstd frame of: lengths(varint each) the patterns' bytes letters(varint each)
//! ```

use std::hash::Hasher as _;
use std::ops::Range;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use super::super::super::coding::{Reader, put_varint};
use super::search::{ALL_LETTERS, Letters};
use super::slots::SlotKeys;

/// A segment with more text in patterns takes no new ones: they are noise.
const BYTES_MAX: usize = 4 << 20;

/// Different byte strings in one arena, numbered as they are met.
#[derive(Default)]
pub(in super::super) struct PatternTableWriter {
    table: HashTable<u32>,
    ends: Vec<u32>,
    bytes: Vec<u8>,
    /// Of those patterns for which they were asked.
    keys: SlotKeys,
    keyed: u32,
    /// By key: which letters its tokens have.
    letters: Vec<Letters>,
}

/// The table of an open segment.
pub(in super::super) struct PatternTable {
    ends: Vec<u32>,
    bytes: Vec<u8>,
    pub(super) keys: SlotKeys,
    /// By key: which letters its tokens have.
    letters: Vec<Letters>,
}

pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    hasher.finish()
}

fn range(ends: &[u32], number: usize) -> Option<Range<usize>> {
    let start = if number == 0 { 0 } else { *ends.get(number - 1)? };
    Some(start as usize..*ends.get(number)? as usize)
}

// === impl PatternTableWriter ===

impl PatternTableWriter {
    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.ends.clear();
        self.bytes.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, number: u32) -> &[u8] {
        range(&self.ends, number as usize).and_then(|range| self.bytes.get(range)).unwrap_or_default()
    }

    pub(super) fn find(&self, pattern: &[u8]) -> Option<u32> {
        self.table.find(hash(pattern), |&number| self.get(number) == pattern).copied()
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= BYTES_MAX
    }

    pub(super) fn number(&mut self, pattern: &[u8]) -> u32 {
        if let Some(number) = self.find(pattern) {
            return number;
        }
        let number = self.ends.len() as u32;
        self.bytes.extend_from_slice(pattern);
        self.ends.push(self.bytes.len() as u32);
        let (ends, bytes) = (&self.ends, &self.bytes);
        let hash_of = |number: &u32| {
            hash(range(ends, *number as usize).and_then(|range| bytes.get(range)).unwrap_or_default())
        };
        self.table.insert_unique(hash(pattern), number, hash_of);
        number
    }

    /// The keys of all patterns so far.
    pub(super) fn keys(&mut self) -> &SlotKeys {
        while (self.keyed as usize) < self.ends.len() {
            let pattern = range(&self.ends, self.keyed as usize).and_then(|range| self.bytes.get(range));
            self.keys.add(pattern.unwrap_or_default());
            self.keyed += 1;
        }
        &self.keys
    }

    /// Letters that tokens of a key have.
    pub(super) fn add_letters(&mut self, key: u32, letters: Letters) {
        let key = key as usize;
        if self.letters.len() <= key {
            self.letters.resize(key + 1, 0);
        }
        self.letters[key] |= letters;
    }

    /// Appends the table.
    pub(in super::super) fn finish(&mut self, level: i32, out: &mut Vec<u8>) -> std::io::Result<()> {
        let keys = self.keys().len();
        self.letters.resize(keys, 0);
        let mut raw = Vec::with_capacity(self.bytes.len() + 2 * self.ends.len());
        for number in 0..self.ends.len() {
            put_varint(&mut raw, range(&self.ends, number).map_or(0, |range| range.len()) as u64);
        }
        raw.extend_from_slice(&self.bytes);
        self.letters.iter().for_each(|letters| put_varint(&mut raw, *letters));
        put_varint(out, self.ends.len() as u64);
        put_varint(out, raw.len() as u64);
        out.extend_from_slice(&zstd::bulk::compress(&raw, level)?);
        Ok(())
    }
}

// === impl PatternTable ===

impl PatternTable {
    /// Reads what [`PatternTableWriter::finish`] appended.
    pub(in super::super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let count = reader.count(2 * BYTES_MAX)?;
        let raw_len = reader.count(8 * BYTES_MAX)?;
        let raw = zstd::bulk::decompress(reader.rest(), raw_len).ok()?;
        let mut reader = Reader::new(&raw);
        let mut ends = Vec::with_capacity(count);
        let mut end = 0u32;
        for _ in 0..count {
            end = end.checked_add(u32::try_from(reader.varint()?).ok()?)?;
            ends.push(end);
        }
        let bytes = reader.bytes(end as usize)?.to_vec();
        let mut table = Self { ends, bytes, keys: SlotKeys::default(), letters: Vec::new() };
        for number in 0..table.ends.len() {
            table.keys.add(table.bytes.get(range(&table.ends, number)?)?);
        }
        // Files of version 2 do not tell letters.
        let told = !reader.rest().is_empty();
        let mut letters = || if told && !reader.rest().is_empty() { reader.varint() } else { Some(0) };
        table.letters = if told {
            (0..table.keys.len()).map(|_| letters()).collect::<Option<_>>()?
        } else {
            vec![ALL_LETTERS; table.keys.len()]
        };
        Some(table)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The letters that tokens of texts of a pattern may have.
    pub(super) fn letters(&self, number: usize) -> Letters {
        let of_key = |key: &u32| self.letters.get(*key as usize).copied().unwrap_or(ALL_LETTERS);
        self.keys.of(number).iter().fold(0, |letters, key| letters | of_key(key))
    }

    pub(super) fn get(&self, number: usize) -> Option<&[u8]> {
        self.bytes.get(range(&self.ends, number)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_numbered_once_and_read_back() {
        let mut writer = PatternTableWriter::default();
        let texts: Vec<Vec<u8>> = (0..1000).map(|i| format!("pattern {}", i % 300).into_bytes()).collect();
        for (i, text) in texts.iter().enumerate() {
            assert_eq!(writer.number(text), i as u32 % 300);
        }
        let mut out = Vec::new();
        writer.finish(3, &mut out).unwrap();
        let table = PatternTable::read(&out).unwrap();
        assert!((0..300).all(|i| table.get(i) == Some(&texts[i])));
        assert_eq!(table.get(300), None);
        assert!((0..out.len()).all(|len| PatternTable::read(&out[..len]).is_none()));
    }
}
