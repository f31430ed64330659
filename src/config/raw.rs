//! The configuration as written, and its check.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use collector::RawProcessing;
use serde::Deserialize;
use store::model::{LIMITS, Limits, Role, Tenant};

use super::listen::RawListen;
use super::{Config, ConfigError, Listen, LogFormat, Secret, Token, parse_duration, parse_size};

/// One row per setting that is a single value: its name in the file, flag and variable, and its default.
pub(crate) struct Setting {
    pub name: &'static str,
    pub default: &'static str,
}

/// The settings with a flag and a variable; lists (`tokens`, `limits`, …) stand in the file only.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting { name: "data_dir", default: "./signalbox-data" },
    Setting { name: "http", default: "127.0.0.1:9480" },
    Setting { name: "otlp_grpc", default: "127.0.0.1:4317" },
    Setting { name: "otlp_http", default: "127.0.0.1:4318" },
    Setting { name: "retention", default: "30d" },
    Setting { name: "retention_size", default: "" },
    Setting { name: "strict_prometheus_names", default: "false" },
    Setting { name: "rules", default: "" },
    Setting { name: "alertmanager", default: "" },
    Setting { name: "scrape", default: "" },
    Setting { name: "provisioning", default: "" },
    Setting { name: "external_url", default: "" },
    Setting { name: "insecure_no_auth", default: "false" },
    Setting { name: "log_format", default: "text" },
    Setting { name: "log_level", default: "info" },
];

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawConfig {
    pub data_dir: Option<PathBuf>,
    pub http: Option<String>,
    pub otlp_grpc: Option<String>,
    pub otlp_http: Option<String>,
    pub retention: Option<String>,
    pub retention_size: Option<String>,
    pub strict_prometheus_names: Option<bool>,
    pub rules: Option<PathBuf>,
    pub alertmanager: Option<PathBuf>,
    pub scrape: Option<PathBuf>,
    pub provisioning: Option<PathBuf>,
    pub external_url: Option<String>,
    pub insecure_no_auth: Option<bool>,
    pub log_format: Option<String>,
    pub log_level: Option<String>,
    pub tokens: Vec<RawToken>,
    pub listen: Vec<RawListen>,
    pub cors_origins: Vec<String>,
    pub allowed_hosts: Vec<String>,
    pub webhook_allow: Vec<String>,
    pub webhook_deny: Vec<String>,
    pub evidence: Option<bool>,
    pub limits: BTreeMap<String, u64>,
    pub processing: RawProcessing,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawToken {
    pub name: String,
    /// SHA-256 of the token in hex: `printf %s TOKEN | sha256sum`.
    pub sha256: String,
    pub tenant: String,
    pub role: String,
}

impl RawConfig {
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|text| ConfigError::Syntax { path: path.to_owned(), text })
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        serde_saphyr::from_str(text).map_err(|e| e.to_string())
    }

    /// Checks every setting; the first problem is the error.
    pub(crate) fn check(self) -> Result<Config, ConfigError> {
        let data_dir = self.data_dir.unwrap_or_else(|| default("data_dir").into());
        let http = address("http", self.http)?;
        let config = Config {
            rules_dir: self.rules.unwrap_or_else(|| data_dir.join("rules")),
            data_dir,
            http,
            otlp_grpc: address("otlp_grpc", self.otlp_grpc)?,
            otlp_http: address("otlp_http", self.otlp_http)?,
            listen: self.listen.iter().map(Listen::check).collect::<Result<_, _>>()?,
            retention: retention(self.retention)?,
            retention_size_bytes: optional(self.retention_size, "retention_size", parse_size)?,
            strict_prometheus_names: self.strict_prometheus_names.unwrap_or(false),
            alertmanager: self.alertmanager,
            scrape: self.scrape,
            provisioning: self.provisioning,
            external_url: self
                .external_url
                .map_or_else(|| format!("http://{http}"), |url| url.trim_end_matches('/').to_owned()),
            insecure_no_auth: self.insecure_no_auth.unwrap_or(false),
            tokens: tokens(self.tokens)?,
            cors_origins: self.cors_origins,
            allowed_hosts: self.allowed_hosts,
            webhook_allow: self.webhook_allow,
            webhook_deny: self.webhook_deny,
            evidence: self.evidence.unwrap_or(true),
            log_format: match self.log_format.as_deref() {
                None | Some("text") => LogFormat::Text,
                Some("json") => LogFormat::Json,
                Some(other) => {
                    return Err(setting("log_format", format!("{other:?} is neither text nor json")));
                }
            },
            log_level: self.log_level.unwrap_or_else(|| default("log_level").into()),
            limits: limits(&self.limits)?,
            processing: self.processing.check().map_err(|problem| setting("processing", problem))?,
            file: None,
        };
        refuse_open(&config)?;
        Ok(config)
    }
}

fn default(name: &str) -> &'static str {
    SETTINGS.iter().find(|setting| setting.name == name).map_or("", |setting| setting.default)
}

fn setting(name: &str, problem: impl Into<String>) -> ConfigError {
    ConfigError::Setting { name: name.to_owned(), problem: problem.into() }
}

