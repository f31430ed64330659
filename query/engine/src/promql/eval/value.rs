//! Values between the nodes of an expression, for all steps at once.

use std::sync::Arc;

use store::model::Labels;

use crate::promql::histogram::Histogram;

/// Prometheus' staleness marker. No arithmetic yields this bit pattern, so rows use it for "no sample here".
pub(crate) const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;
pub(crate) const ABSENT: f64 = f64::from_bits(STALE_BITS);

pub(crate) fn is_absent(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}

/// One sample's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Point {
    Float(f64),
    Histogram(Arc<Histogram>),
}

/// The evaluation times: `len` of them, `step` milliseconds apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    pub start: i64,
    pub step: i64,
    pub len: usize,
}

impl Steps {
    pub(crate) fn time(&self, i: usize) -> i64 {
        self.start + self.step * i as i64
    }

    pub(crate) fn end(&self) -> i64 {
        self.time(self.len.saturating_sub(1))
    }

    pub(crate) fn times(&self) -> impl Iterator<Item = i64> {
        let steps = *self;
        (0..steps.len).map(move |i| steps.time(i))
    }
}

pub(crate) type Histograms = Vec<Option<Arc<Histogram>>>;

/// One series of a vector, over all steps.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub labels: Labels,
    /// The metric's name no longer describes the values; it goes when labels are next looked at by the user.
    pub drop_name: bool,
    /// One for each step, `ABSENT` where there is no float.
    pub floats: Vec<f64>,
    /// One for each step, if there are any histograms.
    pub histograms: Option<Histograms>,
    /// Labels beside the label set that the query names (see [`super::hidden`]).
    pub hidden: Labels,
}

// === impl Row ===

impl Row {
    pub(crate) fn empty(labels: Labels, len: usize) -> Self {
        Self {
            labels,
            drop_name: false,
            floats: vec![ABSENT; len],
            histograms: None,
            hidden: Labels::default(),
        }
    }

    pub(crate) fn get(&self, i: usize) -> Option<Point> {
        if let Some(Some(h)) = self.histograms.as_ref().map(|all| &all[i]) {
            return Some(Point::Histogram(Arc::clone(h)));
        }
        let value = self.floats[i];
        if is_absent(value) { None } else { Some(Point::Float(value)) }
    }

    pub(crate) fn has(&self, i: usize) -> bool {
        !is_absent(self.floats[i]) || self.histogram(i).is_some()
    }

    pub(crate) fn histogram(&self, i: usize) -> Option<&Arc<Histogram>> {
        self.histograms.as_ref()?[i].as_ref()
    }

    pub(crate) fn set(&mut self, i: usize, point: Point) {
        match point {
            Point::Float(value) => self.floats[i] = value,
            Point::Histogram(h) => {
                let len = self.floats.len();
                self.histograms.get_or_insert_with(|| vec![None; len])[i] = Some(h);
            }
        }
    }

    pub(crate) fn clear(&mut self, i: usize) {
        self.floats[i] = ABSENT;
        if let Some(all) = &mut self.histograms {
            all[i] = None;
        }
    }

    /// Whether there is a float at every step.
    pub(super) fn is_dense(&self) -> bool {
        // Without a way out the loop looks at several at once.
        !self.floats.iter().fold(false, |any, v| any | is_absent(*v))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.floats.iter().all(|v| is_absent(*v))
            && self.histograms.as_ref().is_none_or(|all| all.iter().all(Option::is_none))
    }

    /// The labels without a name that is to go.
    pub(crate) fn final_labels(&self) -> Labels {
        if self.drop_name { without_name(&self.labels) } else { self.labels.clone() }
    }
}

/// The name and what else says what the values are: all of it goes with the name.
fn names_metric(label: &str) -> bool {
    matches!(label, Labels::METRIC_NAME | "__type__" | "__unit__")
}

pub(crate) fn without_name(labels: &Labels) -> Labels {
    labels.filter(|name| !names_metric(name))
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// One for each step.
    Scalar(Vec<f64>),
    String(String),
    Vector(Vec<Row>),
}
