//! From a tree and a snapshot to traces. Blocking: callers run it on a blocking thread.

mod browse;
mod filter;
mod metrics;
mod relation;
mod search;
mod spanset;
mod tags;
mod trace;
mod value;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub(crate) use browse::{SpanCondition, span_intrinsics};
pub use browse::{operations, services};
pub use metrics::{MetricsExemplar, MetricsParams, MetricsSeries, metrics};
pub use search::{
    ROOT_MISSING, SearchParams, SearchResult, ServiceStats, SpanMatch, SpanSet, TraceSummary, search,
    trace_by_id, traces_by_id,
};
pub use tags::{ScopeTags, TagQuery, tag_values, tags};
pub(crate) use trace::Structure;
pub use trace::{Trace, TraceId};

use store::model::Value;
use value::Val;

/// A value as tag endpoints and search answers type it.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum TagValue {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// Nanoseconds.
    Duration(i64),
    /// Of an enumeration: a status or a kind.
    Keyword(&'static str),
}

impl TagValue {
    fn of(value: Val<'_>) -> TagValue {
        match value {
            Val::Int(v) => TagValue::Int(v),
            Val::Float(v) => TagValue::Float(v),
            Val::Duration(v) => TagValue::Duration(v),
            Val::Text(v) => TagValue::Text(v.into_owned()),
            Val::Bool(v) => TagValue::Bool(v),
            Val::Status(v) => TagValue::Keyword(v.name()),
            Val::Kind(v) => TagValue::Keyword(v.name()),
        }
    }

    /// An attribute's value; arrays as their text, and nothing of what has no value in the language.
    pub(crate) fn of_value(value: Value<'_>) -> Option<TagValue> {
        Some(match value {
            Value::Str(v) => TagValue::Text(v.to_string()),
            Value::Int(v) => TagValue::Int(v),
            Value::Double(v) => TagValue::Float(v),
            Value::Bool(v) => TagValue::Bool(v),
            Value::Nested(array) if !array.is_map() => TagValue::Text(value.text().into_owned()),
            Value::Nested(_) | Value::Bytes(_) | Value::Empty => return None,
        })
    }

    /// The type's name in Tempo's answers.
    pub fn type_name(&self) -> &'static str {
        match self {
            TagValue::Text(_) => "string",
            TagValue::Int(_) => "int",
            TagValue::Float(_) => "float",
            TagValue::Bool(_) => "bool",
            TagValue::Duration(_) => "duration",
            TagValue::Keyword(_) => "keyword",
        }
    }

    pub fn text(&self) -> String {
        match self {
            TagValue::Text(v) => v.clone(),
            TagValue::Int(v) => v.to_string(),
            TagValue::Float(v) => v.to_string(),
            TagValue::Bool(v) => v.to_string(),
            TagValue::Duration(v) => crate::logql::units::print_duration(*v),
            TagValue::Keyword(v) => (*v).to_string(),
        }
    }
}
