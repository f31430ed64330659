//! Builds the web app with Vite into `OUT_DIR` and writes the table that `src/lib.rs` includes.
//!
//! Without a usable Node the build still succeeds: it warns and embeds a page that says what is missing. `UI_DIST` names a
//! directory that is built already; `UI_REQUIRED=1` turns the warning into an error (releases, CI).

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What the bundle is made from. Never `node_modules`: npm touches it, and every build would rerun.
const INPUTS: [&str; 7] =
    ["package.json", "package-lock.json", "index.html", "vite.config.ts", "tsconfig.json", "app", "public"];

/// The oldest Node that the pinned Vite runs on: 20.19 in the 20 line, 22.12 after it.
const NODE_20_MINOR_MIN: u32 = 19;
const NODE_22_MINOR_MIN: u32 = 12;

const NOTICE: &str = "UI not built: Node 20.19+ (or 22.12+) and npm are needed; install them or set UI_DIST to a built \
                      directory; the APIs work all the same";

fn main() -> Result<()> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    for input in INPUTS {
        println!("cargo:rerun-if-changed={input}");
    }
    for name in ["UI_DIST", "UI_REQUIRED"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=unbuilt.html");
    let dist = match std::env::var_os("UI_DIST") {
        Some(dist) if !dist.is_empty() => {
            let dist = fs::canonicalize(&dist).map_err(|e| format!("UI_DIST {}: {e}", dist.display()))?;
            println!("cargo:rerun-if-changed={}", dist.display());
            dist
        }
        _ => built_or_notice(&root, &out)?,
    };
    write_table(&dist, &out)
}

fn built_or_notice(root: &Path, out: &Path) -> Result<PathBuf> {
    let dist = out.join("dist");
    let problem = match usable_node() {
        Ok(()) => match build(root, &dist) {
            Ok(()) => return Ok(dist),
            Err(e) => format!("UI not built: {e}"),
        },
        Err(found) => format!("{NOTICE} ({found})"),
    };
    if std::env::var("UI_REQUIRED").is_ok_and(|v| v == "1") {
        return Err(problem.into());
    }
    // Someone who installs Node afterwards expects the next build to see it.
    println!("cargo:rerun-if-env-changed=PATH");
    println!("cargo:warning={}", problem.replace('\n', " | "));
    let _ = fs::remove_dir_all(&dist);
    fs::create_dir_all(&dist)?;
    fs::copy(root.join("unbuilt.html"), dist.join("index.html"))?;
    Ok(dist)
}

fn usable_node() -> std::result::Result<(), String> {
    let out = Command::new("node").arg("--version").output().map_err(|e| format!("node: {e}"))?;
    let text = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    let mut parts = text.trim_start_matches('v').split('.').map(|p| p.parse::<u32>().unwrap_or(0));
    let (major, minor) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    let fits = match major {
        20 => minor >= NODE_20_MINOR_MIN,
        22 => minor >= NODE_22_MINOR_MIN,
        _ => major > 22,
    };
    if fits { Ok(()) } else { Err(format!("found node {text}")) }
}

fn build(root: &Path, dist: &Path) -> Result<()> {
    // Two cargo runs with two target directories share this node_modules.
    let lock = fs::File::create(root.join(".build.lock"))?;
    lock.lock()?;
    install(root)?;
    run(
        Command::new("node")
            .current_dir(root)
            .arg("node_modules/vite/bin/vite.js")
            .args(["build", "--logLevel", "warn", "--emptyOutDir", "--outDir"])
            .arg(dist),
        "vite build",
    )
}

/// `npm ci`, unless `node_modules` came from this very lock file.
fn install(root: &Path) -> Result<()> {
    let wanted = fs::read(root.join("package-lock.json"))?;
    let stamp = root.join("node_modules/.installed-lock");
    if fs::read(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(());
    }
    run(
        Command::new("npm").current_dir(root).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]),
        "npm ci",
    )?;
    fs::write(stamp, wanted)?;
    Ok(())
}

fn run(command: &mut Command, what: &str) -> Result<()> {
    let out = command.output().map_err(|e| format!("{what}: {e}"))?;
    if out.status.success() {
        return Ok(());
    }
    let said = [out.stdout, out.stderr].concat();
    Err(format!("{what}: {}\n{}", out.status, String::from_utf8_lossy(&said)).into())
}

/// One row per file of `dist`, sorted by path, so that the lookup is a binary search.
fn write_table(dist: &Path, out: &Path) -> Result<()> {
    let mut files = Vec::new();
    walk(dist, &mut files)?;
    let packed = out.join("packed");
    let _ = fs::remove_dir_all(&packed);
    fs::create_dir_all(&packed)?;
    let mut rows = Vec::new();
    let mut licenses = String::from("\"\"");
    for file in files {
        let path = file.strip_prefix(dist)?.to_string_lossy().replace('\\', "/");
        if path == "licenses.txt" {
            licenses = format!("include_str!({file:?})");
        }
        rows.push((path.clone(), row(&path, &file, &packed, rows.len())?));
    }
    rows.sort();
    let mut code = String::from("static FILES: &[(&str, Asset)] = &[\n");
    for (_, row) in &rows {
        code.push_str(row);
    }
    writeln!(code, "];\nstatic LICENSES: &str = {licenses};")?;
    fs::write(out.join("files.rs"), code)?;
    Ok(())
}

fn row(path: &str, file: &Path, packed: &Path, number: usize) -> Result<String> {
    let bytes = fs::read(file)?;
    let etag = format!("\"{:032x}\"", xxhash_rust::xxh3::xxh3_128(&bytes));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&bytes)?;
    let small = encoder.finish()?;
    let gzip = if small.len() < bytes.len() {
        let name = packed.join(format!("{number}.gz"));
        fs::write(&name, small)?;
        format!("Some(include_bytes!({name:?}))")
    } else {
        "None".to_owned()
    };
    // Vite puts a content hash in every name below assets/, and in no other.
    let immutable = path.starts_with("assets/");
    let content_type = content_type(path);
    Ok(format!(
        "    ({path:?}, Asset {{ content_type: {content_type:?}, bytes: include_bytes!({file:?}), gzip: {gzip}, etag: {etag:?}, \
         immutable: {immutable} }}),\n"
    ))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() { walk(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
