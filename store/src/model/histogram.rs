//! Native histograms as data points: exponential buckets, or buckets with bounds of their own.

use super::MalformedBatch;
use super::event::take_pod;

/// The scale of a histogram whose buckets have bounds of their own (Prometheus' schema for them).
pub const CUSTOM_BUCKETS_SCALE: i32 = -53;

/// What the sender says about the counts and those of the sample before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[repr(u32)]
pub enum ResetHint {
    #[default]
    Unknown = 0,
    /// They began anew.
    Reset = 1,
    /// They went on.
    NotReset = 2,
    /// They are no counts that only grow.
    Gauge = 3,
}

/// A native histogram's content at one time. Bucket `i` of `positive` covers
/// `(base^(offset+i), base^(offset+i+1)]` with `base = 2^(2^-scale)` (OTel metrics data model).
#[derive(Clone, Debug, PartialEq, Default)]
pub struct HistogramPoint {
    pub count: f64,
    pub sum: f64,
    pub scale: i32,
    pub zero_threshold: f64,
    pub zero_count: f64,
    pub positive_offset: i32,
    pub positive: Vec<f64>,
    pub negative_offset: i32,
    pub negative: Vec<f64>,
    /// At scale [`CUSTOM_BUCKETS_SCALE`] the upper bounds of the buckets, ascending; a last bucket without bound
    /// follows. All counts are in `positive` then, and bucket 0 is at the offset -1, as it is the one before bound 1.
    pub bounds: Vec<f64>,
    pub hint: ResetHint,
}

// === impl HistogramPoint ===

impl HistogramPoint {
    /// The same buckets without observations.
    pub(crate) fn zeroed(&self) -> Self {
        let (scale, zero_threshold, hint) = (self.scale, self.zero_threshold, self.hint);
        let (positive_offset, negative_offset) = (self.positive_offset, self.negative_offset);
        let bounds = self.bounds.clone();
        Self { scale, zero_threshold, positive_offset, negative_offset, bounds, hint, ..Self::default() }
    }

    /// Adds what was counted in between, at the coarser of both scales; `false`: buckets of the two cannot be joined.
    pub fn accumulate(&mut self, other: &Self) -> bool {
        let custom = |h: &Self| h.scale == CUSTOM_BUCKETS_SCALE;
        if custom(self) != custom(other)
            || self.bounds != other.bounds
            || self.zero_threshold.to_bits() != other.zero_threshold.to_bits()
        {
            return false;
        }
        let scale = self.scale.min(other.scale);
        let sides = [
            (&mut self.positive_offset, &mut self.positive, other.positive_offset, &other.positive),
            (&mut self.negative_offset, &mut self.negative, other.negative_offset, &other.negative),
        ];
        for (offset, counts, other_offset, other_counts) in sides {
            (*offset, *counts) = coarser(*offset, counts, self.scale - scale);
            let (other_offset, other_counts) = coarser(other_offset, other_counts, other.scale - scale);
            add_run(offset, counts, other_offset, &other_counts);
        }
        self.scale = scale;
        self.count += other.count;
        self.sum += other.sum;
        self.zero_count += other.zero_count;
        true
    }

    /// Appends the encoding: fixed numbers, the bucket counts, then bounds and hint.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for v in [self.count, self.sum, self.zero_threshold, self.zero_count] {
            out.extend_from_slice(&v.to_le_bytes());
        }
        for v in [self.scale, self.positive_offset, self.negative_offset] {
            out.extend_from_slice(&v.to_le_bytes());
        }
        for numbers in [&self.positive, &self.negative, &self.bounds] {
            out.extend_from_slice(&(numbers.len() as u32).to_le_bytes());
            numbers.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
        }
        out.extend_from_slice(&(self.hint as u32).to_le_bytes());
    }

    /// Reads what [`HistogramPoint::encode`] wrote; bounds and hint may be missing, as they once were.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, MalformedBatch> {
        let rest = &mut bytes;
        let floats: Vec<f64> = take_pod(rest, 4)?;
        let ints: Vec<i32> = take_pod(rest, 3)?;
        let numbers = |rest: &mut &[u8]| {
            let len = take_pod::<u32>(rest, 1)?[0];
            take_pod::<f64>(rest, len as usize)
        };
        let mut point = Self {
            count: floats[0],
            sum: floats[1],
            zero_threshold: floats[2],
            zero_count: floats[3],
            scale: ints[0],
            positive_offset: ints[1],
            negative_offset: ints[2],
            positive: numbers(rest)?,
            negative: numbers(rest)?,
            bounds: Vec::new(),
            hint: ResetHint::Unknown,
        };
        if !rest.is_empty() {
            point.bounds = numbers(rest)?;
            point.hint = ResetHint::from_number(take_pod::<u32>(rest, 1)?[0]);
        }
        Ok(point)
    }
}

