//! `/api/v1/query_exemplars`: the exemplars of the series an expression reads.

use std::collections::BTreeMap;

use engine::promql::{self, fmt_value};
use store::model::{Labels, Nested, naming};
use store::{OwnedExemplar, SeriesQuery};

use super::{expression, matchers, success, time_or, write_labels};
use crate::failure::{Failure, Reply};
use crate::json::Json;
use crate::service::Call;

pub(crate) fn answer(call: &Call) -> Result<Reply, Failure> {
    let (start_ms, end_ms) = (time_or(call, "start", i64::MIN / 2)?, time_or(call, "end", i64::MAX / 2)?);
    if end_ms < start_ms {
        return Err(Failure::bad("end timestamp must not be before start timestamp"));
    }
    let expr = expression(call)?;
    let snapshot = call.snapshot();
    let mut found: BTreeMap<Labels, Vec<OwnedExemplar>> = BTreeMap::new();
    for used in promql::selectors(&expr) {
        let query = SeriesQuery { matchers: matchers(used.matchers)?, start_ms, end_ms, totals: false };
        found.extend(snapshot.exemplars(&call.ctx, &query)?);
    }
    Ok(success(&[], &[], |json| json.array(|a| found.iter().for_each(|(labels, all)| write(a, labels, all)))))
}

fn write(json: &mut Json, labels: &Labels, exemplars: &[OwnedExemplar]) {
    json.object(|o| {
        write_labels(o.key("seriesLabels"), labels);
        o.key("exemplars").array(|a| {
            for exemplar in exemplars {
                a.object(|e| {
                    e.key("labels").object(|l| write_exemplar_labels(l, exemplar));
                    e.member("value", &fmt_value(exemplar.value));
                    e.key("timestamp").seconds(exemplar.time_ms);
                });
            }
        });
    });
}

/// The ids under the names Prometheus' users know, then what else the measurement had.
fn write_exemplar_labels(json: &mut Json, exemplar: &OwnedExemplar) {
    let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let ids = [("trace_id", &exemplar.trace_id), ("span_id", &exemplar.span_id)];
    let mut labels: BTreeMap<String, String> = ids
        .into_iter()
        .filter(|(_, id)| !id.is_empty())
        .map(|(name, id)| (name.to_owned(), hex(id)))
        .collect();
    for item in Nested::new(&exemplar.attributes).items() {
        let name = naming::label_name(item.key.unwrap_or_default());
        labels.entry(name).or_insert_with(|| item.value.text().into_owned());
    }
    labels.iter().for_each(|(name, value)| json.member(name, value));
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn exemplars_lead_to_traces() {
        let world = World::with_data().await;
        let one = |region: &str| {
            format!(
                concat!(
                    r#"{{"seriesLabels":{{"__name__":"shop_orders_total","instance":"c-1","job":"cart","region":"{}"}},"exemplars":["#,
                    r#"{{"labels":{{"order_who":"","span_id":"0101010101010101","#,
                    r#""trace_id":"00000000000000010203040506070809"}},"value":"1","timestamp":1763929970}}]}}"#
                ),
                region
            )
        };
        let path = "/api/v1/query_exemplars?query=rate(shop_orders_total[5m])";
        let of = |series: &str| format!(r#"{{"status":"success","data":[{series}]}}"#);
        world
            .golden(&[
                (path, &of(&format!("{},{}", one("eu"), one("us")))),
                ("/api/v1/query_exemplars?query=shop_orders_total{region=\"us\"}%2Bx", &of(&one("us"))),
                (&format!("{path}&start=1763929971&end=1763930000"), &of("")),
                (
                    &format!("{path}&start=2&end=1"),
                    r#"{"status":"error","errorType":"bad_data","error":"*"}"#,
                ),
            ])
            .await;
    }
}
