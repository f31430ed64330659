//! Segments: immutable files of one signal, one tenant and one time range, and how they are read.
//!
//! A segment is made in memory ([`events::write`], [`events::merge`]), put where segments live by whoever flushes or
//! compacts, and opened over its bytes. Nothing here names files, syncs or knows the catalog. Bytes from disk are
//! input: every part has a checksum that is verified before it is used, and damage costs the damaged part only.

mod bytes;
mod coding;
pub(crate) mod events;
pub(crate) mod samples;
mod streams;

pub(crate) use bytes::SegmentBytes;
pub(crate) use streams::StreamInterner;
