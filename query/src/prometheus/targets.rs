//! `/api/v1/targets`, its metadata and `/api/v1/scrape_pools`.

use engine::promql::format_duration;
use store::model::Labels;

use super::{selector, success};
use crate::failure::{Failure, Reply};
use crate::json::Json;
use crate::request::time::rfc3339_ms;
use crate::scrape_view::{PoolView, TargetView};
use crate::service::Call;

/// The time of what has not happened.
const NEVER: &str = "0001-01-01T00:00:00Z";
const METADATA_MAX: usize = 100_000;

pub(crate) fn targets(call: &Call) -> Result<Reply, Failure> {
    let state = call.params.get("state").unwrap_or("any").to_ascii_lowercase();
    let (active, dropped) = (state != "dropped", state != "active");
    let wanted = call.params.get("scrapePool").filter(|name| !name.is_empty());
    let mut pools = call.shared.host.scrape(&call.ctx);
    pools.retain(|pool| wanted.is_none_or(|name| pool.name == name));
    Ok(success(&[], &[], |json| {
        json.object(|o| {
            o.key("activeTargets").array(|a| {
                for pool in pools.iter().filter(|_| active) {
                    pool.active.iter().for_each(|target| write_active(a, pool, target));
                }
            });
            o.key("droppedTargets").array(|a| {
                for pool in pools.iter().filter(|_| dropped) {
                    for labels in &pool.dropped {
                        a.object(|o| {
                            write_labels(o, "discoveredLabels", labels);
                            o.member("scrapePool", &pool.name);
                        });
                    }
                }
            });
            o.key("droppedTargetCounts").object(|o| {
                pools.iter().for_each(|pool| o.key(&pool.name).int(pool.dropped_count));
            });
        });
    }))
}

fn write_active(json: &mut Json, pool: &PoolView, target: &TargetView) {
    json.object(|o| {
        write_labels(o, "discoveredLabels", &target.discovered);
        write_labels(o, "labels", &target.labels);
        o.member("scrapePool", &pool.name);
        o.member("scrapeUrl", &target.url);
        o.member("globalUrl", &target.url);
        o.member("lastError", &target.last_error);
        let time = target.last_scrape_ms;
        o.member("lastScrape", &if time == 0 { NEVER.to_owned() } else { rfc3339_ms(time) });
        o.key("lastScrapeDuration").number(target.last_duration_s);
        o.member("health", target.health);
        o.member("scrapeInterval", &format_duration(target.interval_ms));
        o.member("scrapeTimeout", &format_duration(target.timeout_ms));
    });
}

fn write_labels(json: &mut Json, key: &str, labels: &Labels) {
    json.key(key).object(|o| labels.iter().for_each(|(name, value)| o.member(name, value)));
}

pub(crate) fn scrape_pools(call: &Call) -> Result<Reply, Failure> {
    let pools = call.shared.host.scrape(&call.ctx);
    Ok(success(&[], &[], |json| {
        json.object(|o| o.key("scrapePools").strings(pools.iter().map(|pool| pool.name.as_str())));
    }))
}

pub(crate) fn metadata(call: &Call) -> Result<Reply, Failure> {
    let matchers = match call.params.get("match_target").filter(|text| !text.is_empty()) {
        Some(text) => selector(text)?,
        None => Vec::new(),
    };
    let limit = call.params.limit("limit", METADATA_MAX, METADATA_MAX)?;
    let metric = call.params.get("metric").filter(|name| !name.is_empty());
    let pools = call.shared.host.scrape(&call.ctx);
    let chosen = pools.iter().flat_map(|pool| &pool.active).filter(|target| {
        matchers.iter().all(|matcher| matcher.matches(target.labels.get(&matcher.name).unwrap_or("")))
    });
    let told = chosen.flat_map(|target| target.metrics.iter().map(move |told| (target, told)));
    Ok(success(&[], &[], |json| {
        json.array(|a| {
            for (target, told) in
                told.filter(|(_, told)| metric.is_none_or(|name| told.name == name)).take(limit)
            {
                a.object(|o| {
                    write_labels(o, "target", &target.labels);
                    // Without a metric in the question the answer has to say which.
                    if metric.is_none() {
                        o.member("metric", &told.name);
                    }
                    o.member("type", told.kind);
                    o.member("help", &told.help);
                    o.member("unit", &told.unit);
                });
            }
        });
    }))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn targets_of_the_tenant_with_what_became_of_them() {
        let world = World::new();
        let active = concat!(
            r#"{"discoveredLabels":{"__address__":"h:9100","job":"node"},"labels":{"instance":"h:9100","job":"node"},"#,
            r#""scrapePool":"node","scrapeUrl":"http://h:9100/metrics","globalUrl":"http://h:9100/metrics","lastError":"","#,
            r#""lastScrape":"2025-11-23T20:33:20.000Z","lastScrapeDuration":0.5,"health":"up","scrapeInterval":"15s","scrapeTimeout":"10s"}"#
        );
        let dropped = r#"{"discoveredLabels":{"__address__":"i:9100"},"scrapePool":"node"}"#;
        let all = format!(
            r#"{{"status":"success","data":{{"activeTargets":[{active}],"droppedTargets":[{dropped}],"droppedTargetCounts":{{"node":1}}}}}}"#
        );
        let metadata = r#"{"status":"success","data":[{"target":{"instance":"h:9100","job":"node"},"metric":"node_load1","type":"gauge","help":"1m load average.","unit":""}]}"#;
        world
            .golden(&[
                ("/api/v1/targets", &all),
                (
                    "/api/v1/targets?state=active&scrapePool=none",
                    r#"{"status":"success","data":{"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{}}}"#,
                ),
                ("/api/v1/scrape_pools", r#"{"status":"success","data":{"scrapePools":["node"]}}"#),
                ("/api/v1/targets/metadata?match_target=%7Bjob%3D%22node%22%7D", metadata),
                (
                    "/api/v1/targets/metadata?metric=node_load1&match_target=%7Bjob%3D%22other%22%7D",
                    r#"{"status":"success","data":[]}"#,
                ),
            ])
            .await;
    }
}
