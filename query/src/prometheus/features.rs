//! `/api/v1/features`: what of the language and the API is there.

use engine::promql::FUNCTIONS;
use engine::promql::ast::{AggregateOp, BinaryOp};

use super::success;
use crate::failure::{Failure, Reply};
use crate::json::Json;
use crate::service::Call;

const API: &[&str] =
    &["exclude_alerts", "label_values_match", "query_stats", "remote_write_receiver", "search"];
const PROMQL: &[&str] = &[
    "anchored",
    "at_modifier",
    "bool",
    "by",
    "delayed_name_removal",
    "duration_expr",
    "experimental_functions",
    "fill",
    "group_left",
    "group_right",
    "ignoring",
    "negative_offset",
    "offset",
    "on",
    "per_step_stats",
    "smoothed",
    "subqueries",
    "without",
];
const OPERATORS: &[BinaryOp] = &[
    BinaryOp::Add,
    BinaryOp::Sub,
    BinaryOp::Mul,
    BinaryOp::Div,
    BinaryOp::Mod,
    BinaryOp::Pow,
    BinaryOp::Atan2,
    BinaryOp::Equal,
    BinaryOp::NotEqual,
    BinaryOp::Less,
    BinaryOp::LessEqual,
    BinaryOp::Greater,
    BinaryOp::GreaterEqual,
    BinaryOp::TrimUpper,
    BinaryOp::TrimLower,
    BinaryOp::And,
    BinaryOp::Or,
    BinaryOp::Unless,
];
const OTLP: &[&str] = &["native_delta_ingestion"];

pub(crate) fn answer(_: &Call) -> Result<Reply, Failure> {
    let operators =
        OPERATORS.iter().map(|op| op.symbol()).chain(AggregateOp::ALL.iter().map(|(name, _)| *name));
    Ok(success(&[], &[], |json| {
        json.object(|o| {
            write(o, "api", API.iter().copied());
            write(o, "otlp_receiver", OTLP.iter().copied());
            write(o, "promql", PROMQL.iter().copied());
            write(o, "promql_functions", FUNCTIONS.iter().map(|function| function.name));
            write(o, "promql_operators", operators);
        });
    }))
}

fn write<'a>(json: &mut Json, category: &str, names: impl Iterator<Item = &'a str>) {
    json.key(category).object(|o| names.for_each(|name| o.key(name).bool(true)));
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn functions_and_operators_are_named() {
        let world = World::new();
        let wanted = r#"{"status":"success","data":{"api":{*"promql_functions":{"abs":true,*"promql_operators":{"+":true,*}}}"#;
        world.golden(&[("/api/v1/features", wanted)]).await;
    }
}
