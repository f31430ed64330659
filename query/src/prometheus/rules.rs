//! `/api/v1/rules` and `/api/v1/alerts`.

use engine::promql::fmt_value;
use store::model::LabelMatcher;

use super::{selectors, success, write_labels};
use crate::failure::{Failure, Reply};
use crate::json::Json;
use crate::request::time::rfc3339_ms;
use crate::rules_view::{AlertState, AlertView, GroupView, RuleKind, RuleView};
use crate::service::Call;

/// What Go prints for a time that never was.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The parameters of `/api/v1/rules`.
struct Wanted<'a> {
    kind: Option<&'a str>,
    names: Vec<&'a str>,
    groups: Vec<&'a str>,
    files: Vec<&'a str>,
    selectors: Vec<Vec<LabelMatcher>>,
    exclude_alerts: bool,
}

pub(crate) fn rules(call: &Call) -> Result<Reply, Failure> {
    let wanted = Wanted::read(call)?;
    let limit = call.params.parse::<usize>("group_limit", "a count")?.unwrap_or(usize::MAX);
    let from = call.params.parse::<usize>("group_next_token", "a token this API gave")?.unwrap_or(0);
    let mut groups: Vec<GroupView> = call
        .shared
        .rules
        .groups(&call.ctx.tenant)
        .into_iter()
        .filter_map(|group| wanted.of_group(group))
        .collect();
    let total = groups.len();
    groups.drain(..from.min(total));
    groups.truncate(limit.max(1));
    let next = from.saturating_add(groups.len());
    Ok(success(&[], &[], |json| {
        json.object(|o| {
            o.key("groups")
                .array(|a| groups.iter().for_each(|group| write_group(a, group, wanted.exclude_alerts)));
            if next < total {
                o.member("groupNextToken", &next.to_string());
            }
        });
    }))
}

pub(crate) fn alerts(call: &Call) -> Result<Reply, Failure> {
    let groups = call.shared.rules.groups(&call.ctx.tenant);
    Ok(success(&[], &[], |json| {
        json.object(|o| {
            o.key("alerts").array(|a| {
                let rules = groups.iter().flat_map(|group| &group.rules);
                rules.flat_map(RuleView::alerts).for_each(|alert| write_alert(a, alert));
            });
        });
    }))
}

// === impl Wanted ===

impl<'a> Wanted<'a> {
    fn read(call: &'a Call) -> Result<Self, Failure> {
        let kind = match call.params.get("type") {
            None => None,
            Some("alert") => Some("alerting"),
            Some("record") => Some("recording"),
            Some(other) => {
                return Err(Failure::bad(format!(
                    "invalid parameter \"type\": not supported value {other:?}"
                )));
            }
        };
        Ok(Self {
            kind,
            names: call.params.all("rule_name[]").collect(),
            groups: call.params.all("rule_group[]").collect(),
            files: call.params.all("file[]").collect(),
            selectors: selectors(call)?,
            exclude_alerts: call.params.get("exclude_alerts") == Some("true"),
        })
    }

    /// The group with the rules that are wanted; a group that loses all of them is not shown.
    fn of_group(&self, mut group: GroupView) -> Option<GroupView> {
        let any = |list: &[&str], name: &str| list.is_empty() || list.contains(&name);
        if !any(&self.groups, &group.name) || !any(&self.files, &group.file) {
            return None;
        }
        let all = self.kind.is_none() && self.names.is_empty() && self.selectors.is_empty();
        group.rules.retain(|rule| {
            let kind = matches!(rule.kind, RuleKind::Recording);
            let wanted_kind = self.kind.is_none_or(|wanted| (wanted == "recording") == kind);
            let matches = |matchers: &Vec<LabelMatcher>| {
                matchers.iter().all(|m| m.matches(rule.labels.get(&m.name).unwrap_or_default()))
            };
            let labels = self.selectors.is_empty() || self.selectors.iter().any(matches);
            wanted_kind && labels && any(&self.names, &rule.name)
        });
        (all || !group.rules.is_empty()).then_some(group)
    }
}

fn write_group(json: &mut Json, group: &GroupView, exclude_alerts: bool) {
    json.object(|o| {
        o.member("name", &group.name);
        o.member("file", &group.file);
        o.key("rules").array(|a| group.rules.iter().for_each(|rule| write_rule(a, rule, exclude_alerts)));
        o.key("interval").number(group.interval_ms as f64 / 1000.0);
        o.key("limit").int(group.limit);
        o.key("evaluationTime").number(group.evaluation_ms / 1000.0);
        o.member("lastEvaluation", &time_or_never(group.last_evaluation_ms));
    });
}

