//! What a row of events can have.

use std::sync::Arc;

/// The fields OTLP gives a log record or a span beside its attributes. Numbers are in batches and segments: append
/// only, below [`Field::RESERVED`]. Time (log time, span start) and stream are not fields: every row has them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Field {
    /// Int, Unix nanoseconds.
    ObservedTime = 0,
    /// Int, 1–24.
    SeverityNumber = 1,
    SeverityText = 2,
    /// Any value.
    Body = 3,
    /// Bytes, 16.
    TraceId = 4,
    /// Bytes, 8.
    SpanId = 5,
    /// Int.
    Flags = 6,
    EventName = 7,
    /// Int: `dropped_attributes_count`.
    DroppedAttributes = 8,
    /// Bytes, 8; absent for a root span.
    ParentSpanId = 9,
    /// The span's name.
    Name = 10,
    /// Int, OTLP `SpanKind`.
    Kind = 11,
    /// Int, nanoseconds.
    Duration = 12,
    /// Int, OTLP `StatusCode`: 0 unset, 1 ok, 2 error. Absent is 0.
    StatusCode = 13,
    StatusMessage = 14,
    TraceState = 15,
    /// Nested array of maps {time, name, attributes, dropped_attributes_count}.
    Events = 16,
    /// Nested array of maps {trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags}.
    Links = 17,
    /// Int.
    DroppedEvents = 18,
    /// Int.
    DroppedLinks = 19,
}

impl Field {
    /// Column numbers from here on are attributes.
    pub const RESERVED: u32 = 64;

    pub const ALL: [Self; 20] = [
        Self::ObservedTime,
        Self::SeverityNumber,
        Self::SeverityText,
        Self::Body,
        Self::TraceId,
        Self::SpanId,
        Self::Flags,
        Self::EventName,
        Self::DroppedAttributes,
        Self::ParentSpanId,
        Self::Name,
        Self::Kind,
        Self::Duration,
        Self::StatusCode,
        Self::StatusMessage,
        Self::TraceState,
        Self::Events,
        Self::Links,
        Self::DroppedEvents,
        Self::DroppedLinks,
    ];

    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
}

/// A column as a batch or segment names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum ColumnName<'a> {
    Field(Field),
    Attribute(&'a str),
}

/// A column as a query names it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum ColumnRef {
    Field(Field),
    /// An attribute of the record itself.
    Attribute(Arc<str>),
    Resource(Arc<str>),
    ScopeAttribute(Arc<str>),
    ScopeName,
    ScopeVersion,
    /// The record's attribute of that name, else the resource's, else the scope's.
    Any(Arc<str>),
}

const _: () = {
    let mut i = 0;
    while i < Field::ALL.len() {
        assert!(Field::ALL[i] as usize == i, "ALL is in the order of the numbers");
        i += 1;
    }
    assert!((Field::ALL.len() as u32) < Field::RESERVED);
};
