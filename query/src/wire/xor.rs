//! Prometheus' XOR chunks (`tsdb/docs/format/chunks.md`; the coding is that of Facebook's Gorilla paper with wider
//! classes of time differences), and the frames of a streamed remote read.

/// So many samples go into one chunk, as in Prometheus' own.
pub(crate) const CHUNK_SAMPLES: usize = 120;

/// Bits, the highest of each byte first.
#[derive(Default)]
pub(super) struct Bits {
    pub(super) bytes: Vec<u8>,
    /// How many bits of the last byte are free.
    free: u32,
}

// === impl Bits ===

impl Bits {
    /// The low `count` bits.
    pub(super) fn put(&mut self, value: u64, mut count: u32) {
        while count > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let taken = count.min(self.free);
            let part = (value >> (count - taken)) & ((1 << taken) - 1);
            if let Some(last) = self.bytes.last_mut() {
                *last |= (part << (self.free - taken)) as u8;
            }
            self.free -= taken;
            count -= taken;
        }
    }

    /// LEB128, in whole bytes.
    fn put_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.put(value & 0x7f | 0x80, 8);
            value >>= 7;
        }
        self.put(value, 8);
    }
}

/// How many zeros stood before and after the bits of a value that was written out.
pub(super) type Window = Option<(u32, u32)>;

/// One chunk; at most 65,535 samples.
pub(crate) fn encode(times: &[i64], values: &[f64]) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(times.len() as u64, 16);
    let mut window: Window = None;
    let (mut time, mut delta, mut value) = (0i64, 0i64, 0u64);
    for (n, (t, v)) in times.iter().zip(values).enumerate() {
        let v = v.to_bits();
        let new_delta = t.wrapping_sub(time);
        match n {
            0 => {
                bits.put_varint(((t << 1) ^ (t >> 63)) as u64);
                bits.put(v, 64);
            }
            1 => bits.put_varint(new_delta as u64),
            _ => put_difference(&mut bits, new_delta.wrapping_sub(delta)),
        }
        if n > 0 {
            put_value(&mut bits, v ^ value, &mut window);
            delta = new_delta;
        }
        (time, value) = (*t, v);
    }
    bits.bytes
}

fn put_difference(bits: &mut Bits, difference: i64) {
    let fits = |width: u32| (-((1i64 << (width - 1)) - 1)..=1i64 << (width - 1)).contains(&difference);
    let (prefix, prefix_bits, width) = match difference {
        0 => (0, 1, 0),
        _ if fits(14) => (0b10, 2, 14),
        _ if fits(17) => (0b110, 3, 17),
        _ if fits(20) => (0b1110, 4, 20),
        _ => (0b1111, 4, 64),
    };
    bits.put(prefix, prefix_bits);
    bits.put(difference as u64, width);
}

pub(super) fn put_value(bits: &mut Bits, xor: u64, window: &mut Window) {
    if xor == 0 {
        bits.put(0, 1);
        return;
    }
    // Five bits say how many zeros lead.
    let (leading, trailing) = (xor.leading_zeros().min(31), xor.trailing_zeros());
    if let Some((known_leading, known_trailing)) = *window
        && leading >= known_leading
        && trailing >= known_trailing
    {
        bits.put(0b10, 2);
        bits.put(xor >> known_trailing, 64 - known_leading - known_trailing);
        return;
    }
    *window = Some((leading, trailing));
    let width = 64 - leading - trailing;
    bits.put(0b11, 2);
    bits.put(u64::from(leading), 5);
    // Sixty-four does not fit into six bits, and zero is not needed.
    bits.put(u64::from(width & 63), 6);
    bits.put(xor >> trailing, width);
}

/// A message of a stream: its length, its checksum, its bytes.
pub(crate) fn put_frame(out: &mut Vec<u8>, message: &[u8]) {
    let mut len = message.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(&crc32c(message).to_be_bytes());
    out.extend_from_slice(message);
}

