//! Immutable files of samples: one tenant, some time range, series sorted by labels.
//!
//! ```text
//! magic, version | blocks (some thousand samples of neighbouring series each) | series table | exemplars | footer
//! ```
//!
//! Every section has a checksum in the footer, the footer has its own. Plain encodings: see `FORMAT.md`.

mod codec;
mod file;
mod join;
mod read;
mod table;
mod write;

pub(crate) use file::SampleFooter;
pub(crate) use join::{append, join, sorted};
pub(crate) use read::SampleSegment;
pub(crate) use write::{SampleSegmentMeta, SeriesInput, write};

#[cfg(test)]
mod tests;
