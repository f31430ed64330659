//! `/api/v1/status/*`, targets and other facts tools ask for.

use std::collections::{BTreeMap, BTreeSet};

use store::LabelQuery;

use super::success;
use crate::failure::{Failure, Reply};
use crate::json::Json;
use crate::request::time::rfc3339_ms;
use crate::service::Call;

/// The Prometheus whose API this is: clients switch features on by it. No `features` and no `application`: with those
/// Grafana would take us for Mimir.
pub(crate) const API_VERSION: &str = "3.8.0";
/// Cardinality is counted over the series of this window.
const WINDOW_MS: i64 = 3_600_000;

pub(crate) fn buildinfo(call: &Call) -> Result<Reply, Failure> {
    let config = &call.shared.config;
    Ok(success(&[], &[], |json| {
        json.object(|o| {
            o.member("version", API_VERSION);
            o.member("revision", &config.revision);
            o.member("branch", "");
            o.member("buildUser", &format!("signalbox {}", config.version));
            o.member("buildDate", "");
            o.member("goVersion", "");
        });
    }))
}

pub(crate) fn config(call: &Call) -> Result<Reply, Failure> {
    let yaml = call.shared.host.config_yaml(&call.ctx);
    Ok(success(&[], &[], |json| json.object(|o| o.member("yaml", &yaml))))
}

pub(crate) fn flags(call: &Call) -> Result<Reply, Failure> {
    let config = &call.shared.config;
    let timeout_ms = i64::try_from(config.limits.query_timeout_ms).unwrap_or(i64::MAX);
    Ok(success(&[], &[], |json| {
        json.object(|o| {
            o.member("query.lookback-delta", "5m");
            o.member("query.max-concurrency", &config.limits.queries_concurrent_max.to_string());
            o.member("query.timeout", &engine::promql::format_duration(timeout_ms));
            o.member("storage.tsdb.retention.time", &config.retention);
            o.member("web.enable-lifecycle", "true");
        });
    }))
}

pub(crate) fn runtimeinfo(call: &Call) -> Result<Reply, Failure> {
    let started = rfc3339_ms(call.shared.host.started_ms());
    let now = rfc3339_ms(call.now_ms());
    Ok(success(&[], &[], |json| {
        json.object(|o| {
            o.member("startTime", &started);
            o.member("CWD", "");
            o.member("hostname", "");
            o.member("serverTime", &now);
            o.key("reloadConfigSuccess").bool(true);
            o.member("lastConfigTime", &started);
            o.key("corruptionCount").int(0);
            o.key("goroutineCount").int(0);
            o.key("GOMAXPROCS").int(0);
            o.key("GOMEMLIMIT").int(0);
            o.member("GOGC", "");
            o.member("GODEBUG", "");
            o.member("storageRetention", &call.shared.config.retention);
        });
    }))
}

pub(crate) fn walreplay(_: &Call) -> Result<Reply, Failure> {
    Ok(success(&[], &[], |json| {
        json.object(|o| ["min", "max", "current"].iter().for_each(|name| o.key(name).int(0)));
    }))
}

/// Rules notify in process, not through another Alertmanager.
pub(crate) fn alertmanagers(_: &Call) -> Result<Reply, Failure> {
    Ok(success(&[], &[], |json| {
        json.object(|o| {
            o.key("activeAlertmanagers").array(|_| {});
            o.key("droppedAlertmanagers").array(|_| {});
        });
    }))
}

/// Series counted by what they have in common.
#[derive(Default)]
struct Cardinality {
    series: u64,
    by_metric: BTreeMap<String, u64>,
    values_by_label: BTreeMap<String, BTreeSet<String>>,
    by_pair: BTreeMap<String, u64>,
    by_service: BTreeMap<String, u64>,
}

pub(crate) fn tsdb(call: &Call) -> Result<Reply, Failure> {
    let limit = call.params.limit("limit", 10, 10_000)?;
    let now_ms = call.now_ms();
    let query =
        LabelQuery { selectors: Vec::new(), start_ms: now_ms - WINDOW_MS, end_ms: now_ms + WINDOW_MS };
    let mut counted = Cardinality::default();
    for (labels, meta) in call.snapshot().series(&call.ctx, &query)? {
        counted.series += 1;
        *counted.by_service.entry(meta.stream.service().to_owned()).or_default() += 1;
        *counted.by_metric.entry(labels.metric_name().to_owned()).or_default() += 1;
        for (name, value) in labels.iter() {
            counted.values_by_label.entry(name.to_owned()).or_default().insert(value.to_owned());
            *counted.by_pair.entry(format!("{name}={value}")).or_default() += 1;
        }
    }
    let values = |count: fn(&BTreeSet<String>) -> u64| {
        counted.values_by_label.iter().map(|(name, values)| (name.clone(), count(values))).collect()
    };
    let lists: [(&str, Vec<(String, u64)>); 5] = [
        ("seriesCountByMetricName", counted.by_metric.clone().into_iter().collect()),
        ("labelValueCountByLabelName", values(|values| values.len() as u64)),
        ("memoryInBytesByLabelName", values(|values| values.iter().map(|value| value.len() as u64).sum())),
        ("seriesCountByLabelValuePair", counted.by_pair.clone().into_iter().collect()),
        // Not Prometheus': which service sends them.
        ("seriesCountByService", counted.by_service.clone().into_iter().collect()),
    ];
    Ok(success(&[], &[], |json| {
        json.object(|o| {
            o.key("headStats").object(|h| {
                h.key("numSeries").int(counted.series);
                h.key("numLabelPairs").int(counted.by_pair.len() as u64);
                h.key("chunkCount").int(0);
                h.key("minTime").int(query.start_ms);
                h.key("maxTime").int(now_ms);
            });
            lists.into_iter().for_each(|(name, list)| write_top(o, name, list, limit));
        });
    }))
}

fn write_top(o: &mut Json, name: &str, mut list: Vec<(String, u64)>, limit: usize) {
    list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    o.key(name).array(|a| {
        for (name, value) in list.into_iter().take(limit) {
            a.object(|e| {
                e.member("name", &name);
                e.key("value").int(value);
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn facts_have_prometheus_shape() {
        let world = World::with_data().await;
        world
            .golden(&[
                ("/api/v1/status/buildinfo", r#"{"status":"success","data":{"version":"3.*"}}"#),
                ("/api/v1/status/config", r#"{"status":"success","data":{"yaml":"*"}}"#),
                (
                    "/api/v1/status/flags",
                    r#"{"status":"success","data":{*"storage.tsdb.retention.time":"30d"*}}"#,
                ),
                (
                    "/api/v1/status/runtimeinfo",
                    r#"{"status":"success","data":{"startTime":"1970-01-01T00:00:00.000Z"*}}"#,
                ),
                ("/api/v1/status/walreplay", r#"{"status":"success","data":{"min":0,"max":0,"current":0}}"#),
                (
                    "/api/v1/status/tsdb?limit=1",
                    concat!(
                        r#"{"status":"success","data":{"headStats":{"numSeries":2,"numLabelPairs":5,*},"#,
                        r#""seriesCountByMetricName":[{"name":"shop_orders_total","value":2}],"#,
                        r#""labelValueCountByLabelName":[{"name":"region","value":2}],"#,
                        r#""memoryInBytesByLabelName":[{"name":"__name__","value":17}],"#,
                        r#""seriesCountByLabelValuePair":[{"name":"__name__=shop_orders_total","value":2}],"#,
                        r#""seriesCountByService":[{"name":"cart","value":2}]}}"#
                    ),
                ),
            ])
            .await;
    }
}
