//! Writing protobuf while reading JSON, field by field, by the tables of `schema`.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use store::model::Limits;

use super::Fault;
use super::schema::{Field, Kind, Message};
use super::text::{Scalar, Text};
use crate::protocol::{Reject, Rejected};

pub(super) struct Writer {
    pub out: Vec<u8>,
    pub rejected: Rejected,
    depth_max: u64,
}

/// A length is written before its content is known, in this many bytes: protobuf allows varints with leading zeros.
const LEN_BYTES: usize = 5;
/// Messages around the outermost value of a record.
const ENVELOPE_DEPTH: u64 = 16;
/// Messages that one level of an `AnyValue` takes: the value, a list of pairs, a pair.
const DEPTH_PER_VALUE: u64 = 3;

const ANY_BASE64: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_BASE64);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, ANY_BASE64);

impl Writer {
    pub fn new(bytes: usize, limits: &Limits) -> Self {
        Self {
            out: Vec::with_capacity(bytes),
            rejected: Rejected::default(),
            // One level more than allowed, so that the decoder sees, counts and names the excess.
            depth_max: (limits.any_value_depth_max + 1) * DEPTH_PER_VALUE + ENVELOPE_DEPTH,
        }
    }

    /// Writes the fields of an object.
    pub fn message(&mut self, text: &mut Text<'_>, message: &Message, depth: u64) -> Result<(), Fault> {
        if depth > self.depth_max {
            return Err(text.value_fault(Reject::TooDeep));
        }
        if !text.take(b'{') {
            // What is no object here may still be JSON.
            text.clone().skip()?;
            return Err(text.value_fault(Reject::BadValue));
        }
        if text.take(b'}') {
            return Ok(());
        }
        loop {
            let key = text.key()?;
            match message.fields.iter().find(|field| is_name(&key, field.name)) {
                None => text.skip()?,
                Some(_) if text.peek() == Some(b'n') => drop(text.scalar()?),
                Some(field) if field.repeated => self.repeated(text, field, depth)?,
                Some(field) => self.field(text, field, depth)?,
            }
            if !text.next_member(b'}')? {
                return Ok(());
            }
        }
    }

    fn repeated(&mut self, text: &mut Text<'_>, field: &Field, depth: u64) -> Result<(), Fault> {
        if !text.take(b'[') {
            text.clone().skip()?;
            return Err(text.value_fault(Reject::BadValue));
        }
        if text.take(b']') {
            return Ok(());
        }
        loop {
            match field.kind {
                _ if text.peek() == Some(b'n') => self.null_member(text, field)?,
                Kind::Message(message) if message.is_record => self.record(text, field, message, depth)?,
                _ => self.field(text, field, depth)?,
            }
            if !text.next_member(b']')? {
                return Ok(());
            }
        }
    }

    /// `null` in a list is an empty value where there are such, and nothing elsewhere.
    fn null_member(&mut self, text: &mut Text<'_>, field: &Field) -> Result<(), Fault> {
        text.scalar()?;
        if matches!(field.kind, Kind::Message(message) if !message.is_record) {
            self.bytes(field.number, &[]);
        }
        Ok(())
    }

    /// A record with a wrong value is left out whole.
    fn record(
        &mut self,
        text: &mut Text<'_>,
        field: &Field,
        message: &Message,
        depth: u64,
    ) -> Result<(), Fault> {
        let (start, before) = (self.out.len(), text.clone());
        match self.delimited(text, field.number, message, depth) {
            Err(Fault::Value { reject, .. }) => {
                self.out.truncate(start);
                *text = before;
                text.skip()?;
                self.rejected.add(reject, 1);
                Ok(())
            }
            other => other,
        }
    }

    fn delimited(
        &mut self,
        text: &mut Text<'_>,
        number: u32,
        message: &Message,
        depth: u64,
    ) -> Result<(), Fault> {
        self.tag(number, 2);
        let start = self.out.len();
        self.out.extend_from_slice(&[0; LEN_BYTES]);
        self.message(text, message, depth + 1)?;
        let len = self.out.len() - start - LEN_BYTES;
        for (i, byte) in self.out[start..start + LEN_BYTES].iter_mut().enumerate() {
            let more = if i + 1 < LEN_BYTES { 0x80 } else { 0 };
            *byte = (len >> (7 * i)) as u8 & 0x7f | more;
        }
        Ok(())
    }

    fn field(&mut self, text: &mut Text<'_>, field: &Field, depth: u64) -> Result<(), Fault> {
        if let Kind::Message(message) = field.kind {
            return self.delimited(text, field.number, message, depth);
        }
        let scalar = text.scalar()?;
        self.scalar(field, &scalar).ok_or_else(|| text.value_fault(Reject::BadValue))
    }

