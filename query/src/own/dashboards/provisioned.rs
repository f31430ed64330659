//! Dashboards from files, in the layout Grafana's provisioning has: `dashboards/*.yaml` name providers, a provider names a
//! folder of JSON files. The files are looked at again every few seconds; one that became wrong stays as it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use serde::Deserialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Stored, TITLE_CHARS_MAX, is_uid, tags_of, title_of};

const LOOK_EVERY: Duration = Duration::from_secs(5);
const FILES_MAX: usize = 2_000;
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Folders below a provider's.
const DEPTH_MAX: usize = 8;

/// A handle; cheap to clone.
#[derive(Clone)]
pub struct Provisioned(Arc<Shared>);

struct Shared {
    directory: Option<PathBuf>,
    now: ArcSwap<Loaded>,
}

/// What the files said when they were last read.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) dashboards: BTreeMap<String, Arc<FromFile>>,
    /// What is wrong, for people.
    pub(super) problems: Vec<String>,
    seen: Vec<Seen>,
}

pub(super) struct FromFile {
    pub(super) json: String,
    pub(super) title: String,
    pub(super) folder: String,
    pub(super) tags: Vec<String>,
    path: PathBuf,
}

/// A file as it was: when neither time nor size changed it is the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    path: PathBuf,
    modified: SystemTime,
    bytes: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ProviderFile {
    Now {
        #[serde(default)]
        providers: Vec<Provider>,
    },
    /// Before Grafana 5.1 the list stood alone.
    Old(Vec<Provider>),
}

/// Members that are not here say how Grafana's own editor treats them.
#[derive(Deserialize)]
struct Provider {
    #[serde(default)]
    name: String,
    #[serde(default)]
    folder: String,
    #[serde(default)]
    options: Options,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    path: PathBuf,
    /// The older name of it.
    folder: PathBuf,
    folders_from_files_structure: bool,
}

/// A file to read, and the folder it is listed in.
struct Wanted {
    path: PathBuf,
    folder: String,
}

// === impl Provisioned ===

impl Provisioned {
    /// Without a directory there are none.
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        Self(Arc::new(Shared { directory, now: ArcSwap::default() }))
    }

    pub(super) fn now(&self) -> Arc<Loaded> {
        self.0.now.load_full()
    }

    /// Reads the files if they changed.
    pub(crate) async fn look(&self) {
        let Some(directory) = self.0.directory.clone() else { return };
        let before = self.now();
        let looked = tokio::task::spawn_blocking(move || look(&directory, &before)).await;
        match looked {
            Ok(Some(loaded)) => {
                for problem in &loaded.problems {
                    tracing::warn!(%problem, "a dashboard's file is not used");
                }
                tracing::info!(dashboards = loaded.dashboards.len(), "read dashboards from files");
                self.0.now.store(Arc::new(loaded));
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "dashboards could not be read from files"),
        }
    }

    /// Looks at the files until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        if self.0.directory.is_none() {
            return;
        }
        loop {
            self.look().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }
}

// === impl FromFile ===

impl FromFile {
    /// As if it were saved, but without a version.
    pub(super) fn stored(&self) -> Stored {
        Stored {
            title: self.title.clone(),
            folder: self.folder.clone(),
            tags: self.tags.clone(),
            versions: Vec::new(),
        }
    }
}

/// What the files say now; `None` if nothing changed.
fn look(directory: &Path, before: &Loaded) -> Option<Loaded> {
    let mut problems = Vec::new();
    let (providers, mut seen) = providers(&directory.join("dashboards"), &mut problems);
    let mut wanted = Vec::new();
    for provider in providers {
        let root = provider.root(directory);
        gather(&root, &provider, 0, &mut wanted, &mut problems);
    }
    wanted.sort_by(|a, b| a.path.cmp(&b.path));
    seen.extend(wanted.iter().filter_map(|one| stamp(&one.path)));
    seen.sort();
    if seen == before.seen {
        return None;
    }
    let mut dashboards: BTreeMap<String, Arc<FromFile>> = BTreeMap::new();
    for one in wanted {
        let (uid, found) = match read(&one) {
            Ok((uid, found)) => (uid, Arc::new(found)),
            Err(problem) => {
                problems.push(format!("{}: {problem}", one.path.display()));
                let known = before.dashboards.iter().find(|(_, known)| known.path == one.path);
                let Some((uid, known)) = known else { continue };
                (uid.clone(), Arc::clone(known))
            }
        };
        if let Some(first) = dashboards.get(&uid) {
            problems.push(format!(
                "{}: {} has the uid {uid:?} too",
                one.path.display(),
                first.path.display()
            ));
            continue;
        }
        dashboards.insert(uid, found);
    }
    Some(Loaded { dashboards, problems, seen })
}

