//! The engine crate.

pub mod logql;
pub mod promql;
pub mod traceql;
