//! An answer of the LogQL engine as Loki writes it.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::logql::{Answer, Data, Entry, MetricSeries, StreamEntries, VectorSample};
use engine::promql::fmt_value;
use http::StatusCode;
use store::model::Labels;

use super::write_success;
use crate::failure::{Reply, reply as respond};
use crate::json::Json;
use crate::request::time::NS_PER_MS;

pub(super) fn reply(answer: &Answer, took: Duration, categorize: bool) -> Reply {
    let mut json = Json::with_capacity(4096);
    write_success(&mut json, |json| {
        json.object(|o| {
            o.member("resultType", result_type(&answer.data));
            write_result(o.key("result"), &answer.data, categorize);
            if categorize && matches!(answer.data, Data::Streams(_)) {
                o.key("encodingFlags").strings(["categorize-labels"]);
            }
            write_stats(o.key("stats"), answer, took);
        });
    });
    respond(StatusCode::OK, "application/json", json.into_bytes())
}

fn result_type(data: &Data) -> &'static str {
    match data {
        Data::Streams(_) => "streams",
        Data::Matrix(_) => "matrix",
        Data::Vector(_) => "vector",
        Data::Scalar(..) => "scalar",
    }
}

fn write_result(json: &mut Json, data: &Data, categorize: bool) {
    match data {
        Data::Streams(streams) => write_streams(json, streams, categorize),
        Data::Matrix(all) => json.array(|a| all.iter().for_each(|series| write_series(a, series))),
        Data::Vector(samples) => json.array(|a| samples.iter().for_each(|sample| write_element(a, sample))),
        Data::Scalar(time, value) => write_sample(json, *time, *value),
    }
}

pub(super) fn write_streams(json: &mut Json, streams: &[StreamEntries], categorize: bool) {
    if categorize {
        json.array(|a| streams.iter().for_each(|stream| write_categorized(a, stream)));
    } else {
        write_merged(json, streams);
    }
}

fn write_categorized(json: &mut Json, stream: &StreamEntries) {
    json.object(|o| {
        write_labels(o.key("stream"), &stream.labels);
        o.key("values").array(|a| {
            for entry in &stream.entries {
                a.array(|e| {
                    write_time_and_line(e, entry);
                    e.object(|extra| {
                        write_labels(extra.key("structuredMetadata"), &entry.metadata);
                        write_labels(extra.key("parsed"), &entry.parsed);
                    });
                });
            }
        });
    });
}

/// Without the flag each set of labels, metadata and parsed ones among them, is a stream of its own. Parsed labels win
/// over metadata, metadata over the stream's.
fn write_merged(json: &mut Json, streams: &[StreamEntries]) {
    let mut by_labels: BTreeMap<Labels, Vec<&Entry>> = BTreeMap::new();
    for stream in streams {
        for entry in &stream.entries {
            let all = [&stream.labels, &entry.metadata, &entry.parsed];
            let pairs = all.into_iter().flat_map(|labels| labels.pairs().iter().cloned());
            by_labels.entry(Labels::new(pairs)).or_default().push(entry);
        }
    }
    json.array(|a| {
        for (labels, entries) in &by_labels {
            a.object(|o| {
                write_labels(o.key("stream"), labels);
                o.key("values").array(|values| {
                    entries.iter().for_each(|entry| values.array(|e| write_time_and_line(e, entry)));
                });
            });
        }
    });
}

fn write_time_and_line(json: &mut Json, entry: &Entry) {
    json.string(&entry.time.to_string());
    json.string(&entry.line);
}

pub(super) fn write_labels(json: &mut Json, labels: &Labels) {
    json.object(|o| labels.iter().for_each(|(name, value)| o.member(name, value)));
}

fn write_series(json: &mut Json, series: &MetricSeries) {
    json.object(|o| {
        write_labels(o.key("metric"), &series.labels);
        o.key("values")
            .array(|a| series.points.iter().for_each(|(time, value)| write_sample(a, *time, *value)));
    });
}

fn write_element(json: &mut Json, sample: &VectorSample) {
    json.object(|o| {
        write_labels(o.key("metric"), &sample.labels);
        write_sample(o.key("value"), sample.time, sample.value);
    });
}

pub(super) fn write_sample(json: &mut Json, time: i64, value: f64) {
    json.array(|a| {
        a.seconds(time.div_euclid(NS_PER_MS));
        a.string(&fmt_value(value));
    });
}

/// The members clients read, filled from the scan; what this store has no counterpart for is left out.
fn write_stats(json: &mut Json, answer: &Answer, took: Duration) {
    let stats = &answer.stats;
    let seconds = took.as_secs_f64();
    let per_second = |amount: u64| if seconds > 0.0 { (amount as f64 / seconds) as i64 } else { 0 };
    json.object(|o| {
        o.key("summary").object(|s| {
            s.key("bytesProcessedPerSecond").int(per_second(stats.bytes_read));
            s.key("linesProcessedPerSecond").int(per_second(stats.rows_read));
            s.key("totalBytesProcessed").int(stats.bytes_read);
            s.key("totalLinesProcessed").int(stats.rows_read);
            s.key("execTime").number(seconds);
            s.key("queueTime").int(0);
            s.key("subqueries").int(0);
            s.key("totalEntriesReturned").int(entries(&answer.data) as u64);
            s.key("splits").int(0);
            s.key("shards").int(0);
            s.key("totalPostFilterLines").int(stats.rows_matched);
            s.key("totalStructuredMetadataBytesProcessed").int(0);
        });
        o.key("querier").object(|q| {
            q.key("store").object(|s| {
                s.key("totalChunksRef").int(stats.blocks_total);
                s.key("totalChunksDownloaded").int(stats.blocks_read);
                s.key("chunksDownloadTime").int(0);
                s.key("chunk").object(|c| {
                    c.key("headChunkBytes").int(0);
                    c.key("headChunkLines").int(0);
                    c.key("decompressedBytes").int(stats.bytes_read);
                    c.key("decompressedLines").int(stats.rows_read);
                    c.key("compressedBytes").int(0);
                    c.key("totalDuplicates").int(0);
                });
            });
        });
        o.key("ingester").object(|i| {
            i.key("totalReached").int(0);
            i.key("totalChunksMatched").int(0);
            i.key("totalBatches").int(0);
            i.key("totalLinesSent").int(0);
            i.key("store").object(|s| {
                s.key("totalChunksRef").int(0);
                s.key("totalChunksDownloaded").int(0);
                s.key("chunksDownloadTime").int(0);
                s.key("chunk").object(|_| {});
            });
        });
    });
}

/// Lines, or points of series.
fn entries(data: &Data) -> usize {
    match data {
        Data::Streams(streams) => streams.iter().map(|stream| stream.entries.len()).sum(),
        Data::Matrix(series) => series.iter().map(|series| series.points.len()).sum(),
        Data::Vector(samples) => samples.len(),
        Data::Scalar(..) => 1,
    }
}
