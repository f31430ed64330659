//! Immutable files of samples: one tenant, some time range, series sorted by labels.
//!
//! ```text
//! magic, version | blocks (some thousand samples of neighbouring series each) | series table | exemplars | footer
//! ```
//!
//! Every section has a checksum in the footer, the footer has its own. Encodings: see `FORMAT.md`.

pub(crate) mod codec;
mod file;
mod index;
mod read;
mod series;
mod table;
mod warm;
mod write;

pub(crate) use file::{FileError, SampleFooter};
pub(crate) use index::LabelIndex;
pub(crate) use read::{BlockCache, SampleSegment};
pub(crate) use series::{
    Piece, RawHistogram, RawSamples, SeriesInput, SharedTimes, cut_starts, push_starts, start_at,
};
pub(crate) use table::Strings;
pub(crate) use warm::WarmSamples;
pub(crate) use write::{SampleSegmentMeta, SegmentWriter};

#[cfg(test)]
mod tests;
