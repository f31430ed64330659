//! Log records and spans that come in during a test: what promtool's files have no words for.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use engine::promql::script;
use serde::Deserialize;
use store::model::{Batch, EventBatchBuilder, Field, Signal, Stream, StreamParts, Value};

use super::file::duration;
use crate::notify::nullable;

/// Records of one input. A mistyped number would have no end.
const TIMES_MAX: u32 = 1_000_000;
const NS_PER_MS: i64 = 1_000_000;

type Texts = BTreeMap<String, String>;

/// When records come: `at` and then every so often.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    at_ms: i64,
    every_ms: i64,
    times: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLogs {
    /// `{service_name="cart"}`
    stream: String,
    line: String,
    #[serde(default, deserialize_with = "nullable")]
    metadata: Texts,
    at: Option<String>,
    every: Option<String>,
    times: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSpans {
    service: String,
    name: String,
    kind: Option<String>,
    status: Option<String>,
    duration: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    attributes: BTreeMap<String, Scalar>,
    #[serde(default, deserialize_with = "nullable")]
    resource: Texts,
    at: Option<String>,
    every: Option<String>,
    times: Option<u32>,
}

/// An attribute's value.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

#[derive(Clone, Debug)]
pub(super) struct LogInput {
    labels: Vec<(String, String)>,
    line: String,
    metadata: Texts,
    schedule: Schedule,
}

#[derive(Clone, Debug)]
pub(super) struct SpanInput {
    resource: Texts,
    name: String,
    kind: i64,
    status: i64,
    duration_ns: i64,
    attributes: BTreeMap<String, Scalar>,
    schedule: Schedule,
}

// === impl Schedule ===

impl Schedule {
    fn parse(at: Option<&str>, every: Option<&str>, times: Option<u32>) -> Result<Self, String> {
        let times = times.unwrap_or(1);
        if times > TIMES_MAX {
            return Err(format!("times: {times}, at most {TIMES_MAX}"));
        }
        if times > 1 && every.is_none() {
            return Err("times: say every how long, too".to_owned());
        }
        let ms = |key: &str, text: Option<&str>| text.map_or(Ok(0), |text| duration(key, text));
        Ok(Self { at_ms: ms("at", at)?, every_ms: ms("every", every)?, times })
    }

    /// The wanted times, Unix milliseconds, each with its number.
    fn times(self, start_ms: i64, wanted: &RangeInclusive<i64>) -> impl Iterator<Item = (u32, i64)> {
        let time = move |n: u32| start_ms + self.at_ms + self.every_ms.saturating_mul(i64::from(n));
        (0..self.times).map(move |n| (n, time(n))).filter(|(_, time)| wanted.contains(time))
    }
}

// === impl RawLogs ===

impl RawLogs {
    pub(super) fn check(self) -> Result<LogInput, String> {
        let wrong = |problem: String| format!("input_logs {:?}: {problem}", self.stream);
        let (labels, rest) = script::parse_labels(self.stream.trim()).map_err(wrong)?;
        if !rest.trim().is_empty() || labels.is_empty() {
            return Err(wrong("write labels as {service_name=\"cart\"}".to_owned()));
        }
        let schedule =
            Schedule::parse(self.at.as_deref(), self.every.as_deref(), self.times).map_err(wrong)?;
        Ok(LogInput { labels, line: self.line, metadata: self.metadata, schedule })
    }
}

// === impl RawSpans ===

impl RawSpans {
    pub(super) fn check(self) -> Result<SpanInput, String> {
        let wrong = |problem: String| format!("input_spans {:?}: {problem}", self.name);
        let number = |key: &str, text: Option<&str>, names: &[&str], default: i64| match text {
            None => Ok(default),
            Some(text) => match names.iter().position(|name| *name == text) {
                Some(at) => Ok(at as i64),
                None => Err(wrong(format!("{key}: {text:?} is none of {}", names.join(", ")))),
            },
        };
        let kinds = ["unspecified", "internal", "server", "client", "producer", "consumer"];
        let kind = number("kind", self.kind.as_deref(), &kinds, 2)?;
        let status = number("status", self.status.as_deref(), &["unset", "ok", "error"], 0)?;
        let took =
            self.duration.as_deref().map_or(Ok(0), |text| duration("duration", text)).map_err(wrong)?;
        let schedule =
            Schedule::parse(self.at.as_deref(), self.every.as_deref(), self.times).map_err(wrong)?;
        let mut resource = self.resource.clone();
        resource.insert("service.name".to_owned(), self.service.clone());
        let duration_ns = took * NS_PER_MS;
        let (name, attributes) = (self.name, self.attributes);
        Ok(SpanInput { resource, name, kind, status, duration_ns, attributes, schedule })
    }
}

// === batches ===

/// The records whose time has come; none: no batch.
pub(super) fn logs(inputs: &[LogInput], start_ms: i64, wanted: &RangeInclusive<i64>) -> Option<Batch> {
    let mut builder = EventBatchBuilder::new(Signal::Logs);
    for input in inputs {
        let resource: Vec<_> = input.labels.iter().map(|(n, v)| (n.as_str(), Value::Str(v))).collect();
        let parts = StreamParts {
            resource: &resource,
            resource_schema_url: Stream::LABELS_SCHEMA,
            ..StreamParts::default()
        };
        for (_, time_ms) in input.schedule.times(start_ms, wanted) {
            let stream = builder.stream(&parts);
            builder.begin_row(time_ms * NS_PER_MS, stream);
            builder.field(Field::Body, Value::Str(&input.line));
            input.metadata.iter().for_each(|(name, text)| builder.attribute(name, Value::Str(text)));
            builder.end_row();
        }
    }
    (builder.rows() > 0).then(|| Batch::Events(builder.finish()))
}

/// Each span is a trace of its own.
pub(super) fn spans(inputs: &[SpanInput], start_ms: i64, wanted: &RangeInclusive<i64>) -> Option<Batch> {
    let mut builder = EventBatchBuilder::new(Signal::Spans);
    for (index, input) in inputs.iter().enumerate() {
        let resource: Vec<_> = input.resource.iter().map(|(n, v)| (n.as_str(), Value::Str(v))).collect();
        let parts = StreamParts { resource: &resource, ..StreamParts::default() };
        for (n, time_ms) in input.schedule.times(start_ms, wanted) {
            let stream = builder.stream(&parts);
            let id = ((index as u64 + 1) << 32 | u64::from(n)).to_be_bytes();
            builder.begin_row(time_ms * NS_PER_MS, stream);
            builder.field(Field::TraceId, Value::Bytes(&[id, id].concat()));
            builder.field(Field::SpanId, Value::Bytes(&id));
            builder.field(Field::Name, Value::Str(&input.name));
            builder.field(Field::Kind, Value::Int(input.kind));
            builder.field(Field::Duration, Value::Int(input.duration_ns));
            builder.field(Field::StatusCode, Value::Int(input.status));
            for (name, value) in &input.attributes {
                builder.attribute(name, value.value());
            }
            builder.end_row();
        }
    }
    (builder.rows() > 0).then(|| Batch::Events(builder.finish()))
}

impl Scalar {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Float(value) => Value::Double(*value),
            Self::Text(text) => Value::Str(text),
        }
    }
}
