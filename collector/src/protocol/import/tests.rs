use proptest::prelude::*;
use store::model::{Batch, Limits, Signal};

use super::*;

const NOW_NS: i64 = 1_700_000_100_000_000_000;

fn run(encoding: Encoding, text: &str) -> Decoded {
    let limits = Limits::default();
    let ctx = DecodeCtx { now_ns: NOW_NS, limits: &limits, target: "" };
    decode(Signal::Samples, encoding, text.as_bytes(), &ctx).unwrap()
}

/// `name{labels} value time`, in the order they stand in the batch.
fn samples(decoded: &Decoded) -> Vec<String> {
    let Batch::Samples(batch) = &decoded.batch else { panic!("samples") };
    let shown = |point: store::model::SamplePoint<'_>| {
        let group = batch.group(point.group as usize);
        let labels: Vec<String> = group
            .attributes
            .items()
            .map(|item| format!("{}={}", item.key.unwrap_or_default(), item.value.text()))
            .collect();
        format!("{}{{{}}} {} {}", group.metric.name, labels.join(","), point.values[0], point.time_ms)
    };
    batch.points().map(shown).collect()
}

#[test]
fn text_keeps_label_sets_and_times_and_refuses_what_is_no_line() {
    let decoded = run(
        Encoding::Text,
        "# TYPE up counter\n\
         up{job=\"b\",instance=\"x\\\"y\"} 1 1700000000000\n\
         up{job=\"b\",instance=\"x\\\"y\"} 2.5 1700000015000\r\n\
         \n\
         {\"http.requests\", a=\"1\"} +Inf 1700000000000\n\
         broken{ 1\n\
         bare 7\n",
    );
    assert_eq!(
        samples(&decoded),
        [
            "up{instance=x\"y,job=b} 1 1700000000000",
            "up{instance=x\"y,job=b} 2.5 1700000015000",
            "http.requests{a=1} inf 1700000000000",
            "bare{} 7 1700000100000",
        ]
    );
    assert_eq!(decoded.rejected.message(), "1 rejected: the line cannot be read");
    assert!(!decoded.all_timestamped);
}

#[test]
fn lines_of_values_are_series() {
    let decoded = run(
        Encoding::SeriesLines,
        concat!(
            r#"{"metric":{"__name__":"up","job":"a"},"values":[1,null,"Infinity"],"#,
            r#""timestamps":[1700000000000,1700000015000,1700000030000]}"#,
            "\n",
            r#"{"metric":{"__name__":"up"},"values":[1],"timestamps":[]}"#,
            "\n{\n",
            r#"{"timestamps":[1700000000000],"values":[4.25],"metric":{"__name__":"down"}}"#,
        ),
    );
    assert_eq!(
        samples(&decoded),
        [
            "up{job=a} 1 1700000000000",
            "up{job=a} NaN 1700000015000",
            "up{job=a} inf 1700000030000",
            "down{} 4.25 1700000000000",
        ]
    );
    assert_eq!(decoded.rejected.total(), 2);
    assert!(decoded.all_timestamped);
}

#[test]
fn lines_of_otlp_are_one_batch() {
    let line = |value: u32| {
        format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"depth","gauge":{{"dataPoints":[{{"timeUnixNano":"1700000000000000000","asInt":"{value}"}}]}}}}]}}]}}]}}"#
        )
    };
    let decoded = run(Encoding::OtlpLines, &format!("{}\nnot json\n{}\n", line(1), line(2)));
    assert_eq!(samples(&decoded), ["depth{} 1 1700000000000", "depth{} 2 1700000000000"]);
    assert_eq!(decoded.rejected.total(), 1);
}

proptest! {
    #[test]
    fn any_text_is_taken_or_refused(text in "(?s).{0,300}", json in "[\\[\\]{}\":,a-z0-9.\\\\\n -]{0,200}") {
        for encoding in [Encoding::Text, Encoding::SeriesLines, Encoding::OtlpLines] {
            let limits = Limits::default();
            let ctx = DecodeCtx { now_ns: NOW_NS, limits: &limits, target: "" };
            for text in [&text, &json] {
                prop_assert!(decode(Signal::Samples, encoding, text.as_bytes(), &ctx).is_ok());
            }
        }
    }
}
