//! What a query answers with.

use std::sync::Arc;

use store::model::Labels;

use super::value::{Point, Row, Steps};
use crate::promql::histogram::Histogram;

#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub value: Data,
    pub warnings: Vec<String>,
    pub infos: Vec<String>,
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
