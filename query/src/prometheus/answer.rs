//! An answer of the PromQL engine as Prometheus writes it.

use std::time::Duration;

use engine::promql::{Answer, Data, Histogram, Point, Sample, Series, fmt_value, write_value};

use super::{success, write_labels};
use crate::failure::Reply;
use crate::json::Json;

/// Keeps so many series; whether some were cut.
pub(super) fn truncate(answer: &mut Answer, limit: usize) -> bool {
    match &mut answer.value {
        Data::Vector(samples) if samples.len() > limit => samples.truncate(limit),
        Data::Matrix(series) if series.len() > limit => series.truncate(limit),
        _ => return false,
    }
    true
}

/// `took`: how long the evaluation was, if statistics are wanted.
pub(super) fn reply(answer: &Answer, took: Option<Duration>) -> Reply {
    success(&answer.warnings, &answer.infos, |json| {
        json.object(|o| {
            o.member("resultType", result_type(&answer.value));
            write_result(o.key("result"), &answer.value);
            if let Some(took) = took {
                write_stats(o.key("stats"), answer.samples, took);
            }
        });
    })
}

fn result_type(data: &Data) -> &'static str {
    match data {
        Data::Scalar { .. } => "scalar",
        Data::String { .. } => "string",
        Data::Vector(_) => "vector",
        Data::Matrix(_) => "matrix",
    }
}

fn write_result(json: &mut Json, data: &Data) {
    match data {
        Data::Scalar { time_ms, value } => write_sample(json, *time_ms, *value),
        Data::String { time_ms, value } => json.array(|a| {
            a.seconds(*time_ms);
            a.string(value);
        }),
        Data::Vector(samples) => json.array(|a| samples.iter().for_each(|sample| write_element(a, sample))),
        Data::Matrix(all) => json.array(|a| all.iter().for_each(|series| write_series(a, series))),
    }
}

fn write_element(json: &mut Json, sample: &Sample) {
    json.object(|o| {
        write_labels(o.key("metric"), &sample.labels);
        match &sample.value {
            Point::Float(value) => write_sample(o.key("value"), sample.time_ms, *value),
            Point::Histogram(histogram) => write_histogram(o.key("histogram"), sample.time_ms, histogram),
        }
    });
}

fn write_series(json: &mut Json, series: &Series) {
    json.object(|o| {
        write_labels(o.key("metric"), &series.labels);
        if !series.floats.is_empty() || series.histograms.is_empty() {
            o.key("values").array(|a| {
                series.floats.iter().for_each(|(time_ms, value)| write_sample(a, *time_ms, *value));
            });
        }
        if !series.histograms.is_empty() {
            o.key("histograms").array(|a| {
                series
                    .histograms
                    .iter()
                    .for_each(|(time_ms, histogram)| write_histogram(a, *time_ms, histogram));
            });
        }
    });
}

fn write_sample(json: &mut Json, time_ms: i64, value: f64) {
    json.array(|a| {
        a.seconds(time_ms);
        a.plain_string(|out| write_value(value, out));
    });
}

fn write_histogram(json: &mut Json, time_ms: i64, histogram: &Histogram) {
    json.array(|a| {
        a.seconds(time_ms);
        a.object(|o| {
            o.member("count", &fmt_value(histogram.count));
            o.member("sum", &fmt_value(histogram.sum));
            let buckets = histogram.buckets();
            let full: Vec<_> = buckets.iter().filter(|bucket| bucket.count != 0.0).collect();
            if full.is_empty() {
                return;
            }
            o.key("buckets").array(|list| {
                for bucket in full {
                    list.array(|b| {
                        b.int(boundary_rule(bucket.lower_inclusive, bucket.upper_inclusive));
                        [bucket.lower, bucket.upper, bucket.count]
                            .iter()
                            .for_each(|v| b.plain_string(|out| write_value(*v, out)));
                    });
                }
            });
        });
    });
}

/// Which ends of a bucket belong to it, as one number.
fn boundary_rule(lower_inclusive: bool, upper_inclusive: bool) -> i32 {
    match (lower_inclusive, upper_inclusive) {
        (false, true) => 0,
        (true, false) => 1,
        (false, false) => 2,
        (true, true) => 3,
    }
}

/// The engine does not time its parts, and holds what it reads: the total is the peak.
fn write_stats(json: &mut Json, samples: u64, took: Duration) {
    let seconds = took.as_secs_f64();
    json.object(|o| {
        o.key("timings").object(|t| {
            for name in ["evalTotalTime", "innerEvalTime", "execTotalTime"] {
                t.key(name).number(seconds);
            }
            ["resultSortTime", "queryPreparationTime", "execQueueTime"]
                .iter()
                .for_each(|name| t.key(name).int(0));
        });
        o.key("samples").object(|s| {
            ["totalQueryableSamples", "samplesRead", "peakSamples"]
                .iter()
                .for_each(|name| s.key(name).int(samples));
        });
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use store::model::Labels;

    use super::*;

    #[test]
    fn histograms_and_odd_numbers_are_texts() {
        let histogram = Histogram {
            count: 3.0,
            sum: 4.5,
            positive: engine::promql::Counts { offset: 1, counts: vec![1.0, 0.0, 2.0] },
            ..Default::default()
        };
        let series = Series {
            labels: Labels::new([("a", "<b>")]),
            floats: vec![(1000, f64::NAN), (2000, f64::INFINITY), (2500, 1e21)],
            histograms: vec![(3000, Arc::new(histogram))],
        };
        let mut json = Json::default();
        write_series(&mut json, &series);
        assert_eq!(
            String::from_utf8(json.into_bytes()).unwrap(),
            concat!(
                r#"{"metric":{"a":"\u003cb\u003e"},"values":[[1,"NaN"],[2,"+Inf"],[2.500,"1e+21"]],"#,
                r#""histograms":[[3,{"count":"3","sum":"4.5","buckets":[[0,"1","2","1"],[0,"4","8","2"]]}]]}"#
            )
        );
    }
}
