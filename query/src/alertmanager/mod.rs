//! The Alertmanager API v2 (its OpenAPI, version 0.28), filled from the notifications of this process.

pub(crate) mod alerts;
pub(crate) mod filter;
pub(crate) mod post;
pub(crate) mod silences;
pub(crate) mod status;

use crate::failure::Failure;
use crate::notify::{Notifier, Refusal};
use crate::service::Call;

/// What answers, if this process notifies at all.
fn notifier(call: &Call) -> Result<Notifier, Failure> {
    call.shared
        .rules
        .notifier()
        .ok_or_else(|| Failure::not_found("this process has no rules and sends no notifications"))
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Bad(problem) => Self::bad(problem),
            missing @ Refusal::NotFound(_) => Self::not_found(missing.to_string()),
            Refusal::Store(error) => error.into(),
        }
    }
}
