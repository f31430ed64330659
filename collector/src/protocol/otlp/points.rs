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
        let first = match open.kind {
            MetricKind::Histogram => self.histogram(place, &point),
            MetricKind::ExponentialHistogram => self.exponential(place, &point)?,
            MetricKind::Summary => self.summary(place, &point),
            _ => self.number(place, &point),
        };
        self.all_timestamped &= time.is_some();
        self.exemplars(first, place)
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

    /// Adds one sample; answers its series.
    fn sample(&mut self, place: Place, part: SeriesPart, value: f64) -> u32 {
        let series = self.builder.series(place.stream, place.metric, place.attributes, part);
        let value = if place.stale { STALE } else { value };
        self.builder.point(series, place.time_ms, place.start_ms, value);
        series
    }

    fn number(&mut self, place: Place, point: &Point<'_>) -> Option<u32> {
        Some(self.sample(place, SeriesPart::Value, point.number.unwrap_or(STALE)))
    }

    /// The first series is that of the lowest bucket; the others follow it in the order of their bounds.
    fn histogram(&mut self, place: Place, point: &Point<'_>) -> Option<u32> {
        let (counts, bounds) =
            (std::mem::take(&mut self.scratch.counts), std::mem::take(&mut self.scratch.bounds));
        let mut cumulative = 0u64;
        let mut first = None;
        for (i, bound) in bounds.iter().map(|bits| f64::from_bits(*bits)).enumerate() {
            cumulative = cumulative.saturating_add(counts.get(i).copied().unwrap_or(0));
            if bound.is_finite() && (!counts.is_empty() || place.stale) {
                let series = self.sample(place, SeriesPart::Bucket(bound), cumulative as f64);
                first = first.or(Some(series));
            }
        }
        let last = self.sample(place, SeriesPart::Bucket(f64::INFINITY), point.count as f64);
        if let Some(sum) = point.sum.or(place.stale.then_some(STALE)) {
            self.sample(place, SeriesPart::Sum, sum);
        }
        self.sample(place, SeriesPart::Count, point.count as f64);
        (self.scratch.counts, self.scratch.bounds) = (counts, bounds);
        first.or(Some(last))
    }

    fn exponential(&mut self, place: Place, point: &Point<'_>) -> Result<Option<u32>, Fault> {
        let mut histogram = std::mem::take(&mut self.scratch.histogram);
        histogram.count = if place.stale { STALE } else { point.count as f64 };
        histogram.sum = if place.stale { STALE } else { point.sum.unwrap_or(0.0) };
        histogram.scale = point.scale;
        histogram.zero_threshold = point.zero_threshold;
        histogram.zero_count = point.zero_count as f64;
        let counts = &mut self.scratch.counts;
        histogram.positive_offset = buckets(point.positive, counts, &mut histogram.positive)?;
        histogram.negative_offset = buckets(point.negative, counts, &mut histogram.negative)?;
        let series = self.builder.series(place.stream, place.metric, place.attributes, SeriesPart::Value);
        self.builder.histogram(series, place.time_ms, place.start_ms, &histogram);
        self.scratch.histogram = histogram;
        Ok(Some(series))
    }

    /// A summary's sum has no presence on the wire: without one it is 0.
    fn summary(&mut self, place: Place, point: &Point<'_>) -> Option<u32> {
        for i in 0..self.scratch.quantiles.len() {
            let (quantile, value) = self.scratch.quantiles[i];
            self.sample(place, SeriesPart::Quantile(quantile), value);
        }
        self.sample(place, SeriesPart::Sum, point.sum.unwrap_or(0.0));
        Some(self.sample(place, SeriesPart::Count, point.count as f64))
    }

    /// A faulty exemplar is left away: it decorates a sample that is already taken.
    fn exemplars(&mut self, first: Option<u32>, place: Place) -> Result<(), Fault> {
        let Some(first) = first else { return Ok(()) };
        for i in 0..self.scratch.exemplars.len() {
            match self.exemplar(self.scratch.exemplars[i], first, place) {
                Err(Fault::Reject(_)) | Ok(()) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    fn exemplar(&mut self, bytes: &'a [u8], first: u32, place: Place) -> Result<(), Fault> {
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
        // The bucket it fell into: bounds are in order, and so are the series.
        let bucket = self.scratch.bounds.partition_point(|bound| f64::from_bits(*bound) < value);
        let series = if self.scratch.counts.is_empty() { first } else { self.bucket(bucket, place) };
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
            series,
            time_ms,
            value,
            trace_id: id(trace_id, 16),
            span_id: id(span_id, 8),
            attributes: self.scratch.exemplar_map.as_nested(),
        });
        Ok(())
    }

    fn bucket(&mut self, at: usize, place: Place) -> u32 {
        let bound = self.scratch.bounds.get(at).map_or(f64::INFINITY, |bits| f64::from_bits(*bits));
        self.builder.series(place.stream, place.metric, place.attributes, SeriesPart::Bucket(bound))
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
