//! `/api/v1/search/*`: names and values that contain a text, as lines of JSON with a closing line.

use std::collections::BTreeMap;

use http::StatusCode;
use store::model::{LabelMatcher, Labels, MatchOp, naming};

use super::label_query;
use super::metadata::{self, metric_ref};
use crate::failure::{Failure, Reply, reply};
use crate::json::Json;
use crate::service::Call;

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 10_000;
const BATCH: usize = 100;

pub(crate) fn metric_names(call: &Call) -> Result<Reply, Failure> {
    let names = call.snapshot().label_values(&call.ctx, Labels::METRIC_NAME, &label_query(call)?)?;
    let mut described = BTreeMap::new();
    if flag(call, "include_metadata", false)? {
        for (_, meta) in call.snapshot().series(&call.ctx, &label_query(call)?)? {
            let family = naming::metric_name(&metric_ref(&meta));
            described.entry(family).or_insert((
                metadata::kind(&meta),
                meta.description.clone(),
                meta.unit.clone(),
            ));
        }
    }
    // Parts of histograms and summaries are described by their family.
    let parts = ["", "_bucket", "_count", "_sum"];
    let of = |name: &str| parts.iter().find_map(|part| described.get(name.strip_suffix(part)?));
    answer(call, names.into_iter().collect(), "name", &|o, name| {
        if let Some((kind, help, unit)) = of(name) {
            [("type", *kind), ("help", help), ("unit", unit)]
                .iter()
                .for_each(|(key, text)| o.member(key, text));
        }
    })
}

pub(crate) fn label_names(call: &Call) -> Result<Reply, Failure> {
    let names = call.snapshot().label_names(&call.ctx, &label_query(call)?)?;
    answer(call, names.into_iter().collect(), "name", &|_, _| {})
}

pub(crate) fn label_values(call: &Call) -> Result<Reply, Failure> {
    let label = call.params.require("label")?;
    let mut query = label_query(call)?;
    if query.selectors.is_empty() {
        let has = LabelMatcher::new(label, MatchOp::NotEqual, "");
        query.selectors.push(vec![has.map_err(|error| Failure::bad(error.to_string()))?]);
    }
    let values = call.snapshot().label_values(&call.ctx, label, &query)?;
    answer(call, values.into_iter().collect(), "value", &|_, _| {})
}

/// How well a text fits what was searched for, best 1.
struct Search {
    wanted: Vec<String>,
    case_sensitive: bool,
    /// The least share of a fuzzy match; none: only texts that contain what is wanted.
    fuzzy: Option<f64>,
}

// === impl Search ===

impl Search {
    fn of(call: &Call) -> Result<Self, Failure> {
        let case_sensitive = flag(call, "case_sensitive", true)?;
        if call.params.get("fuzz_alg").is_some_and(|name| name != "subsequence") {
            return Err(Failure::bad("invalid parameter \"fuzz_alg\": only subsequence is known here"));
        }
        let threshold = call.params.parse::<f64>("fuzz_threshold", "a number from 0 to 100")?;
        if threshold.is_some_and(|t| !(0.0..=100.0).contains(&t)) {
            return Err(Failure::bad("invalid parameter \"fuzz_threshold\": it goes from 0 to 100"));
        }
        let fold = |text: &str| if case_sensitive { text.to_owned() } else { text.to_lowercase() };
        let wanted = call.params.all("search[]").filter(|text| !text.is_empty()).map(fold).collect();
        Ok(Self { wanted, case_sensitive, fuzzy: threshold.map(|t| t / 100.0) })
    }

    fn score(&self, text: &str) -> Option<f64> {
        if self.wanted.is_empty() {
            return Some(1.0);
        }
        let folded = if self.case_sensitive { text.to_owned() } else { text.to_lowercase() };
        let scores = self.wanted.iter().filter_map(|wanted| self.score_one(&folded, wanted));
        scores.fold(None, |best: Option<f64>, score| Some(best.map_or(score, |best| best.max(score))))
    }

