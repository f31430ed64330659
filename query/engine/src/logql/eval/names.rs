//! Label names of log records: which attributes are labels of the stream, how keys become names, and the fields every
//! record has as structured metadata.

use store::model::{EventBatch, Field, Labels, Stream, Value};

use super::row::line_of;
use crate::logql::mine::write_shape;

/// Resource attributes that identify a stream: the default list of Loki's OTLP endpoint, so that dashboards made for
/// it find their labels.
pub(crate) const PROMOTED: [&str; 19] = [
    "cloud.availability_zone",
    "cloud.region",
    "container.name",
    "deployment.environment",
    "deployment.environment.name",
    "k8s.cluster.name",
    "k8s.container.name",
    "k8s.cronjob.name",
    "k8s.daemonset.name",
    "k8s.deployment.name",
    "k8s.job.name",
    "k8s.namespace.name",
    "k8s.node.name",
    "k8s.pod.name",
    "k8s.replicaset.name",
    "k8s.statefulset.name",
    "service.instance.id",
    "service.name",
    "service.namespace",
];

pub(crate) const SERVICE: &str = "service_name";
pub(crate) const UNKNOWN_SERVICE: &str = "unknown_service";

/// Labels and attributes by which senders that know no severity name the level of a line.
pub(crate) const LEVEL_NAMES: [&str; 6] =
    ["level", "detected_level", "severity", "lvl", "LEVEL", "log_level"];

/// A field of the record as structured metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meta {
    TraceId,
    SpanId,
    SeverityText,
    SeverityNumber,
    DetectedLevel,
    ObservedTime,
    Flags,
    EventName,
    DroppedAttributes,
    Pattern,
}

/// The line's pattern: known for every line, shown only where it is asked for.
pub(crate) const PATTERN: &str = "detected_pattern";

pub(crate) const META: [(&str, Meta); 9] = [
    ("trace_id", Meta::TraceId),
    ("span_id", Meta::SpanId),
    ("severity_text", Meta::SeverityText),
    ("severity_number", Meta::SeverityNumber),
    ("detected_level", Meta::DetectedLevel),
    ("observed_timestamp", Meta::ObservedTime),
    ("flags", Meta::Flags),
    ("event_name", Meta::EventName),
    ("dropped_attributes_count", Meta::DroppedAttributes),
];

/// Appends `key` as a label name: letters, digits and `_`, not beginning with a digit.
pub(crate) fn write_label_name(key: &str, out: &mut String) {
    if key.starts_with(|c: char| c.is_ascii_digit()) {
        out.push('_');
    }
    out.extend(key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }));
}

pub(crate) fn label_name(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    write_label_name(key, &mut out);
    out
}

/// Whether the key becomes that name; without building it.
pub(crate) fn is_label_name(key: &str, name: &str) -> bool {
    let key_digit = key.starts_with(|c: char| c.is_ascii_digit());
    let name = if key_digit { name.strip_prefix('_').unwrap_or("") } else { name };
    let mut wanted = name.chars();
    key.chars().all(|c| wanted.next() == Some(if c.is_ascii_alphanumeric() { c } else { '_' }))
        && wanted.next().is_none()
}

/// What a stream shows: its labels, and the attributes that are only metadata.
pub(crate) fn stream_labels(stream: &Stream) -> (Labels, Vec<(String, String)>) {
    let mut labels: Vec<(String, String)> = Vec::new();
    let mut metadata = Vec::new();
    for (key, value) in stream.resource.iter() {
        let pair = (label_name(key), value.text().into_owned());
        if stream.has_plain_labels() || PROMOTED.contains(&key) {
            labels.push(pair)
        } else {
            metadata.push(pair)
        }
    }
    // What was sent as labels is shown as it was sent.
    if stream.has_plain_labels() {
        return (Labels::new(labels), metadata);
    }
    if !labels.iter().any(|(name, value)| name == SERVICE && !value.is_empty()) {
        labels.push((SERVICE.to_string(), UNKNOWN_SERVICE.to_string()));
    }
    for (name, value) in [("scope_name", &stream.scope_name), ("scope_version", &stream.scope_version)] {
        if !value.is_empty() {
            metadata.push((name.to_string(), value.to_string()));
        }
    }
    metadata.extend(
        stream.scope_attributes.iter().map(|(key, value)| (label_name(key), value.text().into_owned())),
    );
    (Labels::new(labels), metadata)
}

