//! Which `prometheus.yml` says what to scrape for whom, and what the targets APIs show of it.

use std::path::Path;

use collector::{LabelMap, PoolStatus, ScrapeFile, ScrapePlan, TargetHealth, TargetStatus};
use query::{MetricView, PoolView, TargetView};
use store::model::{Labels, Tenant};

/// A file is of tenant `default`. In a folder, files are too, and a folder in it holds those of the tenant of its name.
pub(crate) fn plan(path: Option<&Path>) -> Result<ScrapePlan, String> {
    let Some(path) = path else { return Ok(ScrapePlan::default()) };
    let mut plan = ScrapePlan::default();
    if path.is_dir() {
        add_folder(path, Tenant::DEFAULT, true, &mut plan)?;
    } else {
        plan.files.push((tenant(Tenant::DEFAULT)?, ScrapeFile::read(path)?));
    }
    Ok(plan)
}

fn tenant(name: &str) -> Result<Tenant, String> {
    Tenant::authenticated(name).map_err(|e| e.to_string())
}

fn add_folder(folder: &Path, owner: &str, deeper: bool, plan: &mut ScrapePlan) -> Result<(), String> {
    let named = |e: std::io::Error| format!("read {}: {e}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(named)?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(named)?.path());
    }
    paths.sort();
    for path in paths {
        let is_yaml = path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml");
        if path.is_dir() && deeper {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            add_folder(&path, &name, false, plan)?;
        } else if path.is_file() && is_yaml {
            plan.files.push((tenant(owner)?, ScrapeFile::read(&path)?));
        }
    }
    Ok(())
}

pub(crate) fn pool(status: PoolStatus) -> PoolView {
    PoolView {
        name: status.job,
        active: status.active.into_iter().map(target).collect(),
        dropped: status.dropped.iter().map(labels).collect(),
        dropped_count: status.dropped_count,
    }
}

fn labels(map: &LabelMap) -> Labels {
    Labels::new(map.iter())
}

fn target(status: TargetStatus) -> TargetView {
    let metrics = status.metrics.into_iter().map(|(name, text)| MetricView {
        name,
        kind: text.kind,
        help: text.help,
        unit: text.unit,
    });
    TargetView {
        discovered: labels(&status.discovered),
        labels: labels(&status.labels),
        url: status.url,
        health: match status.health {
            TargetHealth::Unknown => "unknown",
            TargetHealth::Up => "up",
            TargetHealth::Down => "down",
        },
        last_error: status.last_error,
        last_scrape_ms: status.last_scrape_ms,
        last_duration_s: status.last_duration_s,
        interval_ms: (status.interval_s * 1000.0) as i64,
        timeout_ms: (status.timeout_s * 1000.0) as i64,
        metrics: metrics.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_holds_files_of_the_default_tenant_and_of_others() {
        let dir = tempfile::tempdir().unwrap();
        let job = |name: &str| format!("scrape_configs: [{{job_name: {name}}}]");
        std::fs::write(dir.path().join("a.yml"), job("a")).unwrap();
        std::fs::write(dir.path().join("notes.txt"), "no").unwrap();
        std::fs::create_dir(dir.path().join("shop")).unwrap();
        std::fs::write(dir.path().join("shop/b.yaml"), job("b")).unwrap();
        let names = |path: &Path| -> Vec<String> {
            plan(Some(path)).unwrap().files.iter().map(|(tenant, _)| tenant.as_str().to_owned()).collect()
        };
        assert_eq!(names(dir.path()), ["default", "shop"]);
        assert_eq!(names(&dir.path().join("shop/b.yaml")), ["default"]);
        assert!(plan(Some(&dir.path().join("none.yml"))).is_err());
    }
}
