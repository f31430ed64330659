//! Its metrics: what is measured of it and where it stands, and exemplars that lead to traces.

use std::collections::BTreeMap;
use std::sync::Arc;

use store::model::{LabelMatcher, Labels, MatchOp, Stream};
use store::{OwnedExemplar, SeriesQuery};

use super::About;
use super::subject::POD;
use crate::failure::Failure;
use crate::jaeger::hex;
use crate::json::Json;
use crate::request::time::NS_PER_MS;

const NAMES_MAX: usize = 500;
/// Series of a name whose last values are read.
const SERIES_MAX: usize = 3;
/// Names whose last values are read.
const READ_MAX: usize = 100;
/// Metrics whose exemplars are read.
const EXEMPLARS_OF_MAX: usize = 10;
const EXEMPLARS_MAX: usize = 20;
/// Labels that name a pod or a service in series that were scraped.
const POD_LABELS: [&str; 3] = ["pod", "k8s_pod_name", "kubernetes_pod_name"];
const SERVICE_LABELS: [&str; 3] = ["service", "service_name", "job"];

pub(super) struct Metrics {
    series: u64,
    names: BTreeMap<String, Name>,
    exemplars: Vec<(String, OwnedExemplar)>,
    /// Whose they are.
    pub(super) streams: Vec<Arc<Stream>>,
}

#[derive(Default)]
struct Name {
    unit: String,
    series: u64,
    last: Vec<(Labels, i64, f64)>,
    is_bucket: bool,
}

pub(super) fn find(about: &About<'_>) -> Result<Metrics, Failure> {
    let (start, end) = about.subject.window;
    let (start_ms, end_ms) = (start.div_euclid(NS_PER_MS), (end - 1).div_euclid(NS_PER_MS));
    let query = SeriesQuery { matchers: Vec::new(), start_ms, end_ms, totals: false };
    let set = about.snapshot.series_set(&about.call.ctx, &query)?;
    let mut reader = set.reader();
    let mut found = Metrics { series: 0, names: BTreeMap::new(), exemplars: Vec::new(), streams: Vec::new() };
    let mut read = 0;
    for at in 0..set.len() {
        let (labels, meta) = (set.labels(at), set.meta(at));
        if !(about.subject.has(&meta.stream) || names_it(about, labels)) {
            continue;
        }
        if !found.streams.iter().any(|known| Arc::ptr_eq(known, &meta.stream)) {
            found.streams.push(Arc::clone(&meta.stream));
        }
        let text = labels.get(Labels::METRIC_NAME).unwrap_or_default();
        if !found.names.contains_key(text) && found.names.len() >= NAMES_MAX {
            continue;
        }
        let name = found.names.entry(text.to_owned()).or_default();
        name.unit = meta.unit.to_string();
        name.is_bucket = labels.get("le").is_some();
        name.series += 1;
        found.series += 1;
        if name.is_bucket || name.last.len() >= SERIES_MAX || read >= READ_MAX {
            continue;
        }
        read += 1;
        let samples = reader.read(&about.call.ctx, at)?;
        let last = samples.and_then(|samples| Some((*samples.times.last()?, *samples.values.last()?)));
        name.last.extend(last.map(|(time_ms, value)| (labels.clone(), time_ms, value)));
    }
    found.exemplars = exemplars(about, &found, (start_ms, end_ms))?;
    Ok(found)
}

/// Series that were scraped name what they are about in their labels.
fn names_it(about: &About<'_>, labels: &Labels) -> bool {
    let has = |of: [&str; 3], known: &std::collections::BTreeSet<String>| {
        // `job` is namespace and name where there is a namespace.
        let own = |text: &str| {
            known.contains(text) || text.rsplit('/').next().is_some_and(|end| known.contains(end))
        };
        of.into_iter().filter_map(|name| labels.get(name)).any(own)
    };
    match about.subject.pods.is_empty() {
        true => has(SERVICE_LABELS, &about.subject.services),
        false => has(POD_LABELS, &about.subject.pods),
    }
}

/// The newest of its histograms.
fn exemplars(
    about: &About<'_>,
    metrics: &Metrics,
    (start_ms, end_ms): (i64, i64),
) -> Result<Vec<(String, OwnedExemplar)>, Failure> {
    let mut found = Vec::new();
    let buckets = metrics.names.iter().filter(|(_, name)| name.is_bucket);
    for (text, _) in buckets.take(EXEMPLARS_OF_MAX) {
        let matcher = LabelMatcher::new(Labels::METRIC_NAME, MatchOp::Equal, text);
        let matchers = vec![matcher.map_err(|error| Failure::bad(error.to_string()))?];
        let query = SeriesQuery { matchers, start_ms, end_ms, totals: false };
        for (labels, all) in about.snapshot.exemplars(&about.call.ctx, &query)? {
            let own = names_it(about, &labels)
                || labels.get(&POD.replace('.', "_")).is_some_and(|pod| about.subject.pods.contains(pod));
            if own {
                found.extend(all.into_iter().map(|exemplar| (text.clone(), exemplar)));
            }
        }
    }
    found.retain(|(_, exemplar)| !exemplar.trace_id.is_empty());
    found.sort_by_key(|(_, exemplar)| std::cmp::Reverse(exemplar.time_ms));
    found.truncate(EXEMPLARS_MAX);
    Ok(found)
}

// === impl Metrics ===

impl Metrics {
    pub(super) fn write(&self, json: &mut Json) {
        json.object(|o| {
            o.key("series").int(self.series);
            o.key("names").array(|a| self.names.iter().for_each(|(text, name)| name.write(a, text)));
            o.key("exemplars").array(|a| {
                for (metric, exemplar) in &self.exemplars {
                    a.object(|e| {
                        e.member("metric", metric);
                        e.member("trace_id", &hex(&exemplar.trace_id));
                        e.key("value").number(exemplar.value);
                        e.key("time_ms").int(exemplar.time_ms);
                    });
                }
            });
        });
    }
}

impl Name {
    fn write(&self, json: &mut Json, text: &str) {
        json.object(|o| {
            o.member("name", text);
            o.member("unit", &self.unit);
            o.key("series").int(self.series);
            o.key("last").array(|a| {
                for (labels, time_ms, value) in &self.last {
                    a.object(|l| {
                        l.key("labels").object(|o| {
                            let own = labels.iter().filter(|(name, _)| *name != Labels::METRIC_NAME);
                            own.for_each(|(name, text)| o.member(name, text));
                        });
                        l.key("time_ms").int(*time_ms);
                        l.key("value").number(*value);
                    });
                }
            });
        });
    }
}
