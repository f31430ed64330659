//! `/api/signalbox/routes`: the tree of notification routes, and where an alert with given labels would go.

use std::collections::BTreeMap;

use crate::failure::{Failure, Reply, json_reply};
use crate::json::Json;
use crate::notify::{Destination, RouteView};
use crate::service::Call;

/// Labels of one alert.
const LABELS_MAX: usize = 200;

/// `labels` is a JSON object of label names and values; without it nothing is taken.
pub(crate) fn answer(call: &Call) -> Result<Reply, Failure> {
    let labels = call.params.get("labels").map(labels).transpose()?;
    let notifier = call.shared.rules.notifier();
    let now_ms = call.now_ms();
    let tree = notifier.as_ref().map(|notifier| notifier.route_tree(labels.as_ref(), now_ms));
    let destinations = match (&notifier, &labels) {
        (Some(notifier), Some(labels)) => notifier.destinations(labels, now_ms),
        _ => Vec::new(),
    };
    let receivers = notifier.as_ref().map(|notifier| notifier.integrations()).unwrap_or_default();
    Ok(json_reply(|json| {
        json.object(|o| {
            match &tree {
                Some(tree) => {
                    o.key("root");
                    write_route(o, tree);
                }
                None => o.key("root").null(),
            }
            o.key("destinations").array(|a| destinations.iter().for_each(|one| write_destination(a, one)));
            o.key("receivers").array(|a| {
                for (name, kinds) in &receivers {
                    a.object(|r| {
                        r.member("name", name);
                        r.key("integrations").strings(kinds.iter().copied());
                    });
                }
            });
        });
    }))
}

fn labels(text: &str) -> Result<BTreeMap<String, String>, Failure> {
    let labels: BTreeMap<String, String> = serde_json::from_str(text)
        .map_err(|error| Failure::bad(format!("labels are no JSON object of texts: {error}")))?;
    if labels.len() > LABELS_MAX {
        return Err(Failure::bad(format!("an alert has at most {LABELS_MAX} labels here")));
    }
    Ok(labels)
}

fn write_route(json: &mut Json, route: &RouteView) {
    json.object(|o| {
        o.member("key", &route.key);
        o.key("matchers").strings(route.matchers.iter().map(String::as_str));
        o.member("receiver", &route.receiver);
        o.key("continue").bool(route.goes_on);
        o.key("group_by").strings(route.group_by.iter().map(String::as_str));
        o.key("group_wait_ms").int(route.group_wait_ms);
        o.key("group_interval_ms").int(route.group_interval_ms);
        o.key("repeat_interval_ms").int(route.repeat_interval_ms);
        o.key("intervals").strings(route.intervals.iter().map(String::as_str));
        o.key("muted_by").strings(route.muted_by.iter().map(String::as_str));
        o.key("matches").bool(route.matches);
        o.key("takes").bool(route.takes);
        o.key("routes").array(|a| route.routes.iter().for_each(|below| write_route(a, below)));
    });
}

fn write_destination(json: &mut Json, one: &Destination) {
    json.object(|o| {
        o.member("receiver", &one.receiver);
        o.member("route", &one.route);
        o.key("group_labels").object(|g| {
            for (name, value) in &one.group_labels {
                g.member(name, value);
            }
        });
        o.key("muted_by").strings(one.muted_by.iter().map(String::as_str));
    });
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn the_tree_says_which_route_takes_an_alert_and_who_is_told() {
        World::with_rules()
            .await
            .golden(&[
                (
                    r#"/api/signalbox/routes?labels={"alertname":"ReviewDown"}"#,
                    concat!(
                        r#"{"root":{"key":"{}","matchers":[],"receiver":"chat","continue":false,"group_by":["alertname"],"group_wait_ms":30000,*"#,
                        r#""matches":true,"takes":true,"routes":[]},"destinations":[{"receiver":"chat","route":"{}","#,
                        r#""group_labels":{"alertname":"ReviewDown"},"muted_by":[]}],"receivers":[{"name":"chat","integrations":[]}]}"#
                    ),
                ),
                ("/api/signalbox/routes", r#"{"root":{*"matches":false,"takes":false,*"destinations":[],*"#),
                ("/api/signalbox/routes?labels=[1]", r#"{"error":"labels are no JSON object of texts:*"#),
            ])
            .await;
    }

    #[tokio::test]
    async fn without_notifications_there_is_no_tree() {
        World::new()
            .golden(&[("/api/signalbox/routes", r#"{"root":null,"destinations":[],"receivers":[]}"#)])
            .await;
    }
}
