//! The same lines, made from prost's structs in the plainest way.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, Metric, exemplar, exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use store::model::{HistogramPoint, SeriesPart};

use crate::show;

const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

fn any(value: Option<&AnyValue>) -> String {
    match value.and_then(|v| v.value.as_ref()) {
        None | Some(Value::StringValueStrindex(_)) => "-".into(),
        Some(Value::StringValue(v)) => format!("{v:?}"),
        Some(Value::BoolValue(v)) => format!("b{v}"),
        Some(Value::IntValue(v)) => format!("i{v}"),
        Some(Value::DoubleValue(v)) => format!("d{:x}", v.to_bits()),
        Some(Value::BytesValue(v)) => format!("x{v:?}"),
        Some(Value::ArrayValue(v)) => {
            format!("array({})", v.values.iter().map(|v| any(Some(v))).collect::<Vec<_>>().join(" "))
        }
        Some(Value::KvlistValue(v)) => map(&v.values),
    }
}

fn map(pairs: &[KeyValue]) -> String {
    format!("map({})", list(pairs).join(" "))
}

fn sorted_map(pairs: &[KeyValue]) -> String {
    let mut pairs = pairs.to_vec();
    pairs.sort_by(|a, b| a.key.cmp(&b.key));
    map(&pairs)
}

fn list(pairs: &[KeyValue]) -> Vec<String> {
    pairs.iter().map(|kv| format!("{}={}", kv.key, any(kv.value.as_ref()))).collect()
}

fn stream(
    resource: Option<&Resource>,
    resource_url: &str,
    scope: Option<&InstrumentationScope>,
    scope_url: &str,
) -> String {
    let scope = scope.cloned().unwrap_or_default();
    format!(
        "{} {resource_url:?} {:?} {:?} {} {scope_url:?}",
        sorted_map(&resource.cloned().unwrap_or_default().attributes),
        scope.name,
        scope.version,
        sorted_map(&scope.attributes),
    )
}

/// `name=value` for what is not the default.
struct Line(String);

impl Line {
    fn int(&mut self, name: &str, value: u64) {
        if value != 0 {
            self.0 += &format!(" {name}=i{value}");
        }
    }
    fn text(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.0 += &format!(" {name}={value:?}");
        }
    }
    fn bytes(&mut self, name: &str, value: &[u8]) {
        if !value.is_empty() {
            self.0 += &format!(" {name}=x{value:?}");
        }
    }
    fn attributes(&mut self, pairs: &[KeyValue]) {
        list(pairs).iter().for_each(|pair| self.0 += &format!(" {pair}"));
    }
}

pub(crate) fn logs(request: &ExportLogsServiceRequest, now: i64) -> Vec<String> {
    let mut lines = Vec::new();
    for r in &request.resource_logs {
        for s in &r.scope_logs {
            let stream = stream(r.resource.as_ref(), &r.schema_url, s.scope.as_ref(), &s.schema_url);
            lines.extend(s.log_records.iter().map(|record| log(record, &stream, now)));
        }
    }
    lines
}

fn log(l: &LogRecord, stream: &str, now: i64) -> String {
    let time =
        [l.time_unix_nano, l.observed_time_unix_nano, now as u64].into_iter().find(|t| *t > 0).unwrap();
    let mut line = Line(format!("{stream} | {time}"));
    line.int("ObservedTime", l.observed_time_unix_nano);
    line.int("SeverityNumber", l.severity_number as u64);
    line.text("SeverityText", &l.severity_text);
    if l.body.is_some() {
        line.0 += &format!(" Body={}", any(l.body.as_ref()));
    }
    line.bytes("TraceId", &l.trace_id);
    line.bytes("SpanId", &l.span_id);
    line.int("Flags", l.flags.into());
    line.text("EventName", &l.event_name);
    line.int("DroppedAttributes", l.dropped_attributes_count.into());
    line.attributes(&l.attributes);
    line.0
}

pub(crate) fn spans(request: &ExportTraceServiceRequest, now: i64) -> Vec<String> {
    let mut lines = Vec::new();
    for r in &request.resource_spans {
        for s in &r.scope_spans {
            let stream = stream(r.resource.as_ref(), &r.schema_url, s.scope.as_ref(), &s.schema_url);
            lines.extend(s.spans.iter().map(|one| span(one, &stream, now)));
        }
    }
    lines
}

