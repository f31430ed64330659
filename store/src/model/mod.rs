//! The data model: what every room of the house speaks.
//!
//! Tenants, log sequence numbers, batches of events and samples, filters over them, limits, budgets, request
//! contexts and the one table of error classes. Pure: no files, no clock, no locks held across calls.

mod batch;
mod columns;
mod context;
mod error;
mod event;
mod filter;
mod histogram;
mod labels;
mod limits;
mod lsn;
pub mod naming;
mod nested;
mod pattern;
mod sample_batch;
mod sample_builder;
mod samples;
mod stream;
mod tenant;
mod value;

pub use batch::{Batch, BatchKey, Signal};
pub use columns::{ColumnName, ColumnRef, Field};
pub use context::{Budget, RequestCtx, Role, StopReason};
pub use error::{ErrorClass, GrpcCode};
pub use event::{ColumnId, EventBatch, EventBatchBuilder, MalformedBatch};
pub use filter::{BoundFilter, Compare, Filter, Test};
pub use histogram::{CUSTOM_BUCKETS_SCALE, HistogramPoint, ResetHint};
pub use labels::{InvalidMatcher, LabelMatcher, Labels, MatchOp};
pub use limits::{LIMITS, LimitRow, Limits};
pub use lsn::{Lsn, WriterId};
pub use nested::{Nested, NestedItem, NestedWriter};
pub(crate) use nested::{STR, take_value};
pub(crate) use pattern::Pattern;
pub use sample_batch::{SampleBatch, SampleGroup, SamplePoint};
pub use sample_builder::SampleBatchBuilder;
pub use samples::{Exemplar, MetricKind, MetricRef, SeriesIdentity, SeriesPart, Temporality};
pub use stream::{Attributes, Stream, StreamParts};
pub use tenant::{InvalidTenant, Tenant, TenantNo};
pub use value::{OwnedValue, Value};
