//! LogQL: what a query text means, and its answer from a snapshot.
//!
//! A text becomes a tree (`parse`), which can be printed back (`format_query`) or evaluated. Parsing is pure.
//! Not here: HTTP, JSON answers, the label names of other signals.

mod ast;
mod error;
mod eval;
pub(crate) mod lexer;
mod mine;
mod parser;
mod pattern;
mod print;
mod so_far;
mod table;
mod template;
pub(crate) mod units;

#[cfg(test)]
mod tests;

pub use ast::*;
pub use error::ParseError;
pub(crate) use eval::quantile;
pub use eval::{
    Answer, Data, Deletion, Direction, Entry, EvalError, MetricSeries, PatternSeries, QueryParams, STEPS_MAX,
    StreamEntries, TailMatcher, TailRow, VectorSample, label_names, label_values, patterns, query, series,
};
pub use parser::{parse, parse_selector};
pub use print::format_query;
pub use so_far::{Counted, counted, only_grows, selectors};
pub use table::*;
