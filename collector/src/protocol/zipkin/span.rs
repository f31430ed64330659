//! A Zipkin span as a row.

use std::borrow::Cow;

use store::model::{Batch, EventBatchBuilder, Field, NestedWriter, Signal, StreamParts, Value};

use crate::protocol::fault::{CELL_COST, Fault, ROW_COST, Spend, checked_time};
use crate::protocol::{DecodeCtx, Decoded, Reject, Rejected};

/// OTLP's `SpanKind`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Kind {
    /// Zipkin says none: work inside a process.
    #[default]
    Internal = 1,
    Server = 2,
    Client = 3,
    Producer = 4,
    Consumer = 5,
}

/// One side of a span.
#[derive(Default)]
pub(super) struct Endpoint<'a> {
    pub service: Cow<'a, str>,
    pub address: Cow<'a, str>,
    pub port: u64,
}

/// A span as either encoding has it.
#[derive(Default)]
pub(super) struct ZipkinSpan<'a> {
    pub trace_id: Option<[u8; 16]>,
    pub id: Option<[u8; 8]>,
    pub parent_id: Option<[u8; 8]>,
    pub kind: Kind,
    pub name: Cow<'a, str>,
    /// Unix microseconds; 0: not given.
    pub timestamp_us: u64,
    pub duration_us: u64,
    pub local: Endpoint<'a>,
    pub remote: Endpoint<'a>,
    /// Unix microseconds and text.
    pub annotations: Vec<(u64, Cow<'a, str>)>,
    pub tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    pub debug: bool,
    pub shared: bool,
}

/// Builds the batch.
pub(super) struct Spans<'c> {
    ctx: &'c DecodeCtx<'c>,
    builder: EventBatchBuilder,
    events: NestedWriter,
    spend: Spend,
    all_timestamped: bool,
    pub rejected: Rejected,
}

const NS_PER_US: u64 = 1000;
const STATUS_OK: i64 = 1;
const STATUS_ERROR: i64 = 2;
const STREAM_COST: u64 = 200;

impl Kind {
    pub fn of(name: &str) -> Self {
        match name {
            "SERVER" => Self::Server,
            "CLIENT" => Self::Client,
            "PRODUCER" => Self::Producer,
            "CONSUMER" => Self::Consumer,
            _ => Self::Internal,
        }
    }
}

impl<'c> Spans<'c> {
    pub fn new(ctx: &'c DecodeCtx<'c>, bytes: usize) -> Self {
        let mut builder = EventBatchBuilder::new(Signal::Spans);
        builder.reserve(bytes);
        Self {
            ctx,
            builder,
            events: NestedWriter::default(),
            spend: Spend::new(ctx.limits),
            all_timestamped: true,
            rejected: Rejected::default(),
        }
    }

    pub fn finish(self) -> Decoded {
        Decoded {
            batch: Batch::Events(self.builder.finish()),
            rejected: self.rejected,
            all_timestamped: self.all_timestamped,
            detail: Vec::new(),
        }
    }

    /// Takes a span, or nothing of it.
    pub fn take(&mut self, span: &ZipkinSpan<'_>) -> Result<(), Fault> {
        let members = span.tags.len() + 3 * span.annotations.len();
        self.spend.take(ROW_COST + STREAM_COST + CELL_COST * (8 + members as u64))?;
        let trace_id = span.trace_id.ok_or(Reject::TraceId)?;
        let id = span.id.ok_or(Reject::SpanId)?;
        self.check(span)?;
        let time = checked_time(span.timestamp_us.saturating_mul(NS_PER_US), self.ctx)?;
        let stream = self.stream(span);
        self.all_timestamped &= time.is_some();
        self.builder.begin_row(time.unwrap_or(self.ctx.now_ns), stream);
        let b = &mut self.builder;
        b.field(Field::TraceId, Value::Bytes(&trace_id));
        b.field(Field::SpanId, Value::Bytes(&id));
        if let Some(parent) = span.parent_id {
            b.field(Field::ParentSpanId, Value::Bytes(&parent));
        }
        if !span.name.is_empty() {
            b.field(Field::Name, Value::Str(&span.name));
        }
        b.field(Field::Kind, Value::Int(span.kind as i64));
        let duration = i64::try_from(span.duration_us.saturating_mul(NS_PER_US)).unwrap_or(i64::MAX);
        b.field(Field::Duration, Value::Int(duration));
        self.tags(span);
        self.remote(&span.remote);
        self.annotations(span);
        self.builder.end_row();
        Ok(())
    }

