//! `file_sd_configs`: files of groups, read again when they change.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::{Group, News, Teller};
use crate::scrape::config::{FileSd, RawGroup, matching};

/// Files are looked at this often; they are read when their time or size has changed.
const LOOK: Duration = Duration::from_secs(2);

type Stamp = (PathBuf, Option<SystemTime>, u64);

pub(super) async fn run(config: FileSd, teller: Teller) {
    let mut known: Option<Vec<Stamp>> = None;
    let mut read_at = Instant::now();
    loop {
        let stamps = stamps(&config.patterns);
        if known.as_ref() != Some(&stamps) || read_at.elapsed() >= config.refresh {
            let news = read(&stamps);
            // What is wrong now may be a file that is being written: look again.
            known = matches!(news, News::Groups(_)).then_some(stamps);
            read_at = Instant::now();
            if !teller.tell(news).await {
                return;
            }
        }
        if !teller.rest(LOOK).await {
            return;
        }
    }
}

fn stamps(patterns: &[PathBuf]) -> Vec<Stamp> {
    let files = patterns.iter().flat_map(|pattern| matching(pattern));
    let stamp = |path: PathBuf| {
        let about = std::fs::metadata(&path).ok();
        let changed = about.as_ref().and_then(|about| about.modified().ok());
        (path, changed, about.map_or(0, |about| about.len()))
    };
    files.map(stamp).collect()
}

fn read(files: &[Stamp]) -> News {
    let mut all = Vec::new();
    for (path, ..) in files {
        match std::fs::read_to_string(path).map_err(|e| e.to_string()).and_then(|text| groups(path, &text)) {
            Ok(groups) => all.extend(groups),
            Err(problem) => return News::Failed(format!("{}: {problem}", path.display())),
        }
    }
    News::Groups(all)
}

/// JSON is YAML too.
fn groups(path: &Path, text: &str) -> Result<Vec<Group>, String> {
    let raw: Vec<RawGroup> = if text.trim().is_empty() {
        Vec::new()
    } else {
        serde_saphyr::from_str(text)
            .map_err(|e| e.to_string().lines().next().unwrap_or_default().to_owned())?
    };
    let path = path.display().to_string();
    let numbered = raw.iter().enumerate().map(|(n, raw)| {
        let mut group = raw.group(format!("{path}:{n}"));
        group.labels.set("__meta_filepath", path.as_str());
        group
    });
    Ok(numbered.collect::<Vec<Group>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrape::labels::LabelMap;

    #[test]
    fn files_of_either_form_are_groups() {
        let yaml = "- targets: ['a:1']\n  labels: {env: x}\n- targets: [b]\n";
        let json = r#"[{"targets": ["a:1"], "labels": {"env": "x"}}, {"targets": ["b"]}]"#;
        let path = Path::new("t.yml");
        assert_eq!(groups(path, yaml), groups(path, json));
        let found = groups(path, yaml).unwrap();
        let labels: LabelMap = [("__meta_filepath", "t.yml"), ("env", "x")].into_iter().collect();
        assert_eq!(
            (found.len(), &found[0].labels, found[1].targets[0].get("__address__")),
            (2, &labels, "b")
        );
        assert!(groups(path, "targets: [a]").is_err());
    }
}
