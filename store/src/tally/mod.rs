//! How often rows occur, by the values of some columns and by windows of time. Blocks of segments are counted by the
//! codes of their columns; a group's values are written out once, in the end.

mod groups;
mod windows;

pub(crate) use groups::{Groups, hash_of};
pub(crate) use windows::Finder;
pub use windows::Windows;

use crate::model::{EventBatch, Stream};
use crate::snapshot::{EventQuery, ScanStats};

/// What to count.
#[derive(Clone, Copy)]
pub struct TallyQuery<'q> {
    /// Which rows. The projection names the columns that tell groups apart: fields and attributes of the record. Values
    /// with the same text count as one.
    pub events: &'q EventQuery,
    pub windows: Windows,
    /// Rows of streams of one class are counted together; `None`: rows of the stream do not count.
    pub class: &'q (dyn Fn(&Stream) -> Option<u32> + Sync),
    /// Values of different kinds are different groups even with the same text.
    pub by_kind: bool,
}

/// Groups of rows with their counts.
#[derive(Debug)]
pub struct Tally {
    /// One row a group: its values, and a stream of its class. Times mean nothing.
    pub rows: EventBatch,
    pub stats: ScanStats,
    counts: Vec<i64>,
    windows: usize,
}

impl Tally {
    pub(crate) fn new(groups: Groups, stats: ScanStats) -> Self {
        let windows = groups.windows();
        let (rows, counts) = groups.finish();
        Self { rows, stats, counts, windows }
    }

    /// The rows of a group in each window.
    pub fn counts(&self, group: usize) -> &[i64] {
        self.counts.get(group * self.windows..(group + 1) * self.windows).unwrap_or_default()
    }
}
