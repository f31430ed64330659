//! `ExportLogsServiceRequest` to rows.

use std::sync::Arc;

use store::model::{Batch, EventBatchBuilder, Field, NestedWriter, Signal, Stream, Value};

use super::attributes::{Any, any, key_value};
use super::envelope::{Records, walk};
use super::wire::{Malformed, Reader};
use super::{CELL_COST, DecodeCtx, DecodeError, Decoded, Fault, ROW_COST, Reject, Spend};
use super::{checked_time, valid_id};
use crate::protocol::Rejected;
use crate::protocol::cut::put_body;

pub(super) fn decode(bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    let mut logs = Logs {
        ctx,
        builder: EventBatchBuilder::new(Signal::Logs),
        scratch: NestedWriter::default(),
        spend: Spend::new(ctx.limits),
        all_timestamped: true,
    };
    logs.builder.reserve(bytes.len());
    let rejected = walk(bytes, ctx, &mut logs)?;
    let all_timestamped = logs.all_timestamped;
    Ok(Decoded { batch: Batch::Events(logs.builder.finish()), rejected, all_timestamped, detail: Vec::new() })
}

struct Logs<'c> {
    ctx: &'c DecodeCtx<'c>,
    builder: EventBatchBuilder,
    scratch: NestedWriter,
    spend: Spend,
    all_timestamped: bool,
}

/// A `LogRecord` without its attributes.
#[derive(Default)]
struct LogRecord<'a> {
    time: u64,
    observed_time: u64,
    severity_number: u64,
    severity_text: &'a str,
    body: Option<&'a [u8]>,
    dropped_attributes: u64,
    flags: u32,
    trace_id: &'a [u8],
    span_id: &'a [u8],
    event_name: &'a str,
}

impl<'a> Records<'a> for Logs<'_> {
    fn stream(&mut self, stream: Arc<Stream>) -> u32 {
        self.builder.shared_stream(stream)
    }

    fn record(&mut self, stream: u32, bytes: &'a [u8], _: &mut Rejected) -> Result<(), Fault> {
        self.spend.take(ROW_COST)?;
        self.builder.begin_row(0, stream);
        match self.fill_row(bytes) {
            Ok(()) => {
                self.builder.end_row();
                Ok(())
            }
            Err(fault) => {
                self.builder.abandon_row();
                Err(fault)
            }
        }
    }

    fn count(_: &[u8]) -> Result<u64, Malformed> {
        Ok(1)
    }

    fn spend(&mut self) -> &mut Spend {
        &mut self.spend
    }
}

impl Logs<'_> {
    fn fill_row(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut record = LogRecord::default();
        let mut attributes = 0;
        let mut reader = Reader::new(bytes);
        while let Some((number, payload)) = reader.next()? {
            match number {
                1 => record.time = payload.fixed64()?,
                2 => record.severity_number = payload.varint()?,
                3 => record.severity_text = payload.text()?,
                5 => record.body = Some(payload.bytes()?),
                6 => {
                    attributes += 1;
                    self.attribute(payload.bytes()?, attributes)?;
                }
                7 => record.dropped_attributes = payload.varint()?,
                8 => record.flags = payload.fixed32()?,
                9 => record.trace_id = payload.bytes()?,
                10 => record.span_id = payload.bytes()?,
                11 => record.observed_time = payload.fixed64()?,
                12 => record.event_name = payload.text()?,
                _ => {}
            }
        }
        self.fields(&record)
    }

    #[inline]
    fn attribute(&mut self, bytes: &[u8], count: u64) -> Result<(), Fault> {
        if count > self.ctx.limits.attributes_per_record_max {
            return Err(Fault::Reject(Reject::TooManyAttributes));
        }
        self.spend.take(CELL_COST)?;
        let (key, value) = key_value(bytes, self.ctx.limits)?;
        self.builder.attribute(key, value.value(&mut self.scratch, self.ctx.limits)?);
        Ok(())
    }

    fn fields(&mut self, record: &LogRecord<'_>) -> Result<(), Fault> {
        let time = match checked_time(record.time, self.ctx)? {
            Some(time) => Some(time),
            None => checked_time(record.observed_time, self.ctx)?,
        };
        if let Some(body) = record.body {
            self.body(any(body)?)?;
        }
        // Past every fault: what follows stays.
        self.all_timestamped &= time.is_some();
        self.builder.set_row_time(time.unwrap_or(self.ctx.now_ns));
        let b = &mut self.builder;
        let mut int = |field, value: u64| {
            if value != 0 {
                b.field(field, Value::Int(i64::try_from(value).unwrap_or(i64::MAX)));
            }
        };
        int(Field::ObservedTime, record.observed_time);
        // An enum is an int32 on the wire; the negative ones mean nothing.
        int(Field::SeverityNumber, u64::from(record.severity_number as u32));
        int(Field::Flags, u64::from(record.flags));
        int(Field::DroppedAttributes, u64::from(record.dropped_attributes as u32));
        for (field, text) in
            [(Field::SeverityText, record.severity_text), (Field::EventName, record.event_name)]
        {
            if !text.is_empty() {
                b.field(field, Value::Str(text));
            }
        }
        // An invalid id on a log record means that it belongs to no trace (logs data model); the record stays.
        for (field, id, len) in [(Field::TraceId, record.trace_id, 16), (Field::SpanId, record.span_id, 8)] {
            if valid_id(id, len) {
                b.field(field, Value::Bytes(id));
            }
        }
        Ok(())
    }

    fn body(&mut self, body: Any<'_>) -> Result<(), Fault> {
        let value = body.value(&mut self.scratch, self.ctx.limits)?;
        put_body(&mut self.builder, value, self.ctx.limits);
        Ok(())
    }
}
