//! The store: takes batches, makes them durable, answers snapshots. Knows files, bytes and the data model; knows
//! neither protocols, nor query languages, nor HTTP.
//!
//! ```text
//! Writer ── append ──> WAL ── fsync ──> head ──> ack        taps see each applied batch
//!                                        │
//!                                      flush ──> segments (blobs) + catalog
//! Snapshot = head + segments of one tenant
//! ```

mod blobs;
mod config;
mod documents;
mod durable;
mod error;
mod head;
pub mod model;
mod samples_view;
mod segment;
mod snapshot;
mod store;
mod tap;
mod writer;

pub use config::Config;
pub use documents::{Change, Document, DocumentKind, Documents};
pub use error::{OpenError, StoreError};
pub use head::OwnedExemplar;
pub use snapshot::{
    EventQuery, EventRows, LabelQuery, Order, Projection, ScanControl, ScanStats, SeriesMeta, SeriesQuery,
    SeriesSamples, Snapshot,
};
pub use store::Store;
pub use tap::{Applied, AppliedBatch, Tap, TapEvent};
pub use writer::{Ack, Append, Writer};
