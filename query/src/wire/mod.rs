//! Protobuf, the only place of this crate that knows it: traces as OTLP's `trace.v1` messages, which Tempo's clients
//! read as protobuf or as Go's protobuf-JSON; Prometheus' remote read with its chunks.

pub(crate) mod histogram_chunk;
pub(crate) mod remote_read;
pub(crate) mod tempo;
mod trace;
mod trace_json;
pub(crate) mod xor;

pub(crate) use trace::{SpanPlace, TraceBuilder, TraceMessage};
pub(crate) use trace_json::JsonStyle;
