//! The collector: takes what senders send, decodes it to batches, hands them to the store's writer and answers.
//!
//! ```text
//! transport (HTTP, gRPC): permit, body, decompression ──> ingest: decode ──> process ──> Writer ──> answer
//! protocol/<name>: pure decoders, bytes to batches, one row each in PROTOCOLS
//! ```
//!
//! Knows protocols and their transports and `store::{model, Writer}`; knows nothing of segments, the catalog or
//! queries. Authentication happened before: every call brings a `RequestCtx`.

mod collector;
mod config;
mod ingest;
#[doc(hidden)]
pub mod measure;
mod memory;
mod metrics;
mod process;
mod protocol;
mod quarantine;
mod scrape;
mod transport;

pub use collector::Collector;
pub use config::Config;
pub use process::{Processing, ProcessingStatus, RawProcessing, RedactionKey};
pub use protocol::{
    DecodeCtx, DecodeError, Decoded, Dialect, Encoding, PROTOCOLS, PathRow, ProtocolRow, Reject, Rejected,
    Serves, SyslogFramer, decode,
};
pub use scrape::{
    CheckedPlan, KubernetesEnv, LabelMap, MetricText, PoolStatus, ScrapeFile, ScrapePlan, Scraper,
    TargetHealth, TargetStatus,
};
pub use transport::HttpRoute;