/// A stream's value under a label name: any resource attribute counts, promoted or not, then the scope.
pub(crate) fn stream_value(stream: &Stream, name: &str) -> Option<String> {
    let found = stream
        .resource
        .iter()
        .chain(stream.scope_attributes.iter())
        .find(|(key, _)| is_label_name(key, name));
    if let Some((_, value)) = found {
        return Some(value.text().into_owned()).filter(|text| !text.is_empty() || name != SERVICE);
    }
    match name {
        _ if stream.has_plain_labels() => None,
        SERVICE => Some(UNKNOWN_SERVICE.to_string()),
        "scope_name" => Some(stream.scope_name.to_string()).filter(|text| !text.is_empty()),
        "scope_version" => Some(stream.scope_version.to_string()).filter(|text| !text.is_empty()),
        _ => None,
    }
}

impl Meta {
    pub(crate) fn of(name: &str) -> Option<Meta> {
        if name == PATTERN {
            return Some(Meta::Pattern);
        }
        META.iter().find(|(known, _)| *known == name).map(|(_, meta)| *meta)
    }

    /// The fields it is made of.
    pub(crate) fn fields(self) -> &'static [Field] {
        match self {
            Meta::TraceId => &[Field::TraceId],
            Meta::SpanId => &[Field::SpanId],
            Meta::SeverityText => &[Field::SeverityText],
            Meta::SeverityNumber => &[Field::SeverityNumber],
            Meta::DetectedLevel => &[Field::SeverityNumber, Field::SeverityText],
            Meta::ObservedTime => &[Field::ObservedTime],
            Meta::Flags => &[Field::Flags],
            Meta::EventName => &[Field::EventName],
            Meta::DroppedAttributes => &[Field::DroppedAttributes],
            Meta::Pattern => &[Field::Body],
        }
    }

    /// Appends the value; `false` if the record has none.
    pub(crate) fn write(self, batch: &EventBatch, row: usize, out: &mut String) -> bool {
        let field = |field| batch.field(row, field);
        let value = match self {
            Meta::TraceId => return write_hex(field(Field::TraceId), out),
            Meta::SpanId => return write_hex(field(Field::SpanId), out),
            Meta::DetectedLevel => {
                out.push_str(detected_level(batch, row));
                return true;
            }
            Meta::Pattern => {
                write_shape(&line_of(batch, row), out);
                return true;
            }
            Meta::SeverityText => field(Field::SeverityText),
            Meta::SeverityNumber => field(Field::SeverityNumber),
            Meta::ObservedTime => field(Field::ObservedTime),
            Meta::Flags => field(Field::Flags),
            Meta::EventName => field(Field::EventName),
            Meta::DroppedAttributes => field(Field::DroppedAttributes),
        };
        match value {
            None | Some(Value::Empty | Value::Int(0) | Value::Str("")) => false,
            Some(value) => {
                value.write_text(out);
                true
            }
        }
    }
}

fn write_hex(value: Option<Value<'_>>, out: &mut String) -> bool {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let Some(Value::Bytes(bytes)) = value else { return false };
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    !bytes.is_empty()
}

/// The level people filter by: from the severity number (OTel logs data model), else from its text.
pub(crate) fn detected_level(batch: &EventBatch, row: usize) -> &'static str {
    const LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];
    if let Some(number @ 1..=24) = batch.field(row, Field::SeverityNumber).and_then(Value::as_int) {
        return usize::try_from((number - 1) / 4)
            .ok()
            .and_then(|at| LEVELS.get(at))
            .copied()
            .unwrap_or("unknown");
    }
    match batch.field(row, Field::SeverityText) {
        Some(Value::Str(text)) => level_of(text),
        _ if batch.stream(row).has_plain_labels() => sent_level(batch, row),
        _ => "unknown",
    }
}

