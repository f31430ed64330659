//! `/loki/api/v1/status/buildinfo`, `/drilldown-limits` and `/format_query`.

use engine::logql;

use super::{expression, write_success};
use crate::failure::{Failure, Reply, json_reply};
use crate::service::Call;

/// The Loki whose API this is.
const API_VERSION: &str = "3.6.0";

pub(crate) fn buildinfo(call: &Call) -> Result<Reply, Failure> {
    let config = &call.shared.config;
    Ok(json_reply(|json| {
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

pub(crate) fn format(call: &Call) -> Result<Reply, Failure> {
    let text = logql::format_query(&expression(call)?);
    Ok(json_reply(|json| write_success(json, |data| data.string(&text))))
}

/// What Grafana's Logs Drilldown asks before it shows anything.
pub(crate) fn drilldown_limits(call: &Call) -> Result<Reply, Failure> {
    let config = &call.shared.config;
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("limits").object(|l| {
                l.key("discover_log_levels").bool(true);
                l.key("discover_service_name").strings(["service_name"]);
                l.member("log_level_fields", "detected_level");
                l.key("max_entries_limit_per_query").int(config.limits.query_rows_max);
                l.key("max_line_size_truncate").bool(false);
                l.key("max_query_series").int(config.limits.query_series_max);
                l.member("query_timeout", &format!("{}ms", config.limits.query_timeout_ms));
                l.member("retention_period", &config.retention);
                l.key("volume_enabled").bool(true);
                l.key("volume_max_series").int(1000);
            });
            o.key("pattern_ingester_enabled").bool(true);
            o.member("version", API_VERSION);
        });
    }))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn facts_and_printed_queries() {
        World::new()
            .golden(&[
                ("/loki/api/v1/status/buildinfo", r#"{"version":"3.*"}"#),
                (
                    "/loki/api/v1/drilldown-limits",
                    r#"{"limits":{*},"pattern_ingester_enabled":true,"version":"3.*"}"#,
                ),
                (
                    "/loki/api/v1/format_query?query={a=\"b\"}|=\"c\"",
                    r#"{"status":"success","data":"{a=\"b\"} |= \"c\""}"#,
                ),
            ])
            .await;
    }
}
