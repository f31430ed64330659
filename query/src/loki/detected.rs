//! What Logs Drilldown asks: labels with their cardinality, and fields found in a sample of lines.

use std::collections::{BTreeMap, BTreeSet};

use engine::logql::{self, Data, Direction, Expr, QueryParams};

use super::{Range, expression, optional_selector};
use crate::failure::{Failure, Reply, json_reply};
use crate::service::Call;

const LINES_DEFAULT: usize = 1000;
const FIELDS_DEFAULT: usize = 1000;
/// Values of a field beyond it are not counted.
const VALUES_MAX: usize = 1000;
/// The parsers tried on the sample; lines of another shape give nothing.
const PARSERS: [&str; 2] = ["json", "logfmt"];

#[derive(Default)]
struct FieldFacts {
    values: BTreeSet<String>,
    parsers: BTreeSet<&'static str>,
    /// Where a field of JSON is; its name alone does not tell.
    path: Vec<String>,
}

pub(crate) fn labels(call: &Call) -> Result<Reply, Failure> {
    let range = Range::read(call)?;
    let selectors = optional_selector(call, "query")?;
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for labels in logql::series(&call.ctx, &call.snapshot(), &selectors, range.start, range.end)? {
        for (name, value) in labels.iter() {
            values.entry(name.to_owned()).or_default().insert(value.to_owned());
        }
    }
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("detectedLabels").array(|a| {
                for (name, values) in &values {
                    a.object(|l| {
                        l.member("label", name);
                        l.key("cardinality").int(values.len() as u64);
                    });
                }
            });
        });
    }))
}

pub(crate) fn fields(call: &Call) -> Result<Reply, Failure> {
    let limit = call.params.limit("limit", FIELDS_DEFAULT, FIELDS_DEFAULT * 10)?;
    let fields = detect(call)?;
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("fields").array(|a| {
                for (name, facts) in fields.iter().take(limit) {
                    a.object(|f| {
                        f.member("label", name);
                        f.member("type", kind(&facts.values));
                        f.key("cardinality").int(facts.values.len() as u64);
                        // Grafana takes null for structured metadata.
                        match facts.parsers.is_empty() {
                            true => f.key("parsers").null(),
                            false => f.key("parsers").strings(facts.parsers.iter().copied()),
                        }
                        if !facts.path.is_empty() {
                            f.key("jsonPath").strings(facts.path.iter().map(String::as_str));
                        }
                    });
                }
            });
            o.key("limit").int(limit as u64);
        });
    }))
}

pub(crate) fn values(call: &Call) -> Result<Reply, Failure> {
    let limit = call.params.limit("limit", VALUES_MAX, VALUES_MAX)?;
    let fields = detect(call)?;
    let values = fields.get(call.path.get("name")).map(|facts| &facts.values);
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("values").strings(values.into_iter().flatten().map(String::as_str).take(limit));
            o.key("limit").int(limit as u64);
        });
    }))
}

/// Fields of the newest lines: their metadata, what the query's own stages parse, and what each parser would.
fn detect(call: &Call) -> Result<BTreeMap<String, FieldFacts>, Failure> {
    let range = Range::read(call)?;
    let lines = match call.params.get("line_limit") {
        Some(_) => call.params.limit("line_limit", LINES_DEFAULT, LINES_DEFAULT * 10)?,
        None => LINES_DEFAULT,
    };
    let expr = expression(call)?;
    if matches!(expr, Expr::Metric(_)) {
        return Err(Failure::bad("only a log query has fields, not a metric query"));
    }
    let text = logql::format_query(&expr);
    let mut fields: BTreeMap<String, FieldFacts> = BTreeMap::new();
    for parser in PARSERS {
        let expr = logql::parse(&format!("{text} | {parser}"))?;
        let params = QueryParams {
            start: range.start,
            end: range.end,
            step: 1,
            instant: false,
            limit: lines,
            interval: 0,
            direction: Direction::Backward,
        };
        let Data::Streams(streams) = logql::query(&call.ctx, &call.snapshot(), &expr, &params)?.data else {
            continue;
        };
        for entry in streams.iter().flat_map(|stream| &stream.entries) {
            for (name, value) in entry.metadata.iter() {
                add(&mut fields, name, value, None);
            }
            for (name, value) in entry.parsed.iter().filter(|(name, _)| !name.starts_with("__")) {
                let facts = add(&mut fields, name, value, Some(parser));
                if parser == "json" && facts.path.is_empty() {
                    facts.path = json_path(&entry.line, name);
                }
            }
        }
    }
    Ok(fields)
}

