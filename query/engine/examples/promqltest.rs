//! Runs promqltest scripts from anywhere: `cargo run -p engine --example promqltest -- FOLDER`, for instance the
//! folder `promql/promqltest/testdata` of a checkout of Prometheus.

#![expect(clippy::print_stdout, reason = "it prints what it found")]

#[path = "../tests/promqltest/mod.rs"]
mod promqltest;

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("say in which folder the scripts are")?;
    let mut scripts: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        scripts.push(entry?.path());
    }
    scripts.retain(|path| path.extension().is_some_and(|extension| extension == "test"));
    scripts.sort();
    let (mut passed, mut failed) = (0, 0);
    for path in scripts {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let report = promqltest::run(&name, &std::fs::read_to_string(&path)?);
        println!("{name}: {} of {}", report.passed, report.expressions.len());
        let problems = report.failures.iter().chain(&report.skipped);
        problems.for_each(|problem| println!("  {problem}"));
        passed += report.passed;
        failed += report.failures.len() + report.skipped.len();
    }
    println!("{passed} passed, {failed} did not");
    if failed == 0 { Ok(()) } else { Err("some evaluations failed".into()) }
}
