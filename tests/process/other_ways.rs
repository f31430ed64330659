//! One record with a mark in it, as each way in beside OTLP takes it.

use collector::{Dialect, HttpRoute, Serves};
use prost::encoding::encode_varint;
use serde_json::json;

use crate::support::now_ns;

/// A request of a row: its headers and its body.
pub struct Sent {
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: Vec<u8>,
}

/// `None`: the row takes no data, or OTLP.
pub fn record(route: &HttpRoute, mark: &str) -> Option<Sent> {
    let json = vec![("Content-Type", "application/json")];
    let now = now_ns();
    let (headers, body) = match (route.protocol.dialect, route.serves) {
        (Dialect::Otlp | Dialect::None, _) | (_, Serves::Handshake) => return None,
        (Dialect::RemoteWrite, _) => {
            let headers = vec![("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy")];
            let body = write_request(mark, now / 1_000_000);
            (headers, snap::raw::Encoder::new().compress_vec(&body).expect("a small body"))
        }
        (Dialect::Loki, _) => {
            let stream = json!({"stream": {"who": mark}, "values": [[now.to_string(), mark]]});
            (json, json!({"streams": [stream]}).to_string().into_bytes())
        }
        (Dialect::Elasticsearch, _) if route.path.ends_with("_bulk") => {
            let document = json!({"@timestamp": now / 1_000_000, "message": mark});
            (
                vec![("Content-Type", "application/x-ndjson")],
                format!("{{\"create\":{{}}}}\n{document}\n").into_bytes(),
            )
        }
        (Dialect::Elasticsearch, _) => {
            (json, json!({"@timestamp": now / 1_000_000, "message": mark}).to_string().into_bytes())
        }
        (Dialect::Import, _) => (Vec::new(), lines(route.path, mark, now)),
        (Dialect::Zipkin, _) => {
            let id = format!("{now:016x}");
            let span = json!({
                "traceId": id, "id": id, "name": mark, "timestamp": now / 1000, "duration": 5,
                "localEndpoint": {"serviceName": mark},
            });
            (json, json!([span]).to_string().into_bytes())
        }
    };
    Some(Sent { headers, body })
}

/// A line of each form of bulk import.
fn lines(path: &str, mark: &str, now: u64) -> Vec<u8> {
    let time_ms = now / 1_000_000;
    let line = match path.rsplit('/').next() {
        Some("prometheus") => format!("shop_imported{{who=\"{mark}\"}} 7 {time_ms}"),
        Some("otlp") => {
            let attributes = json!([{"key": "who", "value": {"stringValue": mark}}]);
            let point = json!({"timeUnixNano": now.to_string(), "asDouble": 7, "attributes": attributes});
            let metric = json!({"name": "shop.moved", "gauge": {"dataPoints": [point]}});
            json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).to_string()
        }
        _ => {
            let labels = json!({"__name__": "shop_moved_in", "who": mark});
            json!({"metric": labels, "values": [7], "timestamps": [time_ms]}).to_string()
        }
    };
    line.into_bytes()
}

/// A `prometheus.WriteRequest` with one sample.
fn write_request(mark: &str, time_ms: u64) -> Vec<u8> {
    let label =
        |name: &str, value: &str| field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat());
    let mut sample = vec![1 << 3 | 1];
    sample.extend_from_slice(&7f64.to_le_bytes());
    sample.push(2 << 3);
    encode_varint(time_ms, &mut sample);
    let series = [label("__name__", "shop_written"), label("who", mark), field(2, &sample)].concat();
    field(1, &series)
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    encode_varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}
