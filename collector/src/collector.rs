//! The handle the binary holds.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use bytes::Bytes;
use store::model::{ErrorClass, Limits, RequestCtx, Tenant};
use store::{Accounting, MetricRow, Writer};

use crate::Config;
use crate::ingest::Refusal;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::process::{Pipeline, Processing, ProcessingStatus, RedactionKey};
use crate::quarantine::Quarantine;
use crate::transport::{self, Buffers, HttpRoute};

/// Takes requests in; cheap to clone.
#[derive(Clone)]
pub struct Collector(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) cors_origins: Vec<String>,
    pub(crate) writer: Writer,
    pub(crate) memory: Memory,
    pub(crate) buffers: Buffers,
    pub(crate) metrics: Metrics,
    pub(crate) accounting: Accounting,
    pub(crate) pipeline: Pipeline,
    pub(crate) quarantine: Quarantine,
}

impl Collector {
    pub fn new(config: Config, writer: Writer) -> Self {
        let pipeline = Pipeline::default();
        pipeline.configure(config.processing, config.redaction_key);
        Self(Arc::new(Shared {
            accounting: writer.accounting(),
            memory: Memory::new(config.limits.ingest_memory_bytes_max),
            buffers: Buffers::default(),
            limits: config.limits,
            cors_origins: config.cors_origins,
            writer,
            metrics: Metrics::default(),
            pipeline,
            quarantine: Quarantine::new(config.quarantine_dir),
        }))
    }

    /// Every HTTP path this crate answers. `handle_http` also answers
    /// OPTIONS on the same paths (CORS preflight), to which no credential is attached.
    pub fn http_routes() -> &'static [HttpRoute] {
        transport::http_routes()
    }

    /// Answers one request of a row of [`Collector::http_routes`].
    pub async fn handle_http(
        &self,
        ctx: RequestCtx,
        route: &HttpRoute,
        request: http::Request<Body>,
    ) -> http::Response<Body> {
        transport::http::handle(&self.0, &ctx, route, request).await
    }

    /// Takes syslog messages as [`crate::SyslogFramer`] writes them. The error says whether to try again
    /// (`retry_after_s`): a sender of syslog does not.
    pub async fn take_syslog(
        &self,
        ctx: &RequestCtx,
        transport: &'static str,
        frames: Bytes,
    ) -> Result<(), ErrorClass> {
        let taken = transport::frames::take(&self.0, ctx, "syslog", transport, frames).await;
        taken.map_err(|refusal| refusal.class)
    }

    /// The answer to a browser's preflight request; needs no context, since a preflight carries no credential.
    pub fn handle_preflight(&self, headers: &http::HeaderMap) -> http::Response<Body> {
        transport::cors::preflight(&self.0.cors_origins, headers)
    }

    /// The answer of the layer before (authentication, quota, draining) in the shape the route's senders read, with
    /// the retry hint of the class.
    pub fn refuse_http(
        &self,
        route: &HttpRoute,
        request_headers: &http::HeaderMap,
        class: ErrorClass,
        message: &str,
    ) -> http::Response<Body> {
        transport::http::refuse(&self.0, route, request_headers, &Refusal::new(class, message))
    }

    /// The same for gRPC: a trailers-only answer.
    pub fn refuse_grpc(&self, class: ErrorClass, message: &str) -> http::Response<Body> {
        transport::grpc::refuse(&Refusal::new(class, message))
    }

    /// Paths of the gRPC services, without a fallback: `POST /opentelemetry.proto.collector.….Service/Export`.
    /// Requests carry a `RequestCtx` in their extensions. Merge it into the router of the gRPC address and of the
    /// main address.
    pub fn grpc_router(&self) -> axum::Router {
        transport::grpc::router(self)
    }

    /// Puts other rules, redaction and quotas in force, for what comes from now on.
    pub fn configure(&self, processing: Processing, key: RedactionKey) {
        self.0.pipeline.configure(processing, key);
    }

    /// What processing did to a tenant's records since the start.
    pub fn processing_status(&self, tenant: &Tenant) -> ProcessingStatus {
        self.0.pipeline.status(tenant)
    }

    /// Rows for `/metrics`, beside the store's: what became of each record is in the store's accounting.
    pub fn metrics(&self) -> Vec<MetricRow> {
        let mut rows = self.0.metrics.rows(self.0.memory.used());
        rows.extend(self.0.pipeline.metrics());
        rows
    }
}

impl Shared {
    /// The wall clock; decoders get it as an argument.
    pub(crate) fn now_ns(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }
}