fn address(name: &'static str, text: Option<String>) -> Result<SocketAddr, ConfigError> {
    let text = text.unwrap_or_else(|| default(name).to_owned());
    let text = text.replace("localhost:", "127.0.0.1:");
    text.parse()
        .map_err(|_| setting(name, format!("{text:?} is not an address: write IP:PORT, like 127.0.0.1:9480")))
}

fn retention(text: Option<String>) -> Result<Duration, ConfigError> {
    let text = text.unwrap_or_else(|| default("retention").to_owned());
    let duration = parse_duration(&text).map_err(|problem| setting("retention", problem))?;
    if duration < Duration::from_secs(60) {
        return Err(setting("retention", format!("{text} is too short: keep data for a minute at least")));
    }
    Ok(duration)
}

fn optional<T>(
    text: Option<String>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, ConfigError> {
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| parse(&text)).transpose().map_err(|problem| setting(name, problem))
}

fn tokens(raw: Vec<RawToken>) -> Result<Vec<Token>, ConfigError> {
    let mut names = BTreeSet::new();
    raw.into_iter()
        .map(|raw| {
            let at = format!("tokens[{}]", raw.name);
            if !names.insert(raw.name.clone()) {
                return Err(setting(&at, "the name stands twice"));
            }
            let role = match raw.role.as_str() {
                "ingest" => Role::Ingest,
                "read" => Role::Read,
                "admin" => Role::Admin,
                other => return Err(setting(&at, format!("role {other:?} is none of ingest, read, admin"))),
            };
            let tenant = Tenant::authenticated(&raw.tenant).map_err(|e| setting(&at, e.to_string()))?;
            let hash = hex32(&raw.sha256)
                .ok_or_else(|| setting(&at, "sha256 must be 64 hex digits: printf %s TOKEN | sha256sum"))?;
            Ok(Token { name: raw.name, hash: Secret::new(hash), tenant, role })
        })
        .collect()
}

fn hex32(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(out)
}

fn limits(raw: &BTreeMap<String, u64>) -> Result<Limits, ConfigError> {
    let mut limits = Limits::default();
    for (name, value) in raw {
        let row = LIMITS.iter().find(|row| row.name == name).ok_or_else(|| {
            setting(&format!("limits.{name}"), "there is no such limit: see docs/limits.md")
        })?;
        (row.set)(&mut limits, *value);
    }
    Ok(limits)
}

fn refuse_open(config: &Config) -> Result<(), ConfigError> {
    if !config.tokens.is_empty() || config.insecure_no_auth {
        return Ok(());
    }
    let listeners = [("http", config.http), ("otlp_grpc", config.otlp_grpc), ("otlp_http", config.otlp_http)];
    let further = config.listen.iter().map(|listen| (listen.protocol.name(), listen.address));
    match listeners.into_iter().chain(further).find(|(_, addr)| !addr.ip().is_loopback()) {
        Some((name, addr)) => Err(ConfigError::OpenWithoutTokens { name, addr }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<Config, String> {
        RawConfig::parse(text).and_then(|raw| raw.check().map_err(|e| e.to_string()))
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let config = checked("").unwrap();
        assert_eq!(config.http.to_string(), "127.0.0.1:9480");
        assert_eq!(config.retention, Duration::from_secs(30 * 86_400));
        assert_eq!(config.rules_dir, Path::new("./signalbox-data/rules"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("htpp: 1.2.3.4:5", "htpp"),
            ("retention: 1x", "retention"),
            ("http: nowhere", "IP:PORT"),
            ("http: 0.0.0.0:80", "insecure-no-auth"),
            ("listen: [{protocol: syslog_udp, address: 0.0.0.0:514}]", "insecure-no-auth"),
            ("listen: [{protocol: syslog_udp, adress: 1}]", "adress"),
            ("limits: {no_such: 1}", "limits.no_such"),
            ("tokens: [{name: a, sha256: zz, tenant: t, role: read}]", "64 hex digits"),
            ("processing: {redact: [secrats]}", "setting processing: redact[secrats]"),
            ("processing: {redacted: [secrets]}", "redacted"),
        ] {
            let error = checked(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn one_line_turns_redaction_on() {
        let config = checked("processing: {redact: [secrets, personal]}").unwrap();
        let shown = config.to_yaml();
        assert!(shown.contains("\"password\"") && shown.contains("\"iban\""), "{shown}");
        assert!(!config.processing.needs_key());
        assert!(
            checked("processing: {redact: [{name: email, style: hash}]}").unwrap().processing.needs_key()
        );
    }

    #[test]
    fn tokens_open_other_addresses_and_are_never_printed() {
        let hash = "ab".repeat(32);
        let text = format!("http: 0.0.0.0:80\ntokens: [{{name: a, sha256: {hash}, tenant: t, role: admin}}]");
        let config = checked(&text).unwrap();
        assert!(!format!("{config:?}").contains("171"), "bytes of the hash");
        assert_eq!(config.tokens[0].hash.expose(), &[0xab; 32]);
    }
}
