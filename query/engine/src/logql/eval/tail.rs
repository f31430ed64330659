//! A log query applied to batches as they arrive: live tail, and rules that look at new data only.

use store::model::{EventBatch, Labels, Signal};

use super::error::EvalError;
use super::log::entry;
use super::names::label_name;
use super::plan::Compiled;
use super::row::{Names, RowLabels, RowRef, line_of};
use super::{Entry, stages};
use crate::logql::ast::{LogExpr, StageKind};

/// A matching row of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct TailRow {
    /// Of the stream.
    pub labels: Labels,
    pub entry: Entry,
}

/// A compiled log query. Holds no rows; what it knows of streams is forgotten with each batch, so it stays small.
pub struct Matcher {
    compiled: Compiled,
    names: Vec<String>,
}

impl Matcher {
    pub fn new(log: &LogExpr) -> Result<Matcher, EvalError> {
        let mut compiled = Compiled::new(log)?;
        if compiled.stages.iter().any(|stage| matches!(stage.kind, StageKind::Distinct(_))) {
            return Err(EvalError::BadQuery("distinct is for queries, not for new lines".to_string()));
        }
        for matcher in &mut compiled.selector {
            matcher.name = label_name(&matcher.name);
        }
        let names = compiled.names();
        Ok(Matcher { compiled, names })
    }

    /// Whether any row of the batch passes.
    pub fn any(&self, batch: &EventBatch) -> bool {
        let mut found = false;
        self.each(batch, |_, _| {
            found = true;
            false
        });
        found
    }

    /// Shows each row that matches; whoever wants it has it made.
    pub fn rows(&self, batch: &EventBatch, mut visit: impl FnMut(&mut dyn FnMut() -> TailRow)) {
        self.each(batch, |row, labels| {
            visit(&mut || {
                let (labels, entry) = entry(row, &self.compiled.stages, labels);
                TailRow { labels, entry }
            });
            true
        });
    }

    fn each(&self, batch: &EventBatch, mut visit: impl FnMut(RowRef<'_>, &mut RowLabels) -> bool) {
        if batch.signal() != Signal::Logs {
            return;
        }
        let mut names = Names::new(self.names.clone(), &self.compiled.selector);
        let bound = names.bind(batch);
        let mut labels = RowLabels::default();
        let full = self.compiled.reads_all();
        for row in 0..batch.rows() {
            let row = RowRef { batch, bound: &bound, row };
            if !bound.facts(batch, row.row).selected {
                continue;
            }
            labels.start_as(row, full);
            let passes = stages::run(&self.compiled.stages, row, &mut labels, &mut line_of(batch, row.row));
            if passes && !visit(row, &mut labels) {
                return;
            }
        }
    }
}
