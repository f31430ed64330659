//! Scraping: the way in where we ask. Reads the `scrape_configs` of a `prometheus.yml` as they stand, finds targets,
//! fetches what they expose and hands it to the writer.
//!
//! ```text
//! config: text to jobs ──> discovery: groups of targets ──> target: labels, relabelled ──> worker: one target's loop
//!                                             worker: fetch ──> exposition: text to samples ──> series: to a batch
//! ```
//!
//! `config`, `relabel`, `target`, `exposition` and `series` are pure. A series has the labels it has in Prometheus, `job`
//! and `instance` among them, and is told from others by these alone, as with remote write.

mod config;
mod discovery;
pub(crate) mod exposition;
mod fetch;
mod labels;
mod pool;
mod relabel;
mod scraper;
mod series;
mod status;
mod target;
mod worker;

pub use config::{KubernetesEnv, ScrapeFile};
pub use labels::LabelMap;
pub use scraper::{CheckedPlan, ScrapePlan, Scraper};
pub use status::{MetricText, PoolStatus, TargetHealth, TargetStatus};
