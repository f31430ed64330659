//! Lines of JSON, a log record each, as Fluent Bit's and Vector's plain HTTP outputs and VictoriaLogs' clients send them.
//!
//! An object is read as a document of Elasticsearch's bulk, with more names for time and line. A line that is wrong is
//! refused, the rest is taken.

use store::model::Signal;

use super::elasticsearch::{Documents, Names, taken};
use super::{DecodeCtx, DecodeError, Decoded, Dialect, Encoding, PathRow, ProtocolRow, Serves};

const fn lines(path: &'static str, alias_of: &'static str) -> PathRow {
    PathRow { serves: Serves::DataAs(Encoding::Ndjson), ..PathRow::post(path, Signal::Logs, alias_of) }
}

pub(super) const ROW: ProtocolRow = ProtocolRow {
    name: "ndjson",
    title: "Lines of JSON",
    paths: &[lines("/api/v1/logs/ndjson", ""), lines("/insert/jsonline", "VictoriaLogs")],
    grpc_services: &[],
    encodings: &[Encoding::Ndjson],
    dialect: Dialect::Import,
    retries: true,
    decode,
};

/// Fluent Bit calls the time `date`, VictoriaLogs `_time`.
const NAMES: Names = Names {
    time: "@timestamp",
    other_times: &["timestamp", "_time", "time", "ts", "date"],
    bodies: &["message", "log", "msg", "_msg", "body", "event.original"],
    unit_ns,
};

/// Seconds, milliseconds, microseconds or nanoseconds: whichever is a time of this century.
fn unit_ns(number: f64) -> i64 {
    match number {
        ..1e11 => 1_000_000_000,
        ..1e14 => 1_000_000,
        ..1e17 => 1_000,
        _ => 1,
    }
}

fn decode(_: Signal, _: Encoding, bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    let mut documents = Documents::new(ctx, &NAMES, bytes.len());
    for line in bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        if let Some(reject) = taken(&mut documents, "", line)? {
            documents.rejected.add(reject, 1);
        }
    }
    Ok(documents.finish(Vec::new()))
}

#[cfg(test)]
mod tests {
    use store::model::{Batch, Field, Limits, Value};

    use super::*;

    const NOW: i64 = 1_800_000_000_000_000_000;

    fn decoded(text: &str) -> Decoded {
        let limits = Limits::default();
        decode(
            Signal::Logs,
            Encoding::Ndjson,
            text.as_bytes(),
            &DecodeCtx { now_ns: NOW, limits: &limits, target: "" },
        )
        .unwrap()
    }

    #[test]
    fn each_line_is_a_record_with_the_time_and_text_its_sender_names() {
        for (line, time, body) in [
            (
                r#"{"_time":"2026-11-26T10:00:00.5Z","_msg":"of VictoriaLogs"}"#,
                1_795_687_200_500_000_000,
                "of VictoriaLogs",
            ),
            (r#"{"date":1795687200.25,"log":"of Fluent Bit"}"#, 1_795_687_200_250_000_000, "of Fluent Bit"),
            (r#"{"timestamp":1795687200250,"message":"ms"}"#, 1_795_687_200_250_000_000, "ms"),
            (r#"{"ts":"1795687200250000","msg":"µs in a text"}"#, 1_795_687_200_250_000_000, "µs in a text"),
            (r#"{"time":"late","message":"only called a time"}"#, NOW, "only called a time"),
            (r#"{"a":1}"#, NOW, r#"{"a":1}"#),
        ] {
            let Batch::Events(batch) = decoded(line).batch else { panic!("events") };
            assert_eq!((batch.rows(), batch.times()), (1, &[time][..]), "{line}");
            assert_eq!(batch.field(0, Field::Body).and_then(Value::as_str), Some(body), "{line}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused_alone() {
        let decoded = decoded(
            "{\"message\":\"one\"}\n\nnothing\n[1]\n{\"@timestamp\":\"soon\",\"message\":\"x\"}\n{\"message\":\"two\"}",
        );
        assert_eq!((decoded.batch.rows(), decoded.rejected.total()), (2, 3));
        assert!(!decoded.all_timestamped);
    }
}
