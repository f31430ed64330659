//! What the store is told; nothing else in this crate reads settings.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::Limits;

#[derive(Clone, Debug)]
pub struct Config {
    /// Everything of this store lives below it.
    pub data_dir: PathBuf,
    /// Records older than this are removed.
    pub retention: Duration,
    /// Oldest segments go when all segments together are larger.
    pub retention_size_bytes: Option<u64>,
    /// How long the writer waits for more batches to share an fsync.
    pub group_linger: Duration,
    /// All heads together: over it the largest is flushed.
    pub head_bytes_max: u64,
    /// A head older than this is flushed.
    pub head_age_max: Duration,
    /// Of a file of the log under load.
    pub wal_file_bytes: u64,
    /// All files of the log: over it the heads that hold the oldest ones are flushed, so that a start never has more to
    /// read.
    pub wal_bytes_max: u64,
    pub limits: Limits,
    /// Matchers and groupings know Prometheus' names and label sets alone.
    pub strict_names: bool,
}

impl Config {
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            retention: Duration::from_secs(30 * 24 * 3600),
            retention_size_bytes: None,
            group_linger: Duration::ZERO,
            head_bytes_max: 96 << 20,
            head_age_max: Duration::from_secs(2 * 3600),
            wal_file_bytes: 8 << 20,
            wal_bytes_max: 128 << 20,
            limits: Limits::default(),
            strict_names: false,
        }
    }
}
