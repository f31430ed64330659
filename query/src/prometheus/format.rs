//! `/api/v1/format_query` and `/api/v1/parse_query`.

use engine::promql;

use super::{expression, success, syntax_tree};
use crate::failure::{Failure, Reply};
use crate::service::Call;

pub(crate) fn format(call: &Call) -> Result<Reply, Failure> {
    let expr = expression(call)?;
    Ok(success(&[], &[], |json| json.string(&promql::pretty(&expr))))
}

pub(crate) fn parse(call: &Call) -> Result<Reply, Failure> {
    let expr = expression(call)?;
    Ok(success(&[], &[], |json| syntax_tree::write(json, &expr)))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn texts_are_printed_and_taken_apart() {
        let world = World::new();
        world
            .golden(&[
                ("/api/v1/format_query?query=sum+by(a)(x%7Bb=%22c%22%7D)", r#"{"status":"success","data":"sum by (a) (x{b=\"c\"})"}"#),
                (
                    "/api/v1/format_query?query=sum(",
                    r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": *"}"#,
                ),
                (
                    "/api/v1/format_query",
                    r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:1: parse error: no expression found in input"}"#,
                ),
                (
                    "/api/v1/parse_query?query=-rate(x%7Ba!=%22b%22%7D%5B5m%5D+offset+1m)*2",
                    concat!(
                        r#"{"status":"success","data":{"type":"binaryExpr","op":"*","lhs":{"type":"unaryExpr","op":"-","#,
                        r#""expr":{"type":"call","func":{"name":"rate","argTypes":["matrix"],"variadic":0,"returnType":"vector"},"#,
                        r#""args":[{"type":"matrixSelector","name":"x","range":300000,"rangeExpr":null,"offset":60000,"offsetExpr":null,"matchers":"#,
                        r#"[{"name":"a","value":"b","type":"!="},{"name":"__name__","value":"x","type":"="}],"#,
                        r#""timestamp":null,"startOrEnd":null,"anchored":false,"smoothed":false}]}},"rhs":{"type":"numberLiteral","val":"2"},"matching":null,"bool":false}}"#
                    ),
                ),
                (
                    "/api/v1/parse_query?query=a%5B(step()%2B1m)%5D",
                    concat!(
                        r#"{"status":"success","data":{*"range":0,"rangeExpr":{"type":"durationExpr","op":"+","#,
                        r#""lhs":{"type":"durationExpr","op":"step","lhs":null,"rhs":null,"wrapped":false},"#,
                        r#""rhs":{"type":"numberLiteral","val":"60","duration":true},"wrapped":true},*}}"#
                    ),
                ),
            ])
            .await;
    }
}
