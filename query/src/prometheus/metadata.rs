//! `/api/v1/metadata`: what senders said about their metrics, by the Prometheus name of the family.

use std::collections::{BTreeMap, BTreeSet};

use store::model::{MetricKind, MetricRef, naming};
use store::{LabelQuery, SeriesMeta};

use super::success;
use crate::failure::{Failure, Reply};
use crate::service::Call;

/// Metrics seen longer ago are not described.
const WINDOW_MS: i64 = 24 * 3_600_000;

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Description {
    kind: &'static str,
    help: String,
    unit: String,
}

pub(crate) fn answer(call: &Call) -> Result<Reply, Failure> {
    let limit = call.params.parse::<usize>("limit", "a count")?.unwrap_or(usize::MAX);
    let per_metric = call.params.parse::<usize>("limit_per_metric", "a count")?.unwrap_or(usize::MAX);
    let wanted = call.params.get("metric");
    let now_ms = call.now_ms();
    let query = LabelQuery {
        selectors: Vec::new(),
        start_ms: now_ms - WINDOW_MS,
        end_ms: now_ms.saturating_add(WINDOW_MS),
    };
    let mut families: BTreeMap<String, BTreeSet<Description>> = BTreeMap::new();
    for (_, meta) in call.snapshot().series(&call.ctx, &query)? {
        let metric = metric_ref(&meta);
        let name = match meta.stream.has_plain_labels() {
            true => naming::sent_family(&metric),
            false => naming::metric_name(&metric),
        };
        if wanted.is_none_or(|wanted| wanted == name) {
            let description = Description {
                kind: kind(&meta),
                help: meta.description.to_string(),
                unit: meta.unit.to_string(),
            };
            families.entry(name).or_default().insert(description);
        }
    }
    Ok(success(&[], &[], |json| {
        json.object(|o| {
            for (name, descriptions) in families.iter().take(limit) {
                o.key(name).array(|a| {
                    for description in descriptions.iter().take(per_metric) {
                        a.object(|d| {
                            d.member("type", description.kind);
                            d.member("help", &description.help);
                            d.member("unit", &description.unit);
                        });
                    }
                });
            }
        });
    }))
}

pub(super) fn metric_ref(meta: &SeriesMeta) -> MetricRef<'_> {
    MetricRef {
        name: &meta.name,
        unit: &meta.unit,
        description: &meta.description,
        kind: meta.kind,
        temporality: meta.temporality,
        monotonic: meta.monotonic,
    }
}

pub(super) fn kind(meta: &SeriesMeta) -> &'static str {
    match meta.kind {
        MetricKind::Sum if meta.monotonic => "counter",
        MetricKind::Sum | MetricKind::Gauge => "gauge",
        MetricKind::Histogram | MetricKind::ExponentialHistogram => "histogram",
        MetricKind::Summary => "summary",
        MetricKind::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn families_with_type_help_and_unit() {
        let world = World::with_data().await;
        world
            .golden(&[
                (
                    "/api/v1/metadata",
                    r#"{"status":"success","data":{"shop_orders_total":[{"type":"counter","help":"orders taken","unit":"{order}"}]}}"#,
                ),
                ("/api/v1/metadata?metric=none", r#"{"status":"success","data":{}}"#),
            ])
            .await;
    }
}
