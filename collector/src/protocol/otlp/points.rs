//! Data points: each becomes the samples Prometheus would show for it, or one whole exponential histogram.

use store::model::{Exemplar, MetricKind, SeriesPart};

use super::metrics::{Metrics, Open, recycle};
use super::wire::{Payload, Reader};
use super::{Fault, Reject, checked_time};

/// The value Prometheus knows as "this series has ended" (`StaleNaN`): OTLP's "no recorded value".
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);
const NO_RECORDED_VALUE: u64 = 1;
const NS_PER_MS: i64 = 1_000_000;

/// What a sample, and a series that may be new with it, take in columns.
const SAMPLE_COST: u64 = 28;
const SERIES_COST: u64 = 80;
const EXEMPLAR_COST: u64 = 48;

/// The fields of every kind of data point, by what they mean. Not every kind has all.
#[derive(Default)]
pub(super) struct Point<'a> {
    start: u64,
    time: u64,
    flags: u64,
    number: Option<f64>,
    count: u64,
    sum: Option<f64>,
    scale: i32,
    zero_count: u64,
    zero_threshold: f64,
    positive: Option<&'a [u8]>,
    negative: Option<&'a [u8]>,
}

/// Where a data point goes.
#[derive(Clone, Copy)]
struct Place {
    stream: u32,
    metric: u32,
    attributes: [u32; 2],
    time_ms: i64,
    start_ms: i64,
    stale: bool,
}

