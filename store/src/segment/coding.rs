//! Numbers as bytes: little-endian reads that cannot panic, varints, and runs of integers packed to their width.

/// Reads front to back; `None` means the bytes ended or do not make sense.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len)?;
        self.0 = tail;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        Some(self.array::<1>()?[0])
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        Some(i64::from_le_bytes(self.array()?))
    }

    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A varint that counts or measures something of at most `max`.
    pub(crate) fn count(&mut self, max: usize) -> Option<usize> {
        usize::try_from(self.varint()?).ok().filter(|&n| n <= max)
    }

    /// A varint length, then that many bytes of UTF-8.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let len = self.count(self.0.len())?;
        std::str::from_utf8(self.bytes(len)?).ok()
    }
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Signed numbers as unsigned ones, small if they are near zero.
pub(crate) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Bits that hold every number up to `max`.
pub(crate) fn width_of(max: u64) -> u32 {
    64 - max.leading_zeros()
}

/// Widths above this are stored as 64: one unaligned load then reads any number.
const WIDTH_MAX: u32 = 56;
/// Zeros after a packed run, so that the load of the last number stays inside it.
pub(crate) const PADDING: usize = 8;

/// Numbers of one bit width, read in place.
#[derive(Clone, Copy)]
pub(crate) struct Packed<'a> {
    bytes: &'a [u8],
    width: u32,
    len: usize,
}

/// Appends `values`, each below `1 << width`; the reader must know count and width.
pub(crate) fn pack(out: &mut Vec<u8>, width: u32, values: impl Iterator<Item = u64>) {
    if width > 0 {
        pack_tight(out, width, values);
        out.extend_from_slice(&[0; PADDING]);
    }
}

/// The same without the zeros behind it: whoever packs several runs one after the other appends them once.
pub(crate) fn pack_tight(out: &mut Vec<u8>, width: u32, values: impl Iterator<Item = u64>) {
    if width == 0 {
        return;
    }
    if width > WIDTH_MAX {
        values.for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        return;
    }
    let (mut held, mut bits) = (0u64, 0u32);
    for value in values {
        held |= value << bits;
        bits += width;
        while bits >= 8 {
            out.push(held as u8);
            held >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push(held as u8);
    }
}

/// The bytes [`pack_tight`] appends for so many values; `None`: no width, or more than there can be.
pub(crate) fn packed_len(width: u32, len: usize) -> Option<usize> {
    match width {
        0..=WIDTH_MAX => Some(len.checked_mul(width as usize)?.div_ceil(8)),
        57..=64 => len.checked_mul(8),
        _ => None,
    }
}

impl<'a> Packed<'a> {
    /// Takes what [`pack`] wrote off the reader.
    pub(crate) fn read(reader: &mut Reader<'a>, width: u32, len: usize) -> Option<Self> {
        Some(Self { bytes: reader.bytes(Self::bytes(width, len)?)?, width, len })
    }

    /// The bytes [`pack`] appends; `None`: no width, or more than there can be.
    pub(crate) fn bytes(width: u32, len: usize) -> Option<usize> {
        packed_len(width, len)?.checked_add(if width == 0 { 0 } else { PADDING })
    }

    /// What [`pack_tight`] wrote at the front of `bytes`, with [`PADDING`] bytes or more behind it.
    pub(crate) fn at_front(bytes: &'a [u8], width: u32, len: usize) -> Self {
        Self { bytes, width, len }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The number at `at`; zero beyond the end.
    pub(crate) fn get(&self, at: usize) -> u64 {
        if self.width == 0 || at >= self.len {
            return 0;
        }
        let stride = if self.width > WIDTH_MAX { 64 } else { self.width as usize };
        let bit = at * stride;
        let word = self.bytes.get(bit / 8..bit / 8 + 8).and_then(|b| b.try_into().ok());
        let word = word.map_or(0, u64::from_le_bytes);
        if stride == 64 { word } else { word >> (bit % 8) & ((1 << stride) - 1) }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = u64> + 'a {
        (0..self.len).map(move |at| self.get(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_numbers_of_every_width_read_back() {
        for width in 0..=64u32 {
            let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
            let values: Vec<u64> =
                (0..131u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) & mask).collect();
            let mut out = Vec::new();
            pack(&mut out, width, values.iter().copied());
            let mut reader = Reader::new(&out);
            let packed = Packed::read(&mut reader, width, values.len()).unwrap();
            assert_eq!(packed.iter().collect::<Vec<_>>(), values, "width {width}");
            assert!(reader.rest().is_empty());
            assert!(width == 0 || Packed::read(&mut Reader::new(&out[1..]), width, values.len()).is_none());
        }
    }

    #[test]
    fn varints_read_back_and_endless_ones_are_refused() {
        for value in [0, 1, 127, 128, 300, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(Reader::new(&out).varint(), Some(value));
        }
        assert_eq!(Reader::new(&[0xff; 12]).varint(), None);
        assert_eq!(Reader::new(&[0x80]).varint(), None);
    }
}
