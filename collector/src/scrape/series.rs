//! One target's series from scrape to scrape: their labels as they are stored, and which of them have ended.

use std::collections::{BTreeMap, HashMap};

use store::model::{
    Exemplar, Labels, MetricKind, MetricRef, NestedWriter, SampleBatchBuilder, SeriesPart, Stream,
    StreamParts, Temporality, Value as Cell,
};

use super::config::{Job, JobLimits};
use super::exposition::{Entry, ExemplarText, Kind, Malformed, Pair, Remark, Sample, Value};
use super::labels::{LabelMap, NAME};
use super::relabel;
use super::status::MetricText;
use crate::protocol::hex_id;

/// What a series' last sample is when it has ended, as Prometheus marks it.
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// The memory of a target's loop.
#[derive(Default)]
pub(super) struct TargetSeries {
    known: HashMap<Box<[u8]>, Series>,
    metrics: Vec<Metric>,
    metric_numbers: HashMap<Box<str>, usize>,
    remarks: BTreeMap<String, MetricText>,
    /// Counts scrapes.
    round: u64,
}

struct Series {
    /// `None`: relabelling drops it.
    kept: Option<Kept>,
    seen: u64,
    /// It was stored and has not ended.
    live: bool,
    own_time: bool,
}

struct Kept {
    metric: usize,
    /// Without the name.
    labels: Vec<(Box<str>, Box<str>)>,
}

struct Metric {
    name: Box<str>,
    /// Its number in the batch of a round.
    number: Option<(u64, u32)>,
}

/// How a scrape went, beside its samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    pub scraped: u64,
    pub kept: u64,
    pub added: u64,
}

/// What the series of a scrape are made by.
pub(super) struct Rules<'a> {
    pub job: &'a Job,
    pub target: &'a LabelMap,
    pub now_ms: i64,
    /// Samples with a time of their own beyond it are left out.
    pub latest_ms: i64,
}

/// One scrape on its way to a batch.
pub(super) struct Round<'s, 'r> {
    series: &'s mut TargetSeries,
    rules: &'r Rules<'r>,
    builder: SampleBatchBuilder,
    stream: u32,
    pub counts: Counts,
    exemplar_labels: NestedWriter,
}

// === impl TargetSeries ===

impl TargetSeries {
    pub(super) fn round<'s, 'r>(&'s mut self, rules: &'r Rules<'r>) -> Round<'s, 'r> {
        self.round += 1;
        let mut builder = SampleBatchBuilder::default();
        let parts = StreamParts { resource_schema_url: Stream::LABELS_SCHEMA, ..StreamParts::default() };
        let stream = builder.stream(&parts);
        let exemplar_labels = NestedWriter::default();
        Round { series: self, rules, builder, stream, counts: Counts::default(), exemplar_labels }
    }

    /// Type, help and unit of its metrics, as the target told them.
    pub(super) fn remarks(&self) -> &BTreeMap<String, MetricText> {
        &self.remarks
    }

    fn metric_number(&mut self, name: &str) -> usize {
        if let Some(number) = self.metric_numbers.get(name) {
            return *number;
        }
        let number = self.metrics.len();
        self.metrics.push(Metric { name: name.into(), number: None });
        self.metric_numbers.insert(name.into(), number);
        number
    }

    /// What was said of the family a name belongs to.
    fn remark(&self, name: &str) -> Option<(&str, &MetricText)> {
        const SUFFIXES: [&str; 6] = ["_total", "_bucket", "_sum", "_count", "_created", "_info"];
        let families = SUFFIXES.iter().filter_map(|suffix| name.strip_suffix(suffix));
        let found = |family: &'_ str| self.remarks.get_key_value(family);
        let (family, text) = std::iter::once(name).chain(families).find_map(found)?;
        Some((family, text))
    }
}

// === impl Round ===

