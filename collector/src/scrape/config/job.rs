//! One of the `scrape_configs`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::http::{Http, with_http_keys};
use super::sd::{Discovery, RawDns, RawFileSd, RawGroup, RawHttpSd, RawKubernetes};
use super::{Global, optional, units};
use crate::scrape::relabel::{RawRule, Rule, check_all};

with_http_keys! {
    #[derive(Deserialize, Default)]
    #[serde(deny_unknown_fields, default)]
    pub(super) struct RawJob {
        job_name: String,
        scrape_interval: Option<String>,
        scrape_timeout: Option<String>,
        scrape_protocols: Option<Vec<String>>,
        fallback_scrape_protocol: Option<String>,
        scrape_native_histograms: Option<bool>,
        always_scrape_classic_histograms: Option<bool>,
        convert_classic_histograms_to_nhcb: Option<bool>,
        native_histogram_bucket_limit: Option<u64>,
        native_histogram_min_bucket_factor: Option<f64>,
        metric_name_validation_scheme: Option<String>,
        metric_name_escaping_scheme: Option<String>,
        extra_scrape_metrics: Option<bool>,
        metrics_path: Option<String>,
        scheme: Option<String>,
        params: BTreeMap<String, Vec<String>>,
        honor_labels: bool,
        honor_timestamps: Option<bool>,
        track_timestamps_staleness: bool,
        enable_compression: Option<bool>,
        scrape_failure_log_file: Option<serde_json::Value>,
        body_size_limit: Option<String>,
        sample_limit: Option<u64>,
        label_limit: Option<u64>,
        label_name_length_limit: Option<u64>,
        label_value_length_limit: Option<u64>,
        target_limit: Option<u64>,
        keep_dropped_targets: Option<u64>,
        relabel_configs: Vec<RawRule>,
        metric_relabel_configs: Vec<RawRule>,
        static_configs: Vec<RawGroup>,
        file_sd_configs: Vec<RawFileSd>,
        http_sd_configs: Vec<RawHttpSd>,
        dns_sd_configs: Vec<RawDns>,
        kubernetes_sd_configs: Vec<RawKubernetes>,
    }
}

/// A checked job.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scrape) struct Job {
    pub name: String,
    pub interval: Duration,
    pub timeout: Duration,
    pub metrics_path: String,
    pub scheme: String,
    pub params: BTreeMap<String, Vec<String>>,
    pub honor_labels: bool,
    pub honor_timestamps: bool,
    pub track_timestamps_staleness: bool,
    pub compression: bool,
    /// What is asked for, best first.
    pub formats: Vec<Format>,
    /// What an answer without a known type is read as.
    pub fallback: Option<Format>,
    pub native_histograms: bool,
    /// Classic buckets too, where a native histogram comes beside them.
    pub classic_too: bool,
    pub extra_metrics: bool,
    pub limits: JobLimits,
    pub relabel: Vec<Rule>,
    pub metric_relabel: Vec<Rule>,
    pub http: Http,
    pub discovery: Vec<Discovery>,
}

/// 0: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(in crate::scrape) struct JobLimits {
    pub body_bytes: u64,
    pub samples: u64,
    pub labels: u64,
    pub label_name_bytes: u64,
    pub label_value_bytes: u64,
    pub targets: u64,
    pub dropped_kept: u64,
}

/// What a target may answer in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scrape) enum Format {
    Protobuf,
    OpenMetrics1,
    OpenMetrics0,
    Text1,
    Text0,
}

const FORMATS: &[(&str, Format, &str)] = &[
    (
        "PrometheusProto",
        Format::Protobuf,
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
    ),
    ("OpenMetricsText1.0.0", Format::OpenMetrics1, "application/openmetrics-text;version=1.0.0"),
    ("OpenMetricsText0.0.1", Format::OpenMetrics0, "application/openmetrics-text;version=0.0.1"),
    ("PrometheusText1.0.0", Format::Text1, "text/plain;version=1.0.0"),
    ("PrometheusText0.0.4", Format::Text0, "text/plain;version=0.0.4"),
];

// === impl Format ===

impl Format {
    fn named(name: &str) -> Result<Self, String> {
        let row = FORMATS.iter().find(|(known, ..)| *known == name);
        row.map(|(_, format, _)| *format).ok_or_else(|| format!("unknown scrape protocol {name:?}"))
    }

    pub(in crate::scrape) fn media_type(self) -> &'static str {
        FORMATS.iter().find(|(_, format, _)| *format == self).map_or("", |(.., media)| media)
    }
}

// === impl RawJob ===

impl RawJob {
    pub(super) fn check(self, global: &Global, folder: &Path) -> Result<Job, String> {
        if self.job_name.is_empty() {
            return Err("a scrape_config has no job_name".to_owned());
        }
        let name = self.job_name.clone();
        self.checked(global, folder).map_err(|problem| format!("job {name:?}: {problem}"))
    }

