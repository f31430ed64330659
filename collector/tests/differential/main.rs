//! The decoder against prost: random requests become the same rows, whichever way they are read; and bytes that are
//! cut or flipped never panic, and are refused exactly when prost refuses them as protobuf.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod generate;
mod reference;
mod show;

use collector::{DecodeCtx, DecodeError, Decoded, Encoding, PROTOCOLS, decode};
use generate::Generator;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message as _;
use store::model::{Limits, Signal};

const NOW_NS: i64 = 1_700_000_000_000_000_000;

fn read(signal: Signal, bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let limits = Limits::default();
    let ctx = DecodeCtx { now_ns: NOW_NS, limits: &limits, target: "" };
    decode(&PROTOCOLS[0], signal, Encoding::Protobuf, bytes, &ctx)
}

fn request(signal: Signal, seed: u64) -> Vec<u8> {
    let mut generator = Generator::new(seed);
    match signal {
        Signal::Logs => generator.logs().encode_to_vec(),
        Signal::Spans => generator.traces().encode_to_vec(),
        Signal::Samples => generator.metrics().encode_to_vec(),
    }
}

fn prost_takes(signal: Signal, bytes: &[u8]) -> bool {
    match signal {
        Signal::Logs => ExportLogsServiceRequest::decode(bytes).is_ok(),
        Signal::Spans => ExportTraceServiceRequest::decode(bytes).is_ok(),
        Signal::Samples => ExportMetricsServiceRequest::decode(bytes).is_ok(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn logs_are_read_as_prost_reads_them(seed: u64) {
        let request = Generator::new(seed).logs();
        let decoded = read(Signal::Logs, &request.encode_to_vec()).unwrap();
        prop_assert_eq!(decoded.rejected.total(), 0);
        prop_assert_eq!(show::events(&decoded.batch), reference::logs(&request, NOW_NS));
    }

    #[test]
    fn spans_are_read_as_prost_reads_them(seed: u64) {
        let request = Generator::new(seed).traces();
        let decoded = read(Signal::Spans, &request.encode_to_vec()).unwrap();
        prop_assert_eq!(decoded.rejected.total(), 0, "{}", decoded.rejected.message());
        prop_assert_eq!(show::events(&decoded.batch), reference::spans(&request, NOW_NS));
    }

    #[test]
    fn samples_are_read_as_prost_reads_them(seed: u64) {
        let request = Generator::new(seed).metrics();
        let decoded = read(Signal::Samples, &request.encode_to_vec()).unwrap();
        prop_assert_eq!(decoded.rejected.total(), 0, "{}", decoded.rejected.message());
        prop_assert_eq!(show::samples(&decoded.batch), reference::samples(&request, NOW_NS));
    }

    #[test]
    fn damaged_bytes_never_panic(seed: u64, at: prop::sample::Index, bit in 0..8u8) {
        for signal in Signal::ALL {
            let mut bytes = request(signal, seed);
            if bytes.is_empty() {
                continue;
            }
            let _ = read(signal, &bytes[..at.index(bytes.len())]);
            let place = at.index(bytes.len());
            bytes[place] ^= 1 << bit;
            if prost_takes(signal, &bytes) {
                prop_assert!(read(signal, &bytes).is_ok(), "prost takes it");
            }
        }
    }
}
