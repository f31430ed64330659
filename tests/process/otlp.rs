//! OTLP requests as bytes, good ones and such as no honest sender makes.

use std::io::Write as _;

use flate2::write::GzEncoder;
use flate2::{Compress, Compression, FlushCompress};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

pub const SIGNALS: [&str; 3] = ["logs", "metrics", "traces"];
pub const PROTOBUF: &str = "application/x-protobuf";
pub const JSON: &str = "application/json";
/// A time that no record may have: it is refused alone.
pub const FAR_AHEAD: u64 = i64::MAX as u64;

const MIB: usize = 1 << 20;

/// One record for each time; `name` is its body, its metric or its span's name, and its service. Time 0 is none.
pub fn records(signal: &str, name: &str, times: &[u64]) -> Vec<u8> {
    let resource = Some(Resource { attributes: vec![text("service.name", name)], ..Default::default() });
    match signal {
        "logs" => {
            let record = |&time_unix_nano| LogRecord {
                time_unix_nano,
                body: text("", name).value,
                ..Default::default()
            };
            let scope = ScopeLogs { log_records: times.iter().map(record).collect(), ..Default::default() };
            let of_resource = ResourceLogs { resource, scope_logs: vec![scope], ..Default::default() };
            ExportLogsServiceRequest { resource_logs: vec![of_resource] }.encode_to_vec()
        }
        "metrics" => {
            let point = |&time_unix_nano| NumberDataPoint {
                time_unix_nano,
                value: Some(number_data_point::Value::AsDouble(1.0)),
                ..Default::default()
            };
            let gauge = Gauge { data_points: times.iter().map(point).collect() };
            let data = Some(metric::Data::Gauge(gauge));
            let metrics = vec![Metric { name: name.to_owned(), data, ..Default::default() }];
            let scope = ScopeMetrics { metrics, ..Default::default() };
            let of_resource = ResourceMetrics { resource, scope_metrics: vec![scope], ..Default::default() };
            ExportMetricsServiceRequest { resource_metrics: vec![of_resource] }.encode_to_vec()
        }
        "traces" => {
            let span = |(at, &time): (usize, &u64)| Span {
                trace_id: trace_id(name),
                span_id: (at as u64 + 1).to_be_bytes().to_vec(),
                name: name.to_owned(),
                start_time_unix_nano: time,
                end_time_unix_nano: time,
                ..Default::default()
            };
            let scope =
                ScopeSpans { spans: times.iter().enumerate().map(span).collect(), ..Default::default() };
            let of_resource = ResourceSpans { resource, scope_spans: vec![scope], ..Default::default() };
            ExportTraceServiceRequest { resource_spans: vec![of_resource] }.encode_to_vec()
        }
        other => panic!("no signal {other}"),
    }
}

fn trace_id(name: &str) -> Vec<u8> {
    let mut id = name.as_bytes().to_vec();
    id.resize(16, b'.');
    id
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..Default::default() }
}

/// One record with an attribute that is an array in an array in an array.
pub fn deep(signal: &str, levels: usize) -> Vec<u8> {
    let mut value = vec![0x18, 1];
    for _ in 0..levels {
        value = wrap(5, &wrap(1, &value));
    }
    let attribute = [wrap(1, b"deep"), wrap(2, &value)].concat();
    let record = match signal {
        "logs" => wrap(6, &attribute),
        "metrics" => [wrap(1, b"deep"), wrap(5, &wrap(1, &wrap(7, &attribute)))].concat(),
        _ => [wrap(1, &[1; 16]), wrap(2, &[1; 8]), wrap(9, &attribute)].concat(),
    };
    wrap(1, &wrap(2, &wrap(2, &record)))
}

/// The same as JSON.
pub fn deep_json(signal: &str, levels: usize) -> Vec<u8> {
    let value = format!("{}{{}}{}", r#"{"arrayValue":{"values":["#.repeat(levels), "]}}".repeat(levels));
    let attributes = format!(r#""attributes":[{{"key":"deep","value":{value}}}]"#);
    let text = match signal {
        "logs" => format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{{attributes}}}]}}]}}]}}"#),
        "metrics" => format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"deep","gauge":{{"dataPoints":[{{{attributes}}}]}}}}]}}]}}]}}"#
        ),
        _ => format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{}","spanId":"{}",{attributes}}}]}}]}}]}}"#,
            "01".repeat(16),
            "01".repeat(8)
        ),
    };
    text.into_bytes()
}

fn wrap(field: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | 2];
    prost::encoding::encode_varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}

/// A gibibyte of zeros in about a megabyte, by coding: made of one packed part again and again, since packing it all
/// would take a debug build minutes.
pub fn bomb(coding: &str) -> Vec<u8> {
    const PARTS: usize = 1024;
    let zeros = vec![0; MIB];
    match coding {
        "gzip" => {
            let mut member = GzEncoder::new(Vec::new(), Compression::fast());
            member.write_all(&zeros).expect("memory takes it");
            member.finish().expect("memory takes it").repeat(PARTS)
        }
        "deflate" => {
            let mut packer = Compress::new(Compression::fast(), true);
            let mut part = || {
                let mut out = Vec::with_capacity(MIB);
                packer.compress_vec(&zeros, &mut out, FlushCompress::Sync).expect("memory takes it");
                out
            };
            // The first has the header; each ends at a byte's border.
            let (first, next) = (part(), part());
            [first, next.repeat(PARTS - 1)].concat()
        }
        "zstd" => {
            // A frame with a window of 1 MiB; each block of it repeats one byte.
            let block = |last: u32| {
                let header = last | 1 << 1 | (128 << 10) << 3;
                [&header.to_le_bytes()[..3], &[0]].concat()
            };
            let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50];
            out.extend(block(0).repeat(8 * PARTS - 1));
            out.extend(block(1));
            out
        }
        other => panic!("no coding {other}"),
    }
}