/// The level of a line whose sender knows labels only: they name it in one of these.
fn sent_level(batch: &EventBatch, row: usize) -> &'static str {
    let stream = batch.stream(row);
    let label = LEVEL_NAMES.iter().find_map(|name| stream.resource.get(name).and_then(Value::as_str));
    let attribute = || {
        let found = batch.attributes(row).find(|(key, _)| LEVEL_NAMES.contains(key));
        found.and_then(|(_, value)| value.as_str())
    };
    label.or_else(attribute).map_or("unknown", level_of)
}

fn level_of(text: &str) -> &'static str {
    const WORDS: [(&str, &str); 12] = [
        ("trace", "trace"),
        ("trc", "trace"),
        ("debug", "debug"),
        ("dbg", "debug"),
        ("info", "info"),
        ("inf", "info"),
        ("warn", "warn"),
        ("wrn", "warn"),
        ("err", "error"),
        ("fatal", "fatal"),
        ("panic", "fatal"),
        ("crit", "critical"),
    ];
    let starts = |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    WORDS.iter().find(|(word, _)| starts(word)).map_or("unknown", |(_, level)| level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::model::StreamParts;

    #[test]
    fn keys_become_names_and_are_recognized_without_building_them() {
        for (key, name) in
            [("service.name", "service_name"), ("a-b/c", "a_b_c"), ("2xx", "_2xx"), ("größe", "gr__e")]
        {
            assert_eq!(label_name(key), name);
            assert!(is_label_name(key, name), "{key}");
            assert!(!is_label_name(key, &format!("{name}x")), "{key}");
            assert!(!is_label_name(key, &name[..name.len() - 1]), "{key}");
        }
    }

    #[test]
    fn a_stream_has_promoted_labels_and_the_rest_is_metadata() {
        let resource = [("service.name", Value::Str("cart")), ("host.name", Value::Str("h1"))];
        let stream =
            Stream::new(&StreamParts { resource: &resource, scope_name: "lib", ..Default::default() });
        let (labels, metadata) = stream_labels(&stream);
        assert_eq!(labels, Labels::new([("service_name", "cart")]));
        assert_eq!(metadata, [("host_name".into(), "h1".into()), ("scope_name".into(), "lib".to_string())]);
        assert_eq!(stream_value(&stream, "host_name").as_deref(), Some("h1"));
        let nameless = Stream::new(&StreamParts::default());
        assert_eq!(stream_value(&nameless, SERVICE).as_deref(), Some(UNKNOWN_SERVICE));
        assert_eq!(stream_labels(&nameless).0, Labels::new([("service_name", UNKNOWN_SERVICE)]));
    }

    #[test]
    fn a_stream_of_labels_shows_exactly_these() {
        let resource = [("app", Value::Str("shop")), ("host_name", Value::Str("h1"))];
        let stream = Stream::new(&StreamParts {
            resource: &resource,
            resource_schema_url: Stream::LABELS_SCHEMA,
            ..Default::default()
        });
        let (labels, metadata) = stream_labels(&stream);
        assert_eq!(labels, Labels::new([("app", "shop"), ("host_name", "h1")]));
        assert_eq!(metadata, []);
        assert_eq!(stream_value(&stream, SERVICE), None);
    }

    #[test]
    fn the_level_of_a_sent_line_is_found_in_a_label_or_in_its_metadata() {
        let mut b = store::model::EventBatchBuilder::new(store::model::Signal::Logs);
        let mut stream = |labels: &[(&str, Value<'_>)]| {
            b.stream(&StreamParts {
                resource: labels,
                resource_schema_url: Stream::LABELS_SCHEMA,
                ..Default::default()
            })
        };
        let with = stream(&[("level", Value::Str("WARNING"))]);
        let without = stream(&[("app", Value::Str("a"))]);
        for (stream, attribute) in [(with, None), (without, Some("err")), (without, None)] {
            b.begin_row(0, stream);
            if let Some(level) = attribute {
                b.attribute("level", Value::Str(level));
            }
            b.end_row();
        }
        let batch = b.finish();
        let levels: Vec<_> = (0..batch.rows()).map(|row| detected_level(&batch, row)).collect();
        assert_eq!(levels, ["warn", "error", "unknown"]);
    }
}
