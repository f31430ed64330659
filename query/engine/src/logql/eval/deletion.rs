//! A log query as what is to be deleted: the store asks which rows of a batch it finds.

use store::model::{ColumnRef, EventBatch, Field, Signal};
use store::{Erasure, Projection};

use super::error::EvalError;
use super::names::label_name;
use super::plan::Compiled;
use super::row::{Names, RowLabels, RowRef, line_of};
use super::stages;
use crate::logql::ast::{LogExpr, StageKind};

/// The lines a query finds in a time range. Exact: what a query would not show is not deleted.
pub struct Deletion {
    compiled: Compiled,
    names: Vec<String>,
    start: i64,
    end: i64,
}

impl Deletion {
    /// Unix nanoseconds, the end exclusive.
    pub fn new(log: &LogExpr, start: i64, end: i64) -> Result<Deletion, EvalError> {
        let mut compiled = Compiled::new(log)?;
        if compiled.stages.iter().any(|stage| matches!(stage.kind, StageKind::Distinct(_))) {
            return Err(EvalError::BadQuery("distinct says nothing about what to delete".to_string()));
        }
        for matcher in &mut compiled.selector {
            matcher.name = label_name(&matcher.name);
        }
        let names = compiled.names();
        Ok(Deletion { compiled, names, start, end })
    }
}

impl Erasure for Deletion {
    fn range(&self) -> (i64, i64) {
        (self.start, self.end)
    }

    fn projection(&self) -> Projection {
        // A name may be that of any attribute, in one of several spellings.
        if !self.names.is_empty() || self.compiled.reads_all() {
            return Projection::All;
        }
        let lines = !self.compiled.stages.is_empty();
        Projection::Columns(lines.then_some(ColumnRef::Field(Field::Body)).into_iter().collect())
    }

    fn retain(&self, batch: &EventBatch, rows: &mut Vec<u32>) {
        let touched = |row: &u32| (self.start..self.end).contains(&batch.times()[*row as usize]);
        if batch.signal() != Signal::Logs || !rows.iter().any(touched) {
            return;
        }
        let mut names = Names::new(self.names.clone(), &self.compiled.selector);
        let bound = names.bind(batch);
        let mut labels = RowLabels::default();
        let full = self.compiled.reads_all();
        rows.retain(|number| {
            let row = RowRef { batch, bound: &bound, row: *number as usize };
            if !touched(number) || !bound.facts(batch, row.row).selected {
                return true;
            }
            labels.start_as(row, full);
            !stages::run(&self.compiled.stages, row, &mut labels, &mut line_of(batch, row.row))
        });
    }
}

#[cfg(test)]
mod tests {
    use store::model::{EventBatchBuilder, StreamParts, Value};

    use super::*;
    use crate::logql::{Expr, parse};

    #[test]
    fn what_a_query_finds_is_deleted_and_nothing_else() {
        let mut b = EventBatchBuilder::new(Signal::Logs);
        for (at, service) in ["cart", "pay"].into_iter().enumerate() {
            let resource = [("service.name", Value::Str(service))];
            let stream = b.stream(&StreamParts { resource: &resource, ..Default::default() });
            for (row, body) in ["user=1 ok", "user=2 ok", "user=2 failed"].into_iter().enumerate() {
                b.begin_row((10 * at + row) as i64, stream);
                b.field(Field::Body, Value::Str(body));
                b.attribute("user.id", Value::Int(row as i64));
                b.end_row();
            }
        }
        let batch = b.finish();
        for (text, end, kept) in [
            (r#"{service_name="cart"}"#, 100, vec![3, 4, 5]),
            (r#"{service_name="cart"}"#, 2, vec![2, 3, 4, 5]),
            (r#"{service.name=~".+"} |= "user=2" != "failed""#, 100, vec![0, 2, 3, 5]),
            (r#"{service_name="pay"} | user_id="1""#, 100, vec![0, 1, 2, 3, 5]),
            (r#"{service_name="pay"} | logfmt | user="2""#, 100, vec![0, 1, 2, 3]),
            (r#"{service_name="other"}"#, 100, vec![0, 1, 2, 3, 4, 5]),
        ] {
            let Expr::Log(log) = parse(text).unwrap() else { panic!("{text} is no log query") };
            let mut rows: Vec<u32> = (0..6).collect();
            Deletion::new(&log, 0, end).unwrap().retain(&batch, &mut rows);
            assert_eq!(rows, kept, "{text}");
        }
    }
}