impl Round<'_, '_> {
    /// Takes what a parser reads.
    pub(super) fn take(&mut self, entry: Entry<'_>) -> Result<(), Malformed> {
        match entry {
            Entry::Meta { family, remark } => {
                if !self.series.remarks.contains_key(family) {
                    self.series.remarks.insert(family.to_owned(), MetricText::default());
                }
                if let Some(text) = self.series.remarks.get_mut(family) {
                    match remark {
                        Remark::Kind(kind) => text.kind = kind.name(),
                        Remark::Help(help) if text.help != help => text.help = help.into_owned(),
                        Remark::Help(_) => {}
                        Remark::Unit(unit) => text.unit = unit.to_owned(),
                    }
                }
                Ok(())
            }
            Entry::Sample(sample) => self.sample(&sample),
        }
    }

    fn sample(&mut self, sample: &Sample<'_>) -> Result<(), Malformed> {
        self.counts.scraped += 1;
        let round = self.series.round;
        if !self.series.known.contains_key(sample.key) {
            let kept = self.admit(sample.labels)?;
            let series = Series { kept, seen: 0, live: false, own_time: false };
            self.series.known.insert(sample.key.into(), series);
        }
        let own_time = sample.time_ms.filter(|_| self.rules.job.honor_timestamps);
        let Some(series) = self.series.known.get_mut(sample.key) else { return Ok(()) };
        let twice = series.seen == round && own_time.is_none();
        series.seen = round;
        series.own_time = own_time.is_some();
        let Some(kept) = &series.kept else { return Ok(()) };
        self.counts.kept += 1;
        self.counts.added += u64::from(!series.live && !twice);
        let limit = self.rules.job.limits.samples;
        if limit > 0 && self.counts.kept > limit {
            return Err(Malformed::Refused(format!("more than {limit} samples: sample_limit")));
        }
        if twice {
            return Ok(());
        }
        let time_ms = own_time.unwrap_or(self.rules.now_ms);
        if time_ms > self.rules.latest_ms {
            return Ok(());
        }
        let metric = kept.metric;
        let labels: Vec<(&str, Cell<'_>)> =
            kept.labels.iter().map(|(name, value)| (&**name, Cell::Str(value))).collect();
        let metric =
            number_of(&mut self.series.metrics[metric], round, &self.series.remarks, &mut self.builder);
        let group = group(&mut self.builder, self.stream, metric, labels);
        match sample.value {
            Value::Float(value) => self.builder.point(group, time_ms, sample.start_ms, value),
            Value::Histogram(point) => self.builder.histogram(group, time_ms, sample.start_ms, point),
        }
        for exemplar in sample.exemplars {
            self.exemplar(group, time_ms, exemplar);
        }
        Ok(())
    }

    fn exemplar(&mut self, group: u32, time_ms: i64, exemplar: &ExemplarText<'_>) {
        let (mut trace_id, mut span_id) = (None, None);
        let map = &mut self.exemplar_labels;
        map.clear();
        map.begin_map();
        for (name, value) in &exemplar.labels {
            match name.as_ref() {
                "trace_id" if hex_id::<16>(value).is_some() => trace_id = hex_id::<16>(value),
                "span_id" if hex_id::<8>(value).is_some() => span_id = hex_id::<8>(value),
                _ => {
                    map.key(name);
                    map.value(Cell::Str(value));
                }
            }
        }
        map.end();
        let time_ms = exemplar.time_ms.unwrap_or(time_ms);
        if time_ms > self.rules.latest_ms {
            return;
        }
        self.builder.exemplar(Exemplar {
            group,
            part: 0,
            time_ms,
            value: exemplar.value,
            trace_id: trace_id.as_ref().map_or(&[], |id| id.as_slice()),
            span_id: span_id.as_ref().map_or(&[], |id| id.as_slice()),
            attributes: self.exemplar_labels.as_nested(),
        });
    }

    /// The labels a new series is stored with; `None`: it is dropped.
    fn admit(&mut self, labels: &[Pair<'_>]) -> Result<Option<Kept>, Malformed> {
        let name = labels.first().map_or("", |(_, name)| name.as_ref());
        let kind = self.series.remark(name).map_or("", |(_, text)| text.kind);
        let mut all = merged(labels, kind, self.rules);
        if !relabel::apply(&self.rules.job.metric_relabel, &mut all) {
            return Ok(None);
        }
        if all.get(NAME).is_empty() {
            return Err(Malformed::Refused("relabelling leaves a series without a name".to_owned()));
        }
        check_limits(&all, &self.rules.job.limits)?;
        let metric = self.series.metric_number(all.get(NAME));
        let labels = all.iter().filter(|(name, _)| *name != NAME);
        Ok(Some(Kept { metric, labels: labels.map(|(n, v)| (n.into(), v.into())).collect() }))
    }

    /// The scrape is good: series that were there before and are no more have ended.
    pub(super) fn finish(mut self) -> (SampleBatchBuilder, u32, Counts) {
        let round = self.series.round;
        let track = self.rules.job.track_timestamps_staleness;
        self.end_series(|series| series.seen != round, track);
        for series in self.series.known.values_mut() {
            series.live = series.kept.is_some();
        }
        (self.builder, self.stream, self.counts)
    }

    /// The scrape failed, or the target is gone: whatever was there has ended.
    pub(super) fn fail(mut self) -> (SampleBatchBuilder, u32) {
        // What was read so far is of no worth.
        let parts = StreamParts { resource_schema_url: Stream::LABELS_SCHEMA, ..StreamParts::default() };
        self.builder = SampleBatchBuilder::default();
        self.stream = self.builder.stream(&parts);
        self.series.metrics.iter_mut().for_each(|metric| metric.number = None);
        self.end_series(|_| true, self.rules.job.track_timestamps_staleness);
        (self.builder, self.stream)
    }

    fn end_series(&mut self, ended: impl Fn(&Series) -> bool, track: bool) {
        let TargetSeries { known, metrics, remarks, round, .. } = &mut *self.series;
        let (builder, stream, now_ms) = (&mut self.builder, self.stream, self.rules.now_ms);
        known.retain(|_, series| {
            if !ended(series) {
                return true;
            }
            if let Some(kept) = series.kept.as_ref().filter(|_| series.live && (!series.own_time || track)) {
                let labels = kept.labels.iter().map(|(name, value)| (&**name, Cell::Str(value))).collect();
                let metric = number_of(&mut metrics[kept.metric], *round, remarks, builder);
                let group = group(builder, stream, metric, labels);
                builder.point(group, now_ms, 0, STALE);
            }
            false
        });
    }
}

fn group(
    builder: &mut SampleBatchBuilder,
    stream: u32,
    metric: u32,
    mut labels: Vec<(&str, Cell<'_>)>,
) -> u32 {
    let attributes = builder.attributes(&mut labels);
    builder.series(stream, metric, attributes, SeriesPart::Value)
}

fn number_of(
    metric: &mut Metric,
    round: u64,
    remarks: &BTreeMap<String, MetricText>,
    builder: &mut SampleBatchBuilder,
) -> u32 {
    if let Some((of, number)) = metric.number
        && of == round
    {
        return number;
    }
    let text = family_text(&metric.name, remarks);
    let kind = text.and_then(|text| Kind::named(text.kind)).unwrap_or_default();
    let (kind, monotonic) = match kind {
        Kind::Counter => (MetricKind::Sum, true),
        Kind::Gauge | Kind::Info | Kind::StateSet => (MetricKind::Gauge, false),
        Kind::Histogram => (MetricKind::Histogram, true),
        Kind::GaugeHistogram => (MetricKind::Histogram, false),
        Kind::Summary => (MetricKind::Summary, false),
        Kind::Unknown => (MetricKind::Unknown, false),
    };
    let number = builder.metric(MetricRef {
        name: &metric.name,
        unit: text.map_or("", |text| &text.unit),
        description: text.map_or("", |text| &text.help),
        kind,
        temporality: if monotonic { Temporality::Cumulative } else { Temporality::Unspecified },
        monotonic,
    });
    metric.number = Some((round, number));
    number
}

fn family_text<'a>(name: &str, remarks: &'a BTreeMap<String, MetricText>) -> Option<&'a MetricText> {
    const SUFFIXES: [&str; 6] = ["_total", "_bucket", "_sum", "_count", "_created", "_info"];
    let families = SUFFIXES.iter().filter_map(|suffix| name.strip_suffix(suffix));
    std::iter::once(name).chain(families).find_map(|family| remarks.get(family))
}

/// The scraped labels with the target's: where both have one, the scraped one moves to `exported_…` unless it is honoured.
fn merged(scraped: &[Pair<'_>], kind: &str, rules: &Rules<'_>) -> LabelMap {
    let mut all = LabelMap::default();
    let mut exported = Vec::new();
    for (name, value) in scraped {
        let value = match (name.as_ref(), kind) {
            ("le", "histogram" | "gaugehistogram") | ("quantile", "summary") => bound(value),
            _ => value.to_string(),
        };
        if rules.job.honor_labels || !rules.target.has(name) {
            all.set(name.as_ref(), value);
        } else {
            exported.push((name.as_ref(), value));
        }
    }
    for (name, value) in rules.target.iter() {
        // An honoured label that is there and empty keeps the target's away.
        let sent = scraped.iter().any(|(scraped, _)| scraped == name);
        if !(rules.job.honor_labels && sent) {
            all.set_if_absent(name, value);
        }
    }
    for (name, value) in exported {
        let mut moved = format!("exported_{name}");
        while all.has(&moved) || scraped.iter().any(|(scraped, _)| *scraped == moved) {
            moved.insert_str(0, "exported_");
        }
        all.set(moved, value);
    }
    all
}

/// One number, one spelling: `1` and `1.0` name one bucket, in OpenMetrics' form as in Prometheus 3.
fn bound(text: &str) -> String {
    let Ok(number) = text.parse::<f64>() else { return text.to_owned() };
    if number.is_infinite() {
        return if number > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    if number == number.trunc() && number.abs() < 1e15 { format!("{number:.1}") } else { format!("{number}") }
}

fn check_limits(labels: &LabelMap, limits: &JobLimits) -> Result<(), Malformed> {
    let over = |what: &str, limit: u64| {
        let name = labels.get(NAME);
        Err(Malformed::Refused(format!("series of {name:?}: more than {limit} {what}")))
    };
    let count = labels.iter().count() as u64;
    if limits.labels > 0 && count > limits.labels {
        return over("labels: label_limit", limits.labels);
    }
    for (name, value) in labels.iter() {
        if limits.label_name_bytes > 0 && name.len() as u64 > limits.label_name_bytes {
            return over("bytes in a label name: label_name_length_limit", limits.label_name_bytes);
        }
        if limits.label_value_bytes > 0 && value.len() as u64 > limits.label_value_bytes {
            return over("bytes in a label value: label_value_length_limit", limits.label_value_bytes);
        }
    }
    Ok(())
}

/// Adds the series that tell how a scrape went; a stale one ends them.
pub(super) fn report(
    builder: &mut SampleBatchBuilder,
    stream: u32,
    target: &LabelMap,
    time_ms: i64,
    values: &[(&str, f64)],
) {
    for (name, value) in values {
        let metric = builder.metric(MetricRef {
            name,
            unit: "",
            description: "",
            kind: MetricKind::Gauge,
            temporality: Temporality::Unspecified,
            monotonic: false,
        });
        let labels = target.iter().filter(|(name, _)| *name != Labels::METRIC_NAME);
        let labels = labels.map(|(name, value)| (name, Cell::Str(value))).collect();
        let group = group(builder, stream, metric, labels);
        builder.point(group, time_ms, 0, *value);
    }
}

/// The value that ends a series of [`report`].
pub(super) fn stale() -> f64 {
    STALE
}

#[cfg(test)]
mod tests;