/// Providers of all files; with none the folder itself is one.
fn providers(folder: &Path, problems: &mut Vec<String>) -> (Vec<Provider>, Vec<Seen>) {
    let (mut providers, mut seen) = (Vec::new(), Vec::new());
    for path in entries(folder) {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if !matches!(ending, "yaml" | "yml") {
            continue;
        }
        seen.extend(stamp(&path));
        let parsed = std::fs::read_to_string(&path).map_err(|error| error.to_string()).and_then(|text| {
            serde_saphyr::from_str::<ProviderFile>(&text).map_err(|error| error.to_string())
        });
        match parsed {
            Ok(ProviderFile::Now { providers: list } | ProviderFile::Old(list)) => providers.extend(list),
            Err(problem) => problems.push(format!("{}: {problem}", path.display())),
        }
    }
    if seen.is_empty() {
        let options = Options { path: folder.to_owned(), ..Options::default() };
        providers.push(Provider { name: String::new(), folder: String::new(), options });
    }
    (providers, seen)
}

// === impl Provider ===

impl Provider {
    fn root(&self, directory: &Path) -> PathBuf {
        let path = &self.options.path;
        directory.join(if path.as_os_str().is_empty() { &self.options.folder } else { path })
    }

    /// The folder a file is listed in.
    fn folder_of(&self, file: &Path, depth: usize) -> String {
        let parent = file.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        match parent {
            Some(parent) if self.options.folders_from_files_structure && depth > 0 => parent,
            _ => self.folder.clone(),
        }
    }
}

fn gather(
    folder: &Path,
    provider: &Provider,
    depth: usize,
    wanted: &mut Vec<Wanted>,
    problems: &mut Vec<String>,
) {
    if depth == 0 && !folder.is_dir() {
        problems.push(format!("provider {:?}: {} is no folder", provider.name, folder.display()));
        return;
    }
    for path in entries(folder) {
        if path.is_dir() && depth < DEPTH_MAX {
            gather(&path, provider, depth + 1, wanted, problems);
        } else if path.extension().is_some_and(|ending| ending == "json") {
            if wanted.len() >= FILES_MAX {
                problems.push(format!("{}: there are more than {FILES_MAX} files", folder.display()));
                return;
            }
            let folder = provider.folder_of(&path, depth);
            wanted.push(Wanted { path, folder });
        }
    }
}

/// In order of their names. Names that begin with a dot are left out: Kubernetes keeps the versions of a mounted
/// ConfigMap in such folders.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let hidden =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let mut paths: Vec<PathBuf> = listed.map(|entry| entry.path()).filter(|path| !hidden(path)).collect();
    paths.sort();
    paths
}

fn stamp(path: &Path) -> Option<Seen> {
    let meta = std::fs::metadata(path).ok()?;
    let modified = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    Some(Seen { path: path.to_owned(), modified, bytes: meta.len() })
}

fn read(wanted: &Wanted) -> Result<(String, FromFile), String> {
    let bytes = std::fs::metadata(&wanted.path).map_err(|error| error.to_string())?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(format!("it has {bytes} bytes, more than {FILE_BYTES_MAX}"));
    }
    let text = std::fs::read_to_string(&wanted.path).map_err(|error| error.to_string())?;
    let given: Value = serde_json::from_str(&text).map_err(|error| format!("it is no JSON: {error}"))?;
    // Grafana's API wraps what it exports.
    let model = match given.get("dashboard") {
        Some(inner) if inner.is_object() => inner.clone(),
        _ => given,
    };
    let title = title_of(&model).trim().to_owned();
    if title.is_empty() || title.chars().count() > TITLE_CHARS_MAX {
        return Err(format!("it needs a title of at most {TITLE_CHARS_MAX} characters"));
    }
    let uid = uid_of(&model, &wanted.path).ok_or("its name gives no uid: set one")?;
    let folder = wanted.folder.clone();
    let tags = tags_of(&model);
    Ok((uid, FromFile { json: model.to_string(), title, folder, tags, path: wanted.path.clone() }))
}

