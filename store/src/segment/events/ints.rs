//! Runs of ints, packed: each by its distance from the least, or from the one before it, or from its row's time.

use super::super::coding::{Packed, Reader, pack, put_varint, width_of};

/// How ints are related to each other; the first byte of a run of ints.
const FROM_LEAST: u8 = 0;
const FROM_LAST: u8 = 1;
const FROM_TIME: u8 = 2;
/// Added to the relation: a few numbers need more bits than the others. Since version 4.
const PATCHED: u8 = 4;

/// Fewer numbers are all given the same bits.
const PATCHED_MIN: usize = 64;
/// What numbers written apart must spare: their head, the padding, the time they take.
const PATCHED_GAIN_BITS: usize = 512;
const PATCHED_WIDTH_MAX: u32 = 56;

/// Appends the ints in the relation that needs the fewest bits; `times` are those of the same rows.
pub(super) fn put_ints(ints: &[i64], times: Option<&[i64]>, out: &mut Vec<u8>) {
    let first = ints.first().copied().unwrap_or_default();
    let from_last =
        || ints.iter().scan(first, |last, &int| Some(int.wrapping_sub(std::mem::replace(last, int))));
    let from_time = || ints.iter().zip(times.unwrap_or_default()).map(|(int, time)| int.wrapping_sub(*time));
    let (least, width) = span(ints.iter().copied());
    let (last_least, last_width) = span(from_last());
    let (time_least, time_width) = if times.is_some() { span(from_time()) } else { (0, u32::MAX) };
    if time_width < width.min(last_width) {
        put_offsets((FROM_TIME, None), (time_least, time_width), from_time(), out);
    } else if last_width < width {
        put_offsets((FROM_LAST, Some(first)), (last_least, last_width), from_last(), out);
    } else {
        put_offsets((FROM_LEAST, None), (least, width), ints.iter().copied(), out);
    }
}

/// The least number, and the bits that hold each one's distance from it.
fn span(ints: impl Iterator<Item = i64>) -> (i64, u32) {
    let (least, most) = ints.fold((i64::MAX, i64::MIN), |(least, most), int| (least.min(int), most.max(int)));
    if least > most { (0, 0) } else { (least, width_of(most.wrapping_sub(least) as u64)) }
}

fn put_offsets(
    (relation, first): (u8, Option<i64>),
    (least, width): (i64, u32),
    ints: impl Iterator<Item = i64> + Clone,
    out: &mut Vec<u8>,
) {
    let offsets = || ints.clone().map(|int| int.wrapping_sub(least) as u64);
    let patched = patched_width(width, offsets());
    out.push(relation + if patched.is_some() { PATCHED } else { 0 });
    if let Some(first) = first {
        out.extend_from_slice(&first.to_le_bytes());
    }
    out.extend_from_slice(&least.to_le_bytes());
    let Some(low) = patched else {
        out.push(width as u8);
        return pack(out, width, offsets());
    };
    out.push(low as u8);
    pack(out, low, offsets().map(|offset| offset & ((1 << low) - 1)));
    let wide = || offsets().enumerate().filter(|(_, offset)| offset >> low > 0);
    put_varint(out, wide().count() as u64);
    pack(out, width_of(offsets().count() as u64 - 1), wide().map(|(at, _)| at as u64));
    out.push((width - low) as u8);
    pack(out, width - low, wide().map(|(_, offset)| offset >> low));
}

/// The bits to give most numbers where the others, written apart, make that the shorter.
fn patched_width(width: u32, offsets: impl Iterator<Item = u64>) -> Option<u32> {
    let mut of_widths = [0usize; 65];
    let mut count = 0;
    if width > PATCHED_WIDTH_MAX {
        return None;
    }
    for offset in offsets {
        of_widths[width_of(offset) as usize] += 1;
        count += 1;
    }
    if count < PATCHED_MIN {
        return None;
    }
    let place = width_of(count as u64 - 1) as usize;
    let mut wide = 0;
    let mut best = (count * width as usize - PATCHED_GAIN_BITS.min(count * width as usize), None);
    for low in (1..width).rev() {
        wide += of_widths[low as usize + 1];
        let bits = count * low as usize + wide * (place + (width - low) as usize);
        if bits < best.0 {
            best = (bits, Some(low));
        }
    }
    best.1
}

