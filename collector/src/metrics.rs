//! What the collector counted, as rows for `/metrics`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use store::model::Signal;
use store::{MetricKind, MetricRow};

/// Which requests a counter is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Door {
    pub protocol: &'static str,
    /// `http` or `grpc`.
    pub transport: &'static str,
    pub signal: Signal,
}

#[derive(Default, Debug)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<(Door, u16), u64>>,
    pub body_bytes: AtomicU64,
    pub decompressed_bytes: AtomicU64,
    pub permits_refused: AtomicU64,
    pub panics: AtomicU64,
    pub quarantined: AtomicU64,
    pub duplicates: AtomicU64,
}

// === impl Metrics ===

impl Metrics {
    /// `code`: the HTTP status, or the gRPC code for a gRPC door.
    pub fn answered(&self, door: Door, code: u16) {
        *self.requests.lock().entry((door, code)).or_default() += 1;
    }

    pub fn rows(&self, memory_used: u64) -> Vec<MetricRow> {
        let mut rows = Vec::new();
        for ((door, code), count) in self.requests.lock().iter() {
            rows.push(MetricRow {
                name: "signalbox_collector_requests_total",
                help: "Requests answered, by protocol, transport, signal and code.",
                kind: MetricKind::Counter,
                labels: vec![
                    ("protocol", door.protocol.to_owned()),
                    ("transport", door.transport.to_owned()),
                    ("signal", door.signal.as_str().to_owned()),
                    ("code", code.to_string()),
                ],
                value: *count as f64,
            });
        }
        rows.extend(self.totals().map(|(name, help, value)| MetricRow {
            name,
            help,
            kind: MetricKind::Counter,
            labels: Vec::new(),
            value: value as f64,
        }));
        rows.push(MetricRow {
            name: "signalbox_collector_memory_bytes",
            help: "Memory permits held by requests being taken in.",
            kind: MetricKind::Gauge,
            labels: Vec::new(),
            value: memory_used as f64,
        });
        rows
    }

    fn totals(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("signalbox_collector_body_bytes_total", "Body bytes received, as sent.", load(&self.body_bytes)),
            (
                "signalbox_collector_decompressed_bytes_total",
                "Body bytes after decompression.",
                load(&self.decompressed_bytes),
            ),
            (
                "signalbox_collector_permits_refused_total",
                "Requests refused because no memory permit was left.",
                load(&self.permits_refused),
            ),
            (
                "signalbox_collector_panics_total",
                "Requests whose processing failed by a bug.",
                load(&self.panics),
            ),
            (
                "signalbox_collector_quarantined_total",
                "Request bodies put aside because a bug kept failing them.",
                load(&self.quarantined),
            ),
            (
                "signalbox_collector_duplicate_requests_total",
                "Retries whose batch was stored before.",
                load(&self.duplicates),
            ),
        ]
        .into_iter()
    }
}
