//! The rules directory: which files there are, and all their groups.

use std::path::{Path, PathBuf};

use store::model::Tenant;

use super::file::{self, Group};

pub(super) type FilesAndGroups = (Vec<(PathBuf, u64, u128)>, Vec<(Tenant, Group)>);

pub(super) fn read_all(directory: &Path) -> Result<FilesAndGroups, String> {
    let files = list_files(directory).map_err(|e| format!("read {}: {e}", directory.display()))?;
    let mut groups = Vec::new();
    let mut problems = Vec::new();
    for (path, ..) in &files {
        let name = path.strip_prefix(directory).unwrap_or(path).to_string_lossy().into_owned();
        let tenant = name.split_once('/').map_or(Tenant::DEFAULT, |(folder, _)| folder);
        let tenant = Tenant::authenticated(tenant).map_err(|e| e.to_string())?;
        let text = std::fs::read_to_string(path).map_err(|e| format!("read {}: {e}", path.display()))?;
        match file::parse(&name, &text) {
            Ok(found) => groups.extend(found.into_iter().map(|group| (tenant.clone(), group))),
            Err(found) => problems.extend(found.iter().map(|problem| format!("{name}: {problem}"))),
        }
    }
    if problems.is_empty() { Ok((files, groups)) } else { Err(problems.join("; ")) }
}

/// Rule files of the directory and of its folders, one level deep. A directory that is not there has none.
pub(super) fn list_files(directory: &Path) -> std::io::Result<Vec<(PathBuf, u64, u128)>> {
    let mut found = Vec::new();
    let mut folders = vec![(directory.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let metadata = std::fs::metadata(entry.path())?;
            let is_rules = entry.path().extension().is_some_and(|ending| ending == "yml" || ending == "yaml");
            if metadata.is_dir() && depth == 0 {
                folders.push((entry.path(), 1));
            } else if metadata.is_file() && is_rules {
                let changed = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                found.push((entry.path(), metadata.len(), changed.as_nanos()));
            }
        }
    }
    found.sort();
    Ok(found)
}
