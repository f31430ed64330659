//! Bulks and what becomes of their items.

use store::model::{Batch, EventBatch, Field, Limits};

use super::*;
use crate::protocol::Reject;

const NOW_NS: i64 = 1_700_000_000_000_000_000;

fn run(encoding: Encoding, target: &str, body: &str) -> Result<Decoded, DecodeError> {
    let limits = Limits::default();
    decode(Signal::Logs, encoding, body.as_bytes(), &DecodeCtx { now_ns: NOW_NS, limits: &limits, target })
}

fn events(decoded: &Decoded) -> &EventBatch {
    match &decoded.batch {
        Batch::Events(events) => events,
        Batch::Samples(_) => unreachable!("a bulk brings logs"),
    }
}

/// Every row as `resource | time | body | attributes`.
fn lines(decoded: &Decoded) -> Vec<String> {
    let batch = events(decoded);
    let line = |row: usize| {
        let show = |pairs: Vec<(&str, store::model::Value<'_>)>| {
            pairs.iter().map(|(k, v)| format!("{k}={}", v.text())).collect::<Vec<_>>().join(",")
        };
        let resource = show(batch.stream(row).resource.iter().collect());
        let body = batch.field(row, Field::Body).unwrap().text().into_owned();
        format!(
            "{resource} | {} | {body} | {}",
            batch.times()[row] - NOW_NS,
            show(batch.attributes(row).collect())
        )
    };
    (0..batch.rows()).map(line).collect()
}

#[test]
fn nested_and_dotted_names_are_the_same_fields() {
    let body = concat!(
        r#"{"create":{"_index":"logs-shop"}}"#,
        "\n",
        r#"{"@timestamp":"2023-11-14T22:13:20.001Z","message":"paid","host":{"name":"h1"},"service.name":"cart","#,
        r#""kubernetes":{"pod":{"name":"cart-1"}},"http":{"response":{"status_code":200}},"tags":["a","b"],"ok":true}"#,
        "\n",
        r#"{"index":{}}"#,
        "\r\n",
        r#"{"@timestamp":1700000000000,"message":"again","host.name":"h1","service":{"name":"cart"},"x":null,"f":0.5}"#,
    );
    let decoded = run(Encoding::Ndjson, "other", body).unwrap();
    assert_eq!(
        lines(&decoded),
        [
            "elasticsearch.index=logs-shop,host.name=h1,k8s.pod.name=cart-1,service.name=cart | 1000000 | paid | \
             http.response.status_code=200,tags=[\"a\",\"b\"],ok=true",
            "elasticsearch.index=other,host.name=h1,service.name=cart | 0 | again | f=0.5",
        ]
    );
    assert!(decoded.all_timestamped);
    let items: Vec<_> =
        Items::read(&decoded.detail).map(|item| (item.operation.name(), item.index)).collect();
    assert_eq!(items, [("create", "logs-shop"), ("index", "other")]);
}

#[test]
fn levels_and_ids_are_fields_of_the_record() {
    let body = r#"{"message":"x","log":{"level":"warn"},"trace":{"id":"0af7651916cd43dd8448eb211c80319c"},"span.id":"?"}"#;
    let decoded = run(Encoding::Json, "i", body).unwrap();
    let batch = events(&decoded);
    assert_eq!(batch.field(0, Field::SeverityText).unwrap().text(), "warn");
    assert_eq!(batch.field(0, Field::TraceId).unwrap().as_bytes().unwrap().len(), 16);
    assert_eq!(lines(&decoded), ["elasticsearch.index=i | 0 | x | span.id=?"]);
    assert!(!decoded.all_timestamped, "the server stamped it");
}

#[test]
fn a_document_without_a_line_is_its_own_line() {
    for (body, line) in [(r#"{"log":"from stdout"}"#, "from stdout"), (r#"{"n":1}"#, r#"{"n":1}"#)] {
        let decoded = run(Encoding::Json, "", body).unwrap();
        assert_eq!(events(&decoded).field(0, Field::Body).unwrap().text(), line);
    }
}

#[test]
fn each_item_has_its_own_outcome() {
    let deep = format!("{}1{}", "[".repeat(70), "]".repeat(70));
    let body = [
        r#"{"create":{}}"#,
        r#"{"message":"good"}"#,
        r#"{"create":{}}"#,
        r#"{"message":"#,
        r#"{"create":{}}"#,
        r#"{"@timestamp":"soon"}"#,
        r#"{"delete":{"_id":"1"}}"#,
        r#"{"update":{"_id":"1"}}"#,
        r#"{"doc":{}}"#,
        r#"{"create":{}}"#,
        &format!(r#"{{"d":{deep}}}"#),
        r#"{"create":{}}"#,
        r#"[1]"#,
        r#"{"create":{}}"#,
        r#"{"message":"good"}"#,
        r#"{"create":{}}"#,
    ]
    .join("\n");
    let decoded = run(Encoding::Ndjson, "i", &body).unwrap();
    let outcomes: Vec<_> = Items::read(&decoded.detail).map(|item| item.rejected).collect();
    let expected = [
        None,
        Some(Reject::Document),
        Some(Reject::Time),
        Some(Reject::Operation),
        Some(Reject::Operation),
        Some(Reject::TooDeep),
        Some(Reject::Document),
        None,
        Some(Reject::NoDocument),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!((events(&decoded).rows(), decoded.rejected.total()), (2, 7));
}

#[test]
fn an_action_that_is_none_refuses_the_request_and_says_where() {
    for (body, at) in [("{\"create\":{}}\n{}\nnonsense", 17), ("{\"creat\":{}}\n{}", 9), ("{}", 1)] {
        match run(Encoding::Ndjson, "", body).unwrap_err() {
            DecodeError::Json { at: found, .. } => assert_eq!(found, at, "{body}"),
            other => unreachable!("{other}"),
        }
    }
}
