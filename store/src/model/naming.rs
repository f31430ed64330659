//! The Prometheus spelling of an OTel series (OpenTelemetry specification, "Prometheus and OpenMetrics
//! Compatibility": metric name = name, unit and kind; label names = attribute keys with `_` for what Prometheus
//! does not allow; `job` and `instance` from the resource).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Labels, MetricKind, MetricRef, SeriesIdentity, SeriesPart, Stream, Value};

/// The hidden label that tells delta from cumulative.
pub const TEMPORALITY: &str = "otel_temporality";
/// The series that carries a resource's attributes.
pub const TARGET_INFO: &str = "target_info";

/// The label set Prometheus users see.
pub fn prometheus_labels(identity: &SeriesIdentity<'_>) -> Labels {
    if identity.stream.has_plain_labels() {
        return sent_labels(identity);
    }
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    for item in identity.attributes.items() {
        let name = label_name(item.key.unwrap_or_default());
        let value = item.value.text();
        // Two keys that become one name share it, values joined in key order, as the specification asks.
        labels
            .entry(name)
            .and_modify(|joined| {
                joined.push(';');
                joined.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    if let Some(job) = job(identity.stream) {
        labels.insert("job".into(), job);
    }
    if let Some(instance) = instance(identity.stream) {
        labels.insert("instance".into(), instance);
    }
    match identity.part {
        SeriesPart::Bucket(bound) => drop(labels.insert("le".into(), bound_text(bound))),
        SeriesPart::Quantile(quantile) => drop(labels.insert("quantile".into(), bound_text(quantile))),
        _ => {}
    }
    labels.insert(Labels::METRIC_NAME.into(), series_name(&identity.metric, identity.part));
    Labels::new(labels)
}

/// The label set of a series that came with one: exactly that.
fn sent_labels(identity: &SeriesIdentity<'_>) -> Labels {
    let sent = identity.attributes.items().map(|item| (item.key.unwrap_or_default(), item.value.text()));
    let name = (Labels::METRIC_NAME, identity.metric.name.into());
    Labels::new(sent.chain([name]).map(|(name, value)| (name, Arc::<str>::from(value))))
}

/// The family of a series that came with a Prometheus name: without the suffix of its part.
pub fn sent_family(metric: &MetricRef<'_>) -> String {
    let suffixes: &[&str] = match metric.kind {
        MetricKind::Histogram => &["_bucket", "_sum", "_count"],
        MetricKind::Summary => &["_sum", "_count"],
        _ => &[],
    };
    let name = metric.name;
    suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name).to_owned()
}

/// `service.namespace/service.name`, or the name alone.
pub fn job(stream: &Stream) -> Option<String> {
    let name = stream.resource.get("service.name").and_then(Value::as_str)?;
    Some(match stream.resource.get("service.namespace").and_then(Value::as_str) {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    })
}

/// `service.instance.id`; without one what else tells two instances of a service apart, so that label sets stay unique:
/// the pod, host and process, at last the content of the resource.
pub fn instance(stream: &Stream) -> Option<String> {
    let text = |key| stream.resource.get(key).map(|value| value.text().into_owned());
    let known = text("service.instance.id").or_else(|| text("k8s.pod.uid"));
    known.or_else(|| Some(format!("{}:{}", text("host.name")?, text("process.pid")?))).or_else(|| {
        let bytes = stream.resource.as_bytes();
        // No resource at all, as of rules and remote write: the labels are all there is.
        stream.resource.iter().next()?;
        Some(format!("{:016x}", xxhash_rust::xxh3::xxh3_64(bytes)))
    })
}

/// Labels of resource and scope, which are in no label set: sorted, each name once.
pub fn hidden_labels(stream: &Stream) -> Labels {
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in stream.resource.iter() {
        labels.entry(label_name(key)).or_insert_with(|| value.text().into_owned());
    }
    for (name, value) in scope_labels(stream) {
        if STANDING.contains(&name.as_str()) {
            labels.insert(name, value);
        } else {
            labels.entry(name).or_insert(value);
        }
    }
    Labels::new(labels)
}

/// Labels of a scope beside those of its attributes.
const STANDING: [&str; 3] = ["otel_scope_name", "otel_scope_version", "otel_scope_schema_url"];

/// The labels of a scope; those without a value are none.
fn scope_labels(stream: &Stream) -> impl Iterator<Item = (String, String)> {
    let attributes = stream.scope_attributes.iter();
    let attributes =
        attributes.map(|(key, value)| (format!("otel_scope_{}", label_name(key)), value.text().into_owned()));
    let values = [&stream.scope_name, &stream.scope_version, &stream.scope_schema_url];
    let standing = STANDING.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value.to_string()));
    attributes.chain(standing)
}

/// A label set with the labels of its scope, where those are needed to tell it from others.
pub(crate) fn with_scope(labels: &Labels, stream: &Stream) -> Labels {
    let own = labels.pairs().iter().cloned();
    let scope = scope_labels(stream).map(|(name, value)| (Arc::from(name), Arc::from(value)));
    Labels::new(scope.chain(own))
}

/// The labels of a resource's `target_info`, if there is something to tell.
pub fn target_labels(stream: &Stream) -> Option<Labels> {
    const IDENTITY: [&str; 3] = ["service.name", "service.namespace", "service.instance.id"];
    let told = stream.resource.iter().filter(|(key, _)| !IDENTITY.contains(key));
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in told {
        labels.entry(label_name(key)).or_insert_with(|| value.text().into_owned());
    }
    if labels.is_empty() {
        return None;
    }
    labels.insert("job".into(), job(stream)?);
    labels.extend(instance(stream).map(|instance| ("instance".into(), instance)));
    labels.insert(Labels::METRIC_NAME.into(), TARGET_INFO.into());
    Some(Labels::new(labels))
}

