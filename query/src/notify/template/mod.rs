//! Notification templates: Go's template language with the data and functions of Alertmanager
//! (<https://prometheus.io/docs/alerting/latest/notifications/>).

mod actions;
mod data;
mod functions;
pub(crate) mod times;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gtmpl_ng::{Context, Template, Value};

pub(crate) use data::data;

/// Definitions every template may use; files may define them anew.
const DEFAULTS: &str = include_str!("default.tmpl");

/// The files of the configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Templates {
    files: Arc<Vec<String>>,
}

/// What a text is made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    Text,
    /// What actions write is escaped, as in Go's `html/template`.
    Html,
}

// === impl Templates ===

impl Templates {
    /// Reads the files that match; a pattern may have `*` in its last part. `Err` lists what cannot be used.
    pub(crate) fn read(patterns: &[String], folder: &Path) -> Result<Self, Vec<String>> {
        let (mut files, mut problems) = (Vec::new(), Vec::new());
        for pattern in patterns {
            let paths = match matching(&folder.join(pattern)) {
                Ok(paths) => paths,
                Err(error) => {
                    problems.push(format!("templates: {pattern}: {error}"));
                    continue;
                }
            };
            for path in paths {
                match std::fs::read_to_string(&path).map_err(|e| e.to_string()) {
                    Ok(text) => match Self::default().parsed(&text, Form::Text) {
                        Ok(_) => files.push(text),
                        Err(error) => problems.push(format!("templates: {}: {error}", path.display())),
                    },
                    Err(error) => problems.push(format!("templates: {}: {error}", path.display())),
                }
            }
        }
        if problems.is_empty() { Ok(Self { files: Arc::new(files) }) } else { Err(problems) }
    }

    /// Whether the text is a template.
    pub(crate) fn check(&self, text: &str) -> Result<(), String> {
        if text.contains("{{") { self.parsed(text, Form::Text).map(drop) } else { Ok(()) }
    }

    /// `Err`: the template failed.
    pub(crate) fn render(&self, text: &str, form: Form, data: &Value) -> Result<String, String> {
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        let template = self.parsed(text, form)?;
        let rendered = template.render(&Context::from(data.clone())).map_err(|e| e.to_string())?;
        // Labels that are not there are empty, as with Go's `missingkey=zero`.
        Ok(rendered.replace("<no value>", ""))
    }

    fn parsed(&self, text: &str, form: Form) -> Result<Template, String> {
        let mut template = Template::default();
        template.add_funcs(functions::ALL);
        let texts = [DEFAULTS].into_iter().chain(self.files.iter().map(String::as_str)).chain([text]);
        for text in texts {
            template.parse(actions::rewrite(text, form)).map_err(|e| e.to_string())?;
        }
        Ok(template)
    }
}

/// Files of a pattern in the order of their names; there may be none.
fn matching(pattern: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    let name = pattern.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some(folder) = pattern.parent().filter(|folder| folder.exists()) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let matches = path.file_name().and_then(|n| n.to_str()).is_some_and(|found| wild(name, found));
        if matches && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// `*` stands for anything.
fn wild(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text
            .strip_prefix(head)
            .is_some_and(|tail| tail.char_indices().any(|(at, _)| wild(rest, &tail[at..])) || wild(rest, "")),
    }
}

#[cfg(test)]
mod tests;
