//! Sets of small numbers: rows of a block, blocks of a segment.

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
        (start..end).for_each(|at| self.set(at));
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