    /// `None`: the value is not of the field's kind.
    fn scalar(&mut self, field: &Field, scalar: &Scalar<'_>) -> Option<()> {
        match field.kind {
            Kind::Message(_) => return None,
            Kind::Text => {
                let Scalar::Text(text) = scalar else { return None };
                self.bytes(field.number, text.as_bytes());
            }
            Kind::Hex => self.bytes(field.number, &from_hex(as_text(scalar)?)?),
            Kind::Bytes => {
                let text = as_text(scalar)?;
                let url_safe = text.contains(['-', '_']);
                let decoded = if url_safe { URL_SAFE.decode(text) } else { STANDARD.decode(text) };
                self.bytes(field.number, &decoded.ok()?);
            }
            Kind::Bool => self.varint_field(field.number, u64::from(as_bool(scalar)?)),
            Kind::Enum(prefix, names) => self.varint_field(field.number, as_enum(scalar, prefix, names)?),
            Kind::Int => self.varint_field(field.number, i64::try_from(as_int(scalar)?).ok()? as u64),
            Kind::Uint64 => self.varint_field(field.number, u64::try_from(as_int(scalar)?).ok()?),
            Kind::Sint32 => {
                let value = i32::try_from(as_int(scalar)?).ok()?;
                self.varint_field(field.number, u64::from((value << 1 ^ value >> 31) as u32));
            }
            Kind::Fixed32 => {
                self.tag(field.number, 5);
                self.out.extend_from_slice(&u32::try_from(as_int(scalar)?).ok()?.to_le_bytes());
            }
            Kind::Fixed64 => self.fixed64(field.number, u64::try_from(as_int(scalar)?).ok()?),
            Kind::Sfixed64 => self.fixed64(field.number, i64::try_from(as_int(scalar)?).ok()? as u64),
            Kind::Double => self.fixed64(field.number, as_double(scalar)?.to_bits()),
        }
        Some(())
    }

    fn tag(&mut self, number: u32, wire_type: u32) {
        self.varint(u64::from(number << 3 | wire_type));
    }

    fn varint_field(&mut self, number: u32, value: u64) {
        self.tag(number, 0);
        self.varint(value);
    }

    fn fixed64(&mut self, number: u32, bits: u64) {
        self.tag(number, 1);
        self.out.extend_from_slice(&bits.to_le_bytes());
    }

    fn bytes(&mut self, number: u32, bytes: &[u8]) {
        self.tag(number, 2);
        self.varint(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }
}

/// `camelCase` as it is, or the same in `snake_case`.
fn is_name(key: &str, camel: &str) -> bool {
    if key == camel {
        return true;
    }
    let mut key = key.bytes();
    let mut camel = camel.bytes();
    loop {
        match (key.next(), camel.next()) {
            (None, None) => return true,
            (Some(b'_'), Some(upper)) => {
                if !upper.is_ascii_uppercase() || key.next() != Some(upper.to_ascii_lowercase()) {
                    return false;
                }
            }
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

fn as_text<'t>(scalar: &'t Scalar<'_>) -> Option<&'t str> {
    match scalar {
        Scalar::Text(text) => Some(text),
        _ => None,
    }
}

fn as_bool(scalar: &Scalar<'_>) -> Option<bool> {
    match scalar {
        Scalar::Bool(value) => Some(*value),
        Scalar::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// Any 64-bit integer, signed or not, as a number or a string, with an exponent or a zero fraction if need be.
fn as_int(scalar: &Scalar<'_>) -> Option<i128> {
    let text = match scalar {
        Scalar::Number(text) => text,
        Scalar::Text(text) => text.as_ref(),
        _ => return None,
    };
    let value = match text.parse::<i128>() {
        Ok(value) => value,
        Err(_) => {
            let value = text.parse::<f64>().ok()?;
            if value.fract() != 0.0 || !value.is_finite() {
                return None;
            }
            value as i128
        }
    };
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&value).then_some(value)
}

fn as_double(scalar: &Scalar<'_>) -> Option<f64> {
    match scalar {
        Scalar::Number(text) => text.parse().ok(),
        Scalar::Text(text) => match text.as_ref() {
            "NaN" => Some(f64::NAN),
            "Infinity" | "+Infinity" | "Inf" | "+Inf" => Some(f64::INFINITY),
            "-Infinity" | "-Inf" => Some(f64::NEG_INFINITY),
            number => number.parse().ok().filter(|value: &f64| value.is_finite()),
        },
        _ => None,
    }
}

fn as_enum(scalar: &Scalar<'_>, prefix: &str, names: &[&str]) -> Option<u64> {
    if let Scalar::Text(text) = scalar {
        let name = text.strip_prefix(prefix).unwrap_or(text);
        if let Some(number) = names.iter().position(|known| *known == name) {
            return Some(number as u64);
        }
    }
    i32::try_from(as_int(scalar)?).ok().map(|number| number as u64)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8)).collect()
}
