//! `signalbox check`: says what is wrong with files before a server meets them. The kind is found by content.
//! `signalbox test`: whether rules do what their unit tests say.

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

/// One line per doubt about rules; they do not make a check fail.
pub(crate) async fn warnings(files: &[PathBuf], mut lint: query::Lint) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for file in files {
        // What cannot be read is a finding.
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        if kind(&text) == Kind::Rules {
            let warnings = lint.warnings(&text).await?;
            all.extend(warnings.into_iter().map(|text| format!("{}: warning: {text}", file.display())));
        }
    }
    Ok(all)
}

/// Runs unit tests of rules: lines to show, and whether all passed.
pub(crate) fn test(files: &[PathBuf], run: Option<&str>) -> Result<(Vec<String>, bool), String> {
    let wanted = run.map(query::test_names).transpose()?;
    let (mut lines, mut good) = (Vec::new(), true);
    for file in files {
        let outcome = query::test_rules(file, wanted.as_ref());
        let named = |text: &String| format!("{}: {}", file.display(), text.replace('\n', " "));
        lines.extend(outcome.warnings.iter().map(|warning| named(&format!("warning: {warning}"))));
        lines.extend(outcome.failures.iter().map(named));
        good &= outcome.failures.is_empty();
        lines.push(named(&format!("{} passed, {} failures", outcome.passed, outcome.failures.len())));
    }
    Ok((lines, good))
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

/// By the keys at the left margin, so a file with a mistake deeper down is still known for what it is; in braces by all.
fn kind(text: &str) -> Kind {
    let flow = if text.trim_start().starts_with('{') { text.replace('"', "") } else { String::new() };
    let has = |key: &str| {
        let mut words = flow.split(|c: char| c.is_whitespace() || "{,".contains(c));
        text.lines().any(|line| line.starts_with(key)) || words.any(|word| word.starts_with(key))
    };
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
        assert_eq!(kind("{\"groups\": []}"), Kind::Rules);
        assert_eq!(kind("global: {}\nroute:\n  receiver: a\n"), Kind::Alertmanager);
        assert_eq!(kind("global: {}\nscrape_configs:\n"), Kind::Scrape);
        assert_eq!(kind("http: 127.0.0.1:1\n"), Kind::Config);
    }

    #[test]
    fn unit_tests_of_rules_say_how_many_passed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tests.yml");
        std::fs::write(&file, "tests: [{promql_expr_test: [{expr: '1', exp_samples: [{value: 2}]}]}]")
            .unwrap();
        let (lines, good) = test(std::slice::from_ref(&file), None).unwrap();
        assert!(!good && lines[0].contains("expected {} 2E0, got {} 1E0"), "{lines:?}");
        assert!(lines[1].ends_with("0 passed, 1 failures"), "{lines:?}");
        assert!(test(&[file], Some("(")).is_err());
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