/// Reads `count` ints; `times` are those of the rows that have them.
pub(super) fn read_ints(reader: &mut Reader<'_>, count: usize, times: &[i64]) -> Option<Vec<i64>> {
    let relation = reader.u8()?;
    let (relation, patched) = (relation & !PATCHED, relation & PATCHED != 0);
    let mut last = if relation == FROM_LAST { reader.i64()? } else { 0 };
    let least = reader.i64()?;
    let width = u32::from(reader.u8()?);
    let offsets = Packed::read(reader, width, count)?.iter().map(|offset| least.wrapping_add(offset as i64));
    let mut ints: Vec<i64> = offsets.collect();
    if patched {
        patch(reader, width, &mut ints)?;
    }
    match relation {
        FROM_LEAST => {}
        FROM_LAST => ints.iter_mut().for_each(|int| {
            last = last.wrapping_add(*int);
            *int = last;
        }),
        FROM_TIME if times.len() == count => {
            ints.iter_mut().zip(times).for_each(|(int, time)| *int = int.wrapping_add(*time));
        }
        _ => return None,
    }
    Some(ints)
}

/// Adds the upper bits of the numbers that have more than `low`.
fn patch(reader: &mut Reader<'_>, low: u32, ints: &mut [i64]) -> Option<()> {
    let wide = reader.count(ints.len())?;
    let places = Packed::read(reader, width_of((ints.len() as u64).checked_sub(1)?), wide)?;
    let width = u32::from(reader.u8()?);
    if low >= u64::BITS || low.checked_add(width)? > u64::BITS {
        return None;
    }
    let upper = Packed::read(reader, width, wide)?;
    for (place, upper) in places.iter().zip(upper.iter()) {
        let int = ints.get_mut(place as usize)?;
        *int = int.wrapping_add((upper << low) as i64);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::Random;
    use super::*;

    fn written(ints: &[i64], times: Option<&[i64]>) -> Vec<u8> {
        let mut out = Vec::new();
        put_ints(ints, times, &mut out);
        let read = read_ints(&mut Reader::new(&out), ints.len(), times.unwrap_or_default());
        assert_eq!(read.as_deref(), Some(ints));
        out
    }

    #[test]
    fn ints_come_back_and_damage_is_no_panic() {
        let mut random = Random(5);
        for round in 0..200 {
            let (count, bits) = (1 + random.below(300), 1 + random.below(64));
            let times: Vec<i64> = (0..count as i64).map(|at| 1_700_000_000_000_000_000 + at * 999).collect();
            let int = |random: &mut Random, at: usize| {
                let wide = if random.below(20) == 0 { 64 } else { bits };
                let int = (random.below(1 << 31) as i64) << 33 >> (64 - wide).min(63);
                if round % 3 == 0 { int.wrapping_add(times[at]) } else { int }
            };
            let ints: Vec<i64> = (0..count).map(|at| int(&mut random, at)).collect();
            let out = written(&ints, (round % 2 == 0).then_some(&times));
            for at in 0..out.len() {
                let mut flipped = out.clone();
                flipped[at] ^= 1 << (at % 8);
                let _ = read_ints(&mut Reader::new(&flipped), count, &times);
                let _ = read_ints(&mut Reader::new(&out[..at]), count, &times);
            }
        }
    }

    #[test]
    fn a_few_large_numbers_do_not_make_the_others_long() {
        let mut ints: Vec<i64> = (0..4096).map(|at| at * 7919 % 1024).collect();
        let plain = written(&ints, None).len();
        ints[77] = 1 << 50;
        ints[4000] = -(1 << 20);
        assert!(written(&ints, None).len() < plain * 5 / 2, "the least is one of them: offsets have 21 bits");
        ints[4000] = 0;
        assert!(written(&ints, None).len() < plain + 64);
    }
}
