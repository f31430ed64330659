//! `/api/signalbox/difference`: what tells the spans of `selection` from the others among `q`.

use engine::spans::{Difference, DifferenceParams, difference};
use engine::traceql::{self, Expr, FieldExpr, SpansetExpr, Stage, TagValue};

use super::map::window;
use crate::failure::{Failure, Reply, json_reply};
use crate::json::Json;
use crate::request::time::NS_PER_S;
use crate::service::Call;

const WINDOW_DEFAULT_NS: i64 = 3600 * NS_PER_S;
const VALUES_DEFAULT: usize = 20;
const VALUES_MAX: usize = 1000;

pub(crate) fn answer(call: &Call) -> Result<Reply, Failure> {
    let among = call.params.get("q").map(condition).transpose()?.flatten();
    let selection = condition(call.params.require("selection")?)?
        .ok_or_else(|| Failure::bad("\"selection\" must have a condition, like { status = error }"))?;
    let params = DifferenceParams {
        window: window(call, WINDOW_DEFAULT_NS)?,
        among: among.as_ref(),
        selection: &selection,
        limit: call.params.limit("limit", VALUES_DEFAULT, VALUES_MAX)?,
    };
    let found = difference(&call.ctx, &call.snapshot(), &params)?;
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("selected").int(found.selected);
            o.key("others").int(found.others);
            o.key("truncated").bool(found.truncated);
            o.key("values").array(|a| found.values.iter().for_each(|value| write(a, value)));
        });
    }))
}

/// `{ ... }` alone; `None` is `{}`.
fn condition(text: &str) -> Result<Option<FieldExpr>, Failure> {
    match traceql::parse(text)?.expr {
        Expr::Search(mut stages) => match (stages.pop(), stages.is_empty()) {
            (Some(Stage::Spanset(SpansetExpr::Filter(filter))), true) => Ok(filter),
            _ => Err(Failure::bad(format!("one condition on spans is wanted, in braces: {text}"))),
        },
        Expr::Metrics(_) => Err(Failure::bad(format!("one condition on spans is wanted, in braces: {text}"))),
    }
}

fn write(json: &mut Json, value: &Difference) {
    json.object(|o| {
        o.member("attribute", &value.attribute);
        write_value(o, &value.value);
        o.key("selected").int(value.selected);
        o.key("others").int(value.others);
        o.key("effect").number(value.effect);
        o.key("p").number(value.p);
        o.key("significant").bool(value.significant);
        if let Some((attribute, value)) = &value.explained_by {
            o.key("explained_by").object(|e| {
                e.member("attribute", attribute);
                write_value(e, value);
            });
        }
    });
}

fn write_value(o: &mut Json, value: &TagValue) {
    o.member("type", value.type_name());
    o.member("value", &value.text());
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn sets_are_counted_and_conditions_checked() {
        let world = World::with_data().await;
        world.fill("b", "theirs").await;
        world
            .golden(&[
                (
                    "/api/signalbox/difference?q={kind=server}&selection={status=error}",
                    r#"{"selected":1,"others":1,"truncated":false,"values":[]}"#,
                ),
                ("/api/signalbox/difference?selection={}", "{\"error\":*must have a condition*"),
                ("/api/signalbox/difference?selection={true}|rate()", "{\"error\":*one condition*"),
                ("/api/signalbox/difference?selection={rootName=\"x\"}", "{\"error\":*about their trace*"),
            ])
            .await;
    }
}
