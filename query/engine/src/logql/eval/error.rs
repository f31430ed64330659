//! Why a valid query has no answer.

use store::StoreError;
use store::model::{ErrorClass, StopReason};

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EvalError {
    /// The query means nothing in this place: the caller's to change.
    #[error("{0}")]
    BadQuery(String),
    #[error("{0} is not supported yet")]
    NotSupported(String),
    /// A row of a metric query has an error label; Loki's clients look for its wording.
    #[error(
        "pipeline error: '{error}' for series: '{series}': add `| __error__=\"\"` to leave such lines out, \
         after `unwrap` if that is where it comes from"
    )]
    Pipeline { error: String, series: String },
    #[error("{0}")]
    Limit(String),
    #[error("the query took longer than its deadline")]
    Deadline,
    #[error("the client went away")]
    Canceled,
    #[error("{0}")]
    Execution(String),
}

impl EvalError {
    pub fn class(&self) -> ErrorClass {
        match self {
            EvalError::BadQuery(_) | EvalError::NotSupported(_) | EvalError::Pipeline { .. } => {
                ErrorClass::BadData
            }
            EvalError::Limit(_) => ErrorClass::QueryLimit,
            EvalError::Deadline => ErrorClass::Deadline,
            EvalError::Canceled => ErrorClass::Canceled,
            EvalError::Execution(_) => ErrorClass::Internal,
        }
    }
}

impl From<StopReason> for EvalError {
    fn from(reason: StopReason) -> EvalError {
        match reason {
            StopReason::Deadline => EvalError::Deadline,
            StopReason::Canceled => EvalError::Canceled,
            StopReason::Budget { .. } => EvalError::Limit(reason.to_string()),
        }
    }
}

impl From<StoreError> for EvalError {
    fn from(error: StoreError) -> EvalError {
        match error {
            StoreError::Stopped(reason) => reason.into(),
            StoreError::QueryLimit { .. } => EvalError::Limit(error.to_string()),
            StoreError::Conflict(message) => EvalError::BadQuery(message),
            other => EvalError::Execution(other.to_string()),
        }
    }
}
