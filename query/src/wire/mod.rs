//! Protobuf, the only place of this crate that knows it: traces as OTLP's `trace.v1` messages, which Tempo's clients
//! read as protobuf or as Go's protobuf-JSON.

mod trace;
mod trace_json;

pub(crate) use trace::{TraceBuilder, TraceMessage};
