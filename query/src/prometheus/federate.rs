//! `/federate`: the newest sample of every series that matches, in Prometheus' text exposition or OpenMetrics.
//!
//! Series keep the time of their sample. Native histograms have no text form and are left out, as by Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine::promql::{Settings, fmt_value};
use http::StatusCode;
use store::SeriesQuery;
use store::model::Labels;

use super::selectors;
use crate::failure::{Failure, Reply, reply};
use crate::service::Call;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8";
/// Marks the end of a series.
const STALE: u64 = 0x7ff0_0000_0000_0002;

pub(crate) fn answer(call: &Call) -> Result<Reply, Failure> {
    let end_ms = call.now_ms();
    let start_ms = end_ms - Settings::default().lookback_ms + 1;
    let snapshot = call.snapshot();
    let mut newest: BTreeMap<Labels, (i64, f64)> = BTreeMap::new();
    for matchers in selectors(call)? {
        for series in snapshot.select(&call.ctx, &SeriesQuery { matchers, start_ms, end_ms, totals: true })? {
            let sample = series.times.last().copied().zip(series.values.last().copied());
            if let Some((time_ms, value)) = sample.filter(|(_, value)| value.to_bits() != STALE) {
                newest.insert(series.labels, (time_ms, value));
            }
        }
    }
    let open_metrics = call.header("accept").contains("application/openmetrics-text");
    let mut text = exposition(&newest, open_metrics);
    if open_metrics {
        text.push_str("# EOF\n");
    }
    Ok(reply(StatusCode::OK, if open_metrics { OPEN_METRICS } else { TEXT }, text))
}

fn exposition(newest: &BTreeMap<Labels, (i64, f64)>, open_metrics: bool) -> String {
    let mut by_name: Vec<_> = newest.iter().collect();
    by_name.sort_by(|a, b| a.0.metric_name().cmp(b.0.metric_name()).then_with(|| a.0.cmp(b.0)));
    let kind = if open_metrics { "unknown" } else { "untyped" };
    let mut out = String::new();
    let mut family: Option<&str> = None;
    for (labels, (time_ms, value)) in by_name {
        let name = labels.metric_name();
        if family != Some(name) {
            let shown = if is_classic(name) { name.to_owned() } else { quoted(name) };
            let _ = writeln!(out, "# TYPE {shown} {kind}");
            family = Some(name);
        }
        write_series(&mut out, labels);
        let _ = match open_metrics {
            false => writeln!(out, " {} {time_ms}", fmt_value(*value)),
            true => writeln!(out, " {} {}", fmt_value(*value), *time_ms as f64 / 1000.0),
        };
    }
    out
}

/// `name{label="value"}`; a name outside the classic alphabet stands quoted among the labels.
pub(super) fn write_series(out: &mut String, labels: &Labels) {
    let name = labels.metric_name();
    let mut pairs: Vec<String> = Vec::new();
    if is_classic(name) {
        out.push_str(name);
    } else {
        pairs.push(quoted(name));
    }
    for (label, value) in labels.iter().filter(|(label, _)| *label != Labels::METRIC_NAME) {
        let label = if is_classic(label) { label.to_owned() } else { quoted(label) };
        pairs.push(format!("{label}={}", quoted(value)));
    }
    if !pairs.is_empty() {
        let _ = write!(out, "{{{}}}", pairs.join(","));
    }
}

fn is_classic(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':'))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[tokio::test]
    async fn the_newest_samples_in_either_format() {
        let world = World::with_data().await;
        let text = world.get("/federate?match[]=shop_orders_total").await;
        assert_eq!(text.content_type, TEXT);
        assert_eq!(
            text.body,
            concat!(
                "# TYPE shop_orders_total untyped\n",
                "shop_orders_total{instance=\"c-1\",job=\"cart\",region=\"eu\"} 120 1763930000000\n",
                "shop_orders_total{instance=\"c-1\",job=\"cart\",region=\"us\"} 60 1763930000000\n",
            )
        );
        let accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
        let open = world.get_with("/federate?match[]={region=\"us\"}", "accept", accept).await;
        assert_eq!(open.content_type, OPEN_METRICS);
        assert_eq!(
            open.body,
            "# TYPE shop_orders_total unknown\nshop_orders_total{instance=\"c-1\",job=\"cart\",region=\"us\"} 60 1763930000\n# EOF\n"
        );
        assert_eq!(world.get("/federate?match[]={x=\"\"}").await.status, 400);
        assert_eq!(world.get("/federate").await.body, "");
    }

    #[test]
    fn names_outside_the_classic_alphabet_are_quoted() {
        let labels = Labels::new([("__name__", "a.b"), ("c-d", "e\"\n"), ("f", "g\\")]);
        let newest = BTreeMap::from([(labels, (1500, f64::NAN))]);
        let wanted = "# TYPE \"a.b\" untyped\n{\"a.b\",\"c-d\"=\"e\\\"\\n\",f=\"g\\\\\"} NaN 1500\n";
        assert_eq!(exposition(&newest, false), wanted);
    }
}
