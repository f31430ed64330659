//! `/loki/api/v1/query` and `/loki/api/v1/query_range`.

use std::time::Instant;

use engine::logql::{self, Direction, Expr, QueryParams};

use super::{Range, answer, expression, step};
use crate::failure::{Failure, Reply};
use crate::request::time::{event_duration, event_time};
use crate::service::Call;

const LIMIT_DEFAULT: usize = 100;
/// What clients name in `X-Loki-Response-Encoding-Flags` to have metadata and parsed labels apart from the stream's.
const CATEGORIZE: &str = "categorize-labels";

pub(crate) fn instant(call: &Call) -> Result<Reply, Failure> {
    let time = match call.params.get("time") {
        Some(text) => event_time("time", text)?,
        None => call.now_ns(),
    };
    run(call, QueryParams { start: time, end: time, step: 1, instant: true, ..params(call)? })
}

pub(crate) fn range(call: &Call) -> Result<Reply, Failure> {
    let range = Range::read(call)?;
    let step = step(call, range)?;
    if step <= 0 {
        return Err(Failure::bad("zero or negative query resolution step widths are not accepted"));
    }
    let interval = match call.params.get("interval") {
        Some(text) => event_duration("interval", text)?,
        None => 0,
    };
    if interval < 0 {
        return Err(Failure::bad("interval must be >= 0"));
    }
    let (start, end) = (range.start, range.end);
    run(call, QueryParams { start, end, step, interval, instant: false, ..params(call)? })
}

/// What does not depend on the kind of query.
fn params(call: &Call) -> Result<QueryParams, Failure> {
    let rows_max = usize::try_from(call.shared.config.limits.query_rows_max).unwrap_or(usize::MAX);
    let direction = match call.params.get("direction").map(str::to_ascii_lowercase).as_deref() {
        None | Some("backward") => Direction::Backward,
        Some("forward") => Direction::Forward,
        Some(other) => {
            return Err(Failure::bad(format!("invalid direction {other:?}: use forward or backward")));
        }
    };
    let limit = call.params.limit("limit", LIMIT_DEFAULT, rows_max)?;
    Ok(QueryParams { start: 0, end: 0, step: 1, instant: false, limit, interval: 0, direction })
}

fn run(call: &Call, mut params: QueryParams) -> Result<Reply, Failure> {
    let expr = expression(call)?;
    if !params.instant && matches!(expr, Expr::Metric(_)) {
        // Points on multiples of the step: then neighbouring requests share them.
        params.start -= params.start.rem_euclid(params.step);
        params.end += (params.step - params.end.rem_euclid(params.step)) % params.step;
    }
    let began = Instant::now();
    let answer = logql::query(&call.ctx, &call.snapshot(), &expr, &params)?;
    let took = began.elapsed();
    let categorize =
        call.header("x-loki-response-encoding-flags").split(',').any(|flag| flag.trim() == CATEGORIZE);
    Ok(answer::reply(&answer, took, categorize))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    const RANGE: &str = "start=1763929700&end=1763930001";

    #[tokio::test]
    async fn the_health_check_of_grafana() {
        let answer = World::new().get("/loki/api/v1/query?query=vector(1)%2Bvector(1)&time=1763930000").await;
        assert!(
            answer.body.starts_with(
                r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1763930000,"2"]}],"stats":{"#
            ),
            "{}",
            answer.body
        );
    }

    #[tokio::test]
    async fn lines_with_their_labels_merged_or_apart() {
        let world = World::with_data().await;
        let path =
            format!("/loki/api/v1/query_range?query={{service_name=\"cart\"}}|=\"full\"|logfmt&{RANGE}");
        let merged = world.get(&path).await.body;
        assert!(
            merged.starts_with(r#"{"status":"success","data":{"resultType":"streams","result":[{"stream":{"#),
            "{merged}"
        );
        assert!(merged.contains(r#""took":"5ms""#) && merged.contains(r#""user_id":"u1""#), "{merged}");
        assert!(
            merged.contains(
                r#""values":[["1763929970000000000","level=error msg=\"cart full\" took=5ms who="]]"#
            ),
            "{merged}"
        );
        let apart = world.get_with(&path, "X-Loki-Response-Encoding-Flags", "categorize-labels").await.body;
        assert!(apart.contains(r#""stream":{"service_name":"cart"}"#), "{apart}");
        assert!(apart.contains(r#""encodingFlags":["categorize-labels"]"#), "{apart}");
        assert!(apart.contains(r#"{"structuredMetadata":{"#) && apart.contains(r#""parsed":{"#), "{apart}");
    }

    #[tokio::test]
    async fn metric_queries_and_errors() {
        let world = World::with_data().await;
        let count = "query=sum(count_over_time({service_name=~\".%2B\"}[5m]))";
        world
            .golden(&[
                (
                    &format!("/loki/api/v1/query?{count}"),
                    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1763930000,"3"]}],"stats":{*}}}"#,
                ),
                (
                    &format!("/loki/api/v1/loki/api/v1/query_range?{count}&start=1763929990&end=1763930000&step=60"),
                    r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[*]}],"stats":{*}}}"#,
                ),
                ("/loki/api/v1/query_range?query={", "parse error *\n"),
                ("/loki/api/v1/query_range?query={service_name=\"cart\"}&direction=up", "invalid direction \"up\": *\n"),
                ("/loki/api/v1/query_range?query={service_name=\"cart\"}&start=2&end=1", "end timestamp must not be before start time\n"),
                ("/loki/api/v1/query?query={service_name=\"cart\"}", "log queries are not supported *\n"),
            ])
            .await;
        let wrong = world.get("/loki/api/v1/query_range?query={").await;
        assert_eq!((wrong.status, wrong.content_type.as_str()), (400, "text/plain; charset=utf-8"));
    }
}
