//! `/api/metrics/query_range` and `/api/metrics/query`: TraceQL metrics are not evaluated yet, and say so.

use crate::failure::{Failure, Reply};
use crate::service::Call;

pub(crate) fn answer(_: &Call) -> Result<Reply, Failure> {
    Err(Failure::bad("TraceQL metrics are not supported yet; span metrics can be asked in PromQL"))
}