    fn check(&self, span: &ZipkinSpan<'_>) -> Result<(), Fault> {
        let limits = self.ctx.limits;
        let long = |text: &str| text.len() as u64 > limits.attribute_value_bytes_max;
        if span.tags.len() as u64 > limits.attributes_per_record_max {
            return Err(Reject::TooManyAttributes.into());
        }
        if span.tags.iter().any(|(key, _)| key.len() as u64 > limits.attribute_key_bytes_max) {
            return Err(Reject::KeyTooLong.into());
        }
        let mut texts = span.tags.iter().chain([]).map(|(_, value)| value).chain([&span.name]);
        if texts.any(|text| long(text)) || span.annotations.iter().any(|(_, text)| long(text)) {
            return Err(Reject::ValueTooLong.into());
        }
        Ok(())
    }

    fn stream(&mut self, span: &ZipkinSpan<'_>) -> u32 {
        let mut pairs: Vec<(&str, Value<'_>)> = Vec::new();
        if !span.local.service.is_empty() {
            pairs.push(("service.name", Value::Str(&span.local.service)));
        }
        if !span.local.address.is_empty() {
            pairs.push(("host.ip", Value::Str(&span.local.address)));
        }
        let scope = span.tags.iter().find(|(key, _)| key == "otel.scope.name" || key == "otel.library.name");
        let scope_name = scope.map_or("", |(_, name)| name.as_ref());
        self.builder.stream(&StreamParts { resource: &pairs, scope_name, ..StreamParts::default() })
    }

    /// Tags of the transformation are read back, the others are attributes.
    fn tags(&mut self, span: &ZipkinSpan<'_>) {
        let b = &mut self.builder;
        let mut error = None;
        let mut code = None;
        for (key, value) in &span.tags {
            match key.as_ref() {
                "error" => error = Some(value.as_ref()),
                "otel.status_code" if value == "OK" => code = Some(STATUS_OK),
                "otel.status_code" if value == "ERROR" => code = Some(STATUS_ERROR),
                "otel.scope.name" | "otel.library.name" => {}
                "w3c.tracestate" => b.field(Field::TraceState, Value::Str(value)),
                key => b.attribute(key, Value::Str(value)),
            }
        }
        if error.is_some_and(|text| text != "false") {
            code = Some(STATUS_ERROR);
        }
        if let Some(code) = code {
            b.field(Field::StatusCode, Value::Int(code));
        }
        if let Some(message) = error.filter(|text| !matches!(*text, "" | "true" | "false")) {
            b.field(Field::StatusMessage, Value::Str(message));
        }
        for (key, set) in [("zipkin.debug", span.debug), ("zipkin.shared", span.shared)] {
            if set {
                b.attribute(key, Value::Bool(true));
            }
        }
    }

    fn remote(&mut self, remote: &Endpoint<'_>) {
        if !remote.service.is_empty() {
            self.builder.attribute("peer.service", Value::Str(&remote.service));
        }
        if !remote.address.is_empty() {
            self.builder.attribute("network.peer.address", Value::Str(&remote.address));
        }
        if remote.port > 0 {
            self.builder.attribute("network.peer.port", Value::Int(remote.port as i64));
        }
    }

    fn annotations(&mut self, span: &ZipkinSpan<'_>) {
        if span.annotations.is_empty() {
            return;
        }
        let events = &mut self.events;
        events.clear();
        events.begin_array();
        for (time_us, text) in &span.annotations {
            events.begin_map();
            events.key("time");
            let time = i64::try_from(time_us.saturating_mul(NS_PER_US)).unwrap_or(i64::MAX);
            events.value(Value::Int(time));
            events.key("name");
            events.value(Value::Str(text));
            events.end();
        }
        events.end();
        self.builder.field(Field::Events, Value::Nested(self.events.as_nested()));
    }
}

/// An id of up to `N` bytes in hex, zeros before it left away; all zeros are no id.
pub(super) fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.is_empty() || digits.len() > 2 * N {
        return None;
    }
    let mut id = [0; N];
    for (place, digit) in digits.iter().rev().enumerate() {
        let nibble = char::from(*digit).to_digit(16)? as u8;
        id[N - 1 - place / 2] |= nibble << (4 * (place % 2));
    }
    id.iter().any(|byte| *byte != 0).then_some(id)
}

/// An id as bytes, zeros before it left away.
pub(super) fn padded<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let mut id = [0; N];
    let at = N.checked_sub(bytes.len())?;
    id[at..].copy_from_slice(bytes);
    id.iter().any(|byte| *byte != 0).then_some(id)
}
