//! `/api/v1/query` and `/api/v1/query_range`.

use std::time::{Duration, Instant};

use engine::promql::{self, Answer, EvalError, InstantParams, RangeParams, STEPS_MAX, Settings};
use store::model::RequestCtx;

use super::{answer, expression, time_or};
use crate::failure::{Failure, Reply};
use crate::request::time::{prometheus_duration, prometheus_time};
use crate::service::Call;

pub(crate) fn instant(call: &Call) -> Result<Reply, Failure> {
    let expr = expression(call)?;
    let time_ms = time_or(call, "time", call.now_ms())?;
    let params = InstantParams { time_ms, settings: settings(call)? };
    let begun = Instant::now();
    let answer = promql::instant(&ctx(call)?, &call.snapshot(), &expr, &params)?;
    reply(call, answer, begun.elapsed())
}

pub(crate) fn range(call: &Call) -> Result<Reply, Failure> {
    let start_ms = prometheus_time("start", call.params.get("start").unwrap_or_default())?;
    let end_ms = prometheus_time("end", call.params.get("end").unwrap_or_default())?;
    if end_ms < start_ms {
        return Err(Failure::bad("invalid parameter \"end\": end timestamp must not be before start time"));
    }
    let step_ms = prometheus_duration("step", call.params.get("step").unwrap_or_default())?;
    if step_ms <= 0 {
        return Err(Failure::bad(
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. \
             Try a positive integer",
        ));
    }
    if end_ms.saturating_sub(start_ms) / step_ms > STEPS_MAX as i64 {
        return Err(Failure::bad(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution \
             (?step=XX)",
        ));
    }
    let expr = expression(call)?;
    let params = RangeParams { start_ms, end_ms, step_ms, settings: settings(call)? };
    let begun = Instant::now();
    let answer = promql::range(&ctx(call)?, &call.snapshot(), &expr, &params)?;
    reply(call, answer, begun.elapsed())
}

fn settings(call: &Call) -> Result<Settings, Failure> {
    let mut settings = Settings::default();
    if let Some(text) = call.params.get("lookback_delta") {
        settings.lookback_ms = prometheus_duration("lookback_delta", text)?;
        if settings.lookback_ms <= 0 {
            return Err(Failure::bad("invalid parameter \"lookback_delta\": it must be positive"));
        }
    }
    Ok(settings)
}

/// `timeout` can make the deadline nearer, never farther.
fn ctx(call: &Call) -> Result<RequestCtx, Failure> {
    let mut ctx = call.ctx.clone();
    if let Some(text) = call.params.get("timeout") {
        let wanted_ms = prometheus_duration("timeout", text)?;
        let wanted = Instant::now().checked_add(Duration::from_millis(wanted_ms.max(0).unsigned_abs()));
        ctx.deadline = match (ctx.deadline, wanted) {
            (Some(deadline), Some(wanted)) => Some(deadline.min(wanted)),
            (deadline, wanted) => wanted.or(deadline),
        };
    }
    Ok(ctx)
}

/// More notes of a kind than this are counted only.
const NOTES_MAX: usize = 10;

fn shorten(notes: &mut Vec<String>, kind: &str) {
    let more = notes.len().saturating_sub(NOTES_MAX);
    if more > 0 {
        notes.truncate(NOTES_MAX);
        notes.push(format!("{more} more {kind} annotations omitted"));
    }
}

