//! Why an expression has no answer, by what an API makes of it.

use store::StoreError;
use store::model::{ErrorClass, StopReason};

#[derive(Debug, Clone, thiserror::Error)]
pub enum EvalError {
    /// The request does not make sense: the caller has to change it.
    #[error("{0}")]
    BadData(String),
    /// The expression cannot be evaluated over this data.
    #[error("{0}")]
    Execution(String),
    #[error("query timed out in expression evaluation")]
    Timeout,
    #[error("query was canceled in expression evaluation")]
    Canceled,
    /// The query needs more than it may use.
    #[error("{0}")]
    Limit(String),
    /// The store failed.
    #[error("{0}")]
    Storage(String),
}

// === impl EvalError ===

impl EvalError {
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::BadData(_) => ErrorClass::BadData,
            Self::Execution(_) | Self::Limit(_) => ErrorClass::QueryLimit,
            Self::Timeout => ErrorClass::Deadline,
            Self::Canceled => ErrorClass::Canceled,
            Self::Storage(_) => ErrorClass::Internal,
        }
    }

    pub(crate) fn execution(message: impl Into<String>) -> Self {
        Self::Execution(message.into())
    }
}

impl From<StopReason> for EvalError {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::Deadline => Self::Timeout,
            StopReason::Canceled => Self::Canceled,
            StopReason::Budget { .. } => Self::Limit(reason.to_string()),
        }
    }
}

impl From<StoreError> for EvalError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped(reason) => reason.into(),
            StoreError::QueryLimit { .. } => Self::Limit(error.to_string()),
            other => Self::Storage(other.to_string()),
        }
    }
}
