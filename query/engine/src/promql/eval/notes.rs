//! Warnings and infos an evaluation gathers beside its answer.

use std::collections::BTreeSet;

use crate::promql::ast::Span;
use crate::promql::parse::ParseError;
use crate::promql::quote::quote;

/// More than this is no longer read by anybody.
const NOTES_MAX: usize = 50;

#[derive(Default)]
pub(crate) struct Notes {
    text: String,
    span: Span,
    metric: String,
    warnings: BTreeSet<String>,
    infos: BTreeSet<String>,
    failure: Option<String>,
}

// === impl Notes ===

impl Notes {
    pub(crate) fn new(text: String) -> Self {
        Self { text, ..Self::default() }
    }

    /// What the notes that follow are about.
    pub(crate) fn about(&mut self, span: Span, metric: &str) {
        self.span = span;
        self.metric.clear();
        self.metric.push_str(metric);
    }

    /// Ends the evaluation with an error: for functions that see single windows.
    pub(crate) fn fail(&mut self, message: String) {
        self.failure.get_or_insert(message);
    }

    pub(crate) fn take_failure(&mut self) -> Option<String> {
        self.failure.take()
    }

    pub(crate) fn warn(&mut self, message: &str) {
        let line = format!("PromQL warning: {message}{}", self.position());
        insert(&mut self.warnings, line);
    }

    pub(crate) fn info(&mut self, message: &str) {
        let line = format!("PromQL info: {message}{}", self.position());
        insert(&mut self.infos, line);
    }

    pub(crate) fn warn_metric(&mut self, message: &str) {
        let message = format!("{message} {}", quote(&self.metric));
        self.warn(&message);
    }

    pub(crate) fn info_metric(&mut self, message: &str) {
        let message = format!("{message} {}", quote(&self.metric));
        self.info(&message);
    }

    pub(crate) fn mixed(&mut self) {
        self.warn_metric("encountered a mix of histograms and floats for metric name");
    }

    pub(crate) fn mixed_buckets(&mut self) {
        self.warn_metric(
            "vector contains a mix of histograms with exponential and custom buckets schemas for metric name",
        );
    }

    pub(crate) fn into_lists(self) -> (Vec<String>, Vec<String>) {
        (self.warnings.into_iter().collect(), self.infos.into_iter().collect())
    }

    fn position(&self) -> String {
        let at = ParseError::new(&self.text, self.span, "");
        format!(" ({}:{})", at.line, at.column)
    }
}

fn insert(list: &mut BTreeSet<String>, line: String) {
    if list.len() < NOTES_MAX {
        list.insert(line);
    }
}
