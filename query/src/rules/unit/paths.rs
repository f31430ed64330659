//! Files by a pattern, as shells and promtool know it.

use std::path::{Component, Path, PathBuf};

use regex::Regex;

/// The files a pattern names, from a folder on, in the order of their names.
pub(super) fn matching(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for component in Path::new(pattern).components() {
        let Component::Normal(name) = component else {
            found.iter_mut().for_each(|path| path.push(component));
            continue;
        };
        let name = name.to_string_lossy();
        found = match name.contains(['*', '?', '[']).then(|| regex(&name)) {
            Some(regex) => found.iter().flat_map(|path| inside(path, regex.as_ref())).collect(),
            None => found.into_iter().map(|path| path.join(&*name)).collect(),
        };
    }
    found.retain(|path| path.exists());
    found
}

fn inside(folder: &Path, wanted: Option<&Regex>) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        wanted.is_some_and(|regex| regex.is_match(&name))
    };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_wanted).collect();
    found.sort();
    found
}

/// `None`: a class that is not closed or empty, which matches nothing.
fn regex(pattern: &str) -> Option<Regex> {
    let mut text = String::from("^");
    let mut in_class = false;
    for c in pattern.chars() {
        match c {
            '*' if !in_class => text.push_str(".*"),
            '?' if !in_class => text.push('.'),
            '[' | ']' => {
                in_class = c == '[';
                text.push(c);
            }
            '-' | '^' if in_class => text.push(c),
            _ => text.push_str(&regex::escape(&c.to_string())),
        }
    }
    Regex::new(&(text + "$")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_files() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a1.yml", "a2.yml", "b.yaml"] {
            std::fs::create_dir_all(folder.path().join("rules")).unwrap();
            std::fs::write(folder.path().join("rules").join(name), "").unwrap();
        }
        let names = |pattern: &str| -> Vec<String> {
            let found = matching(folder.path(), pattern);
            found.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names("rules/a1.yml"), ["a1.yml"]);
        assert_eq!(names("r*/a[2-9].yml"), ["a2.yml"]);
        assert_eq!(names("./rules/*.y*ml"), ["a1.yml", "a2.yml", "b.yaml"]);
        assert_eq!(names("rules/[.yml"), [] as [&str; 0]);
        assert_eq!(names("none.yml"), [] as [&str; 0]);
    }
}
