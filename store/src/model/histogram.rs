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

    /// Adds one of the same buckets; `false`: they differ.
    pub(crate) fn add(&mut self, other: &Self) -> bool {
        let layout = |h: &Self| (h.scale, h.positive_offset, h.negative_offset, h.zero_threshold.to_bits());
        if layout(self) != layout(other) || self.bounds != other.bounds {
            return false;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.zero_count += other.zero_count;
        for (own, others) in [(&mut self.positive, &other.positive), (&mut self.negative, &other.negative)] {
            own.resize(own.len().max(others.len()), 0.0);
            own.iter_mut().zip(others).for_each(|(own, other)| *own += other);
        }
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