/// The family's name with the suffix of its part.
pub fn series_name(metric: &MetricRef<'_>, part: SeriesPart) -> String {
    let mut name = metric_name(metric);
    match part {
        SeriesPart::Bucket(_) => name.push_str("_bucket"),
        SeriesPart::Sum => name.push_str("_sum"),
        SeriesPart::Count => name.push_str("_count"),
        SeriesPart::Value | SeriesPart::Quantile(_) => {}
    }
    name
}

/// The family's name: `http.server.request.duration` in `s` is `http_server_request_duration_seconds`.
pub fn metric_name(metric: &MetricRef<'_>) -> String {
    let mut name = sanitize(metric.name, true);
    let (main, per) = unit_suffixes(metric.unit);
    let total = metric.kind == MetricKind::Sum && metric.monotonic;
    if total {
        name = name.strip_suffix("_total").map(str::to_owned).unwrap_or(name);
    }
    let mut suffixes = Vec::new();
    suffixes.extend(main);
    let per = per.map(|unit| format!("per_{unit}"));
    suffixes.extend(per.as_deref());
    if metric.unit == "1" && metric.kind == MetricKind::Gauge {
        suffixes.push("ratio");
    }
    if total {
        suffixes.push("total");
    }
    for suffix in suffixes {
        let present = suffix != "total" && name.split('_').any(|word| word == suffix);
        if !present && !name.ends_with(&format!("_{suffix}")) {
            name.push('_');
            name.push_str(suffix);
        }
    }
    name
}

/// An attribute key as a label name.
pub fn label_name(key: &str) -> String {
    let name = sanitize(key, false);
    if name.starts_with('_') && !name.starts_with("__") { format!("key{name}") } else { name }
}

/// A bucket bound or quantile as Prometheus writes it in a label.
pub fn bound_text(bound: f64) -> String {
    if bound == f64::INFINITY { "+Inf".into() } else { format!("{bound}") }
}

/// Letters, digits, `_` (and `:` in metric names) stay; each run of others becomes one `_`.
fn sanitize(text: &str, metric: bool) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' || (metric && c == ':') {
            out.push(c);
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    if out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert_str(0, if metric { "_" } else { "key_" });
    }
    if metric { out.trim_end_matches('_').to_owned() } else { out }
}

/// UCUM units as Prometheus words: the main unit and the one after `/`.
fn unit_suffixes(unit: &str) -> (Option<&str>, Option<&str>) {
    let (main, per) = match unit.split_once('/') {
        Some((main, per)) => (main, Some(per)),
        None => (unit, None),
    };
    let main =
        if main == "1" || main.contains('{') || main.is_empty() { None } else { Some(unit_word(main)) };
    let per = per.filter(|per| !per.is_empty() && !per.contains('{')).map(per_word);
    (main.filter(|word| is_word(word)), per.filter(|word| is_word(word)))
}

fn is_word(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn unit_word(unit: &str) -> &str {
    match unit {
        "d" => "days",
        "h" => "hours",
        "min" => "minutes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "GiBy" => "gibibytes",
        "TiBy" => "tibibytes",
        "KBy" => "kilobytes",
        "MBy" => "megabytes",
        "GBy" => "gigabytes",
        "TBy" => "terabytes",
        "V" => "volts",
        "A" => "amperes",
        "J" => "joules",
        "W" => "watts",
        "g" => "grams",
        "m" => "meters",
        "Cel" => "celsius",
        "Hz" => "hertz",
        "%" => "percent",
        other => other,
    }
}

fn per_word(unit: &str) -> &str {
    match unit {
        "s" => "second",
        "m" => "minute",
        "h" => "hour",
        "d" => "day",
        "w" => "week",
        "mo" => "month",
        "y" => "year",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Temporality;

    #[test]
    fn names_follow_the_specification() {
        let cases = [
            (
                "http.server.request.duration",
                "s",
                MetricKind::Histogram,
                false,
                "http_server_request_duration_seconds",
            ),
            ("shop.orders", "{order}", MetricKind::Sum, true, "shop_orders_total"),
            ("requests_total", "1", MetricKind::Sum, true, "requests_total"),
            ("process.memory.usage", "By", MetricKind::Sum, false, "process_memory_usage_bytes"),
            ("cpu.utilization", "1", MetricKind::Gauge, false, "cpu_utilization_ratio"),
            ("speed", "m/s", MetricKind::Gauge, false, "speed_meters_per_second"),
            ("latency_seconds", "s", MetricKind::Gauge, false, "latency_seconds"),
            ("2xx", "", MetricKind::Gauge, false, "_2xx"),
            ("job:rate:5m", "", MetricKind::Gauge, false, "job:rate:5m"),
        ];
        for (name, unit, kind, monotonic, wanted) in cases {
            let metric = MetricRef {
                name,
                unit,
                description: "",
                kind,
                temporality: Temporality::Cumulative,
                monotonic,
            };
            assert_eq!(metric_name(&metric), wanted, "{name}");
        }
        assert_eq!(label_name("http.request.method"), "http_request_method");
        assert_eq!(bound_text(0.005), "0.005");
        assert_eq!(bound_text(f64::INFINITY), "+Inf");
    }
}
