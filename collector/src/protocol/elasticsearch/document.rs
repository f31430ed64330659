//! A document as a log record.

use std::collections::HashMap;

use store::model::{Batch, EventBatchBuilder, Field, Limits, NestedWriter, Signal, StreamParts, Value};

use super::fields::{Fields, text_of};
use crate::protocol::cut::put_body;
use crate::protocol::fault::{CELL_COST, Fault, ROW_COST, Spend, checked_time};
use crate::protocol::json;
use crate::protocol::{DecodeCtx, Decoded, Reject, Rejected, hex_id, rfc3339};

/// Fields that begin so name the sender, not the event.
const RESOURCE_PREFIXES: [&str; 12] = [
    "agent.",
    "cloud.",
    "container.",
    "data_stream.",
    "deployment.",
    "host.",
    "k8s.",
    "kubernetes.",
    "observer.",
    "orchestrator.",
    "service.",
    "telemetry.",
];

/// Names of the Elastic Common Schema that OTel has under another one.
const RENAMED: [(&str, &str); 13] = [
    ("host", "host.name"),
    ("kubernetes.namespace", "k8s.namespace.name"),
    ("kubernetes.pod.name", "k8s.pod.name"),
    ("kubernetes.pod.uid", "k8s.pod.uid"),
    ("kubernetes.node.name", "k8s.node.name"),
    ("kubernetes.container.name", "k8s.container.name"),
    ("kubernetes.deployment.name", "k8s.deployment.name"),
    ("kubernetes.daemonset.name", "k8s.daemonset.name"),
    ("kubernetes.statefulset.name", "k8s.statefulset.name"),
    ("kubernetes.cronjob.name", "k8s.cronjob.name"),
    ("kubernetes.job.name", "k8s.job.name"),
    ("service.environment", "deployment.environment.name"),
    ("service.node.name", "service.instance.id"),
];

/// Where senders put the line; the first there is the body.
const BODIES: [&str; 4] = ["message", "log", "msg", "event.original"];
/// Where the time is; without it, where Vector puts it.
const TIME: &str = "@timestamp";
const TIME_OF_VECTOR: &str = "timestamp";
const INDEX: &str = "elasticsearch.index";
const STREAM_COST: u64 = 200;

/// Builds the batch of a bulk.
pub(super) struct Documents<'c> {
    ctx: &'c DecodeCtx<'c>,
    builder: EventBatchBuilder,
    spend: Spend,
    all_timestamped: bool,
    pub rejected: Rejected,
    /// Streams by their encoded resource: most documents share one.
    streams: HashMap<Vec<u8>, u32>,
    resource: NestedWriter,
}

impl<'c> Documents<'c> {
    pub fn new(ctx: &'c DecodeCtx<'c>, bytes: usize) -> Self {
        let mut builder = EventBatchBuilder::new(Signal::Logs);
        builder.reserve(bytes);
        Self {
            ctx,
            builder,
            spend: Spend::new(ctx.limits),
            all_timestamped: true,
            rejected: Rejected::default(),
            streams: HashMap::new(),
            resource: NestedWriter::default(),
        }
    }

    pub fn finish(self, detail: Vec<u8>) -> Decoded {
        Decoded {
            batch: Batch::Events(self.builder.finish()),
            rejected: self.rejected,
            all_timestamped: self.all_timestamped,
            detail,
        }
    }

    /// Takes a document, or nothing of it.
    pub fn take(&mut self, index: &str, source: &[u8]) -> Result<(), Fault> {
        let mut fields = Fields::default();
        fields.read(source, self.ctx.limits).map_err(|fault| match fault {
            json::Fault::Syntax { .. } => Fault::Reject(Reject::Document),
            json::Fault::Value { reject, .. } => Fault::Reject(reject),
        })?;
        self.spend.take(ROW_COST + CELL_COST * (2 + fields.len() as u64))?;
        check_lengths(&fields, self.ctx.limits)?;
        let (time, time_name) = self.time(&fields)?;
        let body = BODIES.iter().find(|name| fields.get(name).and_then(text_of).is_some()).copied();
        let line = match body.and_then(|name| fields.get(name)).and_then(text_of) {
            Some(line) => line,
            // Without a line the document itself is what there is to read.
            None => String::from_utf8_lossy(source),
        };
        let stream = self.stream(index, &fields)?;
        self.all_timestamped &= time.is_some();
        self.builder.begin_row(time.unwrap_or(self.ctx.now_ns), stream);
        put_body(&mut self.builder, Value::Str(&line), self.ctx.limits);
        for (name, value) in fields.iter() {
            if Some(name) != time_name && Some(name) != body && !is_resource(name) {
                self.member(name, value);
            }
        }
        self.builder.end_row();
        Ok(())
    }

