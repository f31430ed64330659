//! `/loki/api/v1/labels`, `/label/{name}/values` and `/series`.

use engine::logql;
use http::StatusCode;

use super::{Range, answer, matchers, optional_selector, write_success};
use crate::failure::{Failure, Reply, json_reply, reply};
use crate::json::Json;
use crate::service::Call;

pub(crate) fn names(call: &Call) -> Result<Reply, Failure> {
    let range = Range::read(call)?;
    let selectors = optional_selector(call, "query")?;
    let names = logql::label_names(&call.ctx, &call.snapshot(), &selectors, range.start, range.end)?;
    Ok(json_reply(|json| write_success(json, |data| data.strings(names.iter().map(String::as_str)))))
}

pub(crate) fn values(call: &Call) -> Result<Reply, Failure> {
    let range = Range::read(call)?;
    let selectors = optional_selector(call, "query")?;
    let name = call.path.get("name");
    let values = logql::label_values(&call.ctx, &call.snapshot(), name, &selectors, range.start, range.end)?;
    Ok(json_reply(|json| write_success(json, |data| data.strings(values.iter().map(String::as_str)))))
}

pub(crate) fn series(call: &Call) -> Result<Reply, Failure> {
    let range = Range::read(call)?;
    let given = call.params.all("match[]").chain(call.params.all("match"));
    let selectors: Vec<_> =
        given.filter(|text| !matches!(text.trim(), "" | "{}")).map(matchers).collect::<Result<_, _>>()?;
    let found = logql::series(&call.ctx, &call.snapshot(), &selectors, range.start, range.end)?;
    let mut json = Json::with_capacity(1024);
    write_success(&mut json, |data| {
        data.array(|a| found.iter().for_each(|labels| answer::write_labels(a, labels)));
    });
    Ok(reply(StatusCode::OK, "application/json", json.into_bytes()))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn labels_of_streams() {
        let world = World::with_data().await;
        world.fill("b", "theirs").await;
        world
            .golden(&[
                ("/loki/api/v1/labels", r#"{"status":"success","data":["service_name"]}"#),
                ("/loki/api/v1/label", r#"{"status":"success","data":["service_name"]}"#),
                (
                    "/loki/api/v1/label/service_name/values",
                    r#"{"status":"success","data":["cart","payments"]}"#,
                ),
                (
                    "/loki/api/v1/label/service_name/values?query={service_name=~\"c.*\"}",
                    r#"{"status":"success","data":["cart"]}"#,
                ),
                ("/loki/api/v1/labels?start=1&end=2", r#"{"status":"success","data":[]}"#),
                ("/loki/api/v1/label/none/values?since=5m", r#"{"status":"success","data":[]}"#),
                (
                    "/loki/api/v1/series?match[]={service_name=\"payments\"}",
                    r#"{"status":"success","data":[{"service_name":"payments"}]}"#,
                ),
            ])
            .await;
    }
}
