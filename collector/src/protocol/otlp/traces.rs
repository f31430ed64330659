//! `ExportTraceServiceRequest` to rows.

use std::sync::Arc;

use store::model::{Batch, EventBatchBuilder, Field, NestedWriter, Signal, Stream, Value};

use super::attributes::key_value;
use super::envelope::{Records, walk};
use super::span_parts::{event, link};
use super::wire::{Malformed, Payload, Reader};
use super::{CELL_COST, DecodeCtx, DecodeError, Decoded, Fault, ROW_COST, Reject, Spend};
use super::{checked_time, valid_id};
use crate::protocol::Rejected;

pub(super) fn decode(bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    let mut spans = Spans {
        ctx,
        builder: EventBatchBuilder::new(Signal::Spans),
        scratch: NestedWriter::default(),
        events: NestedWriter::default(),
        links: NestedWriter::default(),
        spend: Spend::new(ctx.limits),
        all_timestamped: true,
    };
    spans.builder.reserve(bytes.len());
    let rejected = walk(bytes, ctx, &mut spans)?;
    let all_timestamped = spans.all_timestamped;
    Ok(Decoded {
        batch: Batch::Events(spans.builder.finish()),
        rejected,
        all_timestamped,
        detail: Vec::new(),
    })
}

struct Spans<'c> {
    ctx: &'c DecodeCtx<'c>,
    builder: EventBatchBuilder,
    scratch: NestedWriter,
    events: NestedWriter,
    links: NestedWriter,
    spend: Spend,
    all_timestamped: bool,
}

/// A `Span` without its attributes, events and links.
#[derive(Default)]
struct Span<'a> {
    trace_id: &'a [u8],
    span_id: &'a [u8],
    parent_span_id: &'a [u8],
    trace_state: &'a str,
    name: &'a str,
    kind: u64,
    start: u64,
    end: u64,
    dropped_attributes: u64,
    dropped_events: u64,
    dropped_links: u64,
    status_code: u64,
    status_message: &'a str,
    flags: u32,
}

/// What of a span is a list, counted.
#[derive(Default)]
struct Counts {
    attributes: u64,
    events: u64,
    links: u64,
}

impl<'a> Records<'a> for Spans<'_> {
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

impl Spans<'_> {
    fn fill_row(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut span = Span::default();
        let mut counts = Counts::default();
        let mut reader = Reader::new(bytes);
        while let Some((number, payload)) = reader.next()? {
            match number {
                9 | 11 | 13 => self.list_member(number, payload.bytes()?, &mut counts)?,
                _ => span.set(number, payload)?,
            }
        }
        self.fields(&span, &counts)
    }

    fn list_member(&mut self, number: u32, bytes: &[u8], counts: &mut Counts) -> Result<(), Fault> {
        let limits = self.ctx.limits;
        match number {
            9 => {
                counts.attributes += 1;
                if counts.attributes > limits.attributes_per_record_max {
                    return Err(Fault::Reject(Reject::TooManyAttributes));
                }
                self.spend.take(CELL_COST)?;
                let (key, value) = key_value(bytes, limits)?;
                self.builder.attribute(key, value.value(&mut self.scratch, limits)?);
            }
            11 => {
                begin_list(&mut self.events, &mut counts.events);
                event(bytes, limits, &mut self.spend, &mut self.events)?;
            }
            _ => {
                begin_list(&mut self.links, &mut counts.links);
                link(bytes, limits, &mut self.spend, &mut self.links)?;
            }
        }
        Ok(())
    }

    fn fields(&mut self, span: &Span<'_>, counts: &Counts) -> Result<(), Fault> {
        if !valid_id(span.trace_id, 16) {
            return Err(Fault::Reject(Reject::TraceId));
        }
        let parent_is_id = span.parent_span_id.is_empty() || span.parent_span_id.len() == 8;
        if !valid_id(span.span_id, 8) || !parent_is_id {
            return Err(Fault::Reject(Reject::SpanId));
        }
        // A span without a start is placed at its end.
        let end = checked_time(span.end, self.ctx)?;
        let time = checked_time(span.start, self.ctx)?.or(end);
        // Past every fault: what follows stays.
        self.all_timestamped &= time.is_some();
        let start = time.unwrap_or(self.ctx.now_ns);
        self.builder.set_row_time(start);
        self.strings_and_ids(span);
        let duration = end.unwrap_or(start).saturating_sub(start).max(0);
        let b = &mut self.builder;
        b.field(Field::Duration, Value::Int(duration));
        for (field, value) in [
            (Field::Kind, span.kind as u32),
            (Field::StatusCode, span.status_code as u32),
            (Field::Flags, span.flags),
            (Field::DroppedAttributes, span.dropped_attributes as u32),
            (Field::DroppedEvents, span.dropped_events as u32),
            (Field::DroppedLinks, span.dropped_links as u32),
        ] {
            if value != 0 {
                b.field(field, Value::Int(i64::from(value)));
            }
        }
        for (field, count, list) in
            [(Field::Events, counts.events, &mut self.events), (Field::Links, counts.links, &mut self.links)]
        {
            if count > 0 {
                list.end();
                b.field(field, Value::Nested(list.as_nested()));
            }
        }
        Ok(())
    }

    fn strings_and_ids(&mut self, span: &Span<'_>) {
        let b = &mut self.builder;
        b.field(Field::TraceId, Value::Bytes(span.trace_id));
        b.field(Field::SpanId, Value::Bytes(span.span_id));
        if valid_id(span.parent_span_id, 8) {
            b.field(Field::ParentSpanId, Value::Bytes(span.parent_span_id));
        }
        for (field, text) in [
            (Field::Name, span.name),
            (Field::StatusMessage, span.status_message),
            (Field::TraceState, span.trace_state),
        ] {
            if !text.is_empty() {
                b.field(field, Value::Str(text));
            }
        }
    }
}

fn begin_list(list: &mut NestedWriter, count: &mut u64) {
    if *count == 0 {
        list.clear();
        list.begin_array();
    }
    *count += 1;
}

impl<'a> Span<'a> {
    fn set(&mut self, number: u32, payload: Payload<'a>) -> Result<(), Fault> {
        match number {
            1 => self.trace_id = payload.bytes()?,
            2 => self.span_id = payload.bytes()?,
            3 => self.trace_state = payload.text()?,
            4 => self.parent_span_id = payload.bytes()?,
            5 => self.name = payload.text()?,
            6 => self.kind = payload.varint()?,
            7 => self.start = payload.fixed64()?,
            8 => self.end = payload.fixed64()?,
            10 => self.dropped_attributes = payload.varint()?,
            12 => self.dropped_events = payload.varint()?,
            14 => self.dropped_links = payload.varint()?,
            15 => {
                let mut status = Reader::new(payload.bytes()?);
                while let Some((number, payload)) = status.next()? {
                    match number {
                        2 => self.status_message = payload.text()?,
                        3 => self.status_code = payload.varint()?,
                        _ => {}
                    }
                }
            }
            16 => self.flags = payload.fixed32()?,
            _ => {}
        }
        Ok(())
    }
}
