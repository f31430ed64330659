//! The rules of the house, held by a test instead of memory: what each room may know, how large things may grow, what
//! never stands in the repository.

// Helpers of a test may unwrap as the test itself may.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 450;
const FUNCTION_LINES_MAX: usize = 70;

/// Files that may be longer, each with its reason. The list may only shrink.
const LONG_FILES: &[(&str, &str)] = &[];

/// Files with longer functions, each with its reason. The list may only shrink.
const LONG_FUNCTIONS: &[(&str, &str)] = &[
    ("collector/tests/differential/reference.rs", "one match over every OTLP field, the oracle of a test"),
    ("store/benches/scan.rs", "the workload of a bench, top to bottom"),
];

struct Source {
    path: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files of these folders with one of the endings, paths relative to the root.
fn sources(folders: &[&str], endings: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> =
        folders.iter().map(|folder| root().join(folder)).filter(|p| p.exists()).collect();
    while let Some(path) = open.pop() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if ["target", "node_modules", "dist", ".git"].contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            let relative = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            found.push(Source { path: relative, text: fs::read_to_string(&path).unwrap_or_default() });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn rust() -> Vec<Source> {
    sources(
        &["src", "store", "collector", "query", "ui/src", "ui/build.rs", "tests", "benches", "build.rs"],
        &[".rs"],
    )
}

fn web() -> Vec<Source> {
    sources(&["ui"], &[".ts", ".tsx"])
}

/// Lines of code in which one of the words stands.
fn lines_with(source: &Source, words: &[&str]) -> Vec<String> {
    let code = source.text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.filter(|(_, line)| words.iter().any(|word| line.contains(word)))
        .map(|(number, line)| format!("{}:{}: {}", source.path, number + 1, line.trim()))
        .collect()
}

/// The same over all Rust files but the allowed ones.
fn rust_lines_outside(allowed: &[&str], words: &[&str]) -> Vec<String> {
    let outside = |source: &Source| !allowed.iter().any(|start| source.path.starts_with(start));
    rust().into_iter().filter(outside).flat_map(|source| lines_with(&source, words)).collect()
}

fn report(rule: &str, findings: &[String]) {
    let mut text = String::new();
    for finding in findings {
        let _ = writeln!(text, "  {finding}");
    }
    assert!(findings.is_empty(), "{rule}:\n{text}");
}

fn manifest_dependencies(folder: &str) -> Vec<String> {
    let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    let section = manifest.split("\n[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    section.lines().filter_map(|line| line.split(['.', ' ', '=']).next()).map(str::to_owned).collect()
}

#[test]
fn files_stay_readable() {
    let excused = |source: &Source| LONG_FILES.iter().any(|(path, _)| *path == source.path);
    let findings: Vec<String> = rust()
        .into_iter()
        .chain(web())
        .filter(|source| source.text.lines().count() > FILE_LINES_MAX && !excused(source))
        .map(|source| format!("{}: {} lines", source.path, source.text.lines().count()))
        .collect();
    report(&format!("a file has at most {FILE_LINES_MAX} lines: split it by subject"), &findings);
}

#[test]
fn exceptions_for_long_files_are_still_needed() {
    for (path, _) in LONG_FILES {
        let lines = fs::read_to_string(root().join(path)).unwrap().lines().count();
        assert!(lines > FILE_LINES_MAX, "{path} has {lines} lines: take it off the list");
    }
}

/// A line that begins a function, whatever stands before `fn`.
fn begins_function(code: &str) -> bool {
    let words = code.split_whitespace().take_while(|word| *word != "fn");
    let prefixes = ["pub", "pub(crate)", "pub(super)", "async", "const", "unsafe"];
    !code.ends_with(';')
        && code.split_whitespace().any(|word| word == "fn")
        && words.into_iter().all(|word| prefixes.contains(&word))
}

#[test]
fn functions_stay_readable() {
    let mut findings = Vec::new();
    for source in rust() {
        let mut open: Option<(usize, usize)> = None;
        for (number, line) in source.text.lines().enumerate() {
            let code = line.trim_start();
            let indent = line.len() - code.len();
            match open {
                None if begins_function(code) && !code.ends_with('}') => open = Some((number, indent)),
                Some((start, depth)) if code.starts_with('}') && indent == depth => {
                    let lines = number - start + 1;
                    let excused = LONG_FUNCTIONS.iter().any(|(path, _)| *path == source.path);
                    if lines > FUNCTION_LINES_MAX && !excused {
                        findings.push(format!("{}:{}: {lines} lines", source.path, start + 1));
                    }
                    open = None;
                }
                _ => {}
            }
        }
    }
    report(&format!("a function has at most {FUNCTION_LINES_MAX} lines"), &findings);
}

#[test]
fn rooms_depend_only_on_what_they_may_know() {
    let forbidden: &[(&str, &[&str])] = &[
        (
            "store",
            &[
                "axum",
                "tonic",
                "prost",
                "opentelemetry-proto",
                "engine",
                "query",
                "collector",
                "clap",
                "hyper",
            ],
        ),
        ("collector", &["query", "engine", "tantivy", "rusqlite", "clap"]),
        (
            "query/engine",
            &["axum", "tonic", "prost", "hyper", "http", "tokio", "serde_json", "rusqlite", "tantivy"],
        ),
        ("query", &["collector", "tantivy", "rusqlite", "tonic", "clap", "ui"]),
        ("ui", &["store", "query", "collector", "engine", "axum"]),
        (".", &["tantivy", "rusqlite", "prost", "engine"]),
    ];
    let mut findings = Vec::new();
    for (folder, words) in forbidden {
        let known = manifest_dependencies(folder).into_iter().filter(|name| words.contains(&name.as_str()));
        findings.extend(known.map(|name| format!("{folder}/Cargo.toml: {name}")));
    }
    report("a room knows only what the house lets it know", &findings);
}

#[test]
fn the_stores_public_face_shows_no_library_it_is_built_on() {
    let mut findings = Vec::new();
    for source in sources(&["store/src"], &[".rs"]) {
        let public = |line: &&str| line.trim_start().starts_with("pub ");
        let shows = |line: &&str| line.contains("tantivy::") || line.contains("rusqlite::");
        let lines = source.text.lines().filter(public).filter(shows);
        findings.extend(lines.map(|line| format!("{}: {}", source.path, line.trim())));
    }
    report("no type of tantivy or rusqlite in the store's public interface", &findings);
}

#[test]
fn protobuf_stays_at_the_edges() {
    // The tests of the trace API decode what it answered.
    let allowed = [
        "collector/",
        "query/src/wire/",
        "query/src/tempo/trace.rs",
        "query/src/tempo/grpc.rs",
        "tests/",
        "benches/",
        "src/demo/",
    ];
    let findings = rust_lines_outside(&allowed, &["opentelemetry_proto::", "prost::"]);
    report("protobuf types live in the collector and in query/src/wire", &findings);
}

#[test]
fn only_configuration_reads_the_environment() {
    let allowed = [
        "src/config/",
        "tests/",
        "benches/",
        "build.rs",
        "ui/build.rs",
        "store/tests/",
        "query/engine/tests/",
        "query/src/rules/streams_tests.rs",
        "collector/tests/",
    ];
    report(
        "only src/config reads environment variables",
        &rust_lines_outside(&allowed, &["env::var", "env::vars"]),
    );
}

#[test]
fn only_the_tasks_module_of_the_binary_spawns() {
    let findings: Vec<String> = rust_lines_outside(
        &["src/tasks.rs", "store", "collector", "query", "tests", "benches"],
        &["tokio::spawn("],
    )
    .into_iter()
    .filter(|line| !line.contains("tests"))
    .collect();
    report("only src/tasks.rs spawns tasks", &findings);
}

#[test]
fn only_one_module_makes_bytes_durable() {
    let words = [".sync_all()", ".sync_data()", "libc::fsync", "libc::fdatasync"];
    let findings = rust_lines_outside(&["store/src/durable.rs", "tests/", "benches/"], &words);
    report("one function in the code base may call fsync: store/src/durable.rs", &findings);
}

#[test]
fn nothing_half_finished_is_kept() {
    // In pieces, so that this list does not find itself.
    let words = [
        concat!("#[ig", "nore"),
        concat!("#![allow(dead", "_code)]"),
        concat!("to", "do!("),
        concat!("FIX", "ME"),
    ];
    let mut findings = rust_lines_outside(&[], &words);
    findings.extend(
        web().iter().flat_map(|source| lines_with(source, &["dangerouslySetInnerHTML", "@ts-ignore"])),
    );
    report("no skipped tests, no dead files, no raw HTML from data", &findings);
}

#[test]
fn the_repository_names_no_machine() {
    let folders = [
        "src",
        "store",
        "collector",
        "query",
        "ui",
        "tests",
        "benches",
        "deploy",
        "docs",
        ".ci",
        "README.md",
        "test.sh",
    ];
    let endings = [
        ".rs",
        ".ts",
        ".tsx",
        ".md",
        ".sh",
        ".toml",
        ".json",
        ".yml",
        ".yaml",
        "run",
        "Dockerfile",
        ".mjs",
        ".py",
        ".txt",
    ];
    let words = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("regi", "stry.npmjs"),
        concat!("index.cra", "tes.io"),
    ];
    let mut findings = Vec::new();
    for source in sources(&folders, &endings) {
        let hits = source.text.lines().filter(|line| words.iter().any(|word| line.contains(word)));
        findings.extend(hits.map(|line| format!("{}: {}", source.path, line.trim())));
    }
    report("no machine paths and no registry hosts in the repository", &findings);
}
