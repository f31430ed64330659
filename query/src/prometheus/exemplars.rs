//! `/api/v1/query_exemplars`. The store does not offer exemplars to readers yet, so a valid question has an empty answer.

use engine::promql;

use super::{parse_failure, success};
use crate::failure::{Failure, Reply};
use crate::request::time::prometheus_time;
use crate::service::Call;

pub(crate) fn answer(call: &Call) -> Result<Reply, Failure> {
    for name in ["start", "end"] {
        if let Some(text) = call.params.get(name) {
            prometheus_time(name, text)?;
        }
    }
    promql::parse(call.params.require("query")?).map_err(|error| parse_failure("query", &error))?;
    Ok(success(&[], &[], |json| json.array(|_| {})))
}
