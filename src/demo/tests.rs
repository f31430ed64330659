//! The shop against a small OTLP sink: what the SDK's pipelines really send.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::service::SERVICES;
use super::*;

/// Keeps everything, by resource.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Received>>);

#[derive(Default)]
struct Received {
    spans: Vec<(Resource, Span)>,
    logs: Vec<(Resource, LogRecord)>,
    metrics: Vec<(Resource, String)>,
    authorizations: BTreeSet<String>,
}

#[tonic::async_trait]
impl TraceService for Sink {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut received = self.0.lock().unwrap();
        let authorization = request.metadata().get("authorization").unwrap().to_str().unwrap().to_owned();
        received.authorizations.insert(authorization);
        for group in request.into_inner().resource_spans {
            let resource = group.resource.unwrap_or_default();
            let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
            received.spans.extend(spans.map(|span| (resource.clone(), span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Sink {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let mut received = self.0.lock().unwrap();
        for group in request.into_inner().resource_logs {
            let resource = group.resource.unwrap_or_default();
            let logs = group.scope_logs.into_iter().flat_map(|scope| scope.log_records);
            received.logs.extend(logs.map(|log| (resource.clone(), log)));
        }
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Sink {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let mut received = self.0.lock().unwrap();
        for group in request.into_inner().resource_metrics {
            let resource = group.resource.unwrap_or_default();
            let metrics = group.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
            received.metrics.extend(metrics.map(|metric| (resource.clone(), metric.name)));
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(value) => Some(value),
        _ => None,
    }
}

fn service(resource: &Resource) -> &str {
    text(&resource.attributes, "service.name").expect("every resource names its service")
}

/// Steps a shop through these seconds of its timeline and answers what the sink got.
async fn play(seconds: std::ops::Range<u64>) -> Received {
    let sink = Sink::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let otlp_grpc = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(sink.clone()))
        .add_service(LogsServiceServer::new(sink.clone()))
        .add_service(MetricsServiceServer::new(sink.clone()))
        .serve_with_incoming(TcpIncoming::from(listener));
    let server = tokio::spawn(server);
    let headers = vec![("authorization".to_owned(), "Bearer test".to_owned())];
    let mut shop = DemoConfig { otlp_grpc, headers, rate: 10.0, seed: 5 }.build().unwrap();
    let now = SystemTime::now();
    let mut ended = Vec::new();
    for second in seconds.clone() {
        let at = Duration::from_secs(second);
        ended.extend(shop.step(at, now - Duration::from_secs(seconds.end - second)).unwrap());
    }
    ended.extend(shop.close());
    tokio::task::spawn_blocking(move || stop(ended)).await.unwrap();
    server.abort();
    std::mem::take(&mut *sink.0.lock().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_service_sends_all_three_signals_under_its_own_resource() {
    let received = play(0..20).await;
    let names =
        |all: Vec<&Resource>| all.into_iter().map(|each| service(each).to_owned()).collect::<BTreeSet<_>>();
    let expected: BTreeSet<String> = SERVICES.iter().map(|row| row.name.to_owned()).collect();
    assert_eq!(names(received.spans.iter().map(|(resource, _)| resource).collect()), expected);
    assert_eq!(names(received.logs.iter().map(|(resource, _)| resource).collect()), expected);
    assert_eq!(names(received.metrics.iter().map(|(resource, _)| resource).collect()), expected);
    for (resource, _) in &received.spans {
        for key in ["service.version", "service.instance.id", "k8s.pod.name", "telemetry.sdk.language"] {
            assert!(text(&resource.attributes, key).is_some(), "{key} is missing in {resource:?}");
        }
    }
    let metrics: BTreeSet<&str> = received.metrics.iter().map(|(_, name)| name.as_str()).collect();
    for name in
        ["http.server.request.duration", "db.client.operation.duration", "shop.orders", "process.uptime"]
    {
        assert!(metrics.contains(name), "{name} is not in {metrics:?}");
    }
    assert_eq!(received.authorizations, BTreeSet::from(["Bearer test".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_are_whole_across_services_and_lines_point_into_them() {
    let received = play(0..20).await;
    let by_id: HashMap<&[u8], &Span> =
        received.spans.iter().map(|(_, span)| (span.span_id.as_slice(), span)).collect();
    assert_eq!(by_id.len(), received.spans.len(), "span ids are unique");
    let mut services_of_trace: BTreeMap<&[u8], BTreeSet<&str>> = BTreeMap::new();
    for (resource, span) in &received.spans {
        services_of_trace.entry(&span.trace_id).or_default().insert(service(resource));
        if !span.parent_span_id.is_empty() {
            let parent = by_id[span.parent_span_id.as_slice()];
            assert_eq!(parent.trace_id, span.trace_id);
            assert!(parent.start_time_unix_nano <= span.start_time_unix_nano);
        }
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
    }
    assert!(services_of_trace.values().any(|services| services.len() >= 7), "no checkout went all the way");
    let with_trace = received.logs.iter().filter(|(_, log)| !log.trace_id.is_empty());
    let mut lines = 0;
    for (_, log) in with_trace {
        assert_eq!(by_id[log.span_id.as_slice()].trace_id, log.trace_id);
        lines += 1;
    }
    assert!(lines > 200, "only {lines} lines");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crashed_service_says_why_and_is_silent() {
    let received = play(40..60).await;
    let fatal = |(resource, log): &&(Resource, LogRecord)| {
        service(resource) == "review" && log.severity_text == "FATAL"
    };
    let last = received.logs.iter().find(fatal).expect("the crash is logged").1.time_unix_nano;
    for (resource, span) in received.spans.iter().filter(|(resource, _)| service(resource) == "review") {
        assert!(span.start_time_unix_nano <= last, "{resource:?} after the crash");
    }
    let refused = received
        .spans
        .iter()
        .filter(|(_, span)| text(&span.attributes, "error.type") == Some("connection_refused"));
    assert!(refused.count() > 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roll_out_is_a_new_instance_of_a_new_version() {
    let received = play(145..160).await;
    let seen: BTreeSet<(&str, &str)> = received
        .logs
        .iter()
        .filter(|(resource, _)| service(resource) == "payments")
        .filter_map(|(resource, _)| {
            let attributes = &resource.attributes;
            Some((text(attributes, "service.version")?, text(attributes, "service.instance.id")?))
        })
        .collect();
    let versions: Vec<&str> = seen.iter().map(|(version, _)| *version).collect();
    assert_eq!(versions, ["2.4.0", "2.5.0"], "{seen:?}");
    let body = |log: &LogRecord| match &log.body {
        Some(AnyValue { value: Some(Value::StringValue(body)) }) => body.clone(),
        other => panic!("{other:?}"),
    };
    assert!(received.logs.iter().any(|(_, log)| body(log) == "payments 2.5.0 started, listening on :50051"));
}

#[test]
fn a_wrong_setting_is_told() {
    let config = DemoConfig { otlp_grpc: "http://127.0.0.1:1".into(), headers: vec![], rate: 1.0, seed: 0 };
    let told = |config: DemoConfig| config.build().err().expect("refused").to_string();
    assert!(told(DemoConfig { rate: 0.0, ..config.clone() }).contains("rate"));
    assert!(told(DemoConfig { otlp_grpc: "not a url".into(), ..config.clone() }).contains("not a url"));
    let headers = vec![("ä".to_owned(), "x".to_owned())];
    assert!(told(DemoConfig { headers, ..config }).contains("header"));
}

#[test]
fn the_chat_url_stands_quoted_in_the_configuration() {
    let text = alertmanager("http://127.0.0.1:9480/api/signalbox/demo/chat/shop");
    assert!(text.contains(r#"api_url: "http://127.0.0.1:9480/api/signalbox/demo/chat/shop""#));
    assert!(!text.contains("CHAT_URL"));
}
