//! Syslog: messages of RFC 5424 and RFC 3164, and what devices make of the latter.
//!
//! The transports hand over messages with their length before each ([`frames`]), however they came. Whatever has no
//! header is a message of its own: syslog refuses next to nothing. There are no answers and no retries.

mod frames;
mod message;

use std::collections::HashMap;

use store::model::{Batch, EventBatchBuilder, Field, Signal, StreamParts, Value};

use super::cut::put_body;
use super::fault::{CELL_COST, Fault, ROW_COST, Spend, checked_time};
use super::{DecodeCtx, DecodeError, Decoded, Dialect, Encoding, ProtocolRow, Reject, Rejected};

pub use frames::SyslogFramer;
use message::Message;

pub(super) const ROW: ProtocolRow = ProtocolRow {
    name: "syslog",
    title: "Syslog",
    paths: &[],
    grpc_services: &[],
    encodings: &[Encoding::Frames],
    dialect: Dialect::None,
    retries: false,
    decode,
};

const STREAM_COST: u64 = 200;

struct Messages<'a, 'c> {
    ctx: &'c DecodeCtx<'c>,
    builder: EventBatchBuilder,
    spend: Spend,
    streams: HashMap<(&'a str, &'a str), u32>,
    all_timestamped: bool,
    name: String,
}

fn decode(_: Signal, _: Encoding, bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    let mut messages = Messages {
        ctx,
        builder: EventBatchBuilder::new(Signal::Logs),
        spend: Spend::new(ctx.limits),
        streams: HashMap::new(),
        all_timestamped: true,
        name: String::new(),
    };
    messages.builder.reserve(bytes.len());
    let mut rejected = Rejected::default();
    for frame in frames::each(bytes) {
        let text = String::from_utf8_lossy(frame);
        let taken = match text {
            std::borrow::Cow::Borrowed(text) => messages.take(text),
            // Rare, and then nothing of it outlives this line.
            std::borrow::Cow::Owned(_) => messages.take_lossy(frame),
        };
        if let Err(fault) = taken {
            rejected.add(fault.into_reject()?, 1);
        }
    }
    let all_timestamped = messages.all_timestamped;
    Ok(Decoded {
        batch: Batch::Events(messages.builder.finish()),
        rejected,
        all_timestamped,
        detail: Vec::new(),
    })
}

impl<'a> Messages<'a, '_> {
    fn take(&mut self, text: &'a str) -> Result<(), Fault> {
        let message = Message::parse(text, self.ctx.now_ns);
        let key = (message.host, message.app);
        let stream = match self.streams.get(&key) {
            Some(stream) => *stream,
            None => {
                let stream = self.stream(&message)?;
                self.streams.insert(key, stream);
                stream
            }
        };
        self.row(&message, stream)
    }

    /// A message with bytes that are no text: shown with marks in their place.
    fn take_lossy(&mut self, frame: &[u8]) -> Result<(), Fault> {
        let text = String::from_utf8_lossy(frame);
        let message = Message::parse(&text, self.ctx.now_ns);
        let stream = self.stream(&message)?;
        self.row(&message, stream)
    }

    fn stream(&mut self, message: &Message<'_>) -> Result<u32, Fault> {
        self.spend.take(STREAM_COST + (message.host.len() + message.app.len()) as u64)?;
        let mut pairs: Vec<(&str, Value<'_>)> = Vec::new();
        for (key, text) in [("host.name", message.host), ("service.name", message.app)] {
            if !text.is_empty() {
                pairs.push((key, Value::Str(text)));
            }
        }
        Ok(self.builder.stream(&StreamParts { resource: &pairs, ..StreamParts::default() }))
    }

    fn row(&mut self, message: &Message<'_>, stream: u32) -> Result<(), Fault> {
        self.spend.take(ROW_COST + CELL_COST * (6 + message.data.len() as u64))?;
        if message.data.len() as u64 > self.ctx.limits.attributes_per_record_max {
            return Err(Reject::TooManyAttributes.into());
        }
        let time = match message.time_ns.and_then(|ns| u64::try_from(ns).ok()) {
            Some(ns) => checked_time(ns, self.ctx)?,
            None => None,
        };
        self.all_timestamped &= time.is_some();
        self.builder.begin_row(time.unwrap_or(self.ctx.now_ns), stream);
        let b = &mut self.builder;
        put_body(b, Value::Str(message.text), self.ctx.limits);
        b.field(Field::SeverityNumber, Value::Int(message.severity().number));
        b.field(Field::SeverityText, Value::Str(message.severity().name));
        b.attribute("syslog.facility", Value::Str(message.facility()));
        if let Ok(pid) = message.process.parse::<i64>() {
            b.attribute("process.pid", Value::Int(pid));
        } else if !message.process.is_empty() {
            b.attribute("syslog.procid", Value::Str(message.process));
        }
        if !message.id.is_empty() {
            b.attribute("syslog.msgid", Value::Str(message.id));
        }
        for (element, name, value) in &message.data {
            self.name.clear();
            for part in ["syslog.", element, ".", name] {
                self.name.push_str(part);
            }
            b.attribute(&self.name, Value::Str(value));
        }
        self.builder.end_row();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
