//! Answers as bytes: the export response and `google.rpc.Status`, as protobuf and as JSON.

use store::model::Signal;

use crate::ingest::{Accepted, Refusal};
use crate::protocol::Encoding;

pub(super) fn accepted(accepted: &Accepted, signal: Signal, encoding: Encoding) -> Vec<u8> {
    let silent = accepted.rejected == 0 && accepted.message.is_empty();
    match encoding {
        Encoding::Json if silent => b"{}".to_vec(),
        Encoding::Json => json_partial(accepted, signal),
        _ if silent => Vec::new(),
        _ => {
            let mut partial = Vec::new();
            put_varint(&mut partial, 1, accepted.rejected);
            put_bytes(&mut partial, 2, accepted.message.as_bytes());
            let mut response = Vec::new();
            put_bytes(&mut response, 1, &partial);
            response
        }
    }
}

fn json_partial(accepted: &Accepted, signal: Signal) -> Vec<u8> {
    let rejected = match signal {
        Signal::Logs => "rejectedLogRecords",
        Signal::Spans => "rejectedSpans",
        Signal::Samples => "rejectedDataPoints",
    };
    let message = serde_json::Value::from(accepted.message.as_str());
    let count = accepted.rejected;
    format!(r#"{{"partialSuccess":{{"{rejected}":"{count}","errorMessage":{message}}}}}"#).into_bytes()
}

/// A `google.rpc.Status`.
pub(super) fn status(refusal: &Refusal, encoding: Encoding) -> Vec<u8> {
    let code = refusal.class.grpc_code() as i32;
    match encoding {
        Encoding::Json => {
            let message = serde_json::Value::from(refusal.message.as_str());
            format!(r#"{{"code":{code},"message":{message}}}"#).into_bytes()
        }
        _ => {
            let mut out = Vec::new();
            put_varint(&mut out, 1, u64::from(code.unsigned_abs()));
            put_bytes(&mut out, 2, refusal.message.as_bytes());
            if let Some(delay_s) = refusal.class.retry_after_s() {
                put_bytes(&mut out, 3, &retry_info(delay_s));
            }
            out
        }
    }
}

/// An `Any` with a `google.rpc.RetryInfo`.
fn retry_info(delay_s: u32) -> Vec<u8> {
    let (mut duration, mut info, mut any) = (Vec::new(), Vec::new(), Vec::new());
    put_varint(&mut duration, 1, u64::from(delay_s));
    put_bytes(&mut info, 1, &duration);
    put_bytes(&mut any, 1, b"type.googleapis.com/google.rpc.RetryInfo");
    put_bytes(&mut any, 2, &info);
    any
}

fn put_varint(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        raw_varint(out, u64::from(field) << 3);
        raw_varint(out, value);
    }
}

fn put_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    if !bytes.is_empty() {
        raw_varint(out, u64::from(field) << 3 | 2);
        raw_varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
}

fn raw_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
