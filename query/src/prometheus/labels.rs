//! `/api/v1/labels` and `/api/v1/label/{name}/values`.

use super::{cut, label_query, success};
use crate::failure::{Failure, Reply};
use crate::service::Call;

pub(crate) fn names(call: &Call) -> Result<Reply, Failure> {
    let query = label_query(call)?;
    let mut names: Vec<String> = call.snapshot().label_names(&call.ctx, &query)?.into_iter().collect();
    let warnings = cut(call, &mut names)?;
    Ok(success(&warnings, &[], |json| json.strings(names.iter().map(String::as_str))))
}

pub(crate) fn values(call: &Call) -> Result<Reply, Failure> {
    let name = unescape(call.path.get("name"))?;
    let query = label_query(call)?;
    let mut values: Vec<String> =
        call.snapshot().label_values(&call.ctx, &name, &query)?.into_iter().collect();
    let warnings = cut(call, &mut values)?;
    Ok(success(&warnings, &[], |json| json.strings(values.iter().map(String::as_str))))
}

/// `U__http_2e_route` is `http.route`: any UTF-8 name fits into a path segment of letters, digits and `_`.
fn unescape(escaped: &str) -> Result<String, Failure> {
    let Some(mut rest) = escaped.strip_prefix("U__") else { return Ok(escaped.to_owned()) };
    let invalid = || Failure::bad(format!("invalid label name: {escaped:?}"));
    let mut name = String::with_capacity(rest.len());
    while let Some(at) = rest.find('_') {
        let (plain, tail) = rest.split_at(at);
        name.push_str(plain);
        let tail = tail.strip_prefix('_').unwrap_or_default();
        if let Some(after) = tail.strip_prefix('_') {
            name.push('_');
            rest = after;
            continue;
        }
        let (hex, after) = tail.split_once('_').ok_or_else(invalid)?;
        let code = u32::from_str_radix(hex, 16).map_err(|_| invalid())?;
        name.push(char::from_u32(code).ok_or_else(invalid)?);
        rest = after;
    }
    name.push_str(rest);
    if name.is_empty() { Err(invalid()) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn escaped_names() {
        for (escaped, wanted) in [
            ("job", Some("job")),
            ("U__http_2e_route", Some("http.route")),
            ("U__a__b", Some("a_b")),
            ("U___1f600_", Some("😀")),
            ("U__", None),
            ("U__a_zz_", None),
            ("U__a_2e", None),
            ("U___d800_", None),
        ] {
            assert_eq!(unescape(escaped).ok().as_deref(), wanted, "{escaped}");
        }
    }

    #[tokio::test]
    async fn names_and_values_of_matching_series() {
        let world = World::with_data().await;
        world
            .golden(&[
                (
                    "/api/v1/labels?match[]=shop_orders_total",
                    r#"{"status":"success","data":["__name__","instance","job","region"]}"#,
                ),
                (
                    "/api/v1/label/region/values",
                    r#"{"status":"success","data":["eu","us"]}"#,
                ),
                (
                    "/api/v1/label/U__region/values?limit=1",
                    r#"{"status":"success","data":["eu"],"warnings":["results truncated due to limit"]}"#,
                ),
                (
                    "/prometheus/api/v1/label/region/values?match[]={region=~\"u.*\"}",
                    r#"{"status":"success","data":["us"]}"#,
                ),
                (
                    "/api/v1/label/region/values?start=5&end=4",
                    r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"end\": end timestamp must not be before start time"}"#,
                ),
                (
                    "/api/v1/label/none/values",
                    r#"{"status":"success","data":[]}"#,
                ),
            ])
            .await;
    }
}
