//! Heads: recent data of each tenant in memory, backed by the WAL. Searched without an index, but for samples.

mod events;
mod fuse;
mod group;
mod members;
mod samples;
#[cfg(test)]
mod tests;

pub(crate) use events::EventHead;
pub use fuse::LabelOverflow;
pub(crate) use group::GroupCache;
pub use samples::OwnedExemplar;
pub(crate) use samples::SampleHead;
