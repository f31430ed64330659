//! Heads: recent data of each tenant in memory, backed by the WAL. Searched without an index.

mod events;
mod samples;

pub(crate) use events::EventHead;
pub use samples::OwnedExemplar;
pub(crate) use samples::{SampleHead, keep_last};
