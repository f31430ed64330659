//! Numbers in lines: what a selector shows. Markers of an end and native histograms have no form here and are left out.

use engine::promql::{write_digits, write_value};
use store::SeriesSamples;

use super::Lines;
use crate::failure::Failure;
use crate::json::Json;
use crate::prometheus::federate::write_series;
use crate::prometheus::write_labels;

/// Marks the end of a series.
const STALE: u64 = 0x7ff0_0000_0000_0002;
/// A line has at most so many samples.
const LINE_SAMPLES: usize = 10_000;

/// `name{label="value"} 1.5 1700000000000`
pub(super) fn text(series: &SeriesSamples, lines: &mut Lines) -> Result<(), Failure> {
    let mut labels = String::new();
    write_series(&mut labels, &series.labels);
    for (time_ms, value) in shown(series) {
        let out = &mut lines.piece;
        out.extend_from_slice(labels.as_bytes());
        out.push(b' ');
        write_value(value, out);
        out.push(b' ');
        write_millis(time_ms, out);
        lines.end()?;
    }
    Ok(())
}

/// `{"metric":{…},"values":[1.5],"timestamps":[1700000000000]}`
pub(super) fn values(series: &SeriesSamples, lines: &mut Lines) -> Result<(), Failure> {
    let all: Vec<(i64, f64)> = shown(series).collect();
    for part in all.chunks(LINE_SAMPLES) {
        let mut json = Json::default();
        json.object(|o| {
            write_labels(o.key("metric"), &series.labels);
            o.key("values").array(|a| part.iter().for_each(|(_, value)| write_number(a, *value)));
            o.key("timestamps").array(|a| part.iter().for_each(|(time_ms, _)| a.int(*time_ms)));
        });
        lines.piece.append(&mut json.into_bytes());
        lines.end()?;
    }
    Ok(())
}

fn shown(series: &SeriesSamples) -> impl Iterator<Item = (i64, f64)> {
    let samples = series.times.iter().copied().zip(series.values.iter().copied());
    samples.filter(|(_, value)| value.to_bits() != STALE)
}

fn write_number(json: &mut Json, value: f64) {
    match value {
        value if value.is_finite() => json.number(value),
        value if value.is_nan() => json.null(),
        value => json.string(if value > 0.0 { "Infinity" } else { "-Infinity" }),
    }
}

fn write_millis(time_ms: i64, out: &mut Vec<u8>) {
    if time_ms < 0 {
        out.push(b'-');
    }
    write_digits(time_ms.unsigned_abs(), out);
}
