//! Protobuf as it lies on the wire, walked in place: no message is ever built.

use super::Reject;
use super::fault::Fault;

/// The fields of one message, front to back.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

/// A field's content by its wire type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Payload<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
    /// A group, skipped: proto3 has none, so it is always an unknown field.
    Group,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Malformed(pub &'static str);

const WRONG_TYPE: Malformed = Malformed("a field has the wrong wire type");
const CUT: Malformed = Malformed("the message ends inside a field");
const GROUP_DEPTH_MAX: usize = 64;

// === impl Reader ===

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next field's number and content; `None` at the end.
    #[inline]
    pub fn next(&mut self) -> Result<Option<(u32, Payload<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, wire_type) = self.tag()?;
        if wire_type == END_GROUP {
            return Err(Malformed("a group ends that did not begin"));
        }
        Ok(Some((number, self.payload(wire_type)?)))
    }

    #[inline]
    fn tag(&mut self) -> Result<(u32, u8), Malformed> {
        let tag = u32::try_from(self.varint()?).map_err(|_| Malformed("a field's tag is too large"))?;
        match tag >> 3 {
            0 => Err(Malformed("field number 0")),
            number => Ok((number, (tag & 7) as u8)),
        }
    }

    #[inline]
    fn payload(&mut self, wire_type: u8) -> Result<Payload<'a>, Malformed> {
        Ok(match wire_type {
            0 => Payload::Varint(self.varint()?),
            1 => Payload::Fixed64(u64::from_le_bytes(self.fixed()?)),
            2 => {
                let len = usize::try_from(self.varint()?).map_err(|_| CUT)?;
                let (head, tail) = self.rest.split_at_checked(len).ok_or(CUT)?;
                self.rest = tail;
                Payload::Bytes(head)
            }
            BEGIN_GROUP => {
                self.skip_group()?;
                Payload::Group
            }
            5 => Payload::Fixed32(u32::from_le_bytes(self.fixed()?)),
            _ => return Err(Malformed("a field has an unknown wire type")),
        })
    }

    fn skip_group(&mut self) -> Result<(), Malformed> {
        let mut depth = 1;
        while depth > 0 {
            match self.tag()?.1 {
                BEGIN_GROUP if depth == GROUP_DEPTH_MAX => {
                    return Err(Malformed("groups are nested too deeply"));
                }
                BEGIN_GROUP => depth += 1,
                END_GROUP => depth -= 1,
                other => drop(self.payload(other)?),
            }
        }
        Ok(())
    }

    #[inline]
    pub fn varint(&mut self) -> Result<u64, Malformed> {
        // Tags and most lengths are one byte.
        if let [byte, tail @ ..] = self.rest
            && *byte < 0x80
        {
            self.rest = tail;
            return Ok(u64::from(*byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for (i, byte) in self.rest.iter().take(10).enumerate() {
            if i == 9 && *byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if *byte < 0x80 {
                self.rest = &self.rest[i + 1..];
                return Ok(value);
            }
        }
        Err(Malformed("a varint is cut or too long"))
    }

    #[inline]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, tail) = self.rest.split_first_chunk::<N>().ok_or(CUT)?;
        self.rest = tail;
        Ok(*head)
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

const BEGIN_GROUP: u8 = 3;
const END_GROUP: u8 = 4;

// === impl Payload ===

impl<'a> Payload<'a> {
    #[inline]
    pub fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(WRONG_TYPE),
        }
    }

    #[inline]
    pub fn text(self) -> Result<&'a str, Fault> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Fault::Reject(Reject::NotUtf8))
    }

    #[inline]
    pub fn varint(self) -> Result<u64, Malformed> {
        match self {
            Self::Varint(value) => Ok(value),
            _ => Err(WRONG_TYPE),
        }
    }

    #[inline]
    pub fn fixed64(self) -> Result<u64, Malformed> {
        match self {
            Self::Fixed64(value) => Ok(value),
            _ => Err(WRONG_TYPE),
        }
    }

    #[inline]
    pub fn fixed32(self) -> Result<u32, Malformed> {
        match self {
            Self::Fixed32(value) => Ok(value),
            _ => Err(WRONG_TYPE),
        }
    }

    pub fn double(self) -> Result<f64, Malformed> {
        self.fixed64().map(f64::from_bits)
    }

    /// A zigzag `sint32`.
    pub fn sint32(self) -> Result<i32, Malformed> {
        let raw = self.varint()? as u32;
        Ok((raw >> 1) as i32 ^ -((raw & 1) as i32))
    }

    /// Appends one or, packed, many 64-bit values.
    pub fn push_fixed64s(self, out: &mut Vec<u64>) -> Result<(), Malformed> {
        match self {
            Self::Fixed64(value) => out.push(value),
            Self::Bytes(bytes) => {
                let (chunks, rest) = bytes.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(Malformed("a packed field has half a number"));
                }
                out.extend(chunks.iter().map(|chunk| u64::from_le_bytes(*chunk)));
            }
            _ => return Err(WRONG_TYPE),
        }
        Ok(())
    }

    /// Appends one or, packed, many varints.
    pub fn push_varints(self, out: &mut Vec<u64>) -> Result<(), Malformed> {
        match self {
            Self::Varint(value) => out.push(value),
            Self::Bytes(bytes) => {
                let mut reader = Reader::new(bytes);
                while !reader.is_empty() {
                    out.push(reader.varint()?);
                }
            }
            _ => return Err(WRONG_TYPE),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wire_type_is_read_and_unknown_groups_are_skipped() {
        let bytes = [
            0x08, 0x96, 0x01, // 1: varint 150
            0x13, 0x0b, 0x0c, 0x14, // 2: a group with a group inside
            0x1a, 2, b'h', b'i', // 3: bytes
            0x25, 1, 0, 0, 0, // 4: fixed32
            0x29, 2, 0, 0, 0, 0, 0, 0, 0, // 5: fixed64
        ];
        let mut reader = Reader::new(&bytes);
        let mut seen = Vec::new();
        while let Some((number, payload)) = reader.next().unwrap() {
            seen.push((number, format!("{payload:?}")));
        }
        let expected =
            ["Varint(150)", "Group", "Bytes([104, 105])", "Fixed32(1)", "Fixed64(2)"].map(String::from);
        assert_eq!(seen, (1..).zip(expected).collect::<Vec<_>>());
    }

    #[test]
    fn malformed_bytes_are_errors() {
        let too_long = [0xff; 11];
        let cases: &[&[u8]] =
            &[&[0x08], &[0x1a, 5, 1], &[0x00, 0], &[0x0c], &[0x0e], &[0x09, 1, 2], &[0x13, 0x08], &too_long];
        for bytes in cases {
            assert!(Reader::new(bytes).next().is_err(), "{bytes:?}");
        }
        let deep = [0x0b; 100_000];
        assert!(Reader::new(&deep).next().is_err());
    }
}