    fn checked(self, global: &Global, folder: &Path) -> Result<Job, String> {
        self.refuse_unsupported(global)?;
        let interval = optional(self.scrape_interval.as_deref())?.unwrap_or(global.interval);
        let given = optional(self.scrape_timeout.as_deref())?;
        if given.is_some_and(|timeout| timeout > interval) {
            return Err("scrape_timeout is greater than scrape_interval".to_owned());
        }
        let native_histograms =
            self.scrape_native_histograms.or(global.raw.scrape_native_histograms).unwrap_or(false);
        let classic = self.always_scrape_classic_histograms.or(global.raw.always_scrape_classic_histograms);
        let extra = self.extra_scrape_metrics.or(global.raw.extra_scrape_metrics);
        let scheme = self.scheme.clone().unwrap_or_else(|| "http".to_owned());
        if !["http", "https"].contains(&scheme.as_str()) {
            return Err(format!("scheme {scheme:?} is neither http nor https"));
        }
        Ok(Job {
            interval,
            timeout: given.unwrap_or(global.timeout).min(interval),
            metrics_path: self.metrics_path.clone().unwrap_or_else(|| "/metrics".to_owned()),
            scheme,
            honor_labels: self.honor_labels,
            honor_timestamps: self.honor_timestamps.unwrap_or(true),
            track_timestamps_staleness: self.track_timestamps_staleness,
            compression: self.enable_compression.unwrap_or(true),
            formats: self.formats(global, native_histograms)?,
            fallback: self.fallback_scrape_protocol.as_deref().map(Format::named).transpose()?,
            native_histograms,
            classic_too: classic.unwrap_or(false),
            extra_metrics: extra.unwrap_or(false),
            limits: self.limits(global)?,
            relabel: check_all(&self.relabel_configs)?,
            metric_relabel: check_all(&self.metric_relabel_configs)?,
            http: self.http(folder)?,
            discovery: self.discovery(folder)?,
            params: self.params,
            name: self.job_name,
        })
    }

    /// What would mean something else here than in Prometheus.
    fn refuse_unsupported(&self, global: &Global) -> Result<(), String> {
        let convert = self.convert_classic_histograms_to_nhcb;
        let legacy = self
            .metric_name_validation_scheme
            .as_deref()
            .or(global.raw.metric_name_validation_scheme.as_deref());
        for (set, what) in [
            (
                convert.or(global.raw.convert_classic_histograms_to_nhcb) == Some(true),
                "convert_classic_histograms_to_nhcb",
            ),
            (self.native_histogram_bucket_limit.is_some_and(|n| n > 0), "native_histogram_bucket_limit"),
            (
                self.native_histogram_min_bucket_factor.is_some_and(|f| f > 0.0),
                "native_histogram_min_bucket_factor",
            ),
            (legacy == Some("legacy"), "metric_name_validation_scheme: legacy"),
        ] {
            if set {
                return Err(format!("{what} is not supported: take it out"));
            }
        }
        Ok(())
    }

    fn formats(&self, global: &Global, native_histograms: bool) -> Result<Vec<Format>, String> {
        let given = self.scrape_protocols.as_ref().or(global.raw.scrape_protocols.as_ref());
        let Some(names) = given.filter(|names| !names.is_empty()) else {
            let all = FORMATS.iter().map(|(_, format, _)| *format);
            // Only protobuf can carry native histograms.
            return Ok(all.filter(|format| native_histograms || *format != Format::Protobuf).collect());
        };
        names.iter().map(|name| Format::named(name)).collect()
    }

    fn limits(&self, global: &Global) -> Result<JobLimits, String> {
        let body = self.body_size_limit.as_deref().or(global.raw.body_size_limit.as_deref());
        let or = |own: Option<u64>, global: Option<u64>| own.or(global).unwrap_or(0);
        let g = &global.raw;
        Ok(JobLimits {
            body_bytes: body.map(units::size).transpose()?.unwrap_or(0),
            samples: or(self.sample_limit, g.sample_limit),
            labels: or(self.label_limit, g.label_limit),
            label_name_bytes: or(self.label_name_length_limit, g.label_name_length_limit),
            label_value_bytes: or(self.label_value_length_limit, g.label_value_length_limit),
            targets: or(self.target_limit, g.target_limit),
            dropped_kept: or(self.keep_dropped_targets, g.keep_dropped_targets),
        })
    }

    fn discovery(&self, folder: &Path) -> Result<Vec<Discovery>, String> {
        let mut all = Vec::new();
        if !self.static_configs.is_empty() {
            let numbered = self.static_configs.iter().enumerate();
            all.push(Discovery::Static(numbered.map(|(n, raw)| raw.group(n.to_string())).collect()));
        }
        for raw in &self.file_sd_configs {
            all.push(Discovery::File(raw.check(folder)?));
        }
        for raw in &self.http_sd_configs {
            all.push(Discovery::Http(Box::new(raw.check(folder)?)));
        }
        for raw in &self.dns_sd_configs {
            all.push(Discovery::Dns(raw.check()?));
        }
        for raw in &self.kubernetes_sd_configs {
            all.push(Discovery::Kubernetes(Box::new(raw.check(folder)?)));
        }
        Ok(all)
    }
}
