//! Batches as lines of text, one per row.

use store::model::{Batch, Field, HistogramPoint, Nested, Stream, Value};

pub(crate) fn value(value: Value<'_>) -> String {
    match value {
        Value::Empty => "-".into(),
        Value::Bool(v) => format!("b{v}"),
        Value::Int(v) => format!("i{v}"),
        Value::Double(v) => format!("d{:x}", v.to_bits()),
        Value::Str(v) => format!("{v:?}"),
        Value::Bytes(v) => format!("x{v:?}"),
        Value::Nested(nested) => {
            let members: Vec<_> = nested
                .items()
                .map(|item| {
                    format!(
                        "{}{}",
                        item.key.map(|k| format!("{k}=")).unwrap_or_default(),
                        self::value(item.value)
                    )
                })
                .collect();
            let kind = if nested.is_map() { "map" } else { "array" };
            format!("{kind}({})", members.join(" "))
        }
    }
}

fn stream(stream: &Stream) -> String {
    format!(
        "{} {:?} {:?} {:?} {} {:?}",
        value(Value::Nested(Nested::new(stream.resource.as_bytes()))),
        stream.resource_schema_url,
        stream.scope_name,
        stream.scope_version,
        value(Value::Nested(Nested::new(stream.scope_attributes.as_bytes()))),
        stream.scope_schema_url,
    )
}

pub(crate) fn events(batch: &Batch) -> Vec<String> {
    let Batch::Events(batch) = batch else { panic!("samples") };
    let mut lines = Vec::new();
    for row in 0..batch.rows() {
        let mut line = format!("{} | {}", stream(batch.stream(row)), batch.times()[row]);
        for field in Field::ALL {
            if let Some(v) = batch.field(row, field) {
                line += &format!(" {field:?}={}", value(v));
            }
        }
        for (key, v) in batch.attributes(row) {
            line += &format!(" {key}={}", value(v));
        }
        lines.push(line);
    }
    lines
}

pub(crate) fn samples(batch: &Batch) -> Vec<String> {
    let Batch::Samples(batch) = batch else { panic!("events") };
    let identity = |group: u32, part: u32| {
        let group = batch.group(group as usize);
        let id = group.identity(group.parts().nth(part as usize).unwrap());
        let m = id.metric;
        format!(
            "{} | {} {:?} {:?} {:?} {:?} {} {} {:?}",
            stream(id.stream),
            m.name,
            m.unit,
            m.description,
            m.kind,
            m.temporality,
            m.monotonic,
            value(Value::Nested(id.attributes)),
            id.part
        )
    };
    let mut lines = Vec::new();
    for point in batch.points() {
        for (part, value) in point.values.iter().enumerate() {
            let series = identity(point.group, part as u32);
            lines.push(format!("{series} @{} {} {:x}", point.time_ms, point.start_ms, value.to_bits()));
        }
        if let Some(bytes) = point.histogram {
            *lines.last_mut().unwrap() += &histogram(&HistogramPoint::decode(bytes).unwrap());
        }
    }
    lines.extend(batch.exemplars().map(|e| {
        let attributes = if e.attributes.as_bytes().is_empty() {
            "map()".into()
        } else {
            value(Value::Nested(e.attributes))
        };
        format!(
            "exemplar {} @{} {} {:?} {:?} {attributes}",
            identity(e.group, e.part),
            e.time_ms,
            e.value,
            e.trace_id,
            e.span_id
        )
    }));
    lines
}

pub(crate) fn histogram(h: &HistogramPoint) -> String {
    let bits: Vec<_> = [h.count, h.sum, h.zero_threshold, h.zero_count].iter().map(|v| v.to_bits()).collect();
    format!(
        " {bits:x?} {} {} {:?} {} {:?}",
        h.scale, h.positive_offset, h.positive, h.negative_offset, h.negative
    )
}
