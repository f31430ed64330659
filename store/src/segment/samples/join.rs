//! Series from several places made one by label set.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::write::SeriesInput;
use crate::head::keep_last;
use crate::model::Labels;

/// One input per label set, sorted by time; of two samples at one millisecond the one of the later input stays.
pub(crate) fn join(inputs: Vec<SeriesInput>) -> Vec<SeriesInput> {
    let mut by_labels: HashMap<Labels, SeriesInput, FxBuildHasher> = HashMap::default();
    for one in inputs {
        match by_labels.get_mut(&one.labels) {
            Some(known) => append(known, one),
            None => drop(by_labels.insert(one.labels.clone(), one)),
        }
    }
    by_labels.into_values().map(sorted).collect()
}

/// Adds the samples of the same series from another place.
pub(crate) fn append(known: &mut SeriesInput, one: SeriesInput) {
    let offset = known.times.len() as u32;
    // A start that holds before the appended part must not reach into it.
    if one.starts.first().is_none_or(|(index, _)| *index > 0)
        && known.starts.last().is_some_and(|last| last.1 != 0)
    {
        known.starts.push((offset, 0));
    }
    known.starts.extend(one.starts.iter().map(|(index, start)| (index + offset, *start)));
    known.times.extend(one.times);
    known.values.extend(one.values);
    known.histograms.extend(one.histograms);
    known.exemplars.extend(one.exemplars);
}

/// In order of time, one sample a millisecond: of several the last stays.
pub(crate) fn sorted(mut one: SeriesInput) -> SeriesInput {
    one.histograms.sort_by_key(|h| h.0);
    keep_last(&mut one.histograms, |h| h.0);
    one.exemplars.sort_by_key(|exemplar| exemplar.time_ms);
    if one.times.is_sorted_by(|a, b| a < b) {
        return one;
    }
    let start_of = |row: usize| {
        let after = one.starts.partition_point(|(from, _)| *from as usize <= row);
        after.checked_sub(1).map_or(0, |at| one.starts[at].1)
    };
    let mut rows: Vec<usize> = (0..one.times.len()).collect();
    rows.sort_by_key(|&row| one.times[row]);
    keep_last(&mut rows, |&row| one.times[row]);
    let mut starts: Vec<(u32, i64)> = Vec::new();
    for (index, &row) in rows.iter().enumerate() {
        let start = start_of(row);
        if starts.last().map_or(0, |last| last.1) != start {
            starts.push((index as u32, start));
        }
    }
    one.values = rows.iter().map(|&row| one.values[row]).collect();
    one.times = rows.iter().map(|&row| one.times[row]).collect();
    one.starts = starts;
    one
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{MetricKind, SeriesPart, Stream, StreamParts, Temporality};
    use crate::snapshot::SeriesMeta;

    fn input(times: &[i64], value: f64, starts: &[(u32, i64)]) -> SeriesInput {
        let meta = SeriesMeta {
            name: "m".into(),
            unit: String::new(),
            description: String::new(),
            kind: MetricKind::Sum,
            temporality: Temporality::Cumulative,
            monotonic: true,
            part: SeriesPart::Value,
            stream: Arc::new(Stream::new(&StreamParts::default())),
        };
        SeriesInput {
            labels: Labels::new([("a", "b")]),
            meta: Arc::new(meta),
            times: times.to_vec(),
            values: vec![value; times.len()],
            starts: starts.to_vec(),
            histograms: vec![],
            exemplars: vec![],
        }
    }

    #[test]
    fn later_inputs_win_and_starts_move_with_their_samples() {
        let joined = join(vec![input(&[10, 20, 30], 1.0, &[(0, 5)]), input(&[20, 40], 2.0, &[(1, 35)])]);
        assert_eq!(joined.len(), 1);
        assert_eq!(joined[0].times, [10, 20, 30, 40]);
        assert_eq!(joined[0].values, [1.0, 2.0, 1.0, 2.0]);
        assert_eq!(joined[0].starts, [(0, 5), (1, 0), (2, 5), (3, 35)]);
    }
}
