//! What a query answers with.

use std::sync::Arc;

use store::model::Labels;

use super::value::{Point, Row, Steps};
use crate::promql::ast::Span;
use crate::promql::histogram::Histogram;
use crate::promql::parse::ParseError;

#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub value: Data,
    pub warnings: Vec<String>,
    pub infos: Vec<String>,
    /// Samples that were read, and those made of them on the way; a histogram counts for several.
    pub samples: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    Scalar { time_ms: i64, value: f64 },
    String { time_ms: i64, value: String },
    Vector(Vec<Sample>),
    Matrix(Vec<Series>),
}

/// One element of an instant vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub labels: Labels,
    pub time_ms: i64,
    pub value: Point,
}

/// One element of a matrix; times ascend.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Series {
    pub labels: Labels,
    pub floats: Vec<(i64, f64)>,
    pub histograms: Vec<(i64, Arc<Histogram>)>,
}

// === impl Answer ===

impl Answer {
    /// Notes end with a position. The evaluation knows bytes only, as if the text had one line; in a text of several
    /// they become lines and columns.
    pub fn place_notes(&mut self, text: &str) {
        if !text.contains('\n') {
            return;
        }
        for note in self.warnings.iter_mut().chain(&mut self.infos) {
            let Some((message, column)) = note.rsplit_once(" (1:") else { continue };
            let Ok(column) = column.trim_end_matches(')').parse::<usize>() else { continue };
            let at = ParseError::new(text, Span::new(column.saturating_sub(1), column), "");
            *note = format!("{message} ({}:{})", at.line, at.column);
        }
    }
}

// === impl Series ===

impl Series {
    pub(super) fn of_row(row: &Row, steps: &Steps) -> Self {
        let mut series = Self { labels: row.final_labels(), ..Self::default() };
        for (i, time) in steps.times().enumerate() {
            match row.get(i) {
                Some(Point::Float(value)) => series.floats.push((time, value)),
                Some(Point::Histogram(h)) => series.histograms.push((time, h)),
                None => {}
            }
        }
        series
    }
}
