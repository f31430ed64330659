//! TraceQL: what a query text means, and the traces it finds in a snapshot.
//!
//! A text becomes a tree (`parse`). Search finds candidate spans with a filter the store answers, then fetches whole
//! traces and evaluates the tree over each exactly, so structure, roots and aggregates need no index of their own.

mod ast;
mod check;
mod eval;
mod lexer;
mod parser;
mod print;
mod so_far;
mod table;

#[cfg(test)]
mod tests;

pub use ast::*;
pub use eval::{
    MetricsExemplar, MetricsParams, MetricsSeries, ROOT_MISSING, ScopeTags, SearchParams, SearchResult,
    ServiceStats, SpanMatch, SpanSet, TagQuery, TagValue, Trace, TraceId, TraceSummary, metrics, operations,
    search, services, tag_values, tags, trace_by_id, traces_by_id,
};
pub(crate) use eval::{SpanCondition, Structure, span_intrinsics};
pub use parser::{parse, parse_attribute};
pub use so_far::only_grows;
pub use table::*;
