//! The engine crate.

pub mod promql;