/// Its own, else one made of the file's name.
fn uid_of(model: &Value, path: &Path) -> Option<String> {
    let metadata = model.get("metadata").and_then(|metadata| metadata.get("name"));
    let own = model.get("uid").or(metadata).and_then(Value::as_str).unwrap_or_default();
    if is_uid(own) {
        return Some(own.to_owned());
    }
    let stem = path.file_stem()?.to_string_lossy().into_owned();
    let plain: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(60).collect();
    is_uid(&plain).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn titles(provisioned: &Provisioned) -> Vec<(String, String, String)> {
        let now = provisioned.now();
        now.dashboards.iter().map(|(uid, one)| (uid.clone(), one.folder.clone(), one.title.clone())).collect()
    }

    fn row(uid: &str, folder: &str, title: &str) -> (String, String, String) {
        (uid.into(), folder.into(), title.into())
    }

    #[tokio::test]
    async fn providers_name_folders_and_files_have_their_uid_or_their_name() {
        let root = tempfile::tempdir().unwrap();
        let config = "apiVersion: 1\nproviders:\n- {name: shop, folder: Shop, type: file, orgId: 1, options: {path: boards}}\n- {name: teams, options: {path: teams, foldersFromFilesStructure: true}}";
        write(root.path(), "dashboards/all.yaml", config);
        write(root.path(), "boards/one.json", r#"{"uid":"one","title":"One","tags":["a"]}"#);
        write(root.path(), "boards/.hidden/one.json", r#"{"uid":"one","title":"Hidden"}"#);
        write(root.path(), "teams/Pay/my board.json", r#"{"dashboard":{"title":"Pay"},"meta":{}}"#);
        let provisioned = Provisioned::new(Some(root.path().to_owned()));
        provisioned.look().await;
        assert_eq!(titles(&provisioned), [row("my-board", "Pay", "Pay"), row("one", "Shop", "One")]);
        assert!(provisioned.now().problems.is_empty());
    }

    #[tokio::test]
    async fn a_change_is_read_and_a_file_that_became_wrong_stays_as_it_was() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "dashboards/a.json", r#"{"title":"A"}"#);
        write(root.path(), "dashboards/b.json", r#"{"title":"B"}"#);
        let provisioned = Provisioned::new(Some(root.path().to_owned()));
        provisioned.look().await;
        write(root.path(), "dashboards/a.json", r#"{"title":"A again"}"#);
        write(root.path(), "dashboards/b.json", "{nothing");
        provisioned.look().await;
        assert_eq!(titles(&provisioned), [row("a", "", "A again"), row("b", "", "B")]);
        assert!(provisioned.now().problems[0].contains("b.json"), "{:?}", provisioned.now().problems);
        std::fs::remove_file(root.path().join("dashboards/b.json")).unwrap();
        provisioned.look().await;
        assert_eq!(titles(&provisioned), [row("a", "", "A again")]);
    }

    #[tokio::test]
    async fn one_uid_is_one_dashboard_and_what_is_wrong_is_told() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "dashboards/a.json", r#"{"uid":"x","title":"A"}"#);
        write(root.path(), "dashboards/b.json", r#"{"uid":"x","title":"B"}"#);
        write(root.path(), "dashboards/c.json", "{}");
        let provisioned = Provisioned::new(Some(root.path().to_owned()));
        provisioned.look().await;
        assert_eq!(titles(&provisioned), [row("x", "", "A")]);
        let problems = provisioned.now().problems.join("\n");
        assert!(
            problems.contains("has the uid \"x\" too") && problems.contains("needs a title"),
            "{problems}"
        );
    }
}
