//! One table per family of names: intrinsics, aggregates, metrics functions.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intrinsic {
    Duration,
    Name,
    Status,
    StatusMessage,
    Kind,
    SpanId,
    ParentId,
    ChildCount,
    RootName,
    RootService,
    TraceDuration,
    TraceId,
    NestedLeft,
    NestedRight,
    NestedParent,
    EventName,
    EventSinceStart,
    LinkTraceId,
    LinkSpanId,
    InstrumentationName,
    InstrumentationVersion,
}

/// What kind of value an expression has, as far as the text tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// An attribute: known only when a span is looked at.
    Any,
    Text,
    /// Ints, floats and durations compare with each other.
    Number,
    Bool,
    Status,
    Kind,
    Nil,
}

pub struct IntrinsicRow {
    pub intrinsic: Intrinsic,
    /// Without scope, where the language has such a name.
    pub bare: &'static str,
    pub scoped: &'static str,
    pub kind: Type,
    /// Needs the whole trace, not the span alone.
    pub of_trace: bool,
}

const fn row(
    intrinsic: Intrinsic,
    bare: &'static str,
    scoped: &'static str,
    kind: Type,
    of_trace: bool,
) -> IntrinsicRow {
    IntrinsicRow { intrinsic, bare, scoped, kind, of_trace }
}

pub const INTRINSICS: &[IntrinsicRow] = &[
    row(Intrinsic::Duration, "duration", "span:duration", Type::Number, false),
    row(Intrinsic::Name, "name", "span:name", Type::Text, false),
    row(Intrinsic::Status, "status", "span:status", Type::Status, false),
    row(Intrinsic::StatusMessage, "statusMessage", "span:statusMessage", Type::Text, false),
    row(Intrinsic::Kind, "kind", "span:kind", Type::Kind, false),
    row(Intrinsic::SpanId, "", "span:id", Type::Text, false),
    row(Intrinsic::ParentId, "", "span:parentID", Type::Text, false),
    row(Intrinsic::ChildCount, "", "span:childCount", Type::Number, true),
    row(Intrinsic::RootName, "rootName", "trace:rootName", Type::Text, true),
    row(Intrinsic::RootService, "rootServiceName", "trace:rootService", Type::Text, true),
    row(Intrinsic::TraceDuration, "traceDuration", "trace:duration", Type::Number, true),
    row(Intrinsic::TraceId, "", "trace:id", Type::Text, false),
    row(Intrinsic::NestedLeft, "nestedSetLeft", "", Type::Number, true),
    row(Intrinsic::NestedRight, "nestedSetRight", "", Type::Number, true),
    row(Intrinsic::NestedParent, "nestedSetParent", "", Type::Number, true),
    row(Intrinsic::EventName, "", "event:name", Type::Text, false),
    row(Intrinsic::EventSinceStart, "", "event:timeSinceStart", Type::Number, false),
    row(Intrinsic::LinkTraceId, "", "link:traceID", Type::Text, false),
    row(Intrinsic::LinkSpanId, "", "link:spanID", Type::Text, false),
    row(Intrinsic::InstrumentationName, "", "instrumentation:name", Type::Text, false),
    row(Intrinsic::InstrumentationVersion, "", "instrumentation:version", Type::Text, false),
];

impl Intrinsic {
    pub fn row(self) -> &'static IntrinsicRow {
        INTRINSICS.iter().find(|row| row.intrinsic == self).unwrap_or(&INTRINSICS[0])
    }

    /// By either name.
    pub fn named(name: &str) -> Option<Intrinsic> {
        let row =
            INTRINSICS.iter().find(|row| !name.is_empty() && (row.bare == name || row.scoped == name))?;
        Some(row.intrinsic)
    }

    pub(crate) fn scoped_name(self) -> String {
        let row = self.row();
        (if row.scoped.is_empty() { row.bare } else { row.scoped }).to_string()
    }

    pub(crate) fn name(self) -> &'static str {
        let row = self.row();
        if row.bare.is_empty() { row.scoped } else { row.bare }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AggregateOp {
    Count,
    Avg,
    Max,
    Min,
    Sum,
}

pub const AGGREGATES: &[(AggregateOp, &str)] = &[
    (AggregateOp::Count, "count"),
    (AggregateOp::Avg, "avg"),
    (AggregateOp::Max, "max"),
    (AggregateOp::Min, "min"),
    (AggregateOp::Sum, "sum"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsOp {
    Rate,
    Count,
    Min,
    Max,
    Avg,
    Sum,
    Quantile,
    Histogram,
    Compare,
}

/// What stands between a metrics function's parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    Attribute,
    /// An attribute, then numbers.
    Quantiles,
    /// `{ ... }`, then how many values and a time range.
    Selection,
}

pub const METRICS: &[(MetricsOp, &str, Takes)] = &[
    (MetricsOp::Rate, "rate", Takes::Nothing),
    (MetricsOp::Count, "count_over_time", Takes::Nothing),
    (MetricsOp::Min, "min_over_time", Takes::Attribute),
    (MetricsOp::Max, "max_over_time", Takes::Attribute),
    (MetricsOp::Avg, "avg_over_time", Takes::Attribute),
    (MetricsOp::Sum, "sum_over_time", Takes::Attribute),
    (MetricsOp::Quantile, "quantile_over_time", Takes::Quantiles),
    (MetricsOp::Histogram, "histogram_over_time", Takes::Attribute),
    (MetricsOp::Compare, "compare", Takes::Selection),
];

impl MetricsOp {
    pub fn name(self) -> &'static str {
        METRICS.iter().find(|(op, _, _)| *op == self).map_or("", |(_, name, _)| name)
    }
}
