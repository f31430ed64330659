//! The part of a `prometheus.yml` that says what to scrape. What belongs to other parts of Prometheus is read past; an
//! unknown key anywhere, or one that cannot be honoured, is an error.

pub(super) mod http;
mod job;
mod sd;
mod units;

pub(super) use units::duration;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

pub(super) use job::{Format, Job, JobLimits};
pub(super) use sd::{Discovery, Dns, DnsKind, FileSd, HttpSd, Kubernetes, KubernetesRole, RawGroup};

use job::RawJob;

/// A checked file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScrapeFile {
    pub(super) jobs: Vec<Job>,
}

/// Where a process in a Kubernetes cluster finds its API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KubernetesEnv {
    /// `https://host:port`; `None`: not in a cluster.
    pub api_server: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawFile {
    global: RawGlobal,
    scrape_configs: Vec<RawJob>,
    scrape_config_files: Vec<String>,
    // Of other parts of Prometheus.
    runtime: Other,
    rule_files: Other,
    alerting: Other,
    remote_write: Other,
    remote_read: Other,
    storage: Other,
    tracing: Other,
    otlp: Other,
}

/// What a file of `scrape_config_files` holds.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawPart {
    scrape_configs: Vec<RawJob>,
}

type Other = Option<serde_json::Value>;

#[derive(Deserialize, Default, Clone)]
#[serde(deny_unknown_fields, default)]
struct RawGlobal {
    scrape_interval: Option<String>,
    scrape_timeout: Option<String>,
    scrape_protocols: Option<Vec<String>>,
    scrape_native_histograms: Option<bool>,
    always_scrape_classic_histograms: Option<bool>,
    convert_classic_histograms_to_nhcb: Option<bool>,
    metric_name_validation_scheme: Option<String>,
    metric_name_escaping_scheme: Option<String>,
    body_size_limit: Option<String>,
    sample_limit: Option<u64>,
    label_limit: Option<u64>,
    label_name_length_limit: Option<u64>,
    label_value_length_limit: Option<u64>,
    target_limit: Option<u64>,
    keep_dropped_targets: Option<u64>,
    extra_scrape_metrics: Option<bool>,
    // Of other parts of Prometheus.
    evaluation_interval: Other,
    rule_query_offset: Other,
    query_log_file: Other,
    scrape_failure_log_file: Other,
    external_labels: Other,
}

const INTERVAL_DEFAULT: Duration = Duration::from_secs(60);
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
/// Files `scrape_config_files` may name.
const PARTS_MAX: usize = 1000;

/// What jobs take over unless they say otherwise.
struct Global {
    raw: RawGlobal,
    interval: Duration,
    timeout: Duration,
}

impl ScrapeFile {
    /// Reads a file; paths in it are relative to its folder.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("read {}: {e}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&text, folder).map_err(|problem| format!("{}: {problem}", path.display()))
    }

    /// Checks a text; files it names are read from `folder`.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let raw: RawFile = yaml(text)?;
        let global = Global::check(raw.global)?;
        let mut jobs = Vec::new();
        for job in raw.scrape_configs {
            jobs.push(job.check(&global, folder)?);
        }
        for pattern in &raw.scrape_config_files {
            for path in matching(&folder.join(pattern)).into_iter().take(PARTS_MAX) {
                let named = |problem: String| format!("{}: {problem}", path.display());
                let text = std::fs::read_to_string(&path).map_err(|e| named(e.to_string()))?;
                let part: RawPart = yaml(&text).map_err(named)?;
                for job in part.scrape_configs {
                    jobs.push(job.check(&global, path.parent().unwrap_or(folder)).map_err(named)?);
                }
            }
        }
        let mut names = BTreeSet::new();
        match jobs.iter().find(|job| !names.insert(job.name.clone())) {
            Some(twice) => Err(format!("two scrape_configs have the job_name {:?}", twice.name)),
            None => Ok(Self { jobs }),
        }
    }
}

impl Global {
    fn check(raw: RawGlobal) -> Result<Self, String> {
        let interval = optional(raw.scrape_interval.as_deref())?.unwrap_or(INTERVAL_DEFAULT);
        let given = optional(raw.scrape_timeout.as_deref())?;
        if given.is_some_and(|timeout| timeout > interval) {
            return Err("global: scrape_timeout is greater than scrape_interval".to_owned());
        }
        let timeout = given.unwrap_or_else(|| TIMEOUT_DEFAULT.min(interval));
        Ok(Self { raw, interval, timeout })
    }
}

fn yaml<T: Default + for<'de> Deserialize<'de>>(text: &str) -> Result<T, String> {
    let empty = text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    if empty {
        Ok(T::default())
    } else {
        serde_saphyr::from_str(text).map_err(|e| first_line(&e.to_string()))
    }
}

/// Parsers draw pictures of the place: the first line says it.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn optional(text: Option<&str>) -> Result<Option<Duration>, String> {
    let set = text.map(units::duration).transpose()?;
    match set {
        Some(Duration::ZERO) | None => Ok(None),
        set => Ok(set),
    }
}

/// The files a path names whose last part may have `*` in it.
pub(super) fn matching(pattern: &Path) -> Vec<PathBuf> {
    let name = pattern.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if !name.contains('*') {
        return vec![pattern.to_owned()];
    }
    let folder = pattern.parent().unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| fits(&name, &entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// Whether a name fits a pattern with `*`.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests;
