use super::*;

const NATIVE: Native = Native { taken: true, classic_too: false };

/// Each entry as a line of text.
fn lines(format: Format, bytes: &[u8], native: Native) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    let read = read(format, bytes, native, &mut |entry| {
        out.push(match entry {
            Entry::Meta { family, remark: Remark::Kind(kind) } => format!("{family} is {}", kind.name()),
            Entry::Meta { family, remark: Remark::Help(help) } => format!("{family} helps {help:?}"),
            Entry::Meta { family, remark: Remark::Unit(unit) } => format!("{family} in {unit}"),
            Entry::Sample(sample) => sample_line(&sample),
        });
        Ok(())
    });
    read.map(|()| out).map_err(|error| error.to_string())
}

fn sample_line(sample: &Sample<'_>) -> String {
    let labels: Vec<String> = sample.labels.iter().map(|(n, v)| format!("{n}={v:?}")).collect();
    let value = match &sample.value {
        Value::Float(value) => value.to_string(),
        Value::Histogram(h) => {
            format!(
                "count {} sum {} scale {} from {} {:?}",
                h.count, h.sum, h.scale, h.positive_offset, h.positive
            )
        }
    };
    let time = sample.time_ms.map(|ms| format!(" @{ms}")).unwrap_or_default();
    let start = if sample.start_ms == 0 { String::new() } else { format!(" since {}", sample.start_ms) };
    let exemplars: Vec<String> = sample
        .exemplars
        .iter()
        .map(|e| {
            format!(
                " # {:?} {} {:?}",
                e.labels.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>(),
                e.value,
                e.time_ms
            )
        })
        .collect();
    format!("{} {value}{time}{start}{}", labels.join(","), exemplars.concat())
}

#[test]
fn the_text_format() {
    let text = r#"
# HELP http_requests_total The total number of HTTP "requests".\nTwo \\ lines.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200",} 1027 1395066363000
http_requests_total { method = "post" , code="400" }    3
# a comment
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot \"find\":\n\\x"} 1.458255915e9
metric_without_timestamp_and_labels 12.47
	something_weird{problem="division by zero"} +Inf -3982045
nan NaN
{"utf8.name","a.b"="c"} 1
"#;
    let wanted = [
        "http_requests_total helps \"The total number of HTTP \\\"requests\\\".\\nTwo \\\\ lines.\"",
        "http_requests_total is counter",
        r#"__name__="http_requests_total",method="post",code="200" 1027 @1395066363000"#,
        r#"__name__="http_requests_total",method="post",code="400" 3"#,
        r#"__name__="msdos_file_access_time_seconds",path="C:\\DIR\\FILE.TXT",error="Cannot \"find\":\n\\x" 1458255915"#,
        r#"__name__="metric_without_timestamp_and_labels" 12.47"#,
        r#"__name__="something_weird",problem="division by zero" inf @-3982045"#,
        r#"__name__="nan" NaN"#,
        r#"__name__="utf8.name",a.b="c" 1"#,
    ];
    assert_eq!(lines(Format::Text0, text.as_bytes(), NATIVE).unwrap(), wanted);
}

#[test]
fn open_metrics() {
    let text = r#"# TYPE foo_seconds histogram
# UNIT foo_seconds seconds
# HELP foo_seconds How long "it" took.
foo_seconds_bucket{le="1.0"} 10 # {trace_id="KOO5S4vxi0o"} 0.67 1520879607.789
foo_seconds_bucket{le="+Inf"} 17 1520879607.5
foo_seconds_count 17
foo_seconds_created 1520430000.123
# TYPE build info
build_info{version="1"} 1
# EOF
"#;
    let wanted = [
        "foo_seconds is histogram",
        "foo_seconds in seconds",
        "foo_seconds helps \"How long \\\"it\\\" took.\"",
        r#"__name__="foo_seconds_bucket",le="1.0" 10 # ["trace_id=KOO5S4vxi0o"] 0.67 Some(1520879607789)"#,
        r#"__name__="foo_seconds_bucket",le="+Inf" 17 @1520879607500"#,
        r#"__name__="foo_seconds_count" 17"#,
        r#"__name__="foo_seconds_created" 1520430000.123"#,
        "build is info",
        r#"__name__="build_info",version="1" 1"#,
    ];
    assert_eq!(lines(Format::OpenMetrics1, text.as_bytes(), NATIVE).unwrap(), wanted);
}