fn write_rule(json: &mut Json, rule: &RuleView, exclude_alerts: bool) {
    json.object(|o| {
        if matches!(rule.kind, RuleKind::Alerting { .. }) {
            let state = rule.alerts().iter().map(|alert| alert.state).max().unwrap_or(AlertState::Inactive);
            o.member("state", state.as_str());
        }
        o.member("name", &rule.name);
        o.member("query", &rule.query);
        if let RuleKind::Alerting { for_ms, keep_firing_for_ms, .. } = rule.kind {
            o.key("duration").number(for_ms as f64 / 1000.0);
            o.key("keepFiringFor").number(keep_firing_for_ms as f64 / 1000.0);
        }
        write_labels(o.key("labels"), &rule.labels);
        if let RuleKind::Alerting { annotations, alerts, .. } = &rule.kind {
            write_labels(o.key("annotations"), annotations);
            let shown = if exclude_alerts { &[][..] } else { alerts };
            o.key("alerts").array(|a| shown.iter().for_each(|alert| write_alert(a, alert)));
        }
        let health = match (&rule.last_error, rule.last_evaluation_ms) {
            (Some(_), _) => "err",
            (None, Some(_)) => "ok",
            (None, None) => "unknown",
        };
        o.member("health", health);
        if let Some(error) = &rule.last_error {
            o.member("lastError", error);
        }
        o.key("evaluationTime").number(rule.evaluation_ms / 1000.0);
        o.member("lastEvaluation", &time_or_never(rule.last_evaluation_ms));
        o.member("type", if matches!(rule.kind, RuleKind::Recording) { "recording" } else { "alerting" });
    });
}

fn write_alert(json: &mut Json, alert: &AlertView) {
    json.object(|o| {
        write_labels(o.key("labels"), &alert.labels);
        write_labels(o.key("annotations"), &alert.annotations);
        o.member("state", alert.state.as_str());
        o.member("activeAt", &rfc3339_ms(alert.active_at_ms));
        o.member("value", &exponent(alert.value));
    });
}

fn time_or_never(time_ms: Option<i64>) -> String {
    time_ms.map_or_else(|| NEVER.to_owned(), rfc3339_ms)
}

/// Go's `%e` with the fewest digits: alert values are written so.
fn exponent(value: f64) -> String {
    let text = format!("{value:e}");
    match text.split_once('e') {
        None => fmt_value(value),
        Some((mantissa, exponent)) => {
            let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
            format!("{mantissa}e{sign}{digits:0>2}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn alert_values_have_exponents() {
        for (value, wanted) in [
            (1.0, "1e+00"),
            (0.25, "2.5e-01"),
            (-1500.0, "-1.5e+03"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(exponent(value), wanted);
        }
    }

    #[tokio::test]
    async fn groups_with_the_state_of_their_rules() {
        let world = World::with_rules().await;
        let alert = concat!(
            r#"{"labels":{"alertname":"ReviewDown","severity":"page"},"annotations":{"summary":"no reviews"},"#,
            r#""state":"firing","activeAt":"2025-11-23T20:33:20.000Z","value":"1e+00"}"#
        );
        let rule = format!(
            concat!(
                r#"{{"state":"firing","name":"ReviewDown","query":"up == 0","duration":5,"keepFiringFor":0,"#,
                r#""labels":{{"severity":"page"}},"annotations":{{"summary":"no reviews"}},"alerts":[{}],"health":"ok","#,
                r#""evaluationTime":0.002,"lastEvaluation":"2025-11-23T20:33:20.000Z","type":"alerting"}}"#
            ),
            alert
        );
        let recording = concat!(
            r#"{"name":"job:up","query":"sum(up)","labels":{},"health":"unknown","evaluationTime":0,"#,
            r#""lastEvaluation":"0001-01-01T00:00:00Z","type":"recording"}"#
        );
        let group = |rules: &str| {
            format!(
                concat!(
                    r#"{{"status":"success","data":{{"groups":[{{"name":"shop","file":"shop.yml","rules":[{}],"#,
                    r#""interval":1,"limit":0,"evaluationTime":0.003,"lastEvaluation":"2025-11-23T20:33:20.000Z"}}]}}}}"#
                ),
                rules
            )
        };
        let none = r#"{"status":"success","data":{"groups":[]}}"#;
        world
            .golden(&[
                ("/api/v1/rules", &group(&format!("{rule},{recording}"))),
                ("/api/v1/rules?type=alert", &group(&rule)),
                ("/api/v1/rules?type=record", &group(recording)),
                ("/api/v1/rules?rule_name[]=job:up&rule_group[]=shop&file[]=shop.yml", &group(recording)),
                ("/api/v1/rules?match[]={severity=\"page\"}", &group(&rule)),
                ("/api/v1/rules?rule_group[]=other", none),
                ("/api/v1/rules?type=x", r#"{"status":"error","errorType":"bad_data","error":"*"}"#),
                ("/api/v1/alerts", &format!(r#"{{"status":"success","data":{{"alerts":[{alert}]}}}}"#)),
            ])
            .await;
    }
}
