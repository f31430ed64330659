//! What can go wrong in the store, by the class doors answer with.

use std::path::PathBuf;

use crate::catalog::CatalogError;
use crate::model::{ErrorClass, StopReason};
use crate::wal::RecordTooLarge;

/// An operation on an open store failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    #[error("the store cannot write now: {0}; retry")]
    Unavailable(String),
    #[error("the store is shutting down; retry")]
    ShuttingDown,
    #[error("too many batches wait for the log; retry")]
    QueueFull,
    #[error("{0}")]
    TooLarge(String),
    /// A limit on what may exist, not on this request.
    #[error("{0}: ask the operator")]
    Quota(String),
    #[error(transparent)]
    Stopped(#[from] StopReason),
    #[error("the {what} reached its limit of {limit}: narrow the time range or the selector")]
    QueryLimit { what: &'static str, limit: u64 },
    #[error("{0}")]
    Conflict(String),
    #[error("store: {0}")]
    Internal(String),
}

impl StoreError {
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Unavailable(_) | Self::ShuttingDown | Self::QueueFull => ErrorClass::Unavailable,
            Self::TooLarge(_) => ErrorClass::TooLarge,
            Self::Quota(_) => ErrorClass::OverQuota,
            Self::Stopped(reason) => reason.class(),
            Self::QueryLimit { .. } => ErrorClass::QueryLimit,
            Self::Conflict(_) => ErrorClass::BadData,
            Self::Internal(_) => ErrorClass::Internal,
        }
    }
}

impl From<CatalogError> for StoreError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Failed(_) => Self::Unavailable(error.to_string()),
            CatalogError::TenantLimit { .. } => Self::Quota(error.to_string()),
        }
    }
}

impl From<RecordTooLarge> for StoreError {
    fn from(error: RecordTooLarge) -> Self {
        Self::TooLarge(error.to_string())
    }
}

/// The store could not be opened; the process should end with this text.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
    #[error("the data directory {} is in use by another process", path.display())]
    InUse { path: PathBuf },
    #[error(
        "{} was written by a newer version (format {found}, this program reads up to {known}): use signalbox {needed} or later",
        path.display()
    )]
    Newer { path: PathBuf, found: u32, known: u32, needed: String },
    #[error("{0}")]
    Other(String),
}
