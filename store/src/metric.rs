//! Rows of the store's own metrics; the binary writes them in the Prometheus text format.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    Gauge,
}

#[derive(Clone, PartialEq, Debug)]
pub struct MetricRow {
    pub name: &'static str,
    pub help: &'static str,
    pub kind: MetricKind,
    pub labels: Vec<(&'static str, String)>,
    pub value: f64,
}
