//! The engine crate.

pub mod logql;
pub mod promql;
