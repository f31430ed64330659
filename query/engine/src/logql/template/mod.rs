//! Templates of `line_format` and `label_format`: Go's template language with the functions Loki documents.
//!
//! A text becomes a tree once, and is rendered for each line. Pure: labels, line and times come through `Scope`, and
//! what one rendering may cost is bounded.

mod functions;
mod layout;
mod lexer;
mod moment;
mod parse;
mod run;
mod tree;
mod value;
mod zone;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

/// What a template sees of a row.
pub(crate) trait Scope {
    fn label(&self, name: &str) -> Option<Cow<'_, str>>;

    fn labels(&self) -> Vec<(String, String)>;

    fn line(&self) -> &str;

    /// Of the row, in Unix nanoseconds.
    fn timestamp(&self) -> i64;

    fn now(&self) -> i64;
}

#[derive(Clone, Debug)]
pub struct Template {
    pub source: String,
    tree: Arc<tree::Tree>,
}

impl Template {
    pub(crate) fn parse(source: &str) -> Result<Template, String> {
        Ok(Template { source: source.to_string(), tree: Arc::new(parse::tree(source)?) })
    }

    /// The labels it reads.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.tree.labels.iter().map(String::as_str)
    }

    /// Whether it looks at all labels there are.
    pub(crate) fn reads_all(&self) -> bool {
        self.tree.whole
    }

    pub(crate) fn render(&self, scope: &dyn Scope) -> Result<String, String> {
        let mut out = String::new();
        run::render(&self.tree, scope, &mut out)?;
        Ok(out)
    }
}
