//! One service's own telemetry: an official SDK pipeline for each signal, exporting OTLP over gRPC.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::logs::LoggerProvider as _;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter, MeterProvider as _, UpDownCounter};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{KeyValue, SpanId, TraceId};
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithTonicConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{BatchLogProcessor, SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{BatchSpanProcessor, IdGenerator, Sampler, SdkTracer, SdkTracerProvider};
use opentelemetry_sdk::{logs, trace};
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;

use super::random::Random;
use super::service::Row;

/// Short, so that the shop looks live.
const EVENTS_INTERVAL: Duration = Duration::from_millis(400);
const METRICS_INTERVAL: Duration = Duration::from_secs(1);
/// A service that goes down does not wait longer for its last export.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// The boundaries that the semantic conventions advise for durations in seconds.
const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
const SCOPE: &str = "signalbox.demo.shop";

pub(crate) struct Pipeline {
    pub(crate) version: &'static str,
    pub(crate) tracer: SdkTracer,
    pub(crate) logger: SdkLogger,
    pub(crate) instruments: Instruments,
    tracers: SdkTracerProvider,
    loggers: SdkLoggerProvider,
    meters: SdkMeterProvider,
}

pub(crate) struct Instruments {
    pub(crate) server: Histogram<f64>,
    pub(crate) client: Histogram<f64>,
    pub(crate) database: Histogram<f64>,
    pub(crate) process: Histogram<f64>,
    pub(crate) orders: Counter<u64>,
    pub(crate) payments: Counter<u64>,
    pub(crate) cart_items: Counter<u64>,
    pub(crate) messages_sent: Counter<u64>,
    pub(crate) messages_consumed: Counter<u64>,
    pub(crate) queue_depth: UpDownCounter<i64>,
    pub(crate) cpu_utilization: Gauge<f64>,
    pub(crate) cpu_time: Counter<f64>,
    pub(crate) memory: UpDownCounter<i64>,
    pub(crate) threads: UpDownCounter<i64>,
    pub(crate) uptime: Gauge<f64>,
}

/// Trace and span ids from the shop's seed.
#[derive(Clone, Debug)]
pub(crate) struct Ids(Arc<Mutex<Random>>);

// === impl Pipeline ===

impl Pipeline {
    /// Must be called inside a tokio runtime: the channel's connection lives there.
    pub(crate) fn start(
        row: &'static Row,
        version: &'static str,
        channel: &Channel,
        headers: &MetadataMap,
        ids: &Ids,
    ) -> Result<Self, ExporterBuildError> {
        let resource = resource(row, version, ids);
        let spans =
            SpanExporter::builder().with_tonic().with_channel(channel.clone()).with_metadata(headers.clone());
        let span_batches = trace::BatchConfigBuilder::default().with_scheduled_delay(EVENTS_INTERVAL).build();
        let tracers = SdkTracerProvider::builder()
            .with_sampler(Sampler::AlwaysOn)
            .with_id_generator(ids.clone())
            .with_resource(resource.clone())
            .with_span_processor(
                BatchSpanProcessor::builder(spans.build()?).with_batch_config(span_batches).build(),
            )
            .build();
        let records =
            LogExporter::builder().with_tonic().with_channel(channel.clone()).with_metadata(headers.clone());
        let log_batches = logs::BatchConfigBuilder::default().with_scheduled_delay(EVENTS_INTERVAL).build();
        let loggers = SdkLoggerProvider::builder()
            .with_resource(resource.clone())
            .with_log_processor(
                BatchLogProcessor::builder(records.build()?).with_batch_config(log_batches).build(),
            )
            .build();
        let metrics = MetricExporter::builder()
            .with_tonic()
            .with_channel(channel.clone())
            .with_metadata(headers.clone());
        let reader = PeriodicReader::builder(metrics.build()?).with_interval(METRICS_INTERVAL).build();
        let meters = SdkMeterProvider::builder().with_resource(resource).with_reader(reader).build();
        Ok(Self {
            version,
            tracer: tracers.tracer(SCOPE),
            logger: loggers.logger(SCOPE),
            instruments: Instruments::new(&meters.meter(SCOPE)),
            tracers,
            loggers,
            meters,
        })
    }

    /// Sends what waits and ends. Blocks until sent or timed out, so not on a runtime's worker.
    pub(crate) fn stop(self) {
        let outcomes = [
            self.loggers.shutdown_with_timeout(SHUTDOWN_TIMEOUT),
            self.tracers.shutdown_with_timeout(SHUTDOWN_TIMEOUT),
            self.meters.shutdown_with_timeout(SHUTDOWN_TIMEOUT),
        ];
        for error in outcomes.into_iter().filter_map(Result::err) {
            tracing::debug!(%error, "a demo service lost its last telemetry");
        }
    }
}

// === impl Instruments ===

impl Instruments {
    fn new(meter: &Meter) -> Self {
        let seconds = |name: &'static str, what: &'static str| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(what);
            histogram.with_boundaries(SECONDS.to_vec()).build()
        };
        let counter = |name: &'static str, unit: &'static str, what: &'static str| {
            meter.u64_counter(name).with_unit(unit).with_description(what).build()
        };
        let level = |name: &'static str, unit: &'static str, what: &'static str| {
            meter.i64_up_down_counter(name).with_unit(unit).with_description(what).build()
        };
        let gauge = |name: &'static str, unit: &'static str, what: &'static str| {
            meter.f64_gauge(name).with_unit(unit).with_description(what).build()
        };
        Self {
            server: seconds("http.server.request.duration", "Duration of HTTP server requests."),
            client: seconds("http.client.request.duration", "Duration of HTTP client requests."),
            database: seconds("db.client.operation.duration", "Duration of database client operations."),
            process: seconds("messaging.process.duration", "Duration of processing a message."),
            orders: counter("shop.orders", "{order}", "Orders placed."),
            payments: counter("shop.payments", "{payment}", "Charges by outcome."),
            cart_items: counter("shop.cart.items", "{item}", "Items put into carts."),
            messages_sent: counter("messaging.client.sent.messages", "{message}", "Messages sent."),
            messages_consumed: counter("messaging.client.consumed.messages", "{message}", "Messages taken."),
            queue_depth: level("shop.queue.depth", "{message}", "Messages that wait in a queue."),
            cpu_utilization: gauge("process.cpu.utilization", "1", "Share of one CPU in use."),
            cpu_time: meter
                .f64_counter("process.cpu.time")
                .with_unit("s")
                .with_description("CPU time by mode.")
                .build(),
            memory: level("process.memory.usage", "By", "Physical memory in use."),
            threads: level("process.thread.count", "{thread}", "Threads of the process."),
            uptime: gauge("process.uptime", "s", "Time since the process began."),
        }
    }
}

// === impl Ids ===

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Random::new(seed))))
    }

    /// Never 0, which would be an invalid id.
    fn draw(&self) -> u64 {
        let mut random = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        random.next().max(1)
    }
}

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from(u128::from(self.draw()) << 64 | u128::from(self.draw()))
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from(self.draw())
    }
}

/// Every start is a new pod, as it would be after a crash or a roll-out.
fn resource(row: &Row, version: &'static str, ids: &Ids) -> Resource {
    let start = ids.draw();
    let pod = format!("{}-{:08x}-{:05x}", row.name, start >> 32, start & 0xf_ffff);
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes([
            KeyValue::new("service.name", row.name),
            KeyValue::new("service.namespace", "shop"),
            KeyValue::new("service.version", version),
            KeyValue::new("service.instance.id", format!("{:016x}", ids.draw())),
            KeyValue::new("deployment.environment.name", "demo"),
            KeyValue::new("k8s.cluster.name", "demo-cluster"),
            KeyValue::new("k8s.namespace.name", "shop"),
            KeyValue::new("k8s.deployment.name", row.name),
            KeyValue::new("k8s.pod.name", pod),
            KeyValue::new("k8s.node.name", row.node),
            KeyValue::new("host.name", row.node),
        ])
        .build()
}
