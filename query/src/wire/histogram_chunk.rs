//! Prometheus' chunks of float histograms (`tsdb/docs/format/chunks.md`).
//!
//! All histograms of a chunk have the same buckets, and of a counter's none is lower than the one before: readers take
//! every one but the first for a continuation.

use store::model::{CUSTOM_BUCKETS_SCALE, HistogramPoint, ResetHint};

use super::xor::{Bits, CHUNK_SAMPLES, Window, put_value};

/// A histogram with its time.
pub(crate) type Timed<'a> = (i64, &'a HistogramPoint);

/// Widths of numbers; each is announced by one more bit.
const WIDTHS: [u32; 7] = [3, 6, 9, 12, 18, 25, 56];
/// Bounds of a thousandth or more, up to here, are whole numbers of thousandths.
const BOUND_MAX: f64 = 33_554_430.0;

/// Cuts a series into runs that fit into a chunk each.
pub(crate) fn runs<'a>(series: &[Timed<'a>]) -> Vec<Vec<Timed<'a>>> {
    let mut runs: Vec<Vec<Timed<'a>>> = Vec::new();
    for timed in series {
        match runs.last_mut() {
            Some(run)
                if run.len() < CHUNK_SAMPLES && run.last().is_some_and(|last| follows(last.1, timed.1)) =>
            {
                run.push(*timed);
            }
            _ => runs.push(vec![*timed]),
        }
    }
    runs
}

fn follows(before: &HistogramPoint, now: &HistogramPoint) -> bool {
    let layout = |h: &HistogramPoint| {
        let spans = (h.positive_offset, h.positive.len(), h.negative_offset, h.negative.len());
        (h.scale, h.zero_threshold.to_bits(), spans, h.hint == ResetHint::Gauge)
    };
    let grows = || {
        let counts = |h: &HistogramPoint| {
            numbers(h).enumerate().filter(|(at, _)| *at != SUM).map(|(_, n)| n).collect::<Vec<_>>()
        };
        counts(before).iter().zip(counts(now)).all(|(before, now)| *before <= now)
    };
    layout(before) == layout(now)
        && before.bounds == now.bounds
        && now.hint != ResetHint::Reset
        && (now.hint == ResetHint::Gauge || grows())
}

/// Where in [`numbers`] the sum is.
const SUM: usize = 2;

fn numbers(h: &HistogramPoint) -> impl Iterator<Item = f64> {
    [h.count, h.zero_count, h.sum].into_iter().chain(h.positive.iter().chain(&h.negative).copied())
}

