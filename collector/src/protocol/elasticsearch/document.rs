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

/// How documents name what every record has.
#[derive(Debug)]
pub(in crate::protocol) struct Names {
    /// The member whose text is a time, or whose number is one; anything else there is refused.
    pub(in crate::protocol) time: &'static str,
    /// Where else a time may be. What is only called like a time is an attribute.
    pub(in crate::protocol) other_times: &'static [&'static str],
    /// Where senders put the line; the first there is the body.
    pub(in crate::protocol) bodies: &'static [&'static str],
    /// The nanoseconds of the unit a number is in.
    pub(in crate::protocol) unit_ns: fn(f64) -> i64,
}

/// Vector calls the time `timestamp`.
pub(super) const NAMES: Names = Names {
    time: "@timestamp",
    other_times: &["timestamp"],
    bodies: &["message", "log", "msg", "event.original"],
    unit_ns: |_| 1_000_000,
};
const INDEX: &str = "elasticsearch.index";
const STREAM_COST: u64 = 200;

/// Builds the batch of a bulk.
pub(in crate::protocol) struct Documents<'c> {
    ctx: &'c DecodeCtx<'c>,
    names: &'static Names,
    builder: EventBatchBuilder,
    spend: Spend,
    all_timestamped: bool,
    pub rejected: Rejected,
    /// Streams by their encoded resource: most documents share one.
    streams: HashMap<Vec<u8>, u32>,
    resource: NestedWriter,
}

impl<'c> Documents<'c> {
    pub fn new(ctx: &'c DecodeCtx<'c>, names: &'static Names, bytes: usize) -> Self {
        let mut builder = EventBatchBuilder::new(Signal::Logs);
        builder.reserve(bytes);
        Self {
            ctx,
            names,
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
        check_lengths(&fields, self.names, self.ctx.limits)?;
        let (time, time_name) = self.time(&fields)?;
        let body =
            self.names.bodies.iter().find(|name| fields.get(name).and_then(text_of).is_some()).copied();
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

    /// The time, and the member it is from.
    fn time(&self, fields: &Fields<'_>) -> Result<(Option<i64>, Option<&'static str>), Fault> {
        let names = self.names;
        if let Some(value) = fields.get(names.time) {
            let time = self.time_ns(value).ok_or(Fault::Reject(Reject::Time))?;
            return Ok((checked_time(time, self.ctx)?, Some(names.time)));
        }
        let other = |name: &&'static str| Some((self.time_ns(fields.get(name)?)?, *name));
        Ok(match names.other_times.iter().find_map(other) {
            Some((time, name)) => (checked_time(time, self.ctx)?, Some(name)),
            None => (None, None),
        })
    }

    /// A number, in a text too, or a time as RFC 3339 writes it.
    fn time_ns(&self, value: Value<'_>) -> Option<u64> {
        let of_int = |int: i64| int.checked_mul((self.names.unit_ns)(int as f64));
        let of_double = |double: f64| {
            let unit = (self.names.unit_ns)(double);
            let whole = (double.abs() < i64::MAX as f64).then(|| double.trunc() as i64)?;
            whole.checked_mul(unit)?.checked_add((double.fract() * unit as f64).round() as i64)
        };
        let ns = match value {
            Value::Int(int) => of_int(int),
            Value::Double(double) => of_double(double),
            Value::Str(text) => match (text.parse(), text.parse()) {
                (Ok(int), _) => of_int(int),
                (_, Ok(double)) => of_double(double),
                _ => rfc3339::parse_ns(text),
            },
            _ => None,
        };
        u64::try_from(ns?).ok()
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

fn check_lengths(fields: &Fields<'_>, names: &Names, limits: &Limits) -> Result<(), Fault> {
    let len = |value| match value {
        Value::Str(text) => text.len(),
        Value::Nested(nested) => nested.as_bytes().len(),
        _ => 0,
    };
    let is_body = |name: &str| names.bodies.contains(&name);
    let long = fields
        .iter()
        .any(|(name, value)| !is_body(name) && len(value) as u64 > limits.attribute_value_bytes_max);
    if long { Err(Fault::Reject(Reject::ValueTooLong)) } else { Ok(()) }
}
