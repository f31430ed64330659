//! What the collector is told.

use std::path::PathBuf;

use store::model::Limits;

use crate::process::{Processing, RedactionKey};

#[derive(Clone, Debug, Default)]
pub struct Config {
    pub limits: Limits,
    /// Origins whose browsers may send; empty: none. `*` is every origin.
    pub cors_origins: Vec<String>,
    /// Where a request body is kept whose processing failed by a bug three times; `None`: it is not kept.
    pub quarantine_dir: Option<PathBuf>,
    /// Rules, redaction and quotas at the start; [`crate::Collector::configure`] changes them.
    pub processing: Processing,
    pub redaction_key: RedactionKey,
}