/// One chunk, of a run.
pub(crate) fn encode(run: &[Timed<'_>]) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(run.len() as u64, 16);
    let Some((_, first)) = run.first() else { return bits.bytes };
    let header = match first.hint {
        ResetHint::Unknown => 0,
        ResetHint::NotReset => 0b0100_0000,
        ResetHint::Reset => 0b1000_0000,
        ResetHint::Gauge => 0b1100_0000,
    };
    bits.put(header, 8);
    put_layout(&mut bits, first);
    let (mut time, mut delta) = (0i64, 0i64);
    let mut fields: Vec<(u64, Window)> = Vec::new();
    for (n, (t, h)) in run.iter().enumerate() {
        if n == 0 {
            put_int(&mut bits, *t);
            fields = numbers(h).map(|number| (number.to_bits(), None)).collect();
            fields.iter().for_each(|(number, _)| bits.put(*number, 64));
        } else {
            let new_delta = t.wrapping_sub(time);
            put_int(&mut bits, new_delta.wrapping_sub(delta));
            delta = new_delta;
            for (number, (before, window)) in numbers(h).zip(&mut fields) {
                put_value(&mut bits, number.to_bits() ^ *before, window);
                *before = number.to_bits();
            }
        }
        time = *t;
    }
    bits.bytes
}

fn put_layout(bits: &mut Bits, h: &HistogramPoint) {
    put_zero_threshold(bits, h.zero_threshold);
    put_int(bits, i64::from(h.scale));
    for (offset, counts) in [(h.positive_offset, &h.positive), (h.negative_offset, &h.negative)] {
        put_uint(bits, u64::from(!counts.is_empty()));
        if !counts.is_empty() {
            put_uint(bits, counts.len() as u64);
            // OTel numbers buckets by their lower bound, Prometheus by their upper one.
            put_int(bits, i64::from(offset) + 1);
        }
    }
    if h.scale == CUSTOM_BUCKETS_SCALE {
        put_uint(bits, h.bounds.len() as u64);
        for bound in &h.bounds {
            let thousandths = bound * 1000.0;
            if (0.0..=BOUND_MAX).contains(&thousandths) && thousandths.fract() == 0.0 {
                put_uint(bits, thousandths as u64 + 1);
            } else {
                bits.put(0, 1);
                bits.put(bound.to_bits(), 64);
            }
        }
    }
}

/// Powers of two take one byte.
fn put_zero_threshold(bits: &mut Bits, threshold: f64) {
    let exponent = (threshold.to_bits() >> 52) as i64 - 1022;
    let is_power = threshold.to_bits() & ((1 << 52) - 1) == 0;
    if threshold == 0.0 {
        bits.put(0, 8);
    } else if threshold > 0.0 && is_power && (-242..=11).contains(&exponent) {
        bits.put((exponent + 243) as u64, 8);
    } else {
        bits.put(255, 8);
        bits.put(threshold.to_bits(), 64);
    }
}

fn put_int(bits: &mut Bits, value: i64) {
    let fits = |width: u32| (-((1i64 << (width - 1)) - 1)..=1i64 << (width - 1)).contains(&value);
    put_classed(bits, value as u64, WIDTHS.iter().position(|width| fits(*width)));
}

fn put_uint(bits: &mut Bits, value: u64) {
    put_classed(bits, value, WIDTHS.iter().position(|width| value < 1 << width));
}

/// Ones for the class, a zero, the bits; nothing but a zero for zero.
fn put_classed(bits: &mut Bits, value: u64, class: Option<usize>) {
    match (value, class) {
        (0, _) => bits.put(0, 1),
        (_, Some(class)) => {
            let ones = class as u32 + 1;
            bits.put(((1 << ones) - 1) << 1, ones + 1);
            bits.put(value, WIDTHS[class]);
        }
        (_, None) => {
            bits.put(0xff, 8);
            bits.put(value, 64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(count: f64) -> HistogramPoint {
        HistogramPoint {
            count,
            sum: 1.5,
            scale: 1,
            zero_threshold: 0.25,
            zero_count: 1.0,
            positive_offset: -1,
            positive: vec![count - 1.0],
            ..Default::default()
        }
    }

    #[test]
    fn a_run_ends_where_a_reader_could_not_tell() {
        let (one, two, reset) = (point(1.0), point(2.0), point(1.0));
        let wider = HistogramPoint { positive: vec![1.0, 2.0], ..point(4.0) };
        let told = HistogramPoint { hint: ResetHint::Reset, ..wider.clone() };
        let all = [&one, &two, &reset, &wider, &wider, &told];
        let series: Vec<Timed<'_>> = all.iter().enumerate().map(|(at, h)| (at as i64, *h)).collect();
        assert_eq!(runs(&series).iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 2, 1]);
        let gauge = |count| HistogramPoint { hint: ResetHint::Gauge, ..point(count) };
        assert_eq!(runs(&[(0, &gauge(2.0)), (1, &gauge(1.0))]).len(), 1);
    }

    #[test]
    fn the_layout_comes_before_the_samples() {
        let bytes = encode(&[(15, &point(2.0))]);
        // Two bytes of count, one of flags, 2^-2 as 242; then schema 1 as 10 001, one span 10 001 of length 1 10 001,
        // offset 0 as 0, no negative span 0; the time 15 as 110 001111.
        assert_eq!(bytes[..4], [0, 1, 0, 242]);
        assert_eq!(bytes[4..7], [0b1000_1100, 0b0110_0010, 0b0110_0011]);
        assert_eq!(bytes.len(), 4 + (17 + 9 + 4 * 64_usize).div_ceil(8));
        assert_eq!(runs(&[]).len(), 0);
        assert_eq!(encode(&[]), [0, 0]);
    }
}
