//! The lenient cases, one per row: what is sent, and what the record says afterwards.

use store::model::{Batch, EventBatch, Field, Limits, Signal};

use crate::protocol::{DecodeCtx, DecodeError, Decoded, Encoding, PROTOCOLS, decode};

const NOW_NS: i64 = 1_700_000_000_000_000_000;

fn run(signal: Signal, text: &str) -> Result<Decoded, DecodeError> {
    let limits = Limits::default();
    let ctx = DecodeCtx { now_ns: NOW_NS, limits: &limits, target: "" };
    decode(&PROTOCOLS[0], signal, Encoding::Json, text.as_bytes(), &ctx)
}

fn logs(record: &str) -> Decoded {
    let good = r#"{"body":{"stringValue":"good"}}"#;
    let text = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{record},{good}]}}]}}]}}"#);
    run(Signal::Logs, &text).unwrap()
}

fn events(decoded: &Decoded) -> &EventBatch {
    match &decoded.batch {
        Batch::Events(events) => events,
        Batch::Samples(_) => panic!("samples"),
    }
}

/// `field=text` of everything the first row has.
fn show(batch: &EventBatch) -> String {
    let mut out = vec![format!("time={}", batch.times()[0])];
    for field in Field::ALL {
        if let Some(value) = batch.field(0, field) {
            let hex = value.as_bytes().filter(|_| value.as_str().is_none());
            let text = hex.map(|b| b.iter().map(|b| format!("{b:02x}")).collect::<String>());
            out.push(format!("{field:?}={}", text.unwrap_or_else(|| value.text().into_owned())));
        }
    }
    out.extend(batch.attributes(0).map(|(key, value)| format!("{key}={}", value.text())));
    out.join(" ")
}

