//! Sets of small numbers: rows of a block, blocks of a segment.

use std::ops::Range;

/// A set of numbers below a fixed length.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    pub(super) fn none(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    fn trim(&mut self) {
        if let (Some(last), tail @ 1..) = (self.words.last_mut(), self.len % 64) {
            *last &= (1 << tail) - 1;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn unset(&mut self, at: usize) {
        if at < self.len {
            self.words[at / 64] &= !(1 << (at % 64));
        }
    }

    /// Numbers that are not below the length are left out.
    pub(super) fn set(&mut self, at: usize) {
        if at < self.len {
            self.words[at / 64] |= 1 << (at % 64);
        }
    }

    pub(super) fn set_range(&mut self, start: usize, end: usize) {
        let end = end.min(self.len);
        let (mut at, last) = (start, end.saturating_sub(1) / 64);
        while at < end {
            let word = at / 64;
            let upper = if word == last { u64::MAX >> (63 - (end - 1) % 64) } else { u64::MAX };
            self.words[word] |= upper & u64::MAX << (at % 64);
            at = (word + 1) * 64;
        }
    }

    pub(super) fn contains(&self, at: usize) -> bool {
        self.words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 != 0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub(super) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(super) fn and(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= b);
    }

    pub(super) fn or(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a |= b);
    }

    pub(super) fn without(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= !b);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(i, word)| {
            let mut word = *word;
            std::iter::from_fn(move || {
                if word == 0 {
                    return None;
                }
                let bit = word.trailing_zeros() as usize;
                word &= word - 1;
                Some(i * 64 + bit)
            })
        })
    }

    /// Those of a range.
    pub(super) fn iter_in(&self, range: Range<usize>) -> impl Iterator<Item = usize> {
        let end = range.end.min(self.len);
        let mut word_at = range.start / 64;
        let first = self.words.get(word_at).copied().unwrap_or(0);
        let mut word = if range.start < end { first & u64::MAX << (range.start % 64) } else { 0 };
        std::iter::from_fn(move || {
            while word == 0 {
                word_at += 1;
                if word_at * 64 >= end {
                    return None;
                }
                word = *self.words.get(word_at)?;
            }
            let at = word_at * 64 + word.trailing_zeros() as usize;
            word &= word - 1;
            (at < end).then_some(at)
        })
    }

    /// How many there are before each word.
    pub(super) fn counts(&self) -> Vec<u32> {
        let mut before = 0;
        let count = |word: &u64| {
            before += word.count_ones();
            before - word.count_ones()
        };
        self.words.iter().map(count).collect()
    }

    /// How many there are below `at`, given [`Bits::counts`], if `at` is one of them.
    pub(super) fn rank(&self, counts: &[u32], at: usize) -> Option<usize> {
        let word = *self.words.get(at / 64)?;
        let below = word & ((1 << (at % 64)) - 1);
        (word >> (at % 64) & 1 != 0).then(|| (counts[at / 64] + below.count_ones()) as usize)
    }

    /// One bit a number, lowest first.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let bytes = self.words.iter().flat_map(|word| word.to_le_bytes());
        out.extend(bytes.take(self.len.div_ceil(8)));
    }

    pub(super) fn read(bytes: &[u8], len: usize) -> Self {
        let mut bits = Self::none(len);
        for (at, byte) in bytes.iter().enumerate().take(len.div_ceil(8)) {
            bits.words[at / 8] |= u64::from(*byte) << (at % 8 * 8);
        }
        bits.trim();
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_counts_what_is_below() {
        let mut bits = Bits::none(200);
        [3, 63, 64, 70, 199].into_iter().for_each(|at| bits.set(at));
        let counts = bits.counts();
        let ranks: Vec<_> = (0..200).filter_map(|at| Some((at, bits.rank(&counts, at)?))).collect();
        assert_eq!(ranks, [(3, 0), (63, 1), (64, 2), (70, 3), (199, 4)]);
    }

    #[test]
    fn ranges_are_set_and_walked() {
        for len in [1, 63, 64, 65, 200] {
            for (start, end) in
                [(0, 0), (0, 1), (0, 64), (3, 5), (60, 70), (64, 128), (10, 199), (63, 64), (150, 400)]
            {
                let mut bits = Bits::none(len);
                bits.set_range(start, end);
                let expected: Vec<usize> = (start..end.min(len)).collect();
                assert_eq!(bits.iter().collect::<Vec<_>>(), expected, "{start}..{end} of {len}");
                let mut all = Bits::none(len);
                all.set_range(0, len);
                assert_eq!(all.iter_in(start..end).collect::<Vec<_>>(), expected, "{start}..{end} of {len}");
            }
        }
    }

    #[test]
    fn sets_combine_and_read_back() {
        let mut evens = Bits::none(131);
        (0..200).step_by(2).for_each(|at| evens.set(at));
        assert_eq!(evens.count(), 66);
        let mut odds = Bits::none(131);
        odds.set_range(0, 131);
        odds.without(&evens);
        assert_eq!(odds.iter().take(3).collect::<Vec<_>>(), [1, 3, 5]);
        assert_eq!(odds.count() + evens.count(), 131);
        let mut out = Vec::new();
        odds.write(&mut out);
        assert_eq!(Bits::read(&out, 131), odds);
        odds.and(&evens);
        assert!(odds.is_empty());
        odds.or(&evens);
        assert!(odds.contains(130) && !odds.contains(129) && !odds.contains(1000));
    }
}
