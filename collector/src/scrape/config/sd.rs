//! Where targets are found.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::http::{Http, with_http_keys};
use super::{optional, units};
use crate::scrape::discovery::Group;
use crate::scrape::labels::LabelMap;

/// A checked discovery.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scrape) enum Discovery {
    Static(Vec<Group>),
    File(FileSd),
    Http(Box<HttpSd>),
    Dns(Dns),
    Kubernetes(Box<Kubernetes>),
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::scrape) struct FileSd {
    pub patterns: Vec<PathBuf>,
    pub refresh: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::scrape) struct HttpSd {
    pub url: String,
    pub refresh: Duration,
    pub http: Http,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::scrape) struct Dns {
    pub names: Vec<String>,
    pub kind: DnsKind,
    pub port: u16,
    pub refresh: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scrape) enum DnsKind {
    A,
    Aaaa,
    Srv,
    Mx,
    Ns,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::scrape) struct Kubernetes {
    /// `None`: the cluster this process is in.
    pub api_server: Option<String>,
    pub role: KubernetesRole,
    /// Empty: all.
    pub namespaces: Vec<String>,
    pub own_namespace: bool,
    pub selectors: Vec<Selector>,
    pub attach_node: bool,
    pub attach_namespace: bool,
    pub http: Http,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scrape) enum KubernetesRole {
    Node,
    Service,
    Pod,
    Endpoints,
    EndpointSlice,
    Ingress,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scrape) struct Selector {
    pub role: String,
    pub label: String,
    pub field: String,
}

/// `targets` and `labels`, in a configuration, a file or an answer.
#[derive(Deserialize, Default, Clone)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scrape) struct RawGroup {
    targets: Vec<String>,
    labels: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawFileSd {
    files: Vec<PathBuf>,
    refresh_interval: Option<String>,
}

with_http_keys! {
    #[derive(Deserialize, Default)]
    #[serde(deny_unknown_fields, default)]
    pub(super) struct RawHttpSd {
        url: String,
        refresh_interval: Option<String>,
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawDns {
    names: Vec<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    port: Option<u16>,
    refresh_interval: Option<String>,
}

with_http_keys! {
    #[derive(Deserialize, Default)]
    #[serde(deny_unknown_fields, default)]
    pub(super) struct RawKubernetes {
        api_server: Option<String>,
        role: String,
        kubeconfig_file: Option<String>,
        namespaces: RawNamespaces,
        selectors: Vec<Selector>,
        attach_metadata: RawAttach,
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawNamespaces {
    own_namespace: bool,
    names: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawAttach {
    node: bool,
    namespace: bool,
}

const FILE_REFRESH: Duration = Duration::from_secs(300);
const HTTP_REFRESH: Duration = Duration::from_secs(60);
const DNS_REFRESH: Duration = Duration::from_secs(30);

impl RawGroup {
    pub(in crate::scrape) fn group(&self, source: String) -> Group {
        let targets =
            self.targets.iter().map(|address| LabelMap::from_iter([("__address__", address.as_str())]));
        let labels = self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Group { source, targets: targets.collect(), labels }
    }
}

impl RawFileSd {
    pub(super) fn check(&self, folder: &Path) -> Result<FileSd, String> {
        if self.files.is_empty() {
            return Err("file_sd_configs: no files".to_owned());
        }
        let ending = |path: &PathBuf| path.extension().unwrap_or_default().to_string_lossy().into_owned();
        match self.files.iter().find(|path| !["json", "yml", "yaml"].contains(&ending(path).as_str())) {
            Some(path) => {
                Err(format!("file_sd_configs: {} ends in none of .json, .yml, .yaml", path.display()))
            }
            None => Ok(FileSd {
                patterns: self.files.iter().map(|file| folder.join(file)).collect(),
                refresh: optional(self.refresh_interval.as_deref())?.unwrap_or(FILE_REFRESH),
            }),
        }
    }
}

impl RawHttpSd {
    pub(super) fn check(&self, folder: &Path) -> Result<HttpSd, String> {
        if !self.url.starts_with("http://") && !self.url.starts_with("https://") {
            return Err(format!("http_sd_configs: {:?} is no http or https URL", self.url));
        }
        let refresh = optional(self.refresh_interval.as_deref())?.unwrap_or(HTTP_REFRESH);
        Ok(HttpSd { url: self.url.clone(), refresh, http: self.http(folder)? })
    }
}

impl RawDns {
    pub(super) fn check(&self) -> Result<Dns, String> {
        let kind = match self.kind.as_deref().unwrap_or("SRV").to_ascii_uppercase().as_str() {
            "SRV" => DnsKind::Srv,
            "A" => DnsKind::A,
            "AAAA" => DnsKind::Aaaa,
            "MX" => DnsKind::Mx,
            "NS" => DnsKind::Ns,
            other => return Err(format!("dns_sd_configs: unknown type {other:?}")),
        };
        if self.names.is_empty() {
            return Err("dns_sd_configs: no names".to_owned());
        }
        if self.port.is_none() && kind != DnsKind::Srv {
            return Err("dns_sd_configs: a port is needed unless the type is SRV".to_owned());
        }
        let refresh =
            self.refresh_interval.as_deref().map(units::duration).transpose()?.unwrap_or(DNS_REFRESH);
        Ok(Dns { names: self.names.clone(), kind, port: self.port.unwrap_or(0), refresh })
    }
}

impl RawKubernetes {
    pub(super) fn check(&self, folder: &Path) -> Result<Kubernetes, String> {
        let role = match self.role.to_ascii_lowercase().as_str() {
            "node" => KubernetesRole::Node,
            "service" => KubernetesRole::Service,
            "pod" => KubernetesRole::Pod,
            "endpoints" => KubernetesRole::Endpoints,
            "endpointslice" => KubernetesRole::EndpointSlice,
            "ingress" => KubernetesRole::Ingress,
            other => return Err(format!("kubernetes_sd_configs: unknown role {other:?}")),
        };
        if self.kubeconfig_file.is_some() {
            return Err("kubernetes_sd_configs: kubeconfig_file is not supported: name api_server, authorization and tls_config".into());
        }
        Ok(Kubernetes {
            api_server: self.api_server.clone().map(|url| url.trim_end_matches('/').to_owned()),
            role,
            namespaces: self.namespaces.names.clone(),
            own_namespace: self.namespaces.own_namespace,
            selectors: self.selectors.clone(),
            attach_node: self.attach_metadata.node,
            attach_namespace: self.attach_metadata.namespace,
            http: self.http(folder)?,
        })
    }
}
