//! The command line, and the environment variables that stand for its flags.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::{ConfigError, RawConfig, SETTINGS};

#[derive(Parser, Debug)]
#[command(name = "signalbox", version, about, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Take OTLP in, answer queries, send alerts
    Serve(ServeFlags),
    /// Serve, with a demo shop that sends real OTLP
    Demo(ServeFlags),
    /// Check files: configuration, Prometheus rules, prometheus.yml, alertmanager.yml (told apart by content)
    Check {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// A running server: names in rules that its data of the last week does not have are told as warnings
        #[arg(long, value_name = "URL")]
        server: Option<String>,
        #[arg(long)]
        token: Option<String>,
    },
    /// Run unit tests of rules: promtool's files, with logs and spans as input too
    Test {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Only tests whose name matches
        #[arg(long, value_name = "REGEX")]
        run: Option<String>,
    },
    /// Ask a running server why an alert fired or did not, and who was told
    Explain {
        /// The name of an alert, or its fingerprint
        alert: String,
        /// Of the server
        #[arg(long, default_value = "http://127.0.0.1:9480", value_name = "URL")]
        server: String,
        #[arg(long)]
        token: Option<String>,
        /// When the rule is looked at, as RFC 3339 or Unix seconds [default: now]
        #[arg(long)]
        time: Option<String>,
    },
    /// Copy the data of a running or stopped server
    Backup {
        /// Where the copy goes; must be new or empty
        dir: PathBuf,
        #[command(flatten)]
        flags: ServeFlags,
    },
    /// Put a backup into an empty data directory
    Restore {
        /// The backup
        dir: PathBuf,
        #[command(flatten)]
        flags: ServeFlags,
    },
    /// The licences of everything in this binary
    Licenses,
    /// The version
    Version,
}

#[derive(Args, Debug, Clone, Default)]
pub(crate) struct ServeFlags {
    /// Where everything is kept [default: ./signalbox-data]
    #[arg(long, env = "SIGNALBOX_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Address of the UI and of everything people and tools read [default: 127.0.0.1:9480]
    #[arg(long, env = "SIGNALBOX_HTTP", value_name = "ADDR")]
    pub http: Option<String>,
    /// Address of OTLP over gRPC [default: 127.0.0.1:4317]
    #[arg(long, env = "SIGNALBOX_OTLP_GRPC", value_name = "ADDR")]
    pub otlp_grpc: Option<String>,
    /// Address of OTLP over HTTP [default: 127.0.0.1:4318]
    #[arg(long, env = "SIGNALBOX_OTLP_HTTP", value_name = "ADDR")]
    pub otlp_http: Option<String>,
    /// How long data is kept, like 30d or 3y [default: 30d]
    #[arg(long, env = "SIGNALBOX_RETENTION", value_name = "DURATION")]
    pub retention: Option<String>,
    /// Oldest data goes when all of it is larger, like 100GB
    #[arg(long, env = "SIGNALBOX_RETENTION_SIZE", value_name = "BYTES")]
    pub retention_size: Option<String>,
    /// Queries know Prometheus' names and label sets alone: no OTel spelling, no attributes of resource and scope
    #[arg(long, env = "SIGNALBOX_STRICT_PROMETHEUS_NAMES")]
    pub strict_prometheus_names: bool,
    /// Directory of Prometheus rule files [default: rules in the data directory]
    #[arg(long, env = "SIGNALBOX_RULES", value_name = "DIR")]
    pub rules: Option<PathBuf>,
    /// alertmanager.yml with route and receivers
    #[arg(long, env = "SIGNALBOX_ALERTMANAGER", value_name = "FILE")]
    pub alertmanager: Option<PathBuf>,
    /// prometheus.yml whose scrape_configs are scraped, or a directory of such files
    #[arg(long, env = "SIGNALBOX_SCRAPE", value_name = "FILE")]
    pub scrape: Option<PathBuf>,
    /// Directory with Grafana's provisioning layout: dashboards/*.yaml and the JSON files they name
    #[arg(long, env = "SIGNALBOX_PROVISIONING", value_name = "DIR")]
    pub provisioning: Option<PathBuf>,
    /// The URL people reach this server by, for links in notifications
    #[arg(long, env = "SIGNALBOX_EXTERNAL_URL", value_name = "URL")]
    pub external_url: Option<String>,
    /// Listen on other than loopback addresses without tokens
    #[arg(long, env = "SIGNALBOX_INSECURE_NO_AUTH")]
    pub insecure_no_auth: bool,
    /// text or json [default: text]
    #[arg(long, env = "SIGNALBOX_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// A level or a tracing filter [default: info]
    #[arg(long, env = "SIGNALBOX_LOG_LEVEL", value_name = "FILTER")]
    pub log_level: Option<String>,
    /// YAML file with any of these settings, and tokens, limits, allowed_hosts, cors_origins
    #[arg(long, env = "SIGNALBOX_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl ServeFlags {
    /// Lays what was given over what the file says.
    pub(crate) fn overlay(&self, raw: &mut RawConfig) {
        fn put<T: Clone>(given: &Option<T>, place: &mut Option<T>) {
            if given.is_some() {
                place.clone_from(given);
            }
        }
        put(&self.data_dir, &mut raw.data_dir);
        put(&self.http, &mut raw.http);
        put(&self.otlp_grpc, &mut raw.otlp_grpc);
        put(&self.otlp_http, &mut raw.otlp_http);
        put(&self.retention, &mut raw.retention);
        put(&self.retention_size, &mut raw.retention_size);
        put(&self.rules, &mut raw.rules);
        put(&self.alertmanager, &mut raw.alertmanager);
        put(&self.scrape, &mut raw.scrape);
        put(&self.provisioning, &mut raw.provisioning);
        put(&self.external_url, &mut raw.external_url);
        put(&self.log_format, &mut raw.log_format);
        put(&self.log_level, &mut raw.log_level);
        if self.strict_prometheus_names {
            raw.strict_prometheus_names = Some(true);
        }
        if self.insecure_no_auth {
            raw.insecure_no_auth = Some(true);
        }
    }
}

/// A mistyped variable must not be a silent default.
pub(super) fn refuse_unknown_variables(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(), ConfigError> {
    for (name, _) in variables {
        let name = name.to_string_lossy();
        let Some(setting) = name.strip_prefix("SIGNALBOX_") else { continue };
        let setting = setting.to_ascii_lowercase();
        if setting != "config" && !SETTINGS.iter().any(|row| row.name == setting) {
            return Err(ConfigError::UnknownVariable(name.into_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_setting_has_a_flag_and_a_variable() {
        let command = Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        for setting in SETTINGS {
            let arg = serve.get_arguments().find(|arg| arg.get_id() == setting.name);
            let arg = arg.unwrap_or_else(|| panic!("no flag for {}", setting.name));
            let variable = format!("SIGNALBOX_{}", setting.name.to_ascii_uppercase());
            assert_eq!(arg.get_env().unwrap().to_str(), Some(variable.as_str()));
            assert_eq!(arg.get_long(), Some(setting.name.replace('_', "-").as_str()));
        }
        assert_eq!(serve.get_arguments().count(), SETTINGS.len() + 1, "config is the one more");
    }

    #[test]
    fn a_mistyped_variable_is_an_error() {
        let with = |name: &str| refuse_unknown_variables([(name.into(), "x".into())]);
        assert!(
            with("SIGNALBOX_DATA_DIR").is_ok() && with("HOME").is_ok() && with("SIGNALBOX_CONFIG").is_ok()
        );
        assert!(with("SIGNALBOX_DATADIR").is_err());
    }
}
