//! Counts with the official OpenTelemetry SDK for Rust, in both temporalities and across a restart of the SDK. (It makes no
//! exemplars; those of Python's are looked at.)

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_otlp::{MetricExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{
    Aggregation, Instrument, PeriodicReader, SdkMeterProvider, Stream, Temporality,
};

use crate::support::Server;

/// What each life of the SDK adds, export by export.
const LIVES: [&[u64]; 2] = [&[7, 5, 1], &[3, 11]];
const LATENCIES: [f64; 3] = [0.02, 0.3, 4.0];

/// Every export is asked for.
const NEVER: Duration = Duration::from_secs(86_400);

/// Times are kept in milliseconds: a start and a sample of one are at one time, and so are two exports.
fn next_millisecond() {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(2) {
        std::hint::spin_loop();
    }
}

/// Instruments of that name have exponential histograms.
fn exponential(instrument: &Instrument) -> Option<Stream> {
    let aggregation =
        Aggregation::Base2ExponentialHistogram { max_size: 160, max_scale: 20, record_min_max: true };
    let stream = Stream::builder().with_aggregation(aggregation).build();
    instrument.name().ends_with(".spread").then(|| stream.expect("a stream"))
}

/// Lives one after the other; each begins to count anew.
fn record(server: &Server, temporality: Temporality, name: &str) {
    for life in LIVES {
        let exporter = MetricExporter::builder()
            .with_tonic()
            .with_endpoint(format!("http://{}", server.otlp_grpc))
            .with_temporality(temporality);
        let reader =
            PeriodicReader::builder(exporter.build().expect("an exporter")).with_interval(NEVER).build();
        let instance = KeyValue::new("service.instance.id", name.to_owned());
        let resource = Resource::builder().with_service_name("sdk-rust").with_attribute(instance).build();
        let provider = SdkMeterProvider::builder().with_resource(resource).with_reader(reader);
        let provider = provider.with_view(exponential).build();
        let meter = provider.meter("sdk.totals");
        let counter = meter.u64_counter(format!("{name}.requests")).with_unit("{request}").build();
        let duration = meter
            .f64_histogram(format!("{name}.duration"))
            .with_unit("s")
            .with_boundaries(vec![0.1, 1.0])
            .build();
        let spread = meter.f64_histogram(format!("{name}.spread")).with_unit("s").build();
        let attributes = [KeyValue::new("http.route", "/")];
        for added in life {
            counter.add(*added, &attributes);
            LATENCIES.iter().for_each(|latency| duration.record(*latency, &attributes));
            LATENCIES.iter().for_each(|latency| spread.record(*latency, &attributes));
            next_millisecond();
            provider.force_flush().expect("the exporter answers");
        }
        provider.shutdown().expect("a shutdown");
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn values(server: &Server, query: &str, at: f64) -> Vec<f64> {
    let answer = server.get(&format!("/api/v1/query?time={at}&query={}", encoded(query))).json();
    let result = answer["data"]["result"].as_array().cloned().unwrap_or_default();
    let value = |series: &serde_json::Value| series["value"][1].as_str().and_then(|text| text.parse().ok());
    result.iter().filter_map(value).collect()
}

pub fn totals_are_those_that_were_recorded(server: &Server) {
    for (temporality, name) in [(Temporality::Cumulative, "sdk.whole"), (Temporality::Delta, "sdk.growth")] {
        record(server, temporality, name);
        let at = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64() + 0.01;
        let flat = name.replace('.', "_");
        let added: u64 = LIVES.concat().iter().sum();
        let exports = LIVES.concat().len() as f64;
        for (query, expected) in [
            (format!("increase({flat}_requests_total[10m] anchored)"), added as f64),
            (format!("increase({flat}_duration_seconds_count[10m] anchored)"), exports * 3.0),
            (format!("increase({flat}_duration_seconds_bucket{{le=\"0.1\"}}[10m] anchored)"), exports),
            (
                format!("increase({flat}_duration_seconds_sum[10m] anchored)"),
                exports * LATENCIES.iter().sum::<f64>(),
            ),
            (
                format!("histogram_count(increase({flat}_spread_seconds[10m] anchored))"),
                exports * LATENCIES.len() as f64,
            ),
            (
                format!("histogram_sum(increase({flat}_spread_seconds[10m] anchored))"),
                exports * LATENCIES.iter().sum::<f64>(),
            ),
        ] {
            let found = values(server, &query, at);
            assert!(
                found.len() == 1 && (found[0] - expected).abs() <= 1e-6 * expected,
                "{query} should be {expected}, is {found:?}"
            );
        }
        let otel = format!("sum by (\"http.route\") (rate({{\"{name}.duration_bucket\"}}[5m]))");
        let prometheus = format!("sum by (http_route) (rate({flat}_duration_seconds_bucket[5m]))");
        let found = values(server, &otel, at);
        assert!(!found.is_empty(), "{otel}");
        assert_eq!(found, values(server, &prometheus, at), "{otel} and {prometheus}");
    }
}
