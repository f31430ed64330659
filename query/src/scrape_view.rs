//! What the targets APIs show; the binary knows who scrapes.

use store::model::Labels;

/// The targets of one scrape configuration.
#[derive(Clone, Debug, Default)]
pub struct PoolView {
    pub name: String,
    pub active: Vec<TargetView>,
    /// What relabelling dropped, as discovery found it; maybe not all.
    pub dropped: Vec<Labels>,
    pub dropped_count: u64,
}

#[derive(Clone, Debug, Default)]
pub struct TargetView {
    pub discovered: Labels,
    pub labels: Labels,
    pub url: String,
    /// `up`, `down` or `unknown`.
    pub health: &'static str,
    pub last_error: String,
    /// Unix milliseconds; 0: not scraped yet.
    pub last_scrape_ms: i64,
    pub last_duration_s: f64,
    pub interval_ms: i64,
    pub timeout_ms: i64,
    pub metrics: Vec<MetricView>,
}

/// What a target told of one of its metrics.
#[derive(Clone, Debug, Default)]
pub struct MetricView {
    pub name: String,
    pub kind: &'static str,
    pub help: String,
    pub unit: String,
}
