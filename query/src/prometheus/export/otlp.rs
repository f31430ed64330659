//! OTLP/JSON, a request a line: resource, scope, unit, temporality and start times as they came, markers of an end as points
//! without a value. Attributes have the names they have as labels. Classic histograms and summaries are put together
//! again from their series. What OTLP has no form for is left out: histograms with bounds of their own that came as such,
//! and parts of observations.

mod points;

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use store::model::{
    Attributes, Labels, MetricKind, RequestCtx, SeriesPart, Stream, StreamParts, Temporality, Value,
};
use store::{SeriesMeta, SeriesReader, SeriesSamples, SeriesSet};

use super::Lines;
use crate::failure::Failure;
use crate::json::Json;

/// A line has at most so many data points.
const LINE_POINTS: usize = 2_000;
/// Made anew from the resource where it is imported, but not at every time.
const TARGET_INFO: &str = "target_info";
/// Labels that say which part of a data point a series is.
const PART_LABELS: [&str; 2] = ["le", "quantile"];
/// Labels made of the resource.
const RESOURCE_LABELS: [&str; 2] = ["job", "instance"];

/// The parts of the data points of one set of attributes, as numbers of series.
type Parts = BTreeMap<(u128, String, Labels), Vec<usize>>;

pub(super) fn write(ctx: &RequestCtx, set: &SeriesSet, lines: &mut Lines) -> Result<(), Failure> {
    let mut reader = set.reader();
    let mut parts = Parts::new();
    for at in 0..set.len() {
        let meta = set.meta(at);
        if is_part(meta) {
            let labels =
                set.labels(at).filter(|name| !PART_LABELS.contains(&name) && name != Labels::METRIC_NAME);
            parts.entry((meta.stream.hash(), meta.name.to_string(), labels)).or_default().push(at);
        } else if let Some(mut series) = read(ctx, &mut reader, at)? {
            if &*series.meta.name == TARGET_INFO {
                series.meta = as_labels(&series.meta);
            }
            let labels = attributes(&series.labels, &series.meta);
            let write = |a: &mut Json, from: usize, to: usize| points::numbers(a, &series, &labels, from..to);
            write_lines(&series.meta, series.times.len(), lines, &write)?;
            let write = |a: &mut Json, from: usize, to: usize| points::native(a, &series, &labels, from..to);
            write_native(&series.meta, series.histograms.len(), lines, &write)?;
        }
    }
    for numbers in parts.values() {
        let mut all = Vec::new();
        for at in numbers {
            all.extend(read(ctx, &mut reader, *at)?);
        }
        let Some(first) = all.first() else { continue };
        let (meta, labels) = (Arc::clone(&first.meta), attributes(&first.labels, &first.meta));
        let joined = points::join(&all);
        let write = |a: &mut Json, from: usize, to: usize| {
            joined[from..to].iter().for_each(|point| points::classic(a, point, &labels, meta.kind));
        };
        write_lines(&meta, joined.len(), lines, &write)?;
    }
    Ok(())
}

fn read(
    ctx: &RequestCtx,
    reader: &mut SeriesReader<'_>,
    at: usize,
) -> Result<Option<SeriesSamples>, Failure> {
    let found = reader.read(ctx, at)?;
    if let Some(series) = &found {
        ctx.budget.give_back(series.held_bytes());
    }
    Ok(found)
}

/// The series as its label set and nothing else.
fn as_labels(meta: &SeriesMeta) -> Arc<SeriesMeta> {
    let parts = StreamParts { resource_schema_url: Stream::LABELS_SCHEMA, ..StreamParts::default() };
    Arc::new(SeriesMeta { stream: Arc::new(Stream::new(&parts)), ..meta.clone() })
}

/// Whether a series is one of several that make a data point.
fn is_part(meta: &SeriesMeta) -> bool {
    let of_several = matches!(meta.kind, MetricKind::Histogram | MetricKind::Summary);
    of_several && meta.part != SeriesPart::Value && !meta.stream.has_plain_labels()
}

fn attributes(labels: &Labels, meta: &SeriesMeta) -> Labels {
    let plain = meta.stream.has_plain_labels();
    let of_part = |name: &str| is_part(meta) && PART_LABELS.contains(&name);
    labels.filter(|name| {
        name != Labels::METRIC_NAME && (plain || !RESOURCE_LABELS.contains(&name)) && !of_part(name)
    })
}

