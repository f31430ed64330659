//! The messages of OTLP as tables: JSON name, number and kind of each field (opentelemetry-proto 1.x).

/// How a field's value is written on the wire.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Message(&'static Message),
    Text,
    /// Base64.
    Bytes,
    /// Ids: hexadecimal, unlike other bytes.
    Hex,
    Bool,
    /// `int32`, `int64`, `uint32`.
    Int,
    Uint64,
    Sint32,
    Fixed32,
    Fixed64,
    /// `sfixed64`.
    Sfixed64,
    Double,
    /// By number or by name; the prefix of the names, and the names in the order of their numbers.
    Enum(&'static str, &'static [&'static str]),
}

pub(super) struct Field {
    /// In camelCase.
    pub name: &'static str,
    pub number: u32,
    pub kind: Kind,
    pub repeated: bool,
}

pub(super) struct Message {
    pub fields: &'static [Field],
    /// A wrong value refuses this message and not the request: the unit senders count.
    pub is_record: bool,
}

const fn one(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, kind, repeated: false }
}

const fn many(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, kind, repeated: true }
}

const fn group(fields: &'static [Field]) -> Message {
    Message { fields, is_record: false }
}

const fn record(fields: &'static [Field]) -> Message {
    Message { fields, is_record: true }
}

use Kind::{
    Bool, Bytes, Double, Enum, Fixed32, Fixed64, Hex, Int, Message as Msg, Sfixed64, Sint32, Text, Uint64,
};

// === common ===

static ANY_VALUE: Message = group(&[
    one("stringValue", 1, Text),
    one("boolValue", 2, Bool),
    one("intValue", 3, Int),
    one("doubleValue", 4, Double),
    one("arrayValue", 5, Msg(&ARRAY_VALUE)),
    one("kvlistValue", 6, Msg(&KEY_VALUE_LIST)),
    one("bytesValue", 7, Bytes),
]);
static ARRAY_VALUE: Message = group(&[many("values", 1, Msg(&ANY_VALUE))]);
static KEY_VALUE_LIST: Message = group(&[many("values", 1, Msg(&KEY_VALUE))]);
static KEY_VALUE: Message = group(&[one("key", 1, Text), one("value", 2, Msg(&ANY_VALUE))]);
static RESOURCE: Message =
    group(&[many("attributes", 1, Msg(&KEY_VALUE)), one("droppedAttributesCount", 2, Int)]);
static SCOPE: Message = group(&[
    one("name", 1, Text),
    one("version", 2, Text),
    many("attributes", 3, Msg(&KEY_VALUE)),
    one("droppedAttributesCount", 4, Int),
]);

// === logs ===

pub(super) static LOGS: Message = group(&[many("resourceLogs", 1, Msg(&RESOURCE_LOGS))]);
static RESOURCE_LOGS: Message = group(&[
    one("resource", 1, Msg(&RESOURCE)),
    many("scopeLogs", 2, Msg(&SCOPE_LOGS)),
    one("schemaUrl", 3, Text),
]);
static SCOPE_LOGS: Message = group(&[
    one("scope", 1, Msg(&SCOPE)),
    many("logRecords", 2, Msg(&LOG_RECORD)),
    one("schemaUrl", 3, Text),
]);
static LOG_RECORD: Message = record(&[
    one("timeUnixNano", 1, Fixed64),
    one("severityNumber", 2, Enum("SEVERITY_NUMBER_", SEVERITIES)),
    one("severityText", 3, Text),
    one("body", 5, Msg(&ANY_VALUE)),
    many("attributes", 6, Msg(&KEY_VALUE)),
    one("droppedAttributesCount", 7, Int),
    one("flags", 8, Fixed32),
    one("traceId", 9, Hex),
    one("spanId", 10, Hex),
    one("observedTimeUnixNano", 11, Fixed64),
    one("eventName", 12, Text),
]);
const SEVERITIES: &[&str] = &[
    "UNSPECIFIED",
    "TRACE",
    "TRACE2",
    "TRACE3",
    "TRACE4",
    "DEBUG",
    "DEBUG2",
    "DEBUG3",
    "DEBUG4",
    "INFO",
    "INFO2",
    "INFO3",
    "INFO4",
    "WARN",
    "WARN2",
    "WARN3",
    "WARN4",
    "ERROR",
    "ERROR2",
    "ERROR3",
    "ERROR4",
    "FATAL",
    "FATAL2",
    "FATAL3",
    "FATAL4",
];

// === traces ===

pub(super) static TRACES: Message = group(&[many("resourceSpans", 1, Msg(&RESOURCE_SPANS))]);
static RESOURCE_SPANS: Message = group(&[
    one("resource", 1, Msg(&RESOURCE)),
    many("scopeSpans", 2, Msg(&SCOPE_SPANS)),
    one("schemaUrl", 3, Text),
]);
static SCOPE_SPANS: Message =
    group(&[one("scope", 1, Msg(&SCOPE)), many("spans", 2, Msg(&SPAN)), one("schemaUrl", 3, Text)]);