/// The keys that lead to a label of the `json` stage.
fn json_path(line: &str, name: &str) -> Vec<String> {
    let name = name.strip_suffix("_extracted").unwrap_or(name);
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(line) else { return Vec::new() };
    let mut path = Vec::new();
    find_path(&object, name, &mut path);
    path
}

fn find_path(
    object: &serde_json::Map<String, serde_json::Value>,
    name: &str,
    path: &mut Vec<String>,
) -> bool {
    object.iter().any(|(key, value)| {
        let label: String = key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let Some(rest) = name.strip_prefix(&label) else { return false };
        path.push(key.clone());
        let found = match (value, rest.strip_prefix('_')) {
            (serde_json::Value::Object(inner), Some(rest)) => find_path(inner, rest, path),
            _ => rest.is_empty(),
        };
        if !found {
            path.pop();
        }
        found
    })
}

fn add<'f>(
    fields: &'f mut BTreeMap<String, FieldFacts>,
    name: &str,
    value: &str,
    parser: Option<&'static str>,
) -> &'f mut FieldFacts {
    let facts = fields.entry(name.to_owned()).or_default();
    facts.parsers.extend(parser);
    if facts.values.len() < VALUES_MAX && !facts.values.contains(value) {
        facts.values.insert(value.to_owned());
    }
    facts
}

/// The narrowest type all values have.
fn kind(values: &BTreeSet<String>) -> &'static str {
    let all = |test: fn(&str) -> bool| !values.is_empty() && values.iter().all(|value| test(value));
    let duration = |text: &str| {
        text.ends_with(|c: char| c.is_ascii_alphabetic()) && crate::request::time::duration_ns(text).is_some()
    };
    if all(|text| text.parse::<i64>().is_ok()) {
        "int"
    } else if all(|text| text.parse::<f64>().is_ok()) {
        "float"
    } else if all(|text| matches!(text, "true" | "false")) {
        "boolean"
    } else if all(duration) {
        "duration"
    } else if all(is_size) {
        "bytes"
    } else {
        "string"
    }
}

fn is_size(text: &str) -> bool {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default().to_ascii_uppercase();
    let units = ["B", "KB", "MB", "GB", "TB", "KIB", "MIB", "GIB", "TIB"];
    digits.trim().parse::<f64>().is_ok() && units.contains(&unit.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn types_of_values() {
        for (values, wanted) in [
            (&["1", "-2"][..], "int"),
            (&["1", "2.5"], "float"),
            (&["true"], "boolean"),
            (&["5ms", "1h2m"], "duration"),
            (&["5KB", "1 MiB"], "bytes"),
            (&["5ms", "x"], "string"),
            (&[], "string"),
        ] {
            assert_eq!(kind(&values.iter().map(|v| (*v).to_owned()).collect()), wanted, "{values:?}");
        }
    }

    #[test]
    fn keys_that_lead_to_a_label() {
        let line = r#"{"a.b":{"c":1,"c_d":2},"x":{"b_c":3},"e":4}"#;
        for (name, wanted) in [
            ("a_b_c", &["a.b", "c"][..]),
            ("a_b_c_d", &["a.b", "c_d"]),
            ("x_b_c", &["x", "b_c"]),
            ("e_extracted", &["e"]),
            ("z", &[]),
        ] {
            assert_eq!(json_path(line, name), wanted, "{name}");
        }
        assert!(json_path("no json", "a").is_empty());
    }

    #[tokio::test]
    async fn fields_of_lines_and_metadata() {
        let world = World::with_data().await;
        let fields = world.get("/loki/api/v1/detected_fields?query={service_name=~\".%2B\"}").await.body;
        for wanted in [
            r#"{"label":"took","type":"duration","cardinality":1,"parsers":["logfmt"]}"#,
            r#"{"label":"amount","type":"int","cardinality":1,"parsers":["json"],"jsonPath":["amount"]}"#,
            r#"{"label":"user_id","type":"string","cardinality":1,"parsers":null}"#,
        ] {
            assert!(fields.contains(wanted), "{wanted} in {fields}");
        }
        world
            .golden(&[
                (
                    "/loki/api/v1/detected_field/took/values?query={service_name=~\".%2B\"}",
                    r#"{"values":["5ms"],"limit":1000}"#,
                ),
                (
                    "/loki/api/v1/detected_labels",
                    r#"{"detectedLabels":[{"label":"service_name","cardinality":2}]}"#,
                ),
            ])
            .await;
    }
}
