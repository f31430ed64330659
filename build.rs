//! Collects the licence notices of every crate in the binary, for `signalbox licenses`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn main() {
    println!("cargo::rerun-if-changed=Cargo.lock");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("licenses.txt");
    let text = notices().unwrap_or_else(|problem| {
        println!("cargo::warning=licence notices were not collected: {problem}");
        format!("The notices were not collected when this binary was built: {problem}\n")
    });
    std::fs::write(out, text).expect("OUT_DIR can be written");
}

fn notices() -> Result<String, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = std::env::var("TARGET").map_err(|e| e.to_string())?;
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", &target])
        .output()
        .map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', " "));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())?;
    let packages: BTreeMap<&str, &Value> =
        list(&metadata["packages"]).filter_map(|p| Some((p["id"].as_str()?, p))).collect();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for id in linked(&metadata) {
        let Some(package) = packages.get(id.as_str()).filter(|p| !p["source"].is_null()) else { continue };
        let text = |field: &str| package[field].as_str().unwrap_or_default();
        let title = format!("{} {} ({})", text("name"), text("version"), text("license"));
        let manifest = Path::new(text("manifest_path"));
        texts.entry(files_beside(manifest)).or_default().push(title);
    }
    let mut out = String::new();
    for (text, mut titles) in texts {
        titles.sort();
        let _ = writeln!(out, "{}\n{}\n\n{text}\n", "=".repeat(80), titles.join("\n"));
    }
    Ok(out)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What the root package needs to run: neither build scripts nor tests.
fn linked(metadata: &Value) -> BTreeSet<String> {
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata["resolve"]["nodes"]).filter_map(|n| Some((n["id"].as_str()?, n))).collect();
    let mut found = BTreeSet::new();
    let mut open = vec![metadata["resolve"]["root"].as_str().unwrap_or_default()];
    while let Some(id) = open.pop() {
        if !found.insert(id.to_owned()) {
            continue;
        }
        let Some(node) = nodes.get(id) else { continue };
        for dep in list(&node["deps"]) {
            let normal = list(&dep["dep_kinds"]).any(|kind| kind["kind"].is_null());
            open.extend(dep["pkg"].as_str().filter(|_| normal));
        }
    }
    found
}

/// The licence and notice files of a crate, one after the other.
fn files_beside(manifest: &Path) -> String {
    let Some(entries) = manifest.parent().and_then(|folder| std::fs::read_dir(folder).ok()) else {
        return String::new();
    };
    let wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_uppercase();
        ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"].iter().any(|start| name.starts_with(start))
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(wanted).collect();
    paths.sort();
    let texts: Vec<String> = paths.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    texts.join("\n").replace("\r\n", "\n").trim().to_owned()
}
