//! The collector crate.
