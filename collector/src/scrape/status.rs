//! What is told about targets.

use super::labels::LabelMap;

/// Type, help and unit of a metric, as a target told them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricText {
    pub kind: &'static str,
    pub help: String,
    pub unit: String,
}

impl Default for MetricText {
    fn default() -> Self {
        Self { kind: "unknown", help: String::new(), unit: String::new() }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TargetHealth {
    /// Not scraped yet.
    #[default]
    Unknown,
    Up,
    Down,
}

/// One target as it stands.
#[derive(Clone, Debug, Default)]
pub struct TargetStatus {
    /// As discovery found it.
    pub discovered: LabelMap,
    /// Those of its series.
    pub labels: LabelMap,
    pub url: String,
    pub interval_s: f64,
    pub timeout_s: f64,
    pub health: TargetHealth,
    /// Empty: none.
    pub last_error: String,
    /// Unix milliseconds; 0: not scraped yet.
    pub last_scrape_ms: i64,
    pub last_duration_s: f64,
    pub metrics: Vec<(String, MetricText)>,
}

/// The targets of one job.
#[derive(Clone, Debug, Default)]
pub struct PoolStatus {
    pub job: String,
    pub active: Vec<TargetStatus>,
    /// What relabelling dropped, as discovery found it.
    pub dropped: Vec<LabelMap>,
    pub dropped_count: u64,
    /// What is wrong with the job's discovery or targets as a whole; empty: nothing.
    pub problem: String,
}