#[test]
fn lenient_forms_mean_what_the_strict_ones_mean() {
    for (record, expected) in [
        (r#"{"timeUnixNano":"5","severityNumber":9}"#, "time=5 SeverityNumber=9"),
        (r#"{"timeUnixNano":5,"severityNumber":"9"}"#, "time=5 SeverityNumber=9"),
        (
            r#"{"timeUnixNano":1.5e18,"severityNumber":"SEVERITY_NUMBER_INFO"}"#,
            "time=1500000000000000000 SeverityNumber=9",
        ),
        (r#"{"time_unix_nano":"5","severity_text":"warn"}"#, "time=5 SeverityText=warn"),
        (r#"{"observedTimeUnixNano":"7"}"#, "time=7 ObservedTime=7"),
        (
            r#"{"timeUnixNano":"5","traceId":"0AF7651916CD43DD8448EB211C80319C","spanId":"b7ad6b7169203331"}"#,
            "time=5 TraceId=0af7651916cd43dd8448eb211c80319c SpanId=b7ad6b7169203331",
        ),
        (r#"{"timeUnixNano":"5","body":{"doubleValue":"NaN"}}"#, "time=5 Body=NaN"),
        (r#"{"timeUnixNano":"5","body":{"doubleValue":"-Infinity"}}"#, "time=5 Body=-inf"),
        (r#"{"timeUnixNano":"5","body":{"doubleValue":2}}"#, "time=5 Body=2"),
        (r#"{"timeUnixNano":"5","body":{"intValue":"-3"}}"#, "time=5 Body=-3"),
        (r#"{"timeUnixNano":"5","body":{"intValue":0}}"#, "time=5 Body=0"),
        (r#"{"timeUnixNano":"5","body":{"boolValue":"true"}}"#, "time=5 Body=true"),
        (r#"{"timeUnixNano":"5","body":{"arrayValue":{}}}"#, "time=5 Body=[]"),
        (
            r#"{"timeUnixNano":"5","body":{"arrayValue":{"values":[null,{"intValue":1}]}}}"#,
            "time=5 Body=[null,1]",
        ),
        (
            r#"{"timeUnixNano":"5","body":{"kvlistValue":{"values":[{"key":"a","value":{"stringValue":"b"}}]}}}"#,
            r#"time=5 Body={"a":"b"}"#,
        ),
        (r#"{"timeUnixNano":"5","body":{"bytesValue":"-_8"}}"#, "time=5 Body=fbff"),
        (r#"{"timeUnixNano":"5","body":{"bytesValue":"+/8="}}"#, "time=5 Body=fbff"),
        (r#"{"timeUnixNano":"5","body":null,"attributes":null,"traceId":null}"#, "time=5"),
        (
            r#"{"timeUnixNano":"5","new":{"a":[1,{"b":"}"}]},"body":{"stringValue":"x","y":[[]]}}"#,
            "time=5 Body=x",
        ),
        (
            r#"{"timeUnixNano":"5","body":{"stringValue":"a\u00e9\n\ud83d\ude00\ud800"}}"#,
            "time=5 Body=aé\n😀\u{fffd}",
        ),
        (
            r#" { "timeUnixNano" : "5" , "attributes" : [ { "key" : "k" , "value" : { "intValue" : "1" } } ] } "#,
            "time=5 k=1",
        ),
        (
            r#"{"timeUnixNano":"5","flags":1,"droppedAttributesCount":"2","eventName":"e"}"#,
            "time=5 Flags=1 EventName=e DroppedAttributes=2",
        ),
    ] {
        let decoded = logs(record);
        assert_eq!(decoded.rejected.total(), 0, "{record}: {}", decoded.rejected.message());
        assert_eq!(show(events(&decoded)), expected, "{record}");
    }
}

#[test]
fn a_wrong_value_refuses_its_record_alone() {
    for (record, reason) in [
        (r#"{"timeUnixNano":"x"}"#, "bad_value"),
        (r#"{"timeUnixNano":1.5}"#, "bad_value"),
        (r#"{"timeUnixNano":-1}"#, "bad_value"),
        (r#"{"traceId":"zz"}"#, "bad_value"),
        (r#"{"body":"text"}"#, "bad_value"),
        (r#"{"body":{"stringValue":5}}"#, "bad_value"),
        (r#"{"body":{"intValue":"18446744073709551615"}}"#, "bad_value"),
        (r#"{"attributes":{"a":"b"}}"#, "bad_value"),
        (r#"{"severityText":[1,[2,{"a":3}]]}"#, "bad_value"),
        (r#"{"severityNumber":"LOUD"}"#, "bad_value"),
        (r#"5"#, "bad_value"),
        (r#"{"timeUnixNano":"9000000000000000000"}"#, "in_future"),
    ] {
        let decoded = logs(record);
        let reasons: Vec<_> = decoded.rejected.iter().map(|(reason, n)| (reason.label(), n)).collect();
        assert_eq!(reasons, [(reason, 1)], "{record}");
        assert_eq!(decoded.batch.rows(), 1, "{record}");
    }
}

#[test]
fn depth_is_refused_without_a_stack() {
    for depth in [63, 64, 65, 10_000, 200_000] {
        let open = r#"{"arrayValue":{"values":["#.repeat(depth - 1);
        let record = format!(r#"{{"body":{open}{{"intValue":1}}{}}}"#, "]}}".repeat(depth - 1));
        let decoded = logs(&record);
        let reasons: Vec<_> = decoded.rejected.iter().map(|(reason, _)| reason.label()).collect();
        assert_eq!(reasons, if depth <= 64 { vec![] } else { vec!["too_deep"] }, "{depth}");
    }
}

#[test]
fn text_that_is_no_json_refuses_the_request() {
    for text in
        ["", "{", "[]", "{}x", r#"{"a"}"#, r#"{"resourceLogs":[}"#, r#"{"a":"b"#, "{\"a\":tru}", "nul"]
    {
        assert!(run(Signal::Logs, text).is_err(), "{text}");
    }
    for text in
        ["{}", " {} ", "\u{feff}{}", r#"{"resourceLogs":null}"#, r#"{"resourceLogs":[]}"#, r#"{"x":[[[]]]}"#]
    {
        assert_eq!(run(Signal::Logs, text).unwrap().batch.rows(), 0, "{text}");
    }
}

#[test]
fn metrics_with_odd_values_keep_their_data() {
    let text = r#"{"resourceMetrics":[{"resource":{"attributes":[]},"scopeMetrics":[{"metrics":[
        {"name":"a","sum":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE","isMonotonic":true,
            "dataPoints":[{"asDouble":"NaN","timeUnixNano":"5000000"},{"asInt":"7","timeUnixNano":5000000},
                {"asInt":"7.5"}]}},
        {"name":"h","histogram":{"aggregationTemporality":2,"dataPoints":[
            {"count":"3","sum":1.5,"bucketCounts":["1",2],"explicitBounds":[0.5]}]}}]}]}]}"#;
    let decoded = run(Signal::Samples, text).unwrap();
    assert_eq!(decoded.rejected.total(), 1);
    let Batch::Samples(samples) = &decoded.batch else { panic!("events") };
    let values: Vec<f64> = samples.points().flat_map(|point| point.values.to_vec()).collect();
    assert!(values[0].is_nan());
    assert_eq!(values[1..], [7.0, 1.0, 3.0, 1.5, 3.0]);
    assert!(!decoded.all_timestamped);
}

#[test]
fn cut_text_is_an_error_and_never_a_panic() {
    let text = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a\u00e9\\"},"x":[1,{"y":null}]}]}]}]}"#;
    for len in 0..text.len() {
        assert!(run(Signal::Logs, &text[..len]).is_err(), "{len}");
    }
}
