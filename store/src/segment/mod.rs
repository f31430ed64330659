//! Segments: immutable files of one signal, one tenant, one time range.

pub(crate) mod samples;
