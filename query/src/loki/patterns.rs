//! `/loki/api/v1/patterns`: patterns of the lines a selector covers, counted over time.

use engine::logql::{self, Expr};

use super::{Range, expression, step, write_success};
use crate::failure::{Failure, Reply, json_reply};
use crate::request::time::NS_PER_S;
use crate::service::Call;

/// Series of one answer: those with most lines. Logs Drilldown shows 500.
const SERIES_MAX: usize = 1000;
/// Seconds are what the answer tells steps in.
const STEP_MIN_NS: i64 = NS_PER_S;

pub(crate) fn answer(call: &Call) -> Result<Reply, Failure> {
    let range = Range::read(call)?;
    let step = step(call, range)?;
    if step <= 0 {
        return Err(Failure::bad("zero or negative query resolution step widths are not accepted"));
    }
    let step = (step.max(STEP_MIN_NS) + STEP_MIN_NS - 1) / STEP_MIN_NS * STEP_MIN_NS;
    let Expr::Log(log) = expression(call)? else {
        return Err(Failure::bad("only a log query has patterns, not a metric query"));
    };
    let range = (range.start, range.end);
    let (patterns, _) = logql::patterns(&call.ctx, &call.snapshot(), &log, range, step)?;
    Ok(json_reply(|json| {
        write_success(json, |data| {
            data.array(|a| {
                for series in patterns.iter().take(SERIES_MAX) {
                    a.object(|o| {
                        o.member("pattern", &series.pattern);
                        o.member("level", series.level);
                        o.key("samples").array(|samples| {
                            for (time, lines) in &series.points {
                                samples.array(|s| {
                                    s.int(time.div_euclid(NS_PER_S));
                                    s.int(*lines);
                                });
                            }
                        });
                    });
                }
            });
        });
    }))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn lines_of_a_kind_are_counted_over_time() {
        let world = World::with_data().await;
        let range = "start=1763929700&end=1763930001";
        world
            .golden(&[
                (
                    &format!("/loki/api/v1/patterns?query={{service_name=\"cart\"}}&{range}&step=60s"),
                    r#"{"status":"success","data":[{"pattern":"item added ","level":"info","samples":[[1763929920,1]]},{"pattern":"level=error msg=\"cart full\" took=\u003c_\u003e who=","level":"error","samples":[[1763929920,1]]}]}"#,
                ),
                (
                    &format!("/loki/api/v1/patterns?query={{service_name=\"none\"}}&{range}"),
                    r#"{"status":"success","data":[]}"#,
                ),
                ("/loki/api/v1/patterns?query=rate({a=\"b\"}[1m])", "only a log query has patterns*\n"),
                ("/loki/api/v1/patterns?query={a=\"b\"}&step=0", "zero or negative *\n"),
            ])
            .await;
    }
}
