//! Streams and lines of either encoding to rows.

use std::borrow::Cow;

use store::model::{Batch, EventBatchBuilder, Field, Signal, Stream, StreamParts, Value};

use crate::protocol::cut::put_body;
use crate::protocol::fault::{CELL_COST, Fault, ROW_COST, Spend, checked_time};
use crate::protocol::{DecodeCtx, Decoded, Reject, Rejected, hex_id};

/// Builds the batch of a push.
pub(super) struct Push<'c> {
    ctx: &'c DecodeCtx<'c>,
    builder: EventBatchBuilder,
    spend: Spend,
    all_timestamped: bool,
    pub rejected: Rejected,
}

/// A line before its metadata.
pub(super) struct Line<'a> {
    /// Unix nanoseconds; 0: not given.
    pub time_ns: u64,
    pub text: Cow<'a, str>,
}

/// A label, or a member of the structured metadata.
pub(super) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

impl<'c> Push<'c> {
    pub fn new(ctx: &'c DecodeCtx<'c>, bytes: usize) -> Self {
        let mut builder = EventBatchBuilder::new(Signal::Logs);
        builder.reserve(bytes);
        let spend = Spend::new(ctx.limits);
        Self { ctx, builder, spend, all_timestamped: true, rejected: Rejected::default() }
    }

    pub fn finish(self) -> Decoded {
        Decoded {
            batch: Batch::Events(self.builder.finish()),
            rejected: self.rejected,
            all_timestamped: self.all_timestamped,
            detail: Vec::new(),
        }
    }

    /// A stream of these labels, in any order; its number is for [`Push::line`].
    pub fn stream(&mut self, labels: &mut Vec<Pair<'_>>) -> Result<u32, Fault> {
        let limits = self.ctx.limits;
        labels.retain(|(_, value)| !value.is_empty());
        labels.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let reject = match () {
            () if labels.is_empty() => Some(Reject::NoLabels),
            () if labels.len() as u64 > limits.attributes_per_record_max => Some(Reject::TooManyAttributes),
            () if labels.iter().any(|(name, _)| name.is_empty()) => Some(Reject::LabelName),
            () if labels.is_sorted_by(|a, b| a.0 < b.0) => None,
            () => Some(Reject::LabelTwice),
        };
        if let Some(reject) = reject {
            return Err(Fault::Reject(reject));
        }
        for (name, value) in labels.iter() {
            self.check(name, value)?;
        }
        let pairs: Vec<(&str, Value<'_>)> =
            labels.iter().map(|(name, value)| (name.as_ref(), Value::Str(value))).collect();
        let stream = Stream::new(&StreamParts {
            resource: &pairs,
            resource_schema_url: Stream::LABELS_SCHEMA,
            ..StreamParts::default()
        });
        self.spend.take(stream.size_bytes() as u64)?;
        Ok(self.builder.shared_stream(stream.into()))
    }

    /// Adds a line of a stream, or refuses it.
    pub fn line(&mut self, stream: u32, line: &Line<'_>, metadata: &[Pair<'_>]) -> Result<(), Fault> {
        let limits = self.ctx.limits;
        self.spend.take(ROW_COST + CELL_COST * (1 + metadata.len() as u64))?;
        let time = checked_time(line.time_ns, self.ctx)?;
        if metadata.len() as u64 > limits.attributes_per_record_max {
            return Err(Fault::Reject(Reject::TooManyAttributes));
        }
        for (name, value) in metadata {
            self.check(name, value)?;
        }
        self.all_timestamped &= time.is_some();
        self.builder.begin_row(time.unwrap_or(self.ctx.now_ns), stream);
        put_body(&mut self.builder, Value::Str(&line.text), limits);
        for (name, value) in metadata {
            self.member(name, value);
        }
        self.builder.end_row();
        Ok(())
    }

    /// Ids of traces and spans and severities are fields of a record; what would not read back as it was sent stays an
    /// attribute.
    fn member(&mut self, name: &str, value: &str) {
        let builder = &mut self.builder;
        let trace_id = if name == "trace_id" { hex_id::<16>(value) } else { None };
        let span_id = if name == "span_id" { hex_id::<8>(value) } else { None };
        match (trace_id, span_id) {
            (Some(id), _) => builder.field(Field::TraceId, Value::Bytes(&id)),
            (_, Some(id)) => builder.field(Field::SpanId, Value::Bytes(&id)),
            _ if name == "severity_text" && !value.is_empty() => {
                builder.field(Field::SeverityText, Value::Str(value));
            }
            _ => builder.attribute(name, Value::Str(value)),
        }
    }

    fn check(&self, name: &str, value: &str) -> Result<(), Fault> {
        if name.len() as u64 > self.ctx.limits.attribute_key_bytes_max {
            return Err(Fault::Reject(Reject::KeyTooLong));
        }
        if value.len() as u64 > self.ctx.limits.attribute_value_bytes_max {
            return Err(Fault::Reject(Reject::ValueTooLong));
        }
        Ok(())
    }
}
