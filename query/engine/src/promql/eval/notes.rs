//! Warnings and infos an evaluation gathers beside its answer.

use std::collections::BTreeMap;

use crate::promql::ast::Span;
use crate::promql::functions::rfc3339;
use crate::promql::histogram::Clash;
use crate::promql::number::fmt_general;
use crate::promql::parse::ParseError;
use crate::promql::quote::quote;

/// More than this is no longer read by anybody.
const NOTES_MAX: usize = 50;

#[derive(Default)]
pub(crate) struct Notes {
    text: String,
    span: Span,
    metric: String,
    warnings: BTreeMap<Note, Detail>,
    infos: BTreeMap<Note, Detail>,
    failure: Option<String>,
}

/// What is told once, however often it happened.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Note {
    message: String,
    position: String,
}

/// What is told beside, of all the times it happened.
#[derive(Clone, Copy, Default)]
enum Detail {
    #[default]
    None,
    Count(u64),
    Forced(Forced, u64),
}

/// Classic buckets that did not ascend: which, by how much, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Forced {
    pub lowest: f64,
    pub highest: f64,
    pub by: f64,
    pub from_ms: i64,
    pub to_ms: i64,
}

// === impl Notes ===

impl Notes {
    pub(crate) fn new(text: String) -> Self {
        Self { text, ..Self::default() }
    }

    /// None yet, about the same expression: for a thread of its own.
    pub(crate) fn empty(&self) -> Self {
        Self { text: self.text.clone(), span: self.span, ..Self::default() }
    }

    /// Adds the notes of a thread.
    pub(crate) fn absorb(&mut self, other: Self) {
        other.warnings.into_iter().for_each(|(note, detail)| insert(&mut self.warnings, note, detail));
        other.infos.into_iter().for_each(|(note, detail)| insert(&mut self.infos, note, detail));
        if let Some(message) = other.failure {
            self.fail(message);
        }
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
        let note = self.note("PromQL warning", message);
        insert(&mut self.warnings, note, Detail::None);
    }

    pub(crate) fn info(&mut self, message: &str) {
        let note = self.note("PromQL info", message);
        insert(&mut self.infos, note, Detail::None);
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

    /// A sample says it began before the sample before it.
    pub(crate) fn overlap(&mut self) {
        let message = "sample has start time that overlaps with previous sample timestamp for metric";
        let note = self.note("PromQL warning", &format!("{message} {}", quote(&self.metric)));
        insert(&mut self.warnings, note, Detail::Count(1));
    }

    pub(crate) fn forced(&mut self, forced: Forced) {
        let message = "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
        let about = if self.metric.is_empty() {
            String::new()
        } else {
            format!(" for metric name {}", quote(&self.metric))
        };
        let note = self.note("PromQL info", &format!("{message}{about}"));
        insert(&mut self.infos, note, Detail::Forced(forced, 1));
    }

    pub(crate) fn mixed_buckets(&mut self) {
        self.warn_metric(
            "vector contains a mix of histograms with exponential and custom buckets schemas for metric name",
        );
    }

    /// `operation`: addition, subtraction or aggregation.
    pub(crate) fn clash(&mut self, clash: Clash, operation: &str) {
        if clash.resets {
            self.warn(&format!("conflicting counter resets during histogram {operation}"));
        }
        if clash.bounds {
            self.info(&format!("mismatched custom buckets were reconciled during {operation}"));
        }
    }

    pub(crate) fn into_lists(self) -> (Vec<String>, Vec<String>) {
        let line =
            |(note, detail): (Note, Detail)| format!("{}{}{}", note.message, detail.text(), note.position);
        (self.warnings.into_iter().map(line).collect(), self.infos.into_iter().map(line).collect())
    }

    fn note(&self, kind: &str, message: &str) -> Note {
        let at = ParseError::new(&self.text, self.span, "");
        Note { message: format!("{kind}: {message}"), position: format!(" ({}:{})", at.line, at.column) }
    }
}

fn insert(list: &mut BTreeMap<Note, Detail>, note: Note, detail: Detail) {
    if let Some(known) = list.get_mut(&note) {
        *known = known.and(detail);
    } else if list.len() < NOTES_MAX {
        list.insert(note, detail);
    }
}

// === impl Detail ===

impl Detail {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Count(a), Self::Count(b)) => Self::Count(a + b),
            (Self::Forced(a, n), Self::Forced(b, m)) => {
                let both = Forced {
                    lowest: a.lowest.min(b.lowest),
                    highest: a.highest.max(b.highest),
                    by: a.by.max(b.by),
                    from_ms: a.from_ms.min(b.from_ms),
                    to_ms: a.to_ms.max(b.to_ms),
                };
                Self::Forced(both, n + m)
            }
            (known, _) => known,
        }
    }

    fn text(self) -> String {
        match self {
            Self::None | Self::Count(1) => String::new(),
            Self::Count(n) => format!(" ({n} occurrences)"),
            Self::Forced(f, n) => {
                let (lowest, highest) = (fmt_general(f.lowest), fmt_general(f.highest));
                // Two digits say enough of the difference.
                let by = format!("{:.1e}", f.by).parse().map_or_else(|_| f.by.to_string(), fmt_general);
                let (from, to) = (rfc3339(f.from_ms.div_euclid(1000)), rfc3339(f.to_ms.div_euclid(1000)));
                format!(
                    ", from buckets {lowest} to {highest}, with a max diff of {by}, over {n} samples from {from} to {to}"
                )
            }
        }
    }
}