fn span(s: &Span, stream: &str, now: i64) -> String {
    let start =
        [s.start_time_unix_nano, s.end_time_unix_nano, now as u64].into_iter().find(|t| *t > 0).unwrap();
    let duration = s.end_time_unix_nano.saturating_sub(start);
    let status = s.status.clone().unwrap_or_default();
    let mut line = Line(format!("{stream} | {start}"));
    line.bytes("TraceId", &s.trace_id);
    line.bytes("SpanId", &s.span_id);
    line.int("Flags", s.flags.into());
    line.int("DroppedAttributes", s.dropped_attributes_count.into());
    line.bytes("ParentSpanId", &s.parent_span_id);
    line.text("Name", &s.name);
    line.int("Kind", s.kind as u64);
    line.0 += &format!(" Duration=i{duration}");
    line.int("StatusCode", status.code as u64);
    line.text("StatusMessage", &status.message);
    line.text("TraceState", &s.trace_state);
    let tail = |attributes: &[KeyValue], dropped: u32| {
        let mut tail = Line(String::new());
        if !attributes.is_empty() {
            tail.0 += &format!(" attributes={}", map(attributes));
        }
        tail.int("dropped_attributes_count", dropped.into());
        tail.0
    };
    if !s.events.is_empty() {
        let events = s.events.iter().map(|e| {
            let tail = tail(&e.attributes, e.dropped_attributes_count);
            format!("map(time=i{} name={:?}{tail})", e.time_unix_nano, e.name)
        });
        line.0 += &format!(" Events=array({})", events.collect::<Vec<_>>().join(" "));
    }
    if !s.links.is_empty() {
        let links = s.links.iter().map(|l| {
            let mut link = Line(format!("map(trace_id=x{:?} span_id=x{:?}", l.trace_id, l.span_id));
            link.text("trace_state", &l.trace_state);
            link.0 += &tail(&l.attributes, l.dropped_attributes_count);
            link.int("flags", l.flags.into());
            link.0 + ")"
        });
        line.0 += &format!(" Links=array({})", links.collect::<Vec<_>>().join(" "));
    }
    line.int("DroppedEvents", s.dropped_events_count.into());
    line.int("DroppedLinks", s.dropped_links_count.into());
    line.attributes(&s.attributes);
    line.0
}

/// One data point: where it stands and what it says.
struct Point<'a> {
    series: String,
    at: String,
    time_ms: i64,
    stale: bool,
    exemplars: &'a [Exemplar],
}

#[derive(Default)]
struct Samples {
    lines: Vec<String>,
    exemplars: Vec<String>,
}

pub(crate) fn samples(request: &ExportMetricsServiceRequest, now: i64) -> Vec<String> {
    let mut out = Samples::default();
    for r in &request.resource_metrics {
        for s in &r.scope_metrics {
            let stream = stream(r.resource.as_ref(), &r.schema_url, s.scope.as_ref(), &s.schema_url);
            s.metrics.iter().for_each(|metric| out.metric(metric, &stream, now));
        }
    }
    out.lines.extend(out.exemplars);
    out.lines
}

