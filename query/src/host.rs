//! What the process around this service answers for: its own metrics, state and files.

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Response};
use store::model::RequestCtx;

use crate::scrape_view::PoolView;

/// Implemented by the binary, and by tests. Whatever is shown to a principal that is not an administrator must be of
/// its own tenant.
pub trait Host: Send + Sync + 'static {
    /// `Err` says what is still missing.
    fn ready(&self) -> Result<(), String>;

    /// The process's own metrics in the Prometheus text format.
    fn metrics(&self, ctx: &RequestCtx) -> String;

    /// Members of `/api/signalbox/status` beside version, readiness and tenants: flat objects of numbers and texts.
    fn status<'a>(&'a self, ctx: &'a RequestCtx)
    -> BoxFuture<'a, serde_json::Map<String, serde_json::Value>>;

    /// The configuration in force as YAML, secrets left out.
    fn config_yaml(&self, ctx: &RequestCtx) -> String;

    /// Unix milliseconds.
    fn started_ms(&self) -> i64;

    /// Reads configuration and rules again; `Err` says what is wrong with them, and nothing has changed.
    fn reload(&self) -> BoxFuture<'_, Result<(), String>>;

    /// Scrape configurations of the asking tenant, with their targets.
    fn scrape(&self, ctx: &RequestCtx) -> Vec<PoolView>;

    /// A file of the user interface; `path` is what comes after `/ui/`, decoded.
    fn asset(&self, path: &str, headers: &HeaderMap) -> Response<Body>;
}
