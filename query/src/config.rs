//! What the query service is told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use store::model::Limits;

/// Wall-clock time in Unix nanoseconds. An argument, so that tests have their own.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

#[derive(Clone)]
pub struct Config {
    pub limits: Limits,
    /// The program's version and the revision it was built from.
    pub version: String,
    pub revision: String,
    /// How long data is kept, as Prometheus writes durations: shown in status pages.
    pub retention: String,
    /// Dashboards from files, in Grafana's layout.
    pub provisioning: Option<PathBuf>,
    pub clock: Clock,
}

impl Config {
    pub fn new(version: &str) -> Self {
        Self {
            limits: Limits::default(),
            version: version.to_owned(),
            revision: String::new(),
            retention: "30d".to_owned(),
            provisioning: None,
            clock: Arc::new(wall_clock_ns),
        }
    }
}

fn wall_clock_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
