//! What one user action does, as data: spans in parent-first order with their log lines and measurements,
//! in microseconds since the action began. Nothing here knows the SDK's pipelines or a clock.

use std::borrow::Cow;

use opentelemetry::KeyValue;
use opentelemetry::logs::Severity;
use opentelemetry::trace::SpanKind;

use super::service::Service;

/// One trace.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) spans: Vec<SpanPlan>,
}

/// Index of a span in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanRef(pub(crate) usize);

#[derive(Debug)]
pub(crate) struct SpanPlan {
    /// Who records it.
    pub(crate) service: Service,
    pub(crate) parent: Option<SpanRef>,
    pub(crate) kind: SpanKind,
    pub(crate) name: Cow<'static, str>,
    pub(crate) start_us: u64,
    pub(crate) end_us: u64,
    pub(crate) attributes: Vec<KeyValue>,
    pub(crate) error: Option<Fault>,
    pub(crate) logs: Vec<LogPlan>,
    pub(crate) counts: Vec<Count>,
}

#[derive(Debug)]
pub(crate) struct LogPlan {
    pub(crate) at_us: u64,
    pub(crate) severity: Severity,
    pub(crate) body: String,
    pub(crate) attributes: Vec<KeyValue>,
}

/// What the shop counts besides durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    Order,
    Payment { accepted: bool },
    CartItems(u64),
    Sent,
    Consumed,
}

/// Why a step did not succeed.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// The value of `error.type` where it is first seen.
    pub(crate) error_type: Cow<'static, str>,
    /// What a server that cannot handle it answers.
    pub(crate) status: i64,
    pub(crate) message: String,
    pub(crate) exception: Option<Exception>,
}

#[derive(Clone, Debug)]
pub(crate) struct Exception {
    pub(crate) kind: &'static str,
    pub(crate) stacktrace: String,
}

pub(crate) type Outcome = Result<(), Fault>;

// === impl Plan ===

impl Plan {
    /// From the first start to the last end.
    pub(crate) fn length_us(&self) -> u64 {
        self.spans.iter().map(|span| span.end_us).max().unwrap_or(0)
    }
}

// === impl Fault ===

impl Fault {
    pub(crate) fn new(error_type: &'static str, status: i64, message: impl Into<String>) -> Self {
        Self { error_type: Cow::Borrowed(error_type), status, message: message.into(), exception: None }
    }

    /// How the caller of a failed server sees it.
    pub(crate) fn seen_by_caller(&self, callee: Service) -> Self {
        Self {
            error_type: Cow::Owned(self.status.to_string()),
            // What is not the callee's failure is passed on as it is.
            status: if self.status < 500 { self.status } else { 502 },
            message: format!("{} answered {}", callee.name(), self.status),
            exception: None,
        }
    }
}
