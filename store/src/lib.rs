//! The store: takes batches, makes them durable, answers snapshots. Knows files, bytes and the data model; knows
//! neither protocols, nor query languages, nor HTTP.
//!
//! ```text
//! Writer ── append ──> WAL ── fsync ──> head ──> ack        taps see each applied batch
//!                                        │
//!                                      flush ──> segments (blobs) + catalog
//! Snapshot = head + segments of one tenant
//! ```

mod accounting;
mod backup;
mod blobs;
mod blocking;
mod catalog;
mod clock;
mod config;
mod damage;
mod dedup;
mod documents;
mod durable;
mod erasure;
mod error;
mod events_view;
mod flush;
mod head;
#[doc(hidden)]
pub mod measure;
mod metric;
pub mod model;
mod open;
mod parallel;
mod room;
mod samples_view;
mod segment;
mod selection;
mod series_set;
mod snapshot;
mod state;
mod status;
mod store;
mod tally;
mod tap;
mod usage;
mod wal;
mod writer;

pub use accounting::{Accounting, Counts};
pub use backup::{backup, restore};
pub use config::Config;
pub use damage::{Damaged, DamagedKind};
pub use dedup::DedupStatus;
pub use documents::{Change, Document, DocumentKind, Documents};
pub use erasure::Erasure;
pub use error::{OpenError, StoreError};
pub use head::{LabelOverflow, OwnedExemplar};
pub use metric::{MetricKind, MetricRow};
pub use series_set::{SeriesReader, SeriesSet};
pub use snapshot::{
    EventQuery, EventRows, LabelQuery, Order, Projection, ScanControl, ScanStats, SeriesMeta, SeriesQuery,
    SeriesSamples, Snapshot,
};
pub use status::{SignalStatus, Status};
pub use store::Store;
pub use tally::{Tally, TallyQuery, Windows};
pub use tap::{Applied, AppliedBatch, Tap, TapEvent};
pub use usage::StreamUse;
pub use writer::{Ack, Append, LogStatus, Writer};
