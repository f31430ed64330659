//! `/api/metrics/query_range` and `/api/metrics/query`: TraceQL metrics as series, or as one value each.

use engine::traceql::{self, MetricsExemplar, MetricsParams, MetricsSeries, TagValue};
use http::StatusCode;
use store::ScanStats;

use super::range;
use super::search::{write_attribute, write_metrics};
use crate::failure::{Failure, Reply, reply};
use crate::json::Json;
use crate::request::time::{NS_PER_MS, NS_PER_S, step_ns};
use crate::service::Call;

/// As many as a panel can show; also what a query gets that does not say.
const EXEMPLARS_MAX: usize = 100;
const MINUTE_NS: i64 = 60 * NS_PER_S;

pub(crate) fn query_range(call: &Call) -> Result<Reply, Failure> {
    let (series, stats) = find_range(call)?;
    Ok(answer(&series, &stats, write_series))
}

pub(crate) fn query(call: &Call) -> Result<Reply, Failure> {
    let (series, stats) = find_instant(call)?;
    Ok(answer(&series, &stats, write_instant))
}

pub(super) fn find_range(call: &Call) -> Result<(Vec<MetricsSeries>, ScanStats), Failure> {
    let (start, end) = range(call)?;
    let step = match call.params.get("step") {
        Some(text) => step_ns(text).ok_or_else(|| Failure::bad(format!("invalid step: {text:?}")))?,
        None => default_step(end - start),
    };
    let exemplars = call.params.limit("exemplars", EXEMPLARS_MAX, usize::MAX)?.min(EXEMPLARS_MAX);
    // Steps begin at multiples of themselves, so that a refresh moves no span from one to the next.
    let start = start - start.rem_euclid(step);
    let end = end.saturating_add((-end).rem_euclid(step));
    run(call, MetricsParams { start, end, step, exemplars })
}

/// The whole range is one step.
pub(super) fn find_instant(call: &Call) -> Result<(Vec<MetricsSeries>, ScanStats), Failure> {
    let (start, end) = range(call)?;
    run(call, MetricsParams { start: end, end, step: (end - start).max(1), exemplars: 0 })
}

fn run(call: &Call, params: MetricsParams) -> Result<(Vec<MetricsSeries>, ScanStats), Failure> {
    let text =
        call.params.get_any(&["q", "query"]).ok_or_else(|| Failure::bad("the parameter \"q\" is missing"))?;
    let query = traceql::parse(text)?;
    Ok(traceql::metrics(&call.ctx, &call.snapshot(), &query, &params)?)
}

/// Some 240 points, at steps people read easily; finer than a second only within a minute.
fn default_step(range: i64) -> i64 {
    const EASY_S: [i64; 6] = [3600, 300, 60, 15, 5, 1];
    let wanted = range / 240;
    if range < MINUTE_NS {
        let unit = 50 * NS_PER_MS;
        return (wanted / unit * unit).max(unit);
    }
    let unit = EASY_S.into_iter().map(|seconds| seconds * NS_PER_S).find(|unit| wanted > *unit);
    unit.map_or(NS_PER_S, |unit| wanted / unit * unit)
}

fn answer(series: &[MetricsSeries], stats: &ScanStats, write: fn(&mut Json, &MetricsSeries)) -> Reply {
    let mut json = Json::with_capacity(4096);
    json.object(|o| {
        o.key("series").array(|a| series.iter().for_each(|series| write(a, series)));
        write_metrics(o, 0, stats);
    });
    reply(StatusCode::OK, "application/json", json.into_bytes())
}

fn write_series(json: &mut Json, series: &MetricsSeries) {
    json.object(|o| {
        write_labels(o, series);
        o.key("samples").array(|a| {
            for (time, value) in &series.points {
                a.object(|s| {
                    s.member("timestampMs", &time.div_euclid(NS_PER_MS).to_string());
                    s.key("value").number(*value);
                });
            }
        });
        if !series.exemplars.is_empty() {
            o.key("exemplars").array(|a| series.exemplars.iter().for_each(|e| write_exemplar(a, e)));
        }
    });
}

fn write_exemplar(json: &mut Json, exemplar: &MetricsExemplar) {
    json.object(|o| {
        o.key("labels").array(|a| {
            exemplar.labels.iter().for_each(|(name, value)| write_attribute(a, name, value));
        });
        o.key("value").number(exemplar.value);
        o.member("timestampMs", &exemplar.time.div_euclid(NS_PER_MS).to_string());
    });
}

fn write_instant(json: &mut Json, series: &MetricsSeries) {
    json.object(|o| {
        write_labels(o, series);
        o.key("value").number(series.points.last().map_or(f64::NAN, |(_, value)| *value));
    });
}

fn write_labels(o: &mut Json, series: &MetricsSeries) {
    let nil = TagValue::Text("nil".to_owned());
    o.key("labels").array(|a| {
        series
            .labels
            .iter()
            .for_each(|(name, value)| write_attribute(a, name, value.as_ref().unwrap_or(&nil)));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn default_steps_are_easy_to_read() {
        let step = |seconds: i64| default_step(seconds * NS_PER_S) / NS_PER_MS;
        assert_eq!(
            [step(10), step(60), step(900), step(3600), step(6 * 3600), step(86_400), step(30 * 86_400)],
            [50, 1000, 3000, 15_000, 60_000, 300_000, 10_800_000]
        );
    }

    #[tokio::test]
    async fn series_with_their_labels_and_exemplars() {
        let world = World::with_data().await;
        world.fill("b", "theirs").await;
        let label = r#"{"key":"resource.service.name","value":{"stringValue":"payments"}}"#;
        let range = "start=1763929900&end=1763930000&step=50";
        world
            .golden(&[
                (
                    &format!("/api/metrics/query_range?q={{status=error}}|count_over_time() by (resource.service.name)&{range}&exemplars=2"),
                    &format!(
                        concat!(
                            r#"{{"series":[{{"labels":[{}],"samples":[{{"timestampMs":"1763929900000","value":0}},"#,
                            r#"{{"timestampMs":"1763929950000","value":1}},{{"timestampMs":"1763930000000","value":0}}],"#,
                            r#""exemplars":[{{"labels":[{{"key":"trace:id","value":{{"stringValue":"00000000000000010203040506070809"}}}},*],"#,
                            r#""value":1,"timestampMs":"1763929940020"}}]}}],"metrics":{{*}}}}"#
                        ),
                        label
                    ),
                ),
                (
                    &format!("/tempo/api/metrics/query?q={{}}|max_over_time(duration) by (resource.service.name)|bottomk(1)&{range}"),
                    &format!(r#"{{"series":[{{"labels":[{label}],"value":0.04}}],"metrics":{{*}}}}"#),
                ),
                (
                    &format!("/api/metrics/query?q={{kind=client}}|rate() by (.missing)&{range}"),
                    r#"{"series":[{"labels":[{"key":".missing","value":{"stringValue":"nil"}}],"value":0.01}],"metrics":{*}}"#,
                ),
                ("/api/metrics/query_range?q={}", "a search answers traces: *"),
                ("/api/metrics/query_range", "the parameter \"q\" is missing\n"),
                ("/api/metrics/query_range?q={}|rate()&step=0", "invalid step: *"),
                ("/api/search?q={}|rate()", "a metrics query answers series: *"),
            ])
            .await;
    }
}