// === lines ===

/// Writes the points of a list from one number to another.
type Write<'w> = &'w dyn Fn(&mut Json, usize, usize);

fn write_lines(meta: &SeriesMeta, count: usize, lines: &mut Lines, write: Write<'_>) -> Result<(), Failure> {
    let data = match meta.kind {
        MetricKind::Histogram if is_part(meta) => "histogram",
        MetricKind::Summary if is_part(meta) => "summary",
        MetricKind::Sum => "sum",
        // The label set is all that identifies what came with one; its type is nobody's any more.
        _ => "gauge",
    };
    write_data(meta, data, count, lines, write)
}

fn write_native(meta: &SeriesMeta, count: usize, lines: &mut Lines, write: Write<'_>) -> Result<(), Failure> {
    write_data(meta, "exponentialHistogram", count, lines, write)
}

fn write_data(
    meta: &SeriesMeta,
    data: &'static str,
    count: usize,
    lines: &mut Lines,
    write: Write<'_>,
) -> Result<(), Failure> {
    for from in (0..count).step_by(LINE_POINTS) {
        let to = (from + LINE_POINTS).min(count);
        let mut json = Json::default();
        request(&mut json, meta, |metric| {
            metric.key(data).object(|d| {
                d.key("dataPoints").array(|a| write(a, from, to));
                if data != "gauge" && data != "summary" {
                    let temporality = if meta.temporality == Temporality::Delta { 1 } else { 2 };
                    d.key("aggregationTemporality").int(temporality);
                }
                if data == "sum" {
                    d.key("isMonotonic").bool(meta.monotonic);
                }
            });
        });
        lines.piece.append(&mut json.into_bytes());
        lines.end()?;
    }
    Ok(())
}

/// Everything around the data of a metric.
fn request(json: &mut Json, meta: &SeriesMeta, data: impl FnOnce(&mut Json)) {
    let stream: &Stream = &meta.stream;
    json.object(|r| {
        r.key("resourceMetrics").array(|a| {
            a.object(|resource| {
                resource.key("resource").object(|o| write_attributes(o, &stream.resource));
                resource.key("scopeMetrics").array(|a| {
                    a.object(|scope| {
                        scope.key("scope").object(|o| {
                            text(o, "name", &stream.scope_name);
                            text(o, "version", &stream.scope_version);
                            write_attributes(o, &stream.scope_attributes);
                        });
                        scope.key("metrics").array(|a| {
                            a.object(|metric| {
                                metric.member("name", &meta.name);
                                text(metric, "unit", &meta.unit);
                                text(metric, "description", &meta.description);
                                data(metric);
                            });
                        });
                        text(scope, "schemaUrl", &stream.scope_schema_url);
                    });
                });
                text(resource, "schemaUrl", &stream.resource_schema_url);
            });
        });
    });
}

fn text(o: &mut Json, name: &str, value: &str) {
    if !value.is_empty() {
        o.member(name, value);
    }
}

fn write_attributes(o: &mut Json, attributes: &Attributes) {
    o.key("attributes").array(|a| attributes.iter().for_each(|(key, value)| write_pair(a, key, value)));
}

fn write_pair(json: &mut Json, key: &str, value: Value<'_>) {
    json.object(|o| {
        o.member("key", key);
        write_any(o.key("value"), value);
    });
}

fn write_any(json: &mut Json, value: Value<'_>) {
    json.object(|o| match value {
        Value::Empty => {}
        Value::Str(v) => o.member("stringValue", v),
        Value::Bool(v) => o.key("boolValue").bool(v),
        Value::Int(v) => o.member("intValue", &v.to_string()),
        Value::Double(v) => points::number(o.key("doubleValue"), v),
        Value::Bytes(v) => o.member("bytesValue", &STANDARD.encode(v)),
        Value::Nested(list) if list.is_map() => o.key("kvlistValue").object(|l| {
            l.key("values").array(|a| {
                list.items().for_each(|item| write_pair(a, item.key.unwrap_or_default(), item.value));
            });
        }),
        Value::Nested(list) => o.key("arrayValue").object(|l| {
            l.key("values").array(|a| list.items().for_each(|item| write_any(a, item.value)));
        }),
    });
}
