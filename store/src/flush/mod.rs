//! From heads to segments, and what happens to segments afterwards: merging, retention, quarantine, and the list of them
//! made again when the catalog was lost.
//!
//! Each step can be repeated after a crash between any two: files first, then one catalog transaction that adds them and
//! moves flushed-through, then heads and open segments under one lock, then the log is cut. A file the catalog does not
//! know is removed at start, once its trailer shows that it is not the only copy of a record.

#[cfg(test)]
mod any_order;
mod compact;
mod erase;
mod maintenance;
mod open_segments;
mod rebuild;
mod retention;
#[cfg(test)]
mod tests;
mod trailer;
mod write;

pub(crate) use erase::is_done as is_erased;
pub(crate) use maintenance::{Maintenance, start};
pub(crate) use open_segments::{Listed, OpenSegments, key, open_all_of};
pub(crate) use rebuild::Files;
pub(crate) use write::flush_all;
