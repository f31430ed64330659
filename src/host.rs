//! What the process answers for when the query service asks: readiness, metrics, status, configuration, the UI's files.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::body::Body;
use collector::{Collector, ProcessingStatus, Scraper};
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use query::{Host, PoolView};
use serde_json::{Map, Value};
use store::Store;
use store::model::RequestCtx;
use tokio::sync::watch;

use crate::config::Config;
use crate::metrics;
use crate::reload::Reload;
use crate::scrape;

pub(crate) struct Process {
    pub(crate) store: Store,
    pub(crate) collector: Collector,
    pub(crate) scraper: Scraper,
    pub(crate) config: Arc<ArcSwap<Config>>,
    pub(crate) started_ms: i64,
    /// `true` once the listeners are open, `false` again when draining.
    pub(crate) ready: watch::Receiver<bool>,
    pub(crate) reload: Reload,
}

impl Host for Process {
    fn ready(&self) -> Result<(), String> {
        if *self.ready.borrow() { Ok(()) } else { Err("starting or draining".into()) }
    }

    fn metrics(&self, ctx: &RequestCtx) -> String {
        let rules = self.reload.rules.costs(&ctx.tenant);
        metrics::render(&self.store, &self.collector, &rules, ctx, self.started_ms)
    }

    fn status<'a>(&'a self, ctx: &'a RequestCtx) -> BoxFuture<'a, Map<String, Value>> {
        Box::pin(async move {
            let mut store = self.store.status().await;
            // Names of other tenants are theirs.
            store.signals.retain(|signal| signal.tenant == ctx.tenant.as_str());
            let config = self.config.load();
            let mut status = Map::new();
            let damaged: Vec<String> = store.damaged.iter().map(|damaged| format!("{damaged:?}")).collect();
            status.insert("quarantined".into(), damaged.into());
            status.insert("storage".into(), serde_json::to_value(&store).unwrap_or_default());
            let processing = self.collector.processing_status(&ctx.tenant);
            status.insert("processing".into(), processing_json(&processing));
            status.insert("retention_s".into(), config.retention.as_secs().into());
            status.insert("authentication".into(), (!config.tokens.is_empty()).into());
            status
        })
    }

    fn config_yaml(&self, _: &RequestCtx) -> String {
        self.config.load().to_yaml()
    }

    fn started_ms(&self) -> i64 {
        self.started_ms
    }

    fn reload(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.reload.run())
    }

    fn scrape(&self, ctx: &RequestCtx) -> Vec<PoolView> {
        self.scraper.status(&ctx.tenant).into_iter().map(scrape::pool).collect()
    }

    fn asset(&self, path: &str, headers: &HeaderMap) -> Response<Body> {
        asset(&format!("{}{path}", ui::BASE), headers)
    }
}

fn processing_json(status: &ProcessingStatus) -> Value {
    let ProcessingStatus { rules, redacted, over_quota } = status;
    serde_json::json!({"rules": rules, "redacted": redacted, "over_quota": over_quota})
}

/// The page may load its own files and talk to its own server, nothing else; inline styles are the component kit's.
const CSP: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

fn asset(path: &str, headers: &HeaderMap) -> Response<Body> {
    let Some(asset) = ui::asset(path) else {
        return with_status(StatusCode::NOT_FOUND, Body::from("no such file"));
    };
    let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    let known =
        headers.get(header::IF_NONE_MATCH).is_some_and(|etag| etag.as_bytes() == asset.etag.as_bytes());
    let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let gzip = asset.gzip.filter(|_| accepts.contains("gzip"));
    let mut response = match (known, gzip) {
        (true, _) => with_status(StatusCode::NOT_MODIFIED, Body::empty()),
        (false, Some(gzip)) => {
            let mut response = with_status(StatusCode::OK, Body::from(gzip));
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        }
        (false, None) => with_status(StatusCode::OK, Body::from(asset.bytes)),
    };
    let cache = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, value(asset.content_type));
    fields.insert(header::ETAG, value(asset.etag));
    fields.insert(header::CACHE_CONTROL, value(cache));
    fields.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    fields.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP));
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

fn with_status(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
