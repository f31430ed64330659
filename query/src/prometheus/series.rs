//! `/api/v1/series`.

use super::{cut, label_query, success, write_labels};
use crate::failure::{Failure, Reply};
use crate::service::Call;

pub(crate) fn answer(call: &Call) -> Result<Reply, Failure> {
    let query = label_query(call)?;
    if query.selectors.is_empty() {
        return Err(Failure::bad("no match[] parameter provided"));
    }
    let mut found: Vec<_> =
        call.snapshot().series(&call.ctx, &query)?.into_iter().map(|(labels, _)| labels).collect();
    found.sort();
    found.dedup();
    let warnings = cut(call, &mut found)?;
    Ok(success(&warnings, &[], |json| {
        json.array(|a| found.iter().for_each(|labels| write_labels(a, labels)));
    }))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn series_of_any_of_the_selectors() {
        let world = World::with_data().await;
        world
            .golden(&[
                (
                    "/api/v1/series?match[]=shop_orders_total{region=\"eu\"}&match[]=none",
                    r#"{"status":"success","data":[{"__name__":"shop_orders_total","instance":"c-1","job":"cart","region":"eu"}]}"#,
                ),
                (
                    "/api/v1/series",
                    r#"{"status":"error","errorType":"bad_data","error":"no match[] parameter provided"}"#,
                ),
                (
                    "/api/v1/series?match[]={x=\"\"}",
                    r#"{"status":"error","errorType":"bad_data","error":"*"}"#,
                ),
            ])
            .await;
        let posted = world.post_form("/api/v1/series", "match[]=shop_orders_total").await;
        assert_eq!(posted.body.matches("__name__").count(), 2);
    }
}
