//! Native histograms: spans of buckets with deltas or counts, to runs of counts.
//!
//! Prometheus numbers buckets by their upper bound, the store (as OTel) by their lower one: one less.

use store::model::HistogramPoint;

use crate::protocol::Reject;
use crate::protocol::fault::Fault;
use crate::protocol::wire::{Malformed, Payload, Reader};

/// Spans may lie far apart; what lies between is empty buckets in the store. Real histograms have some hundred.
const BUCKETS_MAX: i64 = 1 << 14;
const SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;
const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;
const STALE: f64 = f64::from_bits(STALE_BITS);

/// Lists of the histogram at hand, their memory used again.
#[derive(Default)]
pub(crate) struct Buckets {
    positive: Side,
    negative: Side,
}

#[derive(Default)]
struct Side {
    spans: Vec<(i32, u32)>,
    /// Zigzag.
    deltas: Vec<u64>,
    counts: Vec<u64>,
}

#[derive(Default)]
pub(super) struct Times {
    pub time_ms: i64,
    /// 0: not said.
    pub start_ms: i64,
}

/// Numbers that are integers or floats, by the kind of the histogram.
#[derive(Default)]
pub(crate) struct Head {
    pub(crate) count: u64,
    pub(crate) count_float: Option<f64>,
    pub(crate) zero_count: u64,
    pub(crate) zero_count_float: f64,
}

/// Reads a `Histogram` of either message.
pub(super) fn read(bytes: &[u8], buckets: &mut Buckets, point: &mut HistogramPoint) -> Result<Times, Fault> {
    buckets.clear();
    *point = HistogramPoint {
        positive: std::mem::take(&mut point.positive),
        negative: std::mem::take(&mut point.negative),
        ..HistogramPoint::default()
    };
    let (mut head, mut times) = (Head::default(), Times::default());
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        match number {
            1 => (head.count, head.count_float) = (payload.varint()?, None),
            2 => head.count_float = Some(payload.double()?),
            3 => point.sum = payload.double()?,
            4 => point.scale = payload.sint32()?,
            5 => point.zero_threshold = payload.double()?,
            6 => head.zero_count = payload.varint()?,
            7 => head.zero_count_float = payload.double()?,
            8..=13 => buckets.field(number + 1, payload)?,
            15 => times.time_ms = payload.varint()? as i64,
            17 => times.start_ms = payload.varint()? as i64,
            _ => {}
        }
    }
    buckets.fill(&head, point)?;
    Ok(times)
}

fn fill(head: &Head, buckets: &Buckets, point: &mut HistogramPoint) -> Result<(), Fault> {
    if !SCHEMAS.contains(&point.scale) {
        return Err(Reject::Schema.into());
    }
    if point.sum.to_bits() == STALE_BITS {
        // The series has ended: nothing else counts.
        *point = HistogramPoint { count: STALE, sum: STALE, scale: point.scale, ..HistogramPoint::default() };
        return Ok(());
    }
    let float = head.count_float.is_some();
    point.count = head.count_float.unwrap_or(head.count as f64);
    point.zero_count = if float { head.zero_count_float } else { head.zero_count as f64 };
    point.positive_offset = buckets.positive.fill(float, &mut point.positive)?;
    point.negative_offset = buckets.negative.fill(float, &mut point.negative)?;
    if is_consistent(point, float) { Ok(()) } else { Err(Reject::Histogram.into()) }
}

/// What no sender that counts observations can send.
fn is_consistent(point: &HistogramPoint, float: bool) -> bool {
    let counts = || point.positive.iter().chain(&point.negative).chain([&point.zero_count]);
    if point.count < 0.0 || counts().any(|count| *count < 0.0) {
        return false;
    }
    if float {
        // Floats that were added up need not agree to the last bit.
        return true;
    }
    // Observations that are no number are in the count and in no bucket.
    let in_buckets: f64 = counts().sum();
    if point.sum.is_nan() { in_buckets <= point.count } else { in_buckets == point.count }
}

// === impl Buckets ===

impl Buckets {
    /// The six fields of both sides, negative first, as `io.prometheus.client.Histogram` numbers them (from 9).
    pub(crate) fn field(&mut self, number: u32, payload: Payload<'_>) -> Result<(), Malformed> {
        match number {
            9..=11 => self.negative.field(number - 9, payload),
            12..=14 => self.positive.field(number - 12, payload),
            _ => Ok(()),
        }
    }

    pub(crate) fn fill(&self, head: &Head, point: &mut HistogramPoint) -> Result<(), Fault> {
        fill(head, self, point)
    }

    fn clear(&mut self) {
        for side in [&mut self.positive, &mut self.negative] {
            side.spans.clear();
            side.deltas.clear();
            side.counts.clear();
        }
    }
}

impl Side {
    /// The three fields of a side: spans, deltas, counts.
    fn field(&mut self, which: u32, payload: Payload<'_>) -> Result<(), Malformed> {
        match which {
            0 => {
                let (mut offset, mut length) = (0, 0);
                let mut reader = Reader::new(payload.bytes()?);
                while let Some((number, payload)) = reader.next()? {
                    match number {
                        1 => offset = payload.sint32()?,
                        2 => length = payload.varint()? as u32,
                        _ => {}
                    }
                }
                self.spans.push((offset, length));
                Ok(())
            }
            1 => payload.push_varints(&mut self.deltas),
            _ => payload.push_fixed64s(&mut self.counts),
        }
    }

    /// Writes the counts of neighbouring buckets; answers the store's number of the first.
    fn fill(&self, float: bool, out: &mut Vec<f64>) -> Result<i32, Fault> {
        out.clear();
        let given = if float { self.counts.len() } else { self.deltas.len() };
        let told: u64 = self.spans.iter().map(|(_, length)| u64::from(*length)).sum();
        if told != given as u64 {
            return Err(Reject::Histogram.into());
        }
        let (mut first, mut at, mut count) = (0i64, 0, 0i64);
        for (number, (offset, length)) in self.spans.iter().enumerate() {
            if number > 0 && *offset < 0 {
                return Err(Reject::Histogram.into());
            }
            let gap = if out.is_empty() { 0 } else { i64::from(*offset) };
            if out.len() as i64 + gap + i64::from(*length) > BUCKETS_MAX {
                return Err(Reject::Buckets.into());
            }
            if out.is_empty() {
                first += i64::from(*offset);
            }
            out.resize(out.len() + gap as usize, 0.0);
            for _ in 0..*length {
                if float {
                    out.push(f64::from_bits(self.counts[at]));
                } else {
                    let raw = self.deltas[at];
                    let delta = (raw >> 1) as i64 ^ -((raw & 1) as i64);
                    count = count.checked_add(delta).ok_or(Reject::Histogram)?;
                    out.push(count as f64);
                }
                at += 1;
            }
        }
        i32::try_from(first - 1).map_err(|_| Reject::Buckets.into())
    }
}
