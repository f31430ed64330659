//! Runs our promqltest scripts: one file a family, in `src/promql/testdata`.

mod promqltest;

use std::collections::BTreeSet;
use std::path::Path;

use engine::promql::{self, Expr, FUNCTIONS};

fn scripts() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/promql/testdata");
    let entries =
        std::fs::read_dir(folder).expect("the folder of scripts").flatten().map(|entry| entry.path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        (name, std::fs::read_to_string(path).expect("a readable script"))
    };
    let mut all: Vec<_> = entries.map(read).collect();
    all.sort();
    all
}

#[test]
fn scripts_pass() {
    for (name, script) in scripts() {
        let report = promqltest::run(&name, &script);
        assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
        assert!(report.skipped.is_empty(), "{}", report.skipped.join("\n"));
        assert!(report.passed > 0, "{name} evaluates nothing");
    }
}

#[test]
fn every_function_has_a_case() {
    let mut called = BTreeSet::new();
    for (name, script) in scripts() {
        for text in promqltest::run(&name, &script).expressions {
            if let Ok(expr) = promql::parse(&text) {
                collect(&expr, &mut called);
            }
        }
    }
    let missing: Vec<_> = FUNCTIONS.iter().map(|f| f.name).filter(|name| !called.contains(name)).collect();
    assert!(missing.is_empty(), "functions without a case in testdata: {missing:?}");
}

fn collect(expr: &Expr, called: &mut BTreeSet<&'static str>) {
    if let Expr::Call(call) = expr {
        called.insert(call.function.name);
    }
    expr.children().into_iter().for_each(|child| collect(child, called));
}
