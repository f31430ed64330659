//! `/loki/api/v1/index/{stats,volume,volume_range}`: how much a selector covers. Questions of the engine in LogQL's own
//! words, so that they count what queries would find.

use std::collections::{BTreeMap, BTreeSet};

use engine::logql::{self, Answer, Data, Direction, Expr, LogExpr, MetricSeries, QueryParams};
use engine::promql::fmt_value;
use store::model::Labels;

use super::{Range, answer, expression, step};
use crate::failure::{Failure, Reply, json_reply};
use crate::request::time::NS_PER_MS;
use crate::service::Call;

const SERIES_DEFAULT: usize = 100;
const SERIES_MAX: usize = 5000;
/// What `{}` means: the engine wants a matcher, and every stream has a service.
const ALL_STREAMS: &str = "{service_name=~\".+\"}";

pub(crate) fn stats(call: &Call) -> Result<Reply, Failure> {
    let range = Range::read(call)?;
    let selector = selector(call)?;
    let matchers = [selector.selector.clone()];
    let streams = logql::series(&call.ctx, &call.snapshot(), &matchers, range.start, range.end)?.len();
    let found = bytes_by(call, &selector, &[], range, None)?;
    let bytes = match &found.data {
        Data::Vector(samples) => samples.iter().map(|sample| sample.value).sum(),
        _ => 0.0,
    };
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("streams").int(streams as u64);
            o.key("chunks").int(found.stats.blocks_read);
            o.key("bytes").int(bytes as i64);
            o.key("entries").int(found.stats.rows_matched);
        });
    }))
}

pub(crate) fn instant(call: &Call) -> Result<Reply, Failure> {
    respond(call, None)
}

pub(crate) fn range(call: &Call) -> Result<Reply, Failure> {
    let step = step(call, Range::read(call)?)?;
    if step <= 0 {
        return Err(Failure::bad("zero or negative query resolution step widths are not accepted"));
    }
    respond(call, Some(step))
}

fn respond(call: &Call, step: Option<i64>) -> Result<Reply, Failure> {
    let range = Range::read(call)?;
    let limit = call.params.limit("limit", SERIES_DEFAULT, SERIES_MAX)?;
    let selector = selector(call)?;
    let by_name = match call.params.get("aggregateBy") {
        None | Some("series") => false,
        Some("labels") => true,
        Some(other) => {
            return Err(Failure::bad(format!("invalid aggregateBy {other:?}: use series or labels")));
        }
    };
    let labels = if by_name { all_labels(call, &selector, range)? } else { target_labels(call, &selector) };
    let found = bytes_by(call, &selector, &labels, range, step)?;
    let mut volumes: Vec<MetricSeries> = match found.data {
        Data::Matrix(series) => series,
        Data::Vector(samples) => {
            let one =
                |s: logql::VectorSample| MetricSeries { labels: s.labels, points: vec![(s.time, s.value)] };
            samples.into_iter().map(one).collect()
        }
        _ => Vec::new(),
    };
    if by_name {
        volumes = fold_by_name(&volumes);
    }
    let total = |series: &MetricSeries| series.points.iter().map(|(_, bytes)| *bytes).sum::<f64>();
    volumes.sort_by(|a, b| total(b).total_cmp(&total(a)).then_with(|| a.labels.cmp(&b.labels)));
    volumes.truncate(limit);
    Ok(write(&volumes, step.is_some()))
}

fn selector(call: &Call) -> Result<LogExpr, Failure> {
    let expr = match call.params.get("query").map(str::trim) {
        None | Some("{}") => logql::parse(ALL_STREAMS)?,
        Some(_) => expression(call)?,
    };
    match expr {
        Expr::Log(log) => Ok(log),
        Expr::Metric(_) => Err(Failure::bad("only a log selector is expected here, not a metric query")),
    }
}

/// `targetLabels`, else the labels the selector names.
fn target_labels(call: &Call, selector: &LogExpr) -> Vec<String> {
    match call.params.get("targetLabels") {
        Some(names) => {
            names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
        }
        None => selector.selector.iter().map(|matcher| matcher.name.clone()).collect(),
    }
}

fn all_labels(call: &Call, selector: &LogExpr, range: Range) -> Result<Vec<String>, Failure> {
    let matchers = [selector.selector.clone()];
    let names = logql::label_names(&call.ctx, &call.snapshot(), &matchers, range.start, range.end)?;
    Ok(names.into_iter().collect())
}

