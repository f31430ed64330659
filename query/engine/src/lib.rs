//! The engine crate.

pub mod logql;
pub mod promql;
mod re2;
pub mod spans;
pub mod traceql;
