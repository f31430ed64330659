//! How a run of times or values becomes bytes. Exact: every bit pattern comes back.

use std::ops::Range;

use crate::model::MalformedBatch;

/// Values are whole numbers of this power of ten, or raw bits.
const RAW: u8 = 255;
const SCALE_MAX: u8 = 6;
/// Whole numbers up to here are exact as doubles.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

pub(crate) fn put_varint(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

#[inline]
pub(crate) fn take_varint(rest: &mut &[u8]) -> Result<u64, MalformedBatch> {
    // Most are small.
    if let Some((&byte, tail)) = rest.split_first()
        && byte < 0x80
    {
        *rest = tail;
        return Ok(u64::from(byte));
    }
    take_long_varint(rest)
}

fn take_long_varint(rest: &mut &[u8]) -> Result<u64, MalformedBatch> {
    let mut v = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first().ok_or(MalformedBatch("varint is cut short"))?;
        *rest = tail;
        v |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(v);
        }
    }
    Err(MalformedBatch("varint is too long"))
}

/// The bytes of so many numbers.
pub(crate) fn varints_len(bytes: &[u8], count: usize) -> Result<usize, MalformedBatch> {
    const CHUNK: usize = 64;
    let ends = |bytes: &[u8]| bytes.iter().map(|byte| usize::from(*byte < 0x80)).sum::<usize>();
    let (mut at, mut left) = (0, count);
    // Whole chunks as long as the last number does not end in one.
    while let Some(in_chunk) = bytes.get(at..at + CHUNK).map(ends).filter(|ends| *ends < left) {
        at += CHUNK;
        left -= in_chunk;
    }
    while left > 0 {
        let byte = bytes.get(at).ok_or(MalformedBatch("varint is cut short"))?;
        left -= usize::from(*byte < 0x80);
        at += 1;
    }
    Ok(at)
}

pub(crate) fn zigzag(v: i64) -> u64 {
    (v << 1 ^ v >> 63) as u64
}

pub(crate) fn unzigzag(v: u64) -> i64 {
    (v >> 1) as i64 ^ -((v & 1) as i64)
}

/// Deltas of deltas: a steady scrape interval is a run of zeros.
pub(crate) fn put_times(out: &mut Vec<u8>, times: &[i64]) {
    let (mut last, mut delta) = (0i64, 0i64);
    for &time in times {
        let next = time.wrapping_sub(last);
        put_varint(out, zigzag(next.wrapping_sub(delta)));
        (last, delta) = (time, next);
    }
}

/// Appends to `times`.
pub(crate) fn take_times(rest: &mut &[u8], count: usize, times: &mut Vec<i64>) -> Result<(), MalformedBatch> {
    times.reserve(count.min(rest.len()));
    let (mut last, mut delta) = (0i64, 0i64);
    for _ in 0..count {
        delta = delta.wrapping_add(unzigzag(take_varint(rest)?));
        last = last.wrapping_add(delta);
        times.push(last);
    }
    Ok(())
}

/// Deltas of whole numbers if all values are whole after scaling by one power of ten, raw bits otherwise.
pub(crate) fn put_values(out: &mut Vec<u8>, values: &[f64], scratch: &mut Vec<i64>) {
    for scale in 0..=SCALE_MAX {
        if scale_all(values, scale, scratch) {
            out.push(scale);
            let mut last = 0i64;
            for &whole in scratch.iter() {
                put_varint(out, zigzag(whole - last));
                last = whole;
            }
            return;
        }
    }
    out.push(RAW);
    // Byte planes: sign and exponent bytes of neighbours are alike, which the compressor behind this sees.
    for plane in 0..8 {
        out.extend(values.iter().map(|v| v.to_bits().to_be_bytes()[plane]));
    }
}

fn scale_all(values: &[f64], scale: u8, whole: &mut Vec<i64>) -> bool {
    let factor = 10f64.powi(i32::from(scale));
    whole.clear();
    for &v in values {
        let scaled = (v * factor).round();
        let number = scaled as i64;
        // -0.0 fails the bit check.
        if !scaled.is_finite()
            || scaled.abs() >= EXACT_MAX
            || (number as f64 / factor).to_bits() != v.to_bits()
        {
            return false;
        }
        whole.push(number);
    }
    true
}