const CRC32C: [u32; 256] = crc32c_table();

const fn crc32c_table() -> [u32; 256] {
    let mut table = [0u32; 256];
    let mut n = 0;
    while n < 256 {
        let mut value = n as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0x82f6_3b78 } else { value >> 1 };
            bit += 1;
        }
        table[n] = value;
        n += 1;
    }
    table
}

/// CRC-32 with the polynomial of Castagnoli.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| CRC32C[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8);
    !bytes.iter().fold(!0, step)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Reader<'a> {
        bytes: &'a [u8],
        at: usize,
    }

    impl Reader<'_> {
        fn take(&mut self, count: u32) -> u64 {
            (0..count).fold(0, |value, _| {
                let bit = self.bytes[self.at / 8] >> (7 - self.at % 8) & 1;
                self.at += 1;
                value << 1 | u64::from(bit)
            })
        }

        fn varint(&mut self) -> u64 {
            let (mut value, mut shift) = (0, 0);
            loop {
                let byte = self.take(8);
                value |= (byte & 0x7f) << shift;
                if byte < 0x80 {
                    return value;
                }
                shift += 7;
            }
        }

        fn difference(&mut self) -> i64 {
            let ones = (0..4).take_while(|_| self.take(1) == 1).count();
            let width = [0, 14, 17, 20, 64][ones];
            let raw = self.take(width);
            match width {
                0 | 64 => raw as i64,
                _ if raw > 1 << (width - 1) => raw as i64 - (1 << width),
                _ => raw as i64,
            }
        }
    }

    /// A reader written from the same description.
    fn decode(bytes: &[u8]) -> Vec<(i64, u64)> {
        let mut r = Reader { bytes, at: 0 };
        let count = r.take(16);
        let mut out: Vec<(i64, u64)> = Vec::new();
        let (mut delta, mut leading, mut width) = (0i64, 0, 0);
        for n in 0..count {
            let Some((time, value)) = out.last().copied() else {
                let zigzag = r.varint();
                out.push(((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64), r.take(64)));
                continue;
            };
            delta = if n == 1 { r.varint() as i64 } else { delta.wrapping_add(r.difference()) };
            let mut xor = 0;
            if r.take(1) == 1 {
                if r.take(1) == 1 {
                    leading = r.take(5) as u32;
                    width = match r.take(6) as u32 {
                        0 => 64,
                        width => width,
                    };
                }
                xor = r.take(width) << (64 - leading - width);
            }
            out.push((time.wrapping_add(delta), value ^ xor));
        }
        out
    }

    proptest! {
        #[test]
        fn chunks_read_back(
            start in -1_000_000_000_000i64..4_000_000_000_000,
            rows in prop::collection::vec((prop_oneof![Just(15_000i64), 1i64..40_000, 1i64..20_000_000], prop_oneof![
                Just(0u64), Just(1.5f64.to_bits()), Just(f64::NAN.to_bits()), any::<u64>(), (0u32..1000).prop_map(|n| f64::from(n).to_bits())
            ]), 0..130),
        ) {
            let mut time = start;
            let times: Vec<i64> = rows.iter().map(|(step, _)| { time += step; time }).collect();
            let values: Vec<f64> = rows.iter().map(|(_, bits)| f64::from_bits(*bits)).collect();
            let wanted: Vec<(i64, u64)> = times.iter().copied().zip(rows.iter().map(|(_, bits)| *bits)).collect();
            prop_assert_eq!(decode(&encode(&times, &values)), wanted);
        }
    }

    #[test]
    fn a_frame_has_its_length_and_checksum() {
        // The check value of CRC-32C.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        let mut out = Vec::new();
        put_frame(&mut out, b"123456789");
        assert_eq!(out, [&[9, 0xe3, 0x06, 0x92, 0x83][..], b"123456789"].concat());
    }
}
