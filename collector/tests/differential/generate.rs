//! Random valid requests from a seed.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar,
    exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
    summary_data_point::ValueAtQuantile,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status, span::Event, span::Link,
};

pub(crate) struct Generator(u64);

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn list<T>(&mut self, max: u64, mut member: impl FnMut(&mut Self, usize) -> T) -> Vec<T> {
        (0..self.below(max + 1)).map(|i| member(self, i as usize)).collect()
    }

    fn text(&mut self) -> String {
        const WORDS: [&str; 6] = ["", "a", "error", "größe", "line\nbreak", "a rather long text with words"];
        WORDS[self.below(6) as usize].to_owned()
    }

    fn double(&mut self) -> f64 {
        [0.0, 1.5, -2.25e10, f64::INFINITY, 0.1][self.below(5) as usize]
    }

    fn time(&mut self) -> u64 {
        if self.below(5) == 0 { 0 } else { 1_600_000_000_000_000_000 + self.below(1 << 40) }
    }

    fn id(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(255) as u8 + 1).collect()
    }

    fn count(&mut self) -> u32 {
        [0, 0, 1, 300][self.below(4) as usize]
    }

    fn value(&mut self, depth: u64) -> AnyValue {
        let kinds = if depth < 4 { 9 } else { 6 };
        let value = match self.below(kinds) {
            0 => return AnyValue { value: None },
            1 => Value::BoolValue(self.below(2) == 1),
            2 => Value::IntValue(self.next() as i64),
            3 => Value::DoubleValue(self.double()),
            4 => Value::BytesValue(self.id(3)),
            5 | 6 => Value::StringValue(self.text()),
            7 => Value::ArrayValue(ArrayValue { values: self.list(3, |g, _| g.value(depth + 1)) }),
            _ => Value::KvlistValue(KeyValueList { values: self.attributes(depth + 1) }),
        };
        AnyValue { value: Some(value) }
    }

    fn attributes(&mut self, depth: u64) -> Vec<KeyValue> {
        self.list(4, |g, i| KeyValue {
            key: format!("k{}", 9 - i),
            value: (g.below(9) > 0).then(|| g.value(depth)),
            ..Default::default()
        })
    }

    fn resource(&mut self) -> Option<Resource> {
        (self.below(5) > 0).then(|| Resource { attributes: self.attributes(0), ..Default::default() })
    }

    fn scope(&mut self) -> Option<InstrumentationScope> {
        (self.below(3) > 0).then(|| InstrumentationScope {
            name: self.text(),
            version: self.text(),
            attributes: self.attributes(0),
            dropped_attributes_count: self.count(),
        })
    }

    pub(crate) fn logs(&mut self) -> ExportLogsServiceRequest {
        let resource_logs = self.list(3, |g, _| ResourceLogs {
            resource: g.resource(),
            scope_logs: g.list(2, |g, _| ScopeLogs {
                scope: g.scope(),
                log_records: g.list(5, |g, _| g.log()),
                schema_url: g.text(),
            }),
            schema_url: g.text(),
        });
        ExportLogsServiceRequest { resource_logs }
    }

    fn log(&mut self) -> LogRecord {
        let has_trace = self.below(2) as usize;
        LogRecord {
            time_unix_nano: self.time(),
            observed_time_unix_nano: self.time(),
            severity_number: self.below(25) as i32,
            severity_text: self.text(),
            body: (self.below(6) > 0).then(|| self.value(0)),
            attributes: self.attributes(0),
            dropped_attributes_count: self.count(),
            flags: self.count(),
            trace_id: self.id(16 * has_trace),
            span_id: self.id(8 * has_trace),
            event_name: self.text(),
        }
    }

    pub(crate) fn traces(&mut self) -> ExportTraceServiceRequest {
        let resource_spans = self.list(3, |g, _| ResourceSpans {
            resource: g.resource(),
            scope_spans: g.list(2, |g, _| ScopeSpans {
                scope: g.scope(),
                spans: g.list(4, |g, _| g.span()),
                schema_url: g.text(),
            }),
            schema_url: g.text(),
        });
        ExportTraceServiceRequest { resource_spans }
    }

    fn span(&mut self) -> Span {
        let has_parent = self.below(2) as usize;
        Span {
            trace_id: self.id(16),
            span_id: self.id(8),
            trace_state: self.text(),
            parent_span_id: self.id(8 * has_parent),
            flags: self.count(),
            name: self.text(),
            kind: self.below(6) as i32,
            start_time_unix_nano: self.time(),
            end_time_unix_nano: self.time(),
            attributes: self.attributes(0),
            dropped_attributes_count: self.count(),
            events: self.list(3, |g, _| Event {
                time_unix_nano: g.time(),
                name: g.text(),
                attributes: g.attributes(0),
                dropped_attributes_count: g.count(),
            }),
            dropped_events_count: self.count(),
            links: self.list(2, |g, _| Link {
                trace_id: g.id(16),
                span_id: g.id(8),
                trace_state: g.text(),
                attributes: g.attributes(0),
                dropped_attributes_count: g.count(),
                flags: g.count(),
            }),
            dropped_links_count: self.count(),
            status: (self.below(2) == 0).then(|| Status { message: self.text(), code: self.below(3) as i32 }),
        }
    }

    pub(crate) fn metrics(&mut self) -> ExportMetricsServiceRequest {
        let resource_metrics = self.list(2, |g, _| ResourceMetrics {
            resource: g.resource(),
            scope_metrics: g.list(2, |g, _| ScopeMetrics {
                scope: g.scope(),
                metrics: g.list(5, |g, i| Metric {
                    name: format!("m{i}"),
                    description: g.text(),
                    unit: g.text(),
                    metadata: g.attributes(0),
                    data: (g.below(9) > 0).then(|| g.data()),
                }),
                schema_url: g.text(),
            }),
            schema_url: g.text(),
        });
        ExportMetricsServiceRequest { resource_metrics }
    }

    fn data(&mut self) -> Data {
        let aggregation_temporality = self.below(3) as i32;
        match self.below(5) {
            0 => Data::Gauge(Gauge { data_points: self.list(3, |g, _| g.number()) }),
            1 => Data::Sum(Sum {
                data_points: self.list(3, |g, _| g.number()),
                aggregation_temporality,
                is_monotonic: self.below(2) == 1,
            }),
            2 => Data::Histogram(Histogram {
                data_points: self.list(3, |g, _| g.histogram()),
                aggregation_temporality,
            }),
            3 => Data::ExponentialHistogram(ExponentialHistogram {
                data_points: self.list(3, |g, _| g.exponential()),
                aggregation_temporality,
            }),
            _ => Data::Summary(Summary { data_points: self.list(3, |g, _| g.summary()) }),
        }
    }

    fn flags(&mut self) -> u32 {
        u32::from(self.below(8) == 0)
    }

    fn number(&mut self) -> NumberDataPoint {
        NumberDataPoint {
            attributes: self.attributes(0),
            start_time_unix_nano: self.time(),
            time_unix_nano: self.time(),
            exemplars: self.exemplars(),
            flags: self.flags(),
            value: Some(match self.below(2) {
                0 => number_data_point::Value::AsDouble(self.double()),
                _ => number_data_point::Value::AsInt(self.next() as i64 >> 20),
            }),
        }
    }

    fn histogram(&mut self) -> HistogramDataPoint {
        let explicit_bounds: Vec<f64> = self.list(4, |_, i| i as f64 * 2.5);
        let bucket_counts = if self.below(4) == 0 {
            vec![]
        } else {
            (0..=explicit_bounds.len()).map(|_| self.below(100)).collect()
        };
        HistogramDataPoint {
            attributes: self.attributes(0),
            start_time_unix_nano: self.time(),
            time_unix_nano: self.time(),
            count: self.below(1000),
            sum: (self.below(3) > 0).then(|| self.double()),
            bucket_counts,
            explicit_bounds,
            exemplars: self.exemplars(),
            flags: self.flags(),
            min: (self.below(2) == 0).then_some(0.5),
            max: None,
        }
    }

    fn exponential(&mut self) -> ExponentialHistogramDataPoint {
        ExponentialHistogramDataPoint {
            attributes: self.attributes(0),
            start_time_unix_nano: self.time(),
            time_unix_nano: self.time(),
            count: self.below(1000),
            sum: (self.below(3) > 0).then(|| self.double()),
            scale: self.below(30) as i32 - 10,
            zero_count: self.below(5),
            positive: self.buckets(),
            negative: self.buckets(),
            flags: self.flags(),
            exemplars: self.exemplars(),
            min: None,
            max: None,
            zero_threshold: self.double(),
        }
    }

    fn buckets(&mut self) -> Option<Buckets> {
        (self.below(3) > 0).then(|| Buckets {
            offset: self.below(2000) as i32 - 1000,
            bucket_counts: self.list(6, |g, _| g.below(1 << 20)),
        })
    }

    fn summary(&mut self) -> SummaryDataPoint {
        SummaryDataPoint {
            attributes: self.attributes(0),
            start_time_unix_nano: self.time(),
            time_unix_nano: self.time(),
            count: self.below(1000),
            sum: self.double(),
            quantile_values: self
                .list(3, |g, i| ValueAtQuantile { quantile: i as f64 / 4.0, value: g.double() }),
            flags: self.flags(),
        }
    }

    fn exemplars(&mut self) -> Vec<Exemplar> {
        self.list(2, |g, _| Exemplar {
            filtered_attributes: g.attributes(0),
            time_unix_nano: g.time(),
            span_id: g.id(8),
            trace_id: g.id(16),
            value: Some(match g.below(2) {
                0 => exemplar::Value::AsDouble(g.below(12) as f64),
                _ => exemplar::Value::AsInt(g.below(12) as i64),
            }),
        })
    }
}