/// Counts at a scale that is lower by `by`: 2^by neighbours become one bucket.
fn coarser(offset: i32, counts: &[f64], by: i32) -> (i32, Vec<f64>) {
    if by <= 0 || counts.is_empty() {
        return (offset, counts.to_vec());
    }
    // Scales lie within some thirty of each other: beyond, all is one bucket on each side of 1.
    let shift = by.min(31);
    let first = offset >> shift;
    let mut out: Vec<f64> = Vec::new();
    for (at, count) in counts.iter().enumerate() {
        let to = (((i64::from(offset) + at as i64) >> shift) - i64::from(first)) as usize;
        out.resize(out.len().max(to + 1), 0.0);
        out[to] += count;
    }
    (first, out)
}

/// Adds a run of buckets to another of the same scale.
fn add_run(offset: &mut i32, counts: &mut Vec<f64>, other_offset: i32, other: &[f64]) {
    if other.is_empty() {
        return;
    }
    if counts.is_empty() {
        (*offset, *counts) = (other_offset, other.to_vec());
        return;
    }
    if other_offset < *offset {
        let missing = (i64::from(*offset) - i64::from(other_offset)) as usize;
        counts.splice(0..0, std::iter::repeat_n(0.0, missing));
        *offset = other_offset;
    }
    let from = (i64::from(other_offset) - i64::from(*offset)) as usize;
    counts.resize(counts.len().max(from + other.len()), 0.0);
    counts[from..].iter_mut().zip(other).for_each(|(own, other)| *own += other);
}

// === impl ResetHint ===

impl ResetHint {
    pub fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Reset,
            2 => Self::NotReset,
            3 => Self::Gauge,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_adds_up_at_the_coarser_scale() {
        let point = |scale, positive_offset, positive: &[f64]| HistogramPoint {
            count: positive.iter().sum(),
            scale,
            positive_offset,
            positive: positive.to_vec(),
            ..Default::default()
        };
        let mut total = point(1, -1, &[1.0, 2.0, 3.0]);
        assert!(total.accumulate(&point(1, 1, &[1.0, 1.0])));
        assert_eq!(total, point(1, -1, &[1.0, 2.0, 4.0, 1.0]));
        // Buckets -1, 0, 1 and 2 of scale 1 lie in -1, 0, 0 and 1 of scale 0.
        assert!(total.accumulate(&point(0, -3, &[5.0])));
        assert_eq!(total, point(0, -3, &[5.0, 0.0, 1.0, 6.0, 1.0]));
        let other = HistogramPoint { zero_threshold: 0.5, ..point(0, 0, &[1.0]) };
        assert!(!total.accumulate(&other));
    }

    #[test]
    fn the_encoding_keeps_bounds_and_hint_and_reads_points_without_them() {
        let point = HistogramPoint {
            count: 3.0,
            sum: 4.5,
            scale: CUSTOM_BUCKETS_SCALE,
            positive_offset: -1,
            positive: vec![1.0, 2.0],
            bounds: vec![0.5],
            hint: ResetHint::Gauge,
            ..Default::default()
        };
        let mut bytes = Vec::new();
        point.encode(&mut bytes);
        assert_eq!(HistogramPoint::decode(&bytes).unwrap(), point);
        let older = &bytes[..bytes.len() - 4 - 8 - 4];
        let wanted = HistogramPoint { bounds: vec![], hint: ResetHint::Unknown, ..point };
        assert_eq!(HistogramPoint::decode(older).unwrap(), wanted);
        for len in older.len() + 1..bytes.len() {
            assert!(HistogramPoint::decode(&bytes[..len]).is_err());
        }
    }
}