/// Appends those of `count` values that are in the range.
pub(crate) fn take_values(
    bytes: &[u8],
    count: usize,
    range: Range<usize>,
    values: &mut Vec<f64>,
) -> Result<(), MalformedBatch> {
    let (&scale, mut rest) = bytes.split_first().ok_or(MalformedBatch("values are cut short"))?;
    let range = range.start.min(count)..range.end.min(count);
    if scale == RAW {
        let len = count.checked_mul(8).ok_or(MalformedBatch("count of values"))?;
        let planes = rest.get(..len).ok_or(MalformedBatch("values are cut short"))?;
        let bits = |i: usize| (0..8).fold(0u64, |acc, plane| acc << 8 | u64::from(planes[plane * count + i]));
        values.extend(range.map(|i| f64::from_bits(bits(i))));
        return Ok(());
    }
    if scale > SCALE_MAX {
        return Err(MalformedBatch("scale of values"));
    }
    let factor = 10f64.powi(i32::from(scale));
    let rest = &mut rest;
    let mut last = 0i64;
    for _ in 0..range.start {
        last = last.wrapping_add(unzigzag(take_varint(rest)?));
    }
    values.reserve(range.len().min(rest.len()));
    for _ in range {
        last = last.wrapping_add(unzigzag(take_varint(rest)?));
        values.push(if scale == 0 { last as f64 } else { last as f64 / factor });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value_bits(values: &[f64]) -> Vec<u64> {
        values.iter().map(|v| v.to_bits()).collect()
    }

    fn round_trip(values: &[f64]) {
        let mut out = Vec::new();
        put_values(&mut out, values, &mut Vec::new());
        let mut read = Vec::new();
        take_values(&out, values.len(), 0..values.len(), &mut read).unwrap();
        assert_eq!(value_bits(&read), value_bits(values));
        let (from, to) = (values.len() / 3, values.len() / 2);
        let mut part = Vec::new();
        take_values(&out, values.len(), from..to, &mut part).unwrap();
        assert_eq!(value_bits(&part), value_bits(&values[from..to]));
    }

    #[test]
    fn special_values_keep_their_bits() {
        let stale = f64::from_bits(0x7ff0_0000_0000_0002);
        for values in [
            &[1.0, 2.0, 3.0][..],
            &[0.1, 0.25, -7.125],
            &[0.0, -0.0],
            &[stale, 1.0],
            &[f64::INFINITY, f64::NEG_INFINITY, f64::NAN],
            &[EXACT_MAX, EXACT_MAX + 2.0, f64::MAX, f64::MIN_POSITIVE],
            &[],
        ] {
            round_trip(values);
        }
    }

    proptest! {
        #[test]
        fn any_values_round_trip(bits in prop::collection::vec(any::<u64>(), 0..50)) {
            round_trip(&bits.iter().map(|b| f64::from_bits(*b)).collect::<Vec<_>>());
        }

        #[test]
        fn decimals_round_trip(parts in prop::collection::vec((any::<i32>(), 0..7i32), 0..50)) {
            round_trip(&parts.iter().map(|(n, e)| f64::from(*n) / 10f64.powi(*e)).collect::<Vec<_>>());
        }

        #[test]
        fn any_times_round_trip(times in prop::collection::vec(any::<i64>(), 0..50), steady in 0..200i64) {
            let times: Vec<i64> = times.into_iter().chain((0..steady).map(|at| at * 15_000)).collect();
            let mut out = Vec::new();
            put_times(&mut out, &times);
            let mut read = Vec::new();
            take_times(&mut out.as_slice(), times.len(), &mut read).unwrap();
            prop_assert_eq!(&read, &times);
            for count in 0..=times.len() {
                let mut part = Vec::new();
                put_times(&mut part, &times[..count]);
                prop_assert_eq!(varints_len(&out, count).ok(), Some(part.len()));
            }
            prop_assert!(varints_len(&out, times.len() + 1).is_err());
        }

        #[test]
        fn any_bytes_are_an_error_or_values(bytes in prop::collection::vec(any::<u8>(), 0..80), count in 0usize..20) {
            let _ = take_values(&bytes, count, 0..count, &mut Vec::new());
            let _ = take_times(&mut bytes.as_slice(), count, &mut Vec::new());
        }
    }
}