    /// The longer the part that fits, and the earlier it stands, the better.
    fn score_one(&self, text: &str, wanted: &str) -> Option<f64> {
        let share = wanted.len() as f64 / text.len().max(1) as f64;
        if let Some(at) = text.find(wanted) {
            let early = 1.0 - at as f64 / text.len() as f64;
            return Some(0.5 + 0.25 * share + 0.25 * early);
        }
        let mut left = wanted.chars().peekable();
        for c in text.chars() {
            left.next_if_eq(&c);
        }
        (left.peek().is_none() && self.fuzzy.is_some_and(|least| share >= least)).then_some(share / 2.0)
    }
}

fn flag(call: &Call, name: &str, default: bool) -> Result<bool, Failure> {
    Ok(call.params.parse::<bool>(name, "true or false")?.unwrap_or(default))
}

fn answer(
    call: &Call,
    names: Vec<String>,
    key: &str,
    describe: &dyn Fn(&mut Json, &str),
) -> Result<Reply, Failure> {
    let search = Search::of(call)?;
    let limit = call.params.limit("limit", LIMIT, LIMIT_MAX)?;
    let batch = call.params.limit("batch_size", BATCH, LIMIT_MAX)?.max(1);
    let with_score = flag(call, "include_score", false)?;
    let mut found: Vec<(String, f64)> =
        names.into_iter().filter_map(|name| search.score(&name).map(|score| (name, score))).collect();
    let descending = call.params.get("sort_dir") == Some("dsc");
    match call.params.get("sort_by") {
        None | Some("alpha") if descending => found.sort_by(|a, b| b.0.cmp(&a.0)),
        None | Some("alpha") => found.sort_by(|a, b| a.0.cmp(&b.0)),
        Some("score") => found.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0))),
        Some(other) => {
            return Err(Failure::bad(format!(
                "invalid parameter \"sort_by\": {other:?} is not alpha or score"
            )));
        }
    }
    let has_more = found.len() > limit;
    found.truncate(limit);
    let mut lines = String::new();
    for part in found.chunks(batch) {
        let mut json = Json::default();
        json.object(|o| {
            o.key("results").array(|a| {
                for (name, score) in part {
                    a.object(|r| {
                        r.member(key, name);
                        describe(r, name);
                        if with_score {
                            r.key("score").number(*score);
                        }
                    });
                }
            });
        });
        lines.push_str(&json.into_string());
        lines.push('\n');
    }
    lines.push_str(&format!("{{\"status\":\"success\",\"has_more\":{has_more}}}\n"));
    Ok(reply(StatusCode::OK, "application/x-ndjson", lines))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn names_and_values_that_contain_a_text() {
        let world = World::with_data().await;
        let end = "{\"status\":\"success\",\"has_more\":false}\n";
        world
            .golden(&[
                (
                    "/api/v1/search/metric_names?search[]=orders&include_metadata=true",
                    &format!("{{\"results\":[{{\"name\":\"shop_orders_total\",\"type\":\"counter\",*}}]}}\n{end}"),
                ),
                ("/api/v1/search/metric_names?search[]=none", end),
                (
                    "/api/v1/search/label_names?search[]=JOB&case_sensitive=false",
                    &format!("{{\"results\":[{{\"name\":\"job\"}}]}}\n{end}"),
                ),
                (
                    "/api/v1/search/label_values?label=region&sort_dir=dsc&batch_size=1",
                    &format!("{{\"results\":[{{\"value\":\"us\"}}]}}\n{{\"results\":[{{\"value\":\"eu\"}}]}}\n{end}"),
                ),
                (
                    "/api/v1/search/label_values?label=region&limit=1",
                    "{\"results\":[{\"value\":\"eu\"}]}\n{\"status\":\"success\",\"has_more\":true}\n",
                ),
                (
                    "/api/v1/search/metric_names?search[]=sot&fuzz_threshold=10&sort_by=score",
                    &format!("{{\"results\":[{{\"name\":\"shop_orders_total\"}}]}}\n{end}"),
                ),
                ("/api/v1/search/label_values", "{\"status\":\"error\",\"errorType\":\"bad_data\",*}"),
                ("/api/v1/search/label_names?sort_by=x", "{\"status\":\"error\",\"errorType\":\"bad_data\",*}"),
            ])
            .await;
    }
}