fn reply(call: &Call, mut found: Answer, took: Duration) -> Result<Reply, Failure> {
    found.place_notes(call.params.get("query").unwrap_or_default());
    shorten(&mut found.warnings, "warning");
    shorten(&mut found.infos, "info");
    let limit = call.params.parse::<usize>("limit", "a count")?.unwrap_or(0);
    if limit > 0 && answer::truncate(&mut found, limit) {
        found.warnings.push("results truncated due to limit".to_owned());
    }
    Ok(answer::reply(&found, call.params.get("stats").map(|_| took)))
}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Self {
        Self::new(error.class(), error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn instant_queries() {
        let world = World::with_data().await;
        world
            .golden(&[
                ("/api/v1/query?query=1%2B1&time=4", r#"{"status":"success","data":{"resultType":"scalar","result":[4,"2"]}}"#),
                ("/api/v1/query?query=%22a%22&time=4.5", r#"{"status":"success","data":{"resultType":"string","result":[4.500,"a"]}}"#),
                (
                    "/api/v1/query?query=shop_orders_total{region=\"eu\"}",
                    concat!(
                        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"shop_orders_total","#,
                        r#""instance":"c-1","job":"cart","region":"eu"},"value":[1763930000,"120"]}]}}"#
                    ),
                ),
                (
                    "/prometheus/api/v1/query?query=shop_orders_total{region=\"us\"}[2m]&time=1763930000",
                    concat!(
                        r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"shop_orders_total","#,
                        r#""instance":"c-1","job":"cart","region":"us"},"values":[[1763929940,"30"],[1763930000,"60"]]}]}}"#
                    ),
                ),
                (
                    "/api/v1/query?query=shop_orders_total&limit=1",
                    r#"{"status":"success","data":{"resultType":"vector","result":[{*}]},"warnings":["results truncated due to limit"]}"#,
                ),
                ("/api/v1/query?query=none", r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#),
                ("/api/v1/query?query=sum(", r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": *"}"#),
                (
                    "/api/v1/query?query=rate(%0A%20shop_orders_total%5B1m%5D)%20%2B%0Aquantile(2,x)",
                    r#"{"status":"success","data":{*},"warnings":["PromQL warning: quantile value should be between 0 and 1, got 2 (3:10)"]}"#,
                ),
                ("/api/v1/query?query=1&time=x", r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"time\": *"}"#),
                ("/api/v1/query", r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:1: parse error: no expression found in input"}"#),
                ("/api/v1/query?query=up&timeout=0", r#"{"status":"error","errorType":"timeout","error":"*"}"#),
                (
                    "/api/v1/query?query=shop_orders_total&stats=all",
                    concat!(
                        r#"{"status":"success","data":{"resultType":"vector","result":[*],"stats":{"timings":{"evalTotalTime":*},"#,
                        r#""samples":{"totalQueryableSamples":8,"samplesRead":8,"peakSamples":8}}}}"#
                    ),
                ),
            ])
            .await;
        assert_eq!(world.get("/api/v1/query?query=up&timeout=0").await.status, 503);
        let posted = world.post_form("/api/v1/query?time=9", "query=1").await;
        assert_eq!(posted.body, r#"{"status":"success","data":{"resultType":"scalar","result":[9,"1"]}}"#);
        assert_eq!(posted.content_type, "application/json");
    }

    #[tokio::test]
    async fn range_queries() {
        let world = World::with_data().await;
        let sum = "/api/v1/query_range?query=sum(shop_orders_total)&start=1763929940&end=1763930000";
        world
            .golden(&[
                (
                    &format!("{sum}&step=60"),
                    concat!(
                        r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"#,
                        r#""values":[[1763929940,"90"],[1763930000,"180"]]}]}}"#
                    ),
                ),
                (
                    &format!("{sum}&step=1m"),
                    r#"{"status":"success","data":{"resultType":"matrix","result":[{*}]}}"#,
                ),
                (&format!("{sum}&step=0"), r#"{"status":"error","errorType":"bad_data","error":"*"}"#),
                (
                    &format!("{sum}&step=0.001"),
                    r#"{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points*"}"#,
                ),
                (
                    "/api/v1/query_range?query=1&start=2&end=1&step=1",
                    r#"{"status":"error","errorType":"bad_data","error":"*"}"#,
                ),
                ("/api/v1/query_exemplars?query=up&start=1&end=2", r#"{"status":"success","data":[]}"#),
            ])
            .await;
    }
}