impl Samples {
    fn metric(&mut self, m: &Metric, stream: &str, now: i64) {
        const TEMPORALITY: [&str; 3] = ["Unspecified", "Delta", "Cumulative"];
        let head = |kind: &str, temporality: i32, monotonic: bool| {
            let temporality = TEMPORALITY[temporality as usize];
            format!("{stream} | {} {:?} {:?} {kind} {temporality} {monotonic}", m.name, m.unit, m.description)
        };
        let point = |head: &str, attributes: &[KeyValue], start: u64, time: u64, flags: u32| {
            let time_ms = (if time == 0 { now as u64 } else { time } / 1_000_000) as i64;
            let series = format!("{head} {}", sorted_map(attributes));
            Point {
                series,
                at: format!("@{time_ms} {}", start / 1_000_000),
                time_ms,
                stale: flags & 1 == 1,
                exemplars: &[],
            }
        };
        match m.data.as_ref() {
            None => {}
            Some(Data::Gauge(_) | Data::Sum(_)) => {
                let (head, points) = match m.data.as_ref() {
                    Some(Data::Sum(d)) => {
                        (head("Sum", d.aggregation_temporality, d.is_monotonic), &d.data_points)
                    }
                    Some(Data::Gauge(d)) => (head("Gauge", 0, false), &d.data_points),
                    _ => unreachable!(),
                };
                for p in points {
                    let value = match p.value.unwrap() {
                        number_data_point::Value::AsDouble(v) => v,
                        number_data_point::Value::AsInt(v) => v as f64,
                    };
                    let mut point =
                        point(&head, &p.attributes, p.start_time_unix_nano, p.time_unix_nano, p.flags);
                    point.exemplars = &p.exemplars;
                    self.sample(&point, SeriesPart::Value, value);
                    self.exemplars(&point, |_| SeriesPart::Value);
                }
            }
            Some(Data::Histogram(d)) => {
                let head = head("Histogram", d.aggregation_temporality, false);
                for p in &d.data_points {
                    let mut point =
                        point(&head, &p.attributes, p.start_time_unix_nano, p.time_unix_nano, p.flags);
                    point.exemplars = &p.exemplars;
                    let mut total = 0;
                    let mut first = f64::INFINITY;
                    for (i, bound) in p.explicit_bounds.iter().enumerate() {
                        if p.bucket_counts.is_empty() && !point.stale {
                            continue;
                        }
                        first = first.min(*bound);
                        total += p.bucket_counts.get(i).copied().unwrap_or(0);
                        self.sample(&point, SeriesPart::Bucket(*bound), total as f64);
                    }
                    self.sample(&point, SeriesPart::Bucket(f64::INFINITY), p.count as f64);
                    if let Some(sum) = p.sum.or(point.stale.then_some(0.0)) {
                        self.sample(&point, SeriesPart::Sum, sum);
                    }
                    self.sample(&point, SeriesPart::Count, p.count as f64);
                    self.exemplars(&point, |value| {
                        let bound = p.explicit_bounds.iter().copied().find(|bound| value <= *bound);
                        let none = p.bucket_counts.is_empty();
                        SeriesPart::Bucket(if none { first } else { bound.unwrap_or(f64::INFINITY) })
                    });
                }
            }
            Some(Data::ExponentialHistogram(d)) => {
                let head = head("ExponentialHistogram", d.aggregation_temporality, false);
                for p in &d.data_points {
                    let mut point =
                        point(&head, &p.attributes, p.start_time_unix_nano, p.time_unix_nano, p.flags);
                    point.exemplars = &p.exemplars;
                    let or_stale = |v: f64| if point.stale { STALE } else { v };
                    let (positive_offset, positive) = buckets(p.positive.as_ref());
                    let (negative_offset, negative) = buckets(p.negative.as_ref());
                    let histogram = HistogramPoint {
                        count: or_stale(p.count as f64),
                        sum: or_stale(p.sum.unwrap_or(0.0)),
                        scale: p.scale,
                        zero_threshold: p.zero_threshold,
                        zero_count: p.zero_count as f64,
                        positive_offset,
                        positive,
                        negative_offset,
                        negative,
                        ..HistogramPoint::default()
                    };
                    self.sample(&point, SeriesPart::Value, p.count as f64);
                    *self.lines.last_mut().unwrap() += &show::histogram(&histogram);
                    self.exemplars(&point, |_| SeriesPart::Value);
                }
            }
            Some(Data::Summary(d)) => {
                let head = head("Summary", 0, false);
                for p in &d.data_points {
                    let point =
                        point(&head, &p.attributes, p.start_time_unix_nano, p.time_unix_nano, p.flags);
                    for q in &p.quantile_values {
                        self.sample(&point, SeriesPart::Quantile(q.quantile), q.value);
                    }
                    self.sample(&point, SeriesPart::Sum, p.sum);
                    self.sample(&point, SeriesPart::Count, p.count as f64);
                }
            }
        }
    }

    fn sample(&mut self, point: &Point<'_>, part: SeriesPart, value: f64) {
        let value = if point.stale { STALE } else { value };
        self.lines.push(format!("{} {part:?} {} {:x}", point.series, point.at, value.to_bits()));
    }

    fn exemplars(&mut self, point: &Point<'_>, part: impl Fn(f64) -> SeriesPart) {
        for e in point.exemplars {
            let value = match e.value.unwrap() {
                exemplar::Value::AsDouble(v) => v,
                exemplar::Value::AsInt(v) => v as f64,
            };
            let time =
                if e.time_unix_nano == 0 { point.time_ms } else { (e.time_unix_nano / 1_000_000) as i64 };
            self.exemplars.push(format!(
                "exemplar {} {:?} @{time} {value} {:?} {:?} {}",
                point.series,
                part(value),
                e.trace_id,
                e.span_id,
                map(&e.filtered_attributes)
            ));
        }
    }
}

fn buckets(buckets: Option<&Buckets>) -> (i32, Vec<f64>) {
    let buckets = buckets.cloned().unwrap_or_default();
    (buckets.offset, buckets.bucket_counts.iter().map(|count| *count as f64).collect())
}
