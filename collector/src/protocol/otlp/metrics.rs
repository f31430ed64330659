//! `ExportMetricsServiceRequest` to samples: the metric level. Data points are in `points`.

use std::sync::Arc;

use store::model::{
    Batch, HistogramPoint, MetricKind, MetricRef, NestedWriter, SampleBatchBuilder, Stream, Temporality,
    Value,
};

use super::attributes::AttributeList;
use super::envelope::{Records, walk};
use super::wire::{Malformed, Payload, Reader};
use super::{DecodeCtx, DecodeError, Decoded, Fault, Reject, Spend};
use crate::protocol::Rejected;

pub(super) fn decode(bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    let mut metrics = Metrics {
        ctx,
        builder: SampleBatchBuilder::default(),
        spend: Spend::new(ctx.limits),
        all_timestamped: true,
        scratch: Scratch::default(),
        pairs: Vec::new(),
    };
    let rejected = walk(bytes, ctx, &mut metrics)?;
    let all_timestamped = metrics.all_timestamped;
    Ok(Decoded {
        batch: Batch::Samples(metrics.builder.finish()),
        rejected,
        all_timestamped,
        detail: Vec::new(),
    })
}

pub(super) struct Metrics<'a, 'c> {
    pub ctx: &'c DecodeCtx<'c>,
    pub builder: SampleBatchBuilder,
    pub spend: Spend,
    pub all_timestamped: bool,
    pub scratch: Scratch<'a>,
    /// Kept for its memory alone; see `recycle`.
    pub pairs: Vec<(&'static str, Value<'static>)>,
}

/// Lists of the data point at hand, their memory used again for the next.
#[derive(Default)]
pub(super) struct Scratch<'a> {
    pub attributes: AttributeList<'a>,
    pub exemplar_attributes: AttributeList<'a>,
    pub exemplar_map: NestedWriter,
    pub exemplars: Vec<&'a [u8]>,
    pub counts: Vec<u64>,
    pub bounds: Vec<u64>,
    pub quantiles: Vec<(f64, f64)>,
    pub histogram: HistogramPoint,
}

/// A metric all data points of which are being taken.
#[derive(Clone, Copy)]
pub(super) struct Open {
    pub stream: u32,
    pub metric: u32,
    pub kind: MetricKind,
}

impl<'a> Records<'a> for Metrics<'a, '_> {
    fn stream(&mut self, stream: Arc<Stream>) -> u32 {
        self.builder.shared_stream(stream)
    }

    fn record(&mut self, stream: u32, bytes: &'a [u8], rejected: &mut Rejected) -> Result<(), Fault> {
        let Some((metric, data)) = header(bytes)? else { return Ok(()) };
        // Metrics without points would leave a description each.
        if point_count(data)? == 0 {
            return Ok(());
        }
        let texts = metric.name.len() + metric.unit.len() + metric.description.len();
        self.spend.take(METRIC_COST + texts as u64)?;
        let open = Open { stream, metric: self.builder.metric(metric), kind: metric.kind };
        let mut reader = Reader::new(data);
        while let Some((number, payload)) = reader.next()? {
            if number != 1 {
                continue;
            }
            match self.point(open, payload.bytes()?) {
                Ok(()) => {}
                Err(Fault::Reject(reason)) => rejected.add(reason, 1),
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    fn count(bytes: &[u8]) -> Result<u64, Malformed> {
        let mut count = 0;
        let mut reader = Reader::new(bytes);
        while let Some((number, payload)) = reader.next()? {
            if kind_of(number).is_some() {
                count += point_count(payload.bytes()?)?;
            }
        }
        Ok(count)
    }

    fn spend(&mut self) -> &mut Spend {
        &mut self.spend
    }
}

const METRIC_COST: u64 = 40;

fn kind_of(field: u32) -> Option<MetricKind> {
    match field {
        5 => Some(MetricKind::Gauge),
        7 => Some(MetricKind::Sum),
        9 => Some(MetricKind::Histogram),
        10 => Some(MetricKind::ExponentialHistogram),
        11 => Some(MetricKind::Summary),
        _ => None,
    }
}

fn point_count(data: &[u8]) -> Result<u64, Malformed> {
    let mut count = 0;
    let mut reader = Reader::new(data);
    while let Some((number, _)) = reader.next()? {
        count += u64::from(number == 1);
    }
    Ok(count)
}

/// What a `Metric` says before its data points, and the message that holds them.
fn header(bytes: &[u8]) -> Result<Option<(MetricRef<'_>, &[u8])>, Fault> {
    let (mut name, mut unit, mut description) = ("", "", "");
    let mut data: Option<(MetricKind, &[u8])> = None;
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        match number {
            1 => name = payload.text()?,
            2 => description = payload.text()?,
            3 => unit = payload.text()?,
            _ => {
                if let Some(kind) = kind_of(number) {
                    data = Some((kind, payload.bytes()?));
                }
            }
        }
    }
    let Some((kind, data)) = data else { return Ok(None) };
    if name.is_empty() {
        return Err(Fault::Reject(Reject::MetricName));
    }
    let (mut temporality, mut monotonic) = (0, false);
    let mut reader = Reader::new(data);
    while let Some((number, payload)) = reader.next()? {
        // Numbers that a kind has no field for are unknown fields.
        let known = match kind {
            MetricKind::Sum => matches!(number, 2 | 3),
            MetricKind::Histogram | MetricKind::ExponentialHistogram => number == 2,
            _ => false,
        };
        match (number, payload) {
            _ if !known => {}
            (2, Payload::Varint(value)) => temporality = value as u32,
            (3, Payload::Varint(value)) => monotonic = value != 0,
            (2 | 3, _) => return Err(Malformed("a field has the wrong wire type").into()),
            _ => {}
        }
    }
    let temporality = Temporality::from_number(temporality);
    Ok(Some((MetricRef { name, unit, description, kind, temporality, monotonic }, data)))
}

/// A list's memory under another lifetime: empty, so nothing of the old one is left in it. The collect is done in
/// place by the standard library, which makes this free.
#[expect(clippy::unnecessary_filter_map, reason = "a filter would keep the old lifetime")]
pub(super) fn recycle<'x, 'y>(mut pairs: Vec<(&'x str, Value<'x>)>) -> Vec<(&'y str, Value<'y>)> {
    pairs.clear();
    pairs.into_iter().filter_map(|_| None).collect()
}
