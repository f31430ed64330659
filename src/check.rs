//! `signalbox check`: says what is wrong with files before a server meets them. The kind is found by content.

use std::path::{Path, PathBuf};

use crate::config::RawConfig;

/// What a file can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Config,
    Rules,
    Alertmanager,
    Scrape,
}

/// One line per finding; none: all is well.
pub(crate) fn check(files: &[PathBuf]) -> Vec<String> {
    files.iter().flat_map(|file| check_file(file)).collect()
}

fn check_file(file: &Path) -> Vec<String> {
    let named = |problem: String| format!("{}: {}", file.display(), problem.replace('\n', " "));
    match std::fs::read_to_string(file) {
        Ok(text) => check_text(&text, file).into_iter().map(named).collect(),
        Err(error) => vec![named(error.to_string())],
    }
}

/// Files a `prometheus.yml` names are looked for beside it.
fn check_text(text: &str, file: &Path) -> Vec<String> {
    match kind(text) {
        Kind::Rules => query::check_rules(text),
        Kind::Alertmanager => query::check_alertmanager(text, file.parent().unwrap_or(Path::new("."))),
        Kind::Scrape => {
            let folder = file.parent().unwrap_or(Path::new("."));
            collector::ScrapeFile::parse(text, folder).err().into_iter().collect()
        }
        Kind::Config => {
            let checked = RawConfig::parse(text).and_then(|raw| raw.check().map_err(|e| e.to_string()));
            checked.err().into_iter().collect()
        }
    }
}

/// By the keys at the left margin, so a file with a mistake deeper down is still known for what it is.
fn kind(text: &str) -> Kind {
    let has = |key: &str| text.lines().any(|line| line.starts_with(key));
    if has("groups:") || has("kind:") {
        Kind::Rules
    } else if has("route:") || has("receivers:") {
        Kind::Alertmanager
    } else if has("scrape_configs:") || has("scrape_config_files:") {
        Kind::Scrape
    } else {
        Kind::Config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_found_by_content() {
        assert_eq!(kind("# rules\ngroups:\n- name: x\n"), Kind::Rules);
        assert_eq!(kind("apiVersion: v1\nkind: PrometheusRule\n"), Kind::Rules);
        assert_eq!(kind("global: {}\nroute:\n  receiver: a\n"), Kind::Alertmanager);
        assert_eq!(kind("global: {}\nscrape_configs:\n"), Kind::Scrape);
        assert_eq!(kind("http: 127.0.0.1:1\n"), Kind::Config);
    }

    #[test]
    fn a_good_configuration_has_no_findings_and_a_bad_one_has() {
        let check_text = |text| check_text(text, Path::new("file.yml"));
        assert_eq!(check_text("retention: 3y"), [] as [String; 0]);
        assert_eq!(check_text("retentoin: 3y").len(), 1);
        assert_eq!(check_text("scrape_configs: [{job_name: a}]"), [] as [String; 0]);
        assert_eq!(check_text("scrape_configs: [{job_name: a, scheme: gopher}]").len(), 1);
    }
}