#[test]
fn what_is_wrong_is_named_by_its_line() {
    for (format, text, problem) in [
        (Format::Text0, "ok 1\na{b=\"c} 1\n", "line 2: a quoted string has no end"),
        (Format::Text0, "a{b=c} 1\n", "line 1: a value is not quoted"),
        (Format::Text0, "a{b=\"c\" d=\"e\"} 1\n", "line 1: labels are parted by commas and end in }"),
        (Format::Text0, "a\n", "line 1: a sample has no value"),
        (Format::Text0, "a b\n", "line 1: the value is no number"),
        (Format::Text0, "a 1 2 3\n", "line 1: text after the time"),
        (Format::Text0, "{b=\"c\"} 1\n", "line 1: a sample has no name"),
        (Format::Text0, "1a 1\n", "line 1: a metric's name begins with a digit"),
        (Format::Text0, "# TYPE a thing\n", "line 1: the type is not known"),
        (Format::Text0, "a{b=\"\\", "line 1: a quoted string has no end"),
        (Format::OpenMetrics1, "a 1\n", "line 2: the text ends without # EOF"),
        (Format::OpenMetrics1, "# EOF\na 1\n", "line 1: text after # EOF"),
        (Format::Protobuf, "\u{7f}", "malformed protobuf: a family is cut off"),
    ] {
        assert_eq!(lines(format, text.as_bytes(), NATIVE), Err(problem.to_owned()), "{text}");
    }
    assert_eq!(lines(Format::Text0, b"a \xff\n", NATIVE), Err("line 1: not UTF-8".to_owned()));
}

/// A field of wire type 2.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, content.len() as u8], content].concat()
}

fn double(number: u8, value: f64) -> Vec<u8> {
    [&[number << 3 | 1][..], &value.to_le_bytes()].concat()
}

fn family(name: &str, kind: u8, metric: &[u8]) -> Vec<u8> {
    let family = [field(1, name.as_bytes()), vec![3 << 3, kind], field(4, metric)].concat();
    [&[family.len() as u8], family.as_slice()].concat()
}

#[test]
fn protobuf_families() {
    let label = field(1, &[field(1, b"code"), field(2, b"200")].concat());
    let created = field(3, &[8, 100]);
    let counter = field(3, &[double(1, 7.0), created].concat());
    let bucket = [vec![1 << 3, 2], double(2, 1.0)].concat();
    let native = [
        vec![1 << 3, 3],
        double(2, 4.5),
        field(3, &bucket),
        vec![5 << 3, 2, 6 << 3 | 1],
        0.001f64.to_le_bytes().to_vec(),
        vec![7 << 3, 1],
        field(12, &[1 << 3, 4, 2 << 3, 2]),
        field(13, &[2, 0]),
    ]
    .concat();
    let body =
        [family("requests_total", 0, &[label, counter].concat()), family("latency", 4, &field(7, &native))]
            .concat();
    let head = [
        "requests_total is counter",
        r#"__name__="requests_total",code="200" 7 since 100000"#,
        "latency is histogram",
    ];
    let whole = r#"__name__="latency" count 3 sum 4.5 scale 1 from 1 [1.0, 1.0]"#;
    let classic = [
        r#"__name__="latency_bucket",le="1.0" 2"#,
        r#"__name__="latency_bucket",le="+Inf" 3"#,
        r#"__name__="latency_sum" 4.5"#,
        r#"__name__="latency_count" 3"#,
    ];
    for (native, tail) in [
        (NATIVE, &[&[whole][..]][..]),
        (Native { classic_too: true, ..NATIVE }, &[&[whole][..], &classic[..]]),
        (Native { taken: false, ..NATIVE }, &[&classic[..]]),
    ] {
        let wanted: Vec<&str> = head.iter().copied().chain(tail.concat()).collect();
        assert_eq!(lines(Format::Protobuf, &body, native).unwrap(), wanted);
    }
    for len in 1..body.len() {
        assert!(lines(Format::Protobuf, &body[..len], NATIVE).is_err() || body[0] as usize + 1 == len);
    }
}
