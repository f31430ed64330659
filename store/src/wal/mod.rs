//! The write-ahead log: what makes an ack true.
//!
//! Each life of the process writes files of its own under a writer id nobody had before; older files are only read, and
//! recycled when everything in them is in segments. A file is zeros or old bytes, synced before use, with records
//! written over them: so an fdatasync never has to change the file's length. Formats: `store/FORMAT.md`.
//!
//! Invariants: LSNs of a writer are gapless, so loss shows as a gap. A record counts only if its checksums, which know
//! the file's salt and the record's LSN, fit. A file whose write or sync failed is never written again; the LSNs it did
//! not acknowledge are used again in the next file, whose first LSN takes them away from the dead one. Files go oldest
//! first.

mod format;
mod log;
mod record;
mod replay;
mod scan;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use log::{Log, LogFile};
pub(crate) use record::{Record, RecordTooLarge};
pub(crate) use replay::{ReplayError, ReplayReport, Replayed, first_lsns, payloads, replay};

/// For status and error messages.
pub(crate) const FORMAT: u32 = format::FORMAT as u32;
