//! What discovery found, to targets: labels filled in, relabelled, and the URL made of them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::config::Job;
use super::discovery::Group;
use super::labels::LabelMap;
use super::relabel;

/// Where to scrape, and the labels of what comes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Target {
    pub labels: LabelMap,
    pub url: String,
    pub interval: Duration,
    pub timeout: Duration,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Found {
    /// Each once, with its labels as discovered.
    pub active: Vec<(Target, LabelMap)>,
    pub dropped: Vec<LabelMap>,
    /// What cannot be a target, and why.
    pub problems: Vec<String>,
}

/// The targets of all groups.
pub(super) fn targets(job: &Job, groups: &[Group]) -> Found {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    for group in groups {
        for own in &group.targets {
            let discovered = discovered(job, group, own);
            let mut labels = discovered.clone();
            if !relabel::apply(&job.relabel, &mut labels) {
                found.dropped.push(discovered);
                continue;
            }
            match target(job, labels) {
                Ok(target) if seen.insert(target.clone()) => found.active.push((target, discovered)),
                Ok(_) => {}
                Err(problem) => found.problems.push(problem),
            }
        }
    }
    found
}

/// A target's labels before relabelling.
fn discovered(job: &Job, group: &Group, own: &LabelMap) -> LabelMap {
    let mut labels: LabelMap = group.labels.iter().collect();
    own.iter().for_each(|(name, value)| labels.set(name, value));
    let millis = |duration: Duration| format!("{}ms", duration.as_millis());
    labels.set_if_absent("job", &job.name);
    labels.set_if_absent("__scrape_interval__", &millis(job.interval));
    labels.set_if_absent("__scrape_timeout__", &millis(job.timeout));
    labels.set_if_absent("__metrics_path__", &job.metrics_path);
    labels.set_if_absent("__scheme__", &job.scheme);
    for (name, values) in &job.params {
        if let Some(first) = values.first() {
            labels.set_if_absent(&format!("__param_{name}"), first);
        }
    }
    labels
}

fn target(job: &Job, mut labels: LabelMap) -> Result<Target, String> {
    let address = labels.get("__address__").to_owned();
    if address.is_empty() {
        return Err("a target has no address".to_owned());
    }
    if address.contains('/') {
        return Err(format!("{address:?} is not an address: write host:port, without scheme and path"));
    }
    let scheme = labels.get("__scheme__");
    if !["http", "https"].contains(&scheme) {
        return Err(format!("target {address}: scheme {scheme:?} is neither http nor https"));
    }
    let time = |name: &str| super::config::duration(labels.get(name)).map_err(|e| format!("{name}: {e}"));
    let (interval, timeout) = (time("__scrape_interval__")?, time("__scrape_timeout__")?);
    if interval.is_zero() || timeout.is_zero() || timeout > interval {
        return Err(format!("target {address}: the timeout is not within the interval"));
    }
    let url = url(job, &labels, &address)?;
    labels.set_if_absent("instance", &address);
    labels.retain(|name| !name.starts_with("__"));
    Ok(Target { labels, url, interval, timeout })
}

fn url(job: &Job, labels: &LabelMap, address: &str) -> Result<String, String> {
    let path = labels.get("__metrics_path__");
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut url = reqwest::Url::parse(&format!("{}://{address}{slash}{path}", labels.get("__scheme__")))
        .map_err(|e| format!("target {address}: {e}"))?;
    let mut params = job.params.clone();
    for (name, value) in labels.iter() {
        if let Some(name) = name.strip_prefix("__param_") {
            let values = params.entry(name.to_owned()).or_default();
            match values.first_mut() {
                Some(first) => value.clone_into(first),
                None => values.push(value.to_owned()),
            }
        }
    }
    if params.values().any(|values| !values.is_empty()) {
        let mut query = url.query_pairs_mut();
        for (name, values) in &params {
            values.iter().for_each(|value| {
                query.append_pair(name, value);
            });
        }
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scrape::config::{Discovery, ScrapeFile};

    fn found(job: &str) -> Found {
        let text = format!("scrape_configs: [{{job_name: j, {job}}}]");
        let job = ScrapeFile::parse(&text, Path::new(".")).unwrap().jobs.remove(0);
        let groups = job.discovery.iter().flat_map(|discovery| match discovery {
            Discovery::Static(groups) => groups.clone(),
            _ => Vec::new(),
        });
        targets(&job, &groups.collect::<Vec<_>>())
    }

    fn shown(found: &Found) -> Vec<String> {
        let labels =
            |map: &LabelMap| map.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(",");
        found.active.iter().map(|(target, _)| format!("{} {}", target.url, labels(&target.labels))).collect()
    }

    #[test]
    fn an_address_becomes_a_url_and_the_instance() {
        let all = found("static_configs: [{targets: ['a:1', 'b:2', 'a:1'], labels: {env: x, __meta_y: z}}]");
        assert_eq!(
            shown(&all),
            ["http://a:1/metrics env=x,instance=a:1,job=j", "http://b:2/metrics env=x,instance=b:2,job=j"]
        );
    }

    #[test]
    fn relabelling_aims_a_target_elsewhere() {
        let all = found(
            "params: {module: [http_2xx], target: [none, more]}, metrics_path: probe, \
             static_configs: [{targets: ['https://shop.example']}], relabel_configs: [\
             {source_labels: [__address__], target_label: __param_target}, \
             {source_labels: [__param_target], target_label: instance}, \
             {target_label: __address__, replacement: 'exporter:9115'}]",
        );
        let url = "http://exporter:9115/probe?module=http_2xx&target=https%3A%2F%2Fshop.example&target=more";
        assert_eq!(shown(&all), [format!("{url} instance=https://shop.example,job=j")]);
    }

    #[test]
    fn what_is_dropped_and_what_is_wrong_is_told() {
        let all = found(
            "static_configs: [{targets: ['a:1', 'http://b/metrics']}], \
             relabel_configs: [{source_labels: [__address__], regex: 'a:1', action: drop}]",
        );
        assert_eq!((all.active.len(), all.dropped.len(), all.problems.len()), (0, 1, 1));
        assert!(all.problems[0].contains("is not an address"), "{:?}", all.problems);
        assert_eq!(all.dropped[0].get("__scrape_interval__"), "60000ms");
    }
}
