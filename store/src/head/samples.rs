//! Recent samples, by series.

use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::model::{HistogramPoint, Labels, SampleBatch, naming};
use crate::snapshot::SeriesMeta;

#[derive(Default)]
pub(crate) struct SampleHead {
    by_hash: HashMap<u128, u32, FxBuildHasher>,
    series: Vec<SeriesHead>,
}

pub(crate) struct SeriesHead {
    pub(crate) labels: Labels,
    pub(crate) meta: Arc<SeriesMeta>,
    /// In the order they came: time, start, value.
    pub(crate) points: Vec<(i64, i64, f64)>,
    pub(crate) histograms: Vec<(i64, HistogramPoint)>,
}

impl SampleHead {
    pub(crate) fn push(&mut self, batch: &SampleBatch) {
        let ids: Vec<u32> = (0..batch.series_count()).map(|i| self.series_id(batch, i)).collect();
        let mut histograms = batch.histograms().peekable();
        for row in 0..batch.rows() {
            let series = &mut self.series[ids[batch.point_series()[row] as usize] as usize];
            let time = batch.times()[row];
            match histograms.next_if(|(at, _)| *at == row) {
                Some((_, bytes)) => {
                    if let Ok(point) = HistogramPoint::decode(bytes) {
                        series.histograms.push((time, point));
                    }
                }
                None => series.points.push((time, batch.starts()[row], batch.values()[row])),
            }
        }
    }

    pub(crate) fn series(&self) -> &[SeriesHead] {
        &self.series
    }

    fn series_id(&mut self, batch: &SampleBatch, index: usize) -> u32 {
        if let Some(&id) = self.by_hash.get(&batch.series_hash(index)) {
            return id;
        }
        let identity = batch.series(index);
        let id = self.series.len() as u32;
        self.series.push(SeriesHead {
            labels: naming::prometheus_labels(&identity),
            meta: Arc::new(SeriesMeta::of(&identity)),
            points: Vec::new(),
            histograms: Vec::new(),
        });
        self.by_hash.insert(identity.hash, id);
        id
    }
}
