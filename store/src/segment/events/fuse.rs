//! Approximate sets: a binary fuse filter with 8-bit fingerprints, about 9.1 bits a key, one false hit in 256.
//!
//! Graf and Lemire, "Binary Fuse Filters: Fast and Smaller Than Xor Filters" (2022): a key has three places in
//! neighbouring stretches of one array, and the three bytes there xor to its fingerprint. Placing is peeling: a place
//! only one key maps to decides that key, which frees others.

use super::super::coding::Reader;

/// A set read in place.
#[derive(Clone, Copy)]
pub(crate) struct Fuse<'a> {
    shape: Shape,
    table: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Shape {
    seed: u64,
    /// A power of two.
    stretch: u32,
    /// Stretches a first place can be in.
    stretches: u32,
}

/// Seeds tried before giving up; each fails about one time in a hundred.
const ATTEMPTS: u64 = 64;
const HEADER_BYTES: usize = 16;

fn mix(key: u64, seed: u64) -> u64 {
    let mut h = key.wrapping_add(seed);
    h = (h ^ h >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ h >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ h >> 33
}

fn fingerprint(hash: u64) -> u8 {
    (hash ^ hash >> 32) as u8
}

impl Shape {
    fn of(keys: usize, seed: u64) -> Self {
        let n = keys.max(2) as f64;
        let exponent = (n.ln() / 3.33f64.ln() + 2.25).floor() as u32;
        let stretch = 1u32 << exponent.clamp(2, 18);
        let factor = (0.875 + 0.25 * 1e6f64.ln() / n.ln()).max(1.125);
        let slots = (n * factor).round() as u32;
        let stretches = slots.div_ceil(stretch).saturating_sub(2).max(1);
        Self { seed, stretch, stretches }
    }

    fn slots(self) -> usize {
        (self.stretches as usize + 2) * self.stretch as usize
    }

    fn places(self, hash: u64) -> [usize; 3] {
        let span = u64::from(self.stretches) * u64::from(self.stretch);
        let first = ((u128::from(hash) * u128::from(span)) >> 64) as u64;
        let (stretch, mask) = (u64::from(self.stretch), u64::from(self.stretch) - 1);
        let second = (first + stretch) ^ (hash >> 18 & mask);
        let third = (first + 2 * stretch) ^ (hash & mask);
        [first as usize, second as usize, third as usize]
    }
}

/// Appends a filter of `keys`, which must be distinct. False: no seed worked, nothing was appended.
pub(crate) fn build(keys: &[u64], out: &mut Vec<u8>) -> bool {
    (1..=ATTEMPTS)
        .any(|seed| try_build(keys, Shape::of(keys.len(), seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)), out))
}

fn try_build(keys: &[u64], shape: Shape, out: &mut Vec<u8>) -> bool {
    let mut counts = vec![0u8; shape.slots()];
    let mut hashes = vec![0u64; shape.slots()];
    for key in keys {
        let hash = mix(*key, shape.seed);
        for place in shape.places(hash) {
            counts[place] = counts[place].saturating_add(1);
            hashes[place] ^= hash;
        }
    }
    let mut ready: Vec<u32> = (0..counts.len() as u32).filter(|&i| counts[i as usize] == 1).collect();
    let mut placed: Vec<(u64, u32)> = Vec::with_capacity(keys.len());
    while let Some(at) = ready.pop() {
        if counts[at as usize] != 1 {
            continue;
        }
        let hash = hashes[at as usize];
        placed.push((hash, at));
        for place in shape.places(hash) {
            counts[place] = counts[place].wrapping_sub(1);
            hashes[place] ^= hash;
            if counts[place] == 1 {
                ready.push(place as u32);
            }
        }
    }
    if placed.len() != keys.len() {
        return false;
    }
    let mut table = vec![0u8; shape.slots()];
    for (hash, at) in placed.into_iter().rev() {
        let others = shape.places(hash).into_iter().filter(|place| *place != at as usize);
        table[at as usize] = others.fold(fingerprint(hash), |byte, place| byte ^ table[place]);
    }
    out.extend_from_slice(&shape.seed.to_le_bytes());
    out.extend_from_slice(&shape.stretch.to_le_bytes());
    out.extend_from_slice(&shape.stretches.to_le_bytes());
    out.extend_from_slice(&table);
    true
}

impl<'a> Fuse<'a> {
    /// Reads what [`build`] appended; `None`: these bytes are no filter.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes.get(..HEADER_BYTES)?);
        let shape = Shape { seed: reader.u64()?, stretch: reader.u32()?, stretches: reader.u32()? };
        let table = &bytes[HEADER_BYTES..];
        let sound = shape.stretch.is_power_of_two() && shape.stretches > 0 && table.len() == shape.slots();
        sound.then_some(Self { shape, table })
    }

    /// False: the key is not in the set.
    pub(crate) fn may_contain(&self, key: u64) -> bool {
        let hash = mix(key, self.shape.seed);
        let byte = |place: usize| self.table.get(place).copied().unwrap_or_default();
        let [a, b, c] = self.shape.places(hash);
        byte(a) ^ byte(b) ^ byte(c) == fingerprint(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_and_few_others() {
        for count in [0usize, 1, 2, 3, 10, 100, 1000, 30_000] {
            let keys: Vec<u64> = (0..count as u64).map(|i| mix(i, 7)).collect();
            let mut out = Vec::new();
            assert!(build(&keys, &mut out), "{count}");
            let fuse = Fuse::read(&out).unwrap();
            assert!(keys.iter().all(|key| fuse.may_contain(*key)), "{count}");
            let wrong = (0..10_000u64).filter(|i| fuse.may_contain(mix(*i, 1 << 40))).count();
            assert!(wrong < 120, "{wrong} of 10,000 with {count} keys");
            assert!(count < 30_000 || out.len() * 8 < count * 11, "{} bytes for {count}", out.len());
        }
    }

    #[test]
    fn bytes_that_are_no_filter_are_refused() {
        let mut out = Vec::new();
        assert!(build(&[1, 2, 3], &mut out));
        assert!(Fuse::read(&out[..out.len() - 1]).is_none());
        assert!(Fuse::read(&out[..7]).is_none());
        out[8] = 3;
        assert!(Fuse::read(&out).is_none());
    }
}