impl<'a> Metrics<'a, '_> {
    /// Takes one data point, or nothing of it.
    pub(super) fn point(&mut self, open: Open, bytes: &'a [u8]) -> Result<(), Fault> {
        let point = self.read(open.kind, bytes)?;
        let time = checked_time(point.time, self.ctx)?;
        if open.kind == MetricKind::Histogram {
            check_buckets(&self.scratch.counts, &self.scratch.bounds)?;
        }
        let stale = point.flags & NO_RECORDED_VALUE != 0;
        if matches!(open.kind, MetricKind::Gauge | MetricKind::Sum) && point.number.is_none() && !stale {
            return Err(Fault::Reject(Reject::NoValue));
        }
        self.spend_on(open.kind, &point)?;
        let attributes = self.attributes();
        let place = Place {
            stream: open.stream,
            metric: open.metric,
            attributes,
            time_ms: time.unwrap_or(self.ctx.now_ns).div_euclid(NS_PER_MS),
            start_ms: i64::try_from(point.start).unwrap_or(0) / NS_PER_MS,
            stale,
        };
        let group = match open.kind {
            MetricKind::Histogram => self.histogram(place, &point),
            MetricKind::ExponentialHistogram => self.exponential(place, &point)?,
            MetricKind::Summary => self.summary(place, &point),
            _ => self.number(place, &point),
        };
        self.all_timestamped &= time.is_some();
        self.exemplars(group, place)
    }

    fn read(&mut self, kind: MetricKind, bytes: &'a [u8]) -> Result<Point<'a>, Fault> {
        let scratch = &mut self.scratch;
        scratch.attributes.clear();
        scratch.exemplars.clear();
        scratch.counts.clear();
        scratch.bounds.clear();
        scratch.quantiles.clear();
        let mut point = Point::default();
        let mut reader = Reader::new(bytes);
        while let Some((number, payload)) = reader.next()? {
            match kind {
                MetricKind::Histogram => self.histogram_field(&mut point, number, payload)?,
                MetricKind::ExponentialHistogram => self.exponential_field(&mut point, number, payload)?,
                MetricKind::Summary => self.summary_field(&mut point, number, payload)?,
                _ => self.number_field(&mut point, number, payload)?,
            }
        }
        Ok(point)
    }

    fn attribute(&mut self, payload: Payload<'a>) -> Result<(), Fault> {
        self.scratch.attributes.push(payload.bytes()?, self.ctx.limits)
    }

    fn number_field(
        &mut self,
        point: &mut Point<'a>,
        number: u32,
        payload: Payload<'a>,
    ) -> Result<(), Fault> {
        match number {
            2 => point.start = payload.fixed64()?,
            3 => point.time = payload.fixed64()?,
            4 => point.number = Some(payload.double()?),
            5 => self.scratch.exemplars.push(payload.bytes()?),
            6 => point.number = Some(payload.fixed64()? as i64 as f64),
            7 => self.attribute(payload)?,
            8 => point.flags = payload.varint()?,
            _ => {}
        }
        Ok(())
    }

    fn histogram_field(
        &mut self,
        point: &mut Point<'a>,
        number: u32,
        payload: Payload<'a>,
    ) -> Result<(), Fault> {
        match number {
            2 => point.start = payload.fixed64()?,
            3 => point.time = payload.fixed64()?,
            4 => point.count = payload.fixed64()?,
            5 => point.sum = Some(payload.double()?),
            6 => payload.push_fixed64s(&mut self.scratch.counts)?,
            7 => payload.push_fixed64s(&mut self.scratch.bounds)?,
            8 => self.scratch.exemplars.push(payload.bytes()?),
            9 => self.attribute(payload)?,
            10 => point.flags = payload.varint()?,
            _ => {}
        }
        Ok(())
    }

    fn exponential_field(
        &mut self,
        point: &mut Point<'a>,
        number: u32,
        payload: Payload<'a>,
    ) -> Result<(), Fault> {
        match number {
            1 => self.attribute(payload)?,
            2 => point.start = payload.fixed64()?,
            3 => point.time = payload.fixed64()?,
            4 => point.count = payload.fixed64()?,
            5 => point.sum = Some(payload.double()?),
            6 => point.scale = payload.sint32()?,
            7 => point.zero_count = payload.fixed64()?,
            8 => point.positive = Some(payload.bytes()?),
            9 => point.negative = Some(payload.bytes()?),
            10 => point.flags = payload.varint()?,
            11 => self.scratch.exemplars.push(payload.bytes()?),
            14 => point.zero_threshold = payload.double()?,
            _ => {}
        }
        Ok(())
    }

    fn summary_field(
        &mut self,
        point: &mut Point<'a>,
        number: u32,
        payload: Payload<'a>,
    ) -> Result<(), Fault> {
        match number {
            2 => point.start = payload.fixed64()?,
            3 => point.time = payload.fixed64()?,
            4 => point.count = payload.fixed64()?,
            5 => point.sum = Some(payload.double()?),
            6 => {
                let (mut quantile, mut value) = (0.0, 0.0);
                let mut reader = Reader::new(payload.bytes()?);
                while let Some((number, payload)) = reader.next()? {
                    match number {
                        1 => quantile = payload.double()?,
                        2 => value = payload.double()?,
                        _ => {}
                    }
                }
                self.scratch.quantiles.push((quantile, value));
            }
            7 => self.attribute(payload)?,
            8 => point.flags = payload.varint()?,
            _ => {}
        }
        Ok(())
    }

    fn spend_on(&mut self, kind: MetricKind, point: &Point<'_>) -> Result<(), Fault> {
        let samples = match kind {
            MetricKind::Histogram => self.scratch.bounds.len() + 3,
            MetricKind::Summary => self.scratch.quantiles.len() + 2,
            // A packed bucket is a byte or more on the wire and eight in a batch.
            MetricKind::ExponentialHistogram => {
                1 + (point.positive.map_or(0, <[u8]>::len) + point.negative.map_or(0, <[u8]>::len)) / 8
            }
            _ => 1,
        };
        let exemplars = self.scratch.exemplars.len() as u64 * EXEMPLAR_COST;
        self.spend.take(samples as u64 * (SAMPLE_COST + SERIES_COST) + exemplars)
    }

    fn attributes(&mut self) -> [u32; 2] {
        let mut pairs = recycle(std::mem::take(&mut self.pairs));
        self.scratch.attributes.pairs(&mut pairs);
        let range = self.builder.attributes(&mut pairs);
        self.pairs = recycle(pairs);
        range
    }

    /// Adds a sample that is a group of its own; answers the group.
    fn number(&mut self, place: Place, point: &Point<'_>) -> u32 {
        let group = self.builder.series(place.stream, place.metric, place.attributes, SeriesPart::Value);
        let value = if place.stale { STALE } else { point.number.unwrap_or(STALE) };
        self.builder.point(group, place.time_ms, place.start_ms, value);
        group
    }

    /// The buckets come first, in the order of their bounds.
    fn histogram(&mut self, place: Place, point: &Point<'_>) -> u32 {
        let (counts, bounds) = (&self.scratch.counts, &self.scratch.bounds);
        let with_buckets = !counts.is_empty() || place.stale;
        let sum = point.sum.or(place.stale.then_some(STALE));
        let inner = bounds.iter().map(|bits| f64::from_bits(*bits));
        let inner = inner.filter(|bound| with_buckets && bound.is_finite()).map(SeriesPart::Bucket);
        let outer = [Some(SeriesPart::Bucket(f64::INFINITY)), sum.map(|_| SeriesPart::Sum)];
        let parts = inner.chain(outer.into_iter().flatten()).chain([SeriesPart::Count]);
        let parts = self.builder.parts(parts);
        let group = self.builder.group(place.stream, place.metric, place.attributes, parts);
        let mut cumulative = 0u64;
        let inner = bounds.iter().enumerate().filter_map(|(i, bits)| {
            cumulative = cumulative.saturating_add(counts.get(i).copied().unwrap_or(0));
            (with_buckets && f64::from_bits(*bits).is_finite()).then_some(cumulative as f64)
        });
        let count = point.count as f64;
        let values = inner.chain([count]).chain(sum).chain([count]);
        let values = values.map(|value| if place.stale { STALE } else { value });
        self.builder.group_point(group, place.time_ms, place.start_ms, values);
        group
    }

    fn exponential(&mut self, place: Place, point: &Point<'_>) -> Result<u32, Fault> {
        let mut histogram = std::mem::take(&mut self.scratch.histogram);
        histogram.count = if place.stale { STALE } else { point.count as f64 };
        histogram.sum = if place.stale { STALE } else { point.sum.unwrap_or(0.0) };
        histogram.scale = point.scale;
        histogram.zero_threshold = point.zero_threshold;
        histogram.zero_count = point.zero_count as f64;
        let counts = &mut self.scratch.counts;
        histogram.positive_offset = buckets(point.positive, counts, &mut histogram.positive)?;
        histogram.negative_offset = buckets(point.negative, counts, &mut histogram.negative)?;
        let group = self.builder.series(place.stream, place.metric, place.attributes, SeriesPart::Value);
        self.builder.histogram(group, place.time_ms, place.start_ms, &histogram);
        self.scratch.histogram = histogram;
        Ok(group)
    }

    /// A summary's sum has no presence on the wire: without one it is 0.
    fn summary(&mut self, place: Place, point: &Point<'_>) -> u32 {
        let quantiles = &self.scratch.quantiles;
        let parts = quantiles.iter().map(|(quantile, _)| SeriesPart::Quantile(*quantile));
        let parts = self.builder.parts(parts.chain([SeriesPart::Sum, SeriesPart::Count]));
        let group = self.builder.group(place.stream, place.metric, place.attributes, parts);
        let values = quantiles.iter().map(|(_, value)| *value);
        let values = values.chain([point.sum.unwrap_or(0.0), point.count as f64]);
        let values = values.map(|value| if place.stale { STALE } else { value });
        self.builder.group_point(group, place.time_ms, place.start_ms, values);
        group
    }

    /// A faulty exemplar is left away: it decorates a sample that is already taken.
    fn exemplars(&mut self, group: u32, place: Place) -> Result<(), Fault> {
        for i in 0..self.scratch.exemplars.len() {
            match self.exemplar(self.scratch.exemplars[i], group, place) {
                Err(Fault::Reject(_)) | Ok(()) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    fn exemplar(&mut self, bytes: &'a [u8], group: u32, place: Place) -> Result<(), Fault> {
        let (mut time, mut value) = (0, 0.0);
        let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
        self.scratch.exemplar_attributes.clear();
        let mut reader = Reader::new(bytes);
        while let Some((number, payload)) = reader.next()? {
            match number {
                2 => time = payload.fixed64()?,
                3 => value = payload.double()?,
                4 => span_id = payload.bytes()?,
                5 => trace_id = payload.bytes()?,
                6 => value = payload.fixed64()? as i64 as f64,
                7 => self.scratch.exemplar_attributes.push(payload.bytes()?, self.ctx.limits)?,
                _ => {}
            }
        }
        let time_ms = checked_time(time, self.ctx)?.map_or(place.time_ms, |time| time / NS_PER_MS);
        // The bucket it fell into: bounds are in order, and so are the parts. Without counts there is one bucket.
        let below = |bits: &&u64| f64::from_bits(**bits).is_finite() && f64::from_bits(**bits) < value;
        let bounds = if self.scratch.counts.is_empty() { &[][..] } else { &self.scratch.bounds };
        let part = bounds.iter().filter(below).count() as u32;
        let mut pairs = recycle(std::mem::take(&mut self.pairs));
        self.scratch.exemplar_attributes.pairs(&mut pairs);
        let attributes = &mut self.scratch.exemplar_map;
        attributes.clear();
        if !pairs.is_empty() {
            attributes.begin_map();
            for (key, value) in &pairs {
                attributes.key(key);
                attributes.value(*value);
            }
            attributes.end();
        }
        self.pairs = recycle(pairs);
        let id = |id: &'a [u8], len| if super::valid_id(id, len) { id } else { &[] };
        self.builder.exemplar(Exemplar {
            group,
            part,
            time_ms,
            value,
            trace_id: id(trace_id, 16),
            span_id: id(span_id, 8),
            attributes: self.scratch.exemplar_map.as_nested(),
        });
        Ok(())
    }
}

/// Bounds ascend; there is one count more than bounds, or there are none.
fn check_buckets(counts: &[u64], bounds: &[u64]) -> Result<(), Fault> {
    let fits = counts.is_empty() || counts.len() == bounds.len() + 1;
    let ascends = bounds.is_sorted_by(|a, b| f64::from_bits(*a) < f64::from_bits(*b));
    let numbers = bounds.iter().all(|bits| !f64::from_bits(*bits).is_nan());
    if fits && ascends && numbers { Ok(()) } else { Err(Fault::Reject(Reject::Buckets)) }
}

/// Reads `ExponentialHistogramDataPoint.Buckets`; answers the offset.
fn buckets(bytes: Option<&[u8]>, counts: &mut Vec<u64>, out: &mut Vec<f64>) -> Result<i32, Fault> {
    counts.clear();
    out.clear();
    let mut offset = 0;
    let mut reader = Reader::new(bytes.unwrap_or_default());
    while let Some((number, payload)) = reader.next()? {
        match number {
            1 => offset = payload.sint32()?,
            2 => payload.push_varints(counts)?,
            _ => {}
        }
    }
    out.extend(counts.iter().map(|count| *count as f64));
    counts.clear();
    Ok(offset)
}