/// Bytes of lines by labels: over the whole range, or for each step.
fn bytes_by(
    call: &Call,
    selector: &LogExpr,
    labels: &[String],
    range: Range,
    step: Option<i64>,
) -> Result<Answer, Failure> {
    let text = logql::format_query(&Expr::Log(selector.clone()));
    // Whole milliseconds, the smallest unit a range can have.
    let window_ms =
        step.unwrap_or_else(|| range.span()).saturating_add(NS_PER_MS - 1).div_euclid(NS_PER_MS).max(1);
    let names: BTreeSet<&str> = labels.iter().map(String::as_str).filter(|name| is_label(name)).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let by = if names.is_empty() { String::new() } else { format!(" by ({})", names.join(", ")) };
    let expr = logql::parse(&format!("sum{by} (bytes_over_time({text}[{window_ms}ms]))"))?;
    let params = QueryParams {
        start: if step.is_some() { range.start } else { range.end },
        end: range.end,
        step: step.unwrap_or(1),
        instant: step.is_none(),
        limit: 0,
        interval: 0,
        direction: Direction::Backward,
    };
    Ok(logql::query(&call.ctx, &call.snapshot(), &expr, &params)?)
}

/// The names go into a query's text: only what is a label there.
fn is_label(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The volume of each label name: of all streams that have it.
fn fold_by_name(volumes: &[MetricSeries]) -> Vec<MetricSeries> {
    let mut by_name: BTreeMap<&str, BTreeMap<i64, f64>> = BTreeMap::new();
    for series in volumes {
        for (name, _) in series.labels.iter() {
            let points = by_name.entry(name).or_default();
            series.points.iter().for_each(|(time, bytes)| *points.entry(*time).or_default() += bytes);
        }
    }
    let one = |(name, points): (&str, BTreeMap<i64, f64>)| MetricSeries {
        labels: Labels::new([(name, name)]),
        points: points.into_iter().collect(),
    };
    by_name.into_iter().map(one).collect()
}

fn write(volumes: &[MetricSeries], over_time: bool) -> Reply {
    json_reply(|json| {
        super::write_success(json, |data| {
            data.object(|o| {
                o.member("resultType", if over_time { "matrix" } else { "vector" });
                o.key("result")
                    .array(|a| volumes.iter().for_each(|series| write_series(a, series, over_time)));
                o.key("stats").object(|_| {});
            });
        });
    })
}

fn write_series(json: &mut crate::json::Json, series: &MetricSeries, over_time: bool) {
    json.object(|o| {
        // Clients know the volume of a label name by an entry whose value is empty.
        let by_name = series.labels.iter().all(|(name, value)| name == value);
        o.key("metric").object(|m| {
            let value = |value: &str| if by_name { String::new() } else { value.to_owned() };
            series.labels.iter().for_each(|(name, v)| m.member(name, &value(v)));
        });
        if over_time {
            o.key("values")
                .array(|a| series.points.iter().for_each(|(t, v)| answer::write_sample(a, *t, *v)));
        } else if let Some((time, bytes)) = series.points.first() {
            o.key("value").array(|a| {
                a.seconds(time.div_euclid(NS_PER_MS));
                a.string(&fmt_value(*bytes));
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn volumes_are_bytes_of_lines() {
        let world = World::with_data().await;
        // "item added " and "level=error msg=\"cart full\" took=5ms who=" of cart.
        world
            .golden(&[
                (
                    "/loki/api/v1/index/volume?query={service_name=\"cart\"}",
                    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"service_name":"cart"},"value":[1763930000,"52"]}],"stats":{}}}"#,
                ),
                (
                    "/loki/api/v1/index/volume?query={}&limit=1&targetLabels=service_name",
                    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"service_name":"cart"},"value":[1763930000,"52"]}],"stats":{}}}"#,
                ),
                (
                    "/loki/api/v1/index/volume?query={service_name=\"cart\"}&aggregateBy=labels",
                    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"service_name":""},"value":[1763930000,"52"]}],"stats":{}}}"#,
                ),
                (
                    "/loki/api/v1/index/volume_range?query={service_name=\"cart\"}&start=1763929700&end=1763930000&step=300",
                    r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"service_name":"cart"},"values":[*[1763930000,"52"]]}],"stats":{}}}"#,
                ),
                ("/loki/api/v1/index/stats?query={service_name=\"cart\"}", r#"{"streams":1,"chunks":*,"bytes":52,"entries":2}"#),
                ("/loki/api/v1/index/stats?query=rate({a=\"b\"}[1m])", "only a log selector *\n"),
            ])
            .await;
    }
}
