//! What the collector is told.

use std::path::PathBuf;

use store::model::Limits;

#[derive(Clone, Debug, Default)]
pub struct Config {
    pub limits: Limits,
    /// Origins whose browsers may send; empty: none. `*` is every origin.
    pub cors_origins: Vec<String>,
    /// Where a request body is kept whose processing failed by a bug three times; `None`: it is not kept.
    pub quarantine_dir: Option<PathBuf>,
}