    /// The time, and the member it is from. What is only called like a time is an attribute.
    fn time(&self, fields: &Fields<'_>) -> Result<(Option<i64>, Option<&'static str>), Fault> {
        if let Some(value) = fields.get(TIME) {
            return Ok((checked_time(time_ns(value)?, self.ctx)?, Some(TIME)));
        }
        let of_vector = fields.get(TIME_OF_VECTOR).and_then(|value| time_ns(value).ok());
        Ok(match of_vector {
            Some(time) => (checked_time(time, self.ctx)?, Some(TIME_OF_VECTOR)),
            None => (None, None),
        })
    }

    fn member(&mut self, name: &str, value: Value<'_>) {
        let builder = &mut self.builder;
        let text = value.as_str().unwrap_or_default();
        match name {
            "trace.id" | "trace_id" if hex_id::<16>(text).is_some() => {
                builder.field(Field::TraceId, Value::Bytes(&hex_id::<16>(text).unwrap_or_default()));
            }
            "span.id" | "span_id" if hex_id::<8>(text).is_some() => {
                builder.field(Field::SpanId, Value::Bytes(&hex_id::<8>(text).unwrap_or_default()));
            }
            "log.level" if !text.is_empty() => builder.field(Field::SeverityText, value),
            _ => builder.attribute(name, value),
        }
    }

    fn stream(&mut self, index: &str, fields: &Fields<'_>) -> Result<u32, Fault> {
        let mut pairs: Vec<(&str, Value<'_>)> =
            fields.iter().filter(|(name, _)| is_resource(name)).map(|(name, v)| (renamed(name), v)).collect();
        if !index.is_empty() {
            pairs.push((INDEX, Value::Str(index)));
        }
        self.resource.clear();
        self.resource.begin_map();
        for (name, value) in &pairs {
            self.resource.key(name);
            self.resource.value(*value);
        }
        self.resource.end();
        let key = self.resource.as_nested().as_bytes();
        if let Some(stream) = self.streams.get(key) {
            return Ok(*stream);
        }
        self.spend.take(STREAM_COST + 2 * key.len() as u64)?;
        let stream = self.builder.stream(&StreamParts { resource: &pairs, ..StreamParts::default() });
        self.streams.insert(key.to_vec(), stream);
        Ok(stream)
    }
}

fn is_resource(name: &str) -> bool {
    name == "host" || RESOURCE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn renamed(name: &str) -> &str {
    RENAMED.iter().find(|(ecs, _)| *ecs == name).map_or(name, |(_, otel)| otel)
}

fn check_lengths(fields: &Fields<'_>, limits: &Limits) -> Result<(), Fault> {
    let len = |value| match value {
        Value::Str(text) => text.len(),
        Value::Nested(nested) => nested.as_bytes().len(),
        _ => 0,
    };
    let is_body = |name: &str| BODIES.contains(&name);
    let long = fields
        .iter()
        .any(|(name, value)| !is_body(name) && len(value) as u64 > limits.attribute_value_bytes_max);
    if long { Err(Fault::Reject(Reject::ValueTooLong)) } else { Ok(()) }
}

/// RFC 3339, or Unix milliseconds as number or text.
fn time_ns(value: Value<'_>) -> Result<u64, Fault> {
    let ms = match value {
        Value::Int(ms) => Some(ms),
        Value::Double(ms) if ms.is_finite() => Some(ms as i64),
        Value::Str(text) => text.parse().ok(),
        _ => None,
    };
    let from_text = || value.as_str().and_then(rfc3339::parse_ns);
    let ns = ms.and_then(|ms| ms.checked_mul(1_000_000)).or_else(from_text);
    ns.and_then(|ns| u64::try_from(ns).ok()).ok_or(Fault::Reject(Reject::Time))
}
