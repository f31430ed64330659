//! Damage to bytes, by a generator that repeats.

/// xorshift64*.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound.max(1)
    }

    pub(crate) fn float(&mut self) -> f64 {
        match self.below(12) {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => f64::from_bits(0x7ff0_0000_0000_0002),
            3 => f64::from_bits(self.next()),
            _ => self.below(100_000) as f64 / 100.0,
        }
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }
}

/// One to eight changes; some requests stay as they were.
pub(crate) fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    if random.below(10) == 0 {
        return;
    }
    for _ in 0..=random.below(8) {
        if bytes.is_empty() {
            return;
        }
        change(bytes, random);
    }
}

fn change(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() as u64) as usize;
    let len = (1 + random.below(16) as usize).min(bytes.len() - at);
    match random.below(8) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.next() as u8,
        // What length fields and varints fear.
        2 => bytes[at] = *random.pick(&[0x00, 0x7f, 0x80, 0xff]),
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(at..at + len)),
        5 => {
            let copy = bytes[at..at + len].to_vec();
            let to = random.below(bytes.len() as u64) as usize;
            bytes.splice(to..to, copy);
        }
        6 => drop(bytes.splice(at..at, [0xff; 9].into_iter().chain([0x01]))),
        _ => {
            let to = random.below(bytes.len() as u64) as usize;
            bytes.swap(at, to);
        }
    }
}
