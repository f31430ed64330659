//! Segments of log records and spans.
//!
//! Rows are sorted by service, resource and time and cut into blocks; a block's columns are encoded by their type and
//! read one by one. Above the blocks stand an index of the words of bodies (tantivy, one document a block), a filter
//! of ids and attribute values a block, and a table of trace ids with their blocks. A scan prunes blocks by time,
//! stream and index, decodes the columns the filter names, tests every row exactly, and decodes what the visitor
//! wants of the rows that match. Pruning may keep too many blocks, never too few.
//!
//! ```text
//! write: rows → writer → encode (patterns), tokens → words, fuse, traces → format
//! read:  segment → prune (needle → words, fuse, traces) → eval (decode, patterns) → rows as a batch
//! ```

mod alike;
mod bits;
mod blobs;
mod decode;
mod encode;
mod eval;
mod format;
mod fuse;
mod ints;
mod merge;
mod needle;
mod patterns;
mod prune;
mod rows;
mod scan;
mod segment;
mod tally;
mod tokens;
mod traces;
mod usage;
mod warm;
mod words;
mod writer;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;

pub(crate) use format::{LsnRange, SegmentError, SegmentMeta};
pub(crate) use merge::{merge, merge_without, rows_without};
pub(crate) use rows::write;
pub(crate) use scan::{BlockRows, SegmentScan};
pub(crate) use segment::{Damage, DamageSink, EventSegment};
pub(crate) use warm::WarmBlocks;
pub(crate) use writer::{WriteOptions, WrittenSegment};