static SPAN: Message = record(&[
    one("traceId", 1, Hex),
    one("spanId", 2, Hex),
    one("traceState", 3, Text),
    one("parentSpanId", 4, Hex),
    one("name", 5, Text),
    one(
        "kind",
        6,
        Enum("SPAN_KIND_", &["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]),
    ),
    one("startTimeUnixNano", 7, Fixed64),
    one("endTimeUnixNano", 8, Fixed64),
    many("attributes", 9, Msg(&KEY_VALUE)),
    one("droppedAttributesCount", 10, Int),
    many("events", 11, Msg(&SPAN_EVENT)),
    one("droppedEventsCount", 12, Int),
    many("links", 13, Msg(&SPAN_LINK)),
    one("droppedLinksCount", 14, Int),
    one("status", 15, Msg(&STATUS)),
    one("flags", 16, Fixed32),
]);
static SPAN_EVENT: Message = group(&[
    one("timeUnixNano", 1, Fixed64),
    one("name", 2, Text),
    many("attributes", 3, Msg(&KEY_VALUE)),
    one("droppedAttributesCount", 4, Int),
]);
static SPAN_LINK: Message = group(&[
    one("traceId", 1, Hex),
    one("spanId", 2, Hex),
    one("traceState", 3, Text),
    many("attributes", 4, Msg(&KEY_VALUE)),
    one("droppedAttributesCount", 5, Int),
    one("flags", 6, Fixed32),
]);
static STATUS: Message =
    group(&[one("message", 2, Text), one("code", 3, Enum("STATUS_CODE_", &["UNSET", "OK", "ERROR"]))]);

// === metrics ===

pub(super) static METRICS: Message = group(&[many("resourceMetrics", 1, Msg(&RESOURCE_METRICS))]);
static RESOURCE_METRICS: Message = group(&[
    one("resource", 1, Msg(&RESOURCE)),
    many("scopeMetrics", 2, Msg(&SCOPE_METRICS)),
    one("schemaUrl", 3, Text),
]);
static SCOPE_METRICS: Message =
    group(&[one("scope", 1, Msg(&SCOPE)), many("metrics", 2, Msg(&METRIC)), one("schemaUrl", 3, Text)]);
static METRIC: Message = group(&[
    one("name", 1, Text),
    one("description", 2, Text),
    one("unit", 3, Text),
    one("gauge", 5, Msg(&GAUGE)),
    one("sum", 7, Msg(&SUM)),
    one("histogram", 9, Msg(&HISTOGRAM)),
    one("exponentialHistogram", 10, Msg(&EXPONENTIAL_HISTOGRAM)),
    one("summary", 11, Msg(&SUMMARY)),
    many("metadata", 12, Msg(&KEY_VALUE)),
]);
const TEMPORALITY: Kind = Enum("AGGREGATION_TEMPORALITY_", &["UNSPECIFIED", "DELTA", "CUMULATIVE"]);
static GAUGE: Message = group(&[many("dataPoints", 1, Msg(&NUMBER_POINT))]);
static SUM: Message = group(&[
    many("dataPoints", 1, Msg(&NUMBER_POINT)),
    one("aggregationTemporality", 2, TEMPORALITY),
    one("isMonotonic", 3, Bool),
]);
static HISTOGRAM: Message =
    group(&[many("dataPoints", 1, Msg(&HISTOGRAM_POINT)), one("aggregationTemporality", 2, TEMPORALITY)]);
static EXPONENTIAL_HISTOGRAM: Message =
    group(&[many("dataPoints", 1, Msg(&EXPONENTIAL_POINT)), one("aggregationTemporality", 2, TEMPORALITY)]);
static SUMMARY: Message = group(&[many("dataPoints", 1, Msg(&SUMMARY_POINT))]);
static NUMBER_POINT: Message = record(&[
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("asDouble", 4, Double),
    many("exemplars", 5, Msg(&EXEMPLAR)),
    one("asInt", 6, Sfixed64),
    many("attributes", 7, Msg(&KEY_VALUE)),
    one("flags", 8, Int),
]);
static HISTOGRAM_POINT: Message = record(&[
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("count", 4, Fixed64),
    one("sum", 5, Double),
    many("bucketCounts", 6, Fixed64),
    many("explicitBounds", 7, Double),
    many("exemplars", 8, Msg(&EXEMPLAR)),
    many("attributes", 9, Msg(&KEY_VALUE)),
    one("flags", 10, Int),
    one("min", 11, Double),
    one("max", 12, Double),
]);
static EXPONENTIAL_POINT: Message = record(&[
    many("attributes", 1, Msg(&KEY_VALUE)),
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("count", 4, Fixed64),
    one("sum", 5, Double),
    one("scale", 6, Sint32),
    one("zeroCount", 7, Fixed64),
    one("positive", 8, Msg(&BUCKETS)),
    one("negative", 9, Msg(&BUCKETS)),
    one("flags", 10, Int),
    many("exemplars", 11, Msg(&EXEMPLAR)),
    one("min", 12, Double),
    one("max", 13, Double),
    one("zeroThreshold", 14, Double),
]);
static BUCKETS: Message = group(&[one("offset", 1, Sint32), many("bucketCounts", 2, Uint64)]);
static SUMMARY_POINT: Message = record(&[
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("count", 4, Fixed64),
    one("sum", 5, Double),
    many("quantileValues", 6, Msg(&QUANTILE)),
    many("attributes", 7, Msg(&KEY_VALUE)),
    one("flags", 8, Int),
]);
static QUANTILE: Message = group(&[one("quantile", 1, Double), one("value", 2, Double)]);
static EXEMPLAR: Message = group(&[
    one("timeUnixNano", 2, Fixed64),
    one("asDouble", 3, Double),
    one("spanId", 4, Hex),
    one("traceId", 5, Hex),
    one("asInt", 6, Sfixed64),
    many("filteredAttributes", 7, Msg(&KEY_VALUE)),
]);
