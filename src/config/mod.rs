//! Configuration: flags win over environment, environment over file; an unknown key anywhere is an error. Nothing
//! outside this folder reads the environment.

mod flags;
mod listen;
mod raw;
mod units;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use collector::Processing;
use store::model::{Limits, Role, Tenant};

pub(crate) use flags::{Cli, Command, ServeFlags};
pub(crate) use listen::{Listen, ListenProtocol};
pub(crate) use raw::{RawConfig, SETTINGS};
pub(crate) use units::{parse_duration, parse_size};

/// A secret: never printed, never serialised.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Secret<T>(T);

impl<T> Secret<T> {
    pub(crate) fn new(secret: T) -> Self {
        Self(secret)
    }

    pub(crate) fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> std::fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// A checked configuration: whatever it holds is valid.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub data_dir: PathBuf,
    pub http: SocketAddr,
    pub otlp_grpc: SocketAddr,
    pub otlp_http: SocketAddr,
    /// Further addresses, each for one protocol.
    pub listen: Vec<Listen>,
    pub retention: Duration,
    pub retention_size_bytes: Option<u64>,
    /// Queries know Prometheus' names and label sets alone.
    pub strict_prometheus_names: bool,
    pub rules_dir: PathBuf,
    pub alertmanager: Option<PathBuf>,
    /// A `prometheus.yml`, or a directory of them.
    pub scrape: Option<PathBuf>,
    /// Dashboards from files, in Grafana's layout.
    pub provisioning: Option<PathBuf>,
    pub external_url: String,
    pub insecure_no_auth: bool,
    pub tokens: Vec<Token>,
    /// Origins whose pages may send OTLP; empty: CORS is off.
    pub cors_origins: Vec<String>,
    /// Names this server is called by, beside loopback names and the addresses it listens on.
    pub allowed_hosts: Vec<String>,
    /// Networks (CIDR) notifications may never go to / may go to although denied.
    pub webhook_deny: Vec<String>,
    pub webhook_allow: Vec<String>,
    /// Whether messages to chat carry evidence.
    pub evidence: bool,
    pub log_format: LogFormat,
    pub log_level: String,
    pub limits: Limits,
    /// What happens to records on their way in.
    pub processing: Processing,
    /// The file it was read from, for reload and status.
    pub file: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub name: String,
    /// SHA-256 of the token.
    pub hash: Secret<[u8; 32]>,
    pub tenant: Tenant,
    pub role: Role,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {text}", path.display())]
    Syntax { path: PathBuf, text: String },
    #[error("setting {name}: {problem}")]
    Setting { name: String, problem: String },
    #[error("environment variable {0} is not a setting: see signalbox serve --help")]
    UnknownVariable(String),
    #[error(
        "{name} {addr} can be reached from other machines and there are no tokens: add tokens to the configuration, listen on a loopback address, or say --insecure-no-auth"
    )]
    OpenWithoutTokens { name: &'static str, addr: SocketAddr },
}

impl Config {
    /// Reads the file the flags (or the environment) name, lays environment and flags over it and checks all.
    pub(crate) fn load(flags: &ServeFlags) -> Result<Self, ConfigError> {
        flags::refuse_unknown_variables(std::env::vars_os())?;
        let file = flags.config.clone();
        let mut raw = match &file {
            Some(path) => RawConfig::read(path)?,
            None => RawConfig::default(),
        };
        flags.overlay(&mut raw);
        let mut config = raw.check()?;
        config.file = file;
        Ok(config)
    }

    /// The first setting that differs and that a reload cannot change.
    pub(crate) fn changes_with_a_restart(&self, next: &Self) -> Option<&'static str> {
        let same = [
            ("listen", self.listen == next.listen),
            ("data_dir", self.data_dir == next.data_dir),
            ("http", self.http == next.http),
            ("otlp_grpc", self.otlp_grpc == next.otlp_grpc),
            ("otlp_http", self.otlp_http == next.otlp_http),
            ("retention", self.retention == next.retention),
            ("retention_size", self.retention_size_bytes == next.retention_size_bytes),
            ("strict_prometheus_names", self.strict_prometheus_names == next.strict_prometheus_names),
            ("rules", self.rules_dir == next.rules_dir),
            ("provisioning", self.provisioning == next.provisioning),
            ("external_url", self.external_url == next.external_url),
            ("cors_origins", self.cors_origins == next.cors_origins),
            ("webhook_deny", self.webhook_deny == next.webhook_deny),
            ("evidence", self.evidence == next.evidence),
            ("webhook_allow", self.webhook_allow == next.webhook_allow),
            ("log_format", self.log_format == next.log_format),
            ("log_level", self.log_level == next.log_level),
            ("limits", self.limits == next.limits),
        ];
        same.into_iter().find(|(_, same)| !same).map(|(name, _)| name)
    }

    /// The configuration in force, secrets left out: what `/config` shows.
    pub(crate) fn to_yaml(&self) -> String {
        let tokens: Vec<String> = self
            .tokens
            .iter()
            .map(|t| {
                format!(
                    "  - {{name: {:?}, sha256: <secret>, tenant: {:?}, role: {:?}}}",
                    t.name,
                    t.tenant.as_str(),
                    t.role
                )
            })
            .collect();
        let lines = [
            format!("data_dir: {:?}", self.data_dir.display().to_string()),
            format!("http: {}", self.http),
            format!("otlp_grpc: {}", self.otlp_grpc),
            format!("otlp_http: {}", self.otlp_http),
            format!("listen: [{}]", self.listen.iter().map(Listen::to_yaml).collect::<Vec<_>>().join(", ")),
            format!("retention: {}s", self.retention.as_secs()),
            format!(
                "retention_size: {}",
                self.retention_size_bytes.map_or_else(|| "null".into(), |b| b.to_string())
            ),
            format!("strict_prometheus_names: {}", self.strict_prometheus_names),
            format!("rules: {:?}", self.rules_dir.display().to_string()),
            format!("scrape: {:?}", self.scrape.as_deref().unwrap_or(Path::new("")).display().to_string()),
            format!(
                "provisioning: {:?}",
                self.provisioning.as_deref().unwrap_or(Path::new("")).display().to_string()
            ),
            format!("external_url: {:?}", self.external_url),
            format!("insecure_no_auth: {}", self.insecure_no_auth),
            format!("cors_origins: {:?}", self.cors_origins),
            format!("allowed_hosts: {:?}", self.allowed_hosts),
            format!("processing: {}", self.processing.to_yaml()),
            if tokens.is_empty() { "tokens: []".into() } else { format!("tokens:\n{}", tokens.join("\n")) },
        ];
        lines.join("\n") + "\n"
    }

    /// Where the API of the cluster is that this process runs in, as Kubernetes tells its containers.
    pub(crate) fn kubernetes() -> collector::KubernetesEnv {
        let variable = |name| std::env::var(name).ok();
        let host = variable("KUBERNETES_SERVICE_HOST").filter(|host| !host.is_empty());
        let port = variable("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".to_owned());
        let bracketed = |host: String| if host.contains(':') { format!("[{host}]") } else { host };
        let api_server = host.map(|host| format!("https://{}:{port}", bracketed(host)));
        collector::KubernetesEnv { api_server }
    }

    pub(crate) fn store(&self) -> store::Config {
        store::Config {
            retention: self.retention,
            retention_size_bytes: self.retention_size_bytes,
            limits: self.limits,
            strict_names: self.strict_prometheus_names,
            ..store::Config::new(&self.data_dir)
        }
    }
}
