//! PromQL: a text and a snapshot in, an answer out. Parsing, checking and printing are pure functions of the text.
//!
//! The language of Prometheus 3, its experimental parts always on. Not here: HTTP, JSON, writing.

pub mod ast;
mod duration;
mod eval;
mod functions;
mod histogram;
mod kahan;
mod number;
mod parse;
mod print;
mod quote;
pub mod script;
mod selectors;
mod so_far;

pub use ast::{Expr, MatchOp};
pub use duration::{format_duration, parse_duration};
pub use eval::{
    Answer, Data, EvalError, InstantParams, Point, RangeParams, STEPS_MAX, Sample, Series, Settings, instant,
    range,
};
pub use functions::{FUNCTIONS, Function, Variadic};
pub use histogram::{Bucket, Counts, Histogram, ResetHint};
pub use number::{fmt_value, write_digits, write_value};
pub use parse::{DEPTH_MAX, ParseError, TEXT_BYTES_MAX, parse, parse_selector};
pub use print::pretty;
pub use selectors::{Used, selectors};
pub use so_far::{Settled, settled};
