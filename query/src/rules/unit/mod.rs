//! Unit tests of rules: promtool's files as they stand, and logs and spans as input beside series.
//!
//! Pure but for reading the files: the rules run over a snapshot of loose batches, at the instants a server would.

mod compare;
mod file;
mod inputs;
mod paths;
mod run;

use std::path::Path;

use regex::Regex;

/// What came of the tests of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitTests {
    pub passed: usize,
    /// One line each.
    pub failures: Vec<String>,
    /// What may be a mistake and is none for promtool.
    pub warnings: Vec<String>,
}

/// Which tests are wanted, by their names.
#[derive(Clone, Debug)]
pub struct TestNames(Regex);

pub fn test_names(regex: &str) -> Result<TestNames, String> {
    Regex::new(regex).map(TestNames).map_err(|e| e.to_string())
}

/// Runs the tests of a file, or those whose name matches.
pub fn test_rules(path: &Path, wanted: Option<&TestNames>) -> UnitTests {
    let mut outcome = UnitTests::default();
    if let Err(problems) = test_file(path, wanted, &mut outcome) {
        outcome.failures.extend(problems);
    }
    outcome
}

fn test_file(path: &Path, wanted: Option<&TestNames>, outcome: &mut UnitTests) -> Result<(), Vec<String>> {
    let text = std::fs::read_to_string(path).map_err(|e| vec![e.to_string()])?;
    let tests = file::parse(&text).map_err(|problem| vec![problem])?;
    let mut groups = Vec::new();
    for pattern in &tests.rule_files {
        let found = paths::matching(path.parent().unwrap_or(Path::new(".")), pattern);
        if found.is_empty() {
            outcome.warnings.push(format!("no file is named {pattern}"));
        }
        for rules in found {
            groups.extend(rules_of(&rules)?);
        }
    }
    let place = |name: &str| tests.group_eval_order.iter().position(|known| known == name).unwrap_or(0);
    groups.sort_by_key(|group: &super::file::Group| place(&group.name));
    for (number, test) in tests.tests.iter().enumerate() {
        if wanted.is_some_and(|names| !names.0.is_match(&test.name)) {
            continue;
        }
        let failures = run::test(&tests, test, &groups);
        outcome.passed += usize::from(failures.is_empty());
        let name = match test.name.as_str() {
            "" => format!("test {}", number + 1),
            name => format!("test {name:?}"),
        };
        outcome.failures.extend(failures.into_iter().map(|failure| format!("{name}: {failure}")));
    }
    Ok(())
}

fn rules_of(path: &Path) -> Result<Vec<super::file::Group>, Vec<String>> {
    let named = |problem: String| format!("{}: {problem}", path.display());
    let text = std::fs::read_to_string(path).map_err(|e| vec![named(e.to_string())])?;
    let groups = super::file::parse(&path.to_string_lossy(), &text);
    groups.map_err(|problems| problems.into_iter().map(named).collect())
}

#[cfg(test)]
mod tests;
