//! Plays a [`Plan`] into the pipelines of the services that take part: the only place where planned time
//! becomes wall time.

use std::time::{Duration, SystemTime};

use opentelemetry::logs::{LogRecord as _, Logger as _, Severity};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _,
};
use opentelemetry::{Context, KeyValue};

use super::draft::ORDERS_TOPIC;
use super::pipeline::{Instruments, Pipeline};
use super::plan::{Count, Fault, LogPlan, Plan, SpanPlan};

/// Attributes of a span that its duration is counted under.
const SERVER_KEYS: [&str; 5] =
    ["http.request.method", "http.route", "http.response.status_code", "url.scheme", "error.type"];
const CLIENT_KEYS: [&str; 5] =
    ["http.request.method", "http.response.status_code", "server.address", "server.port", "error.type"];
const DATABASE_KEYS: [&str; 4] =
    ["db.system.name", "db.collection.name", "db.operation.name", "server.address"];
const PROCESS_KEYS: [&str; 3] =
    ["messaging.system", "messaging.destination.name", "messaging.consumer.group.name"];

/// `pipelines` has one place per service, empty when it is down. The plan ends at `end`.
pub(crate) fn play(plan: Plan, pipelines: &[Option<Pipeline>], end: SystemTime) {
    let begin = end - Duration::from_micros(plan.length_us());
    let mut contexts: Vec<Option<SpanContext>> = Vec::with_capacity(plan.spans.len());
    for span in plan.spans {
        let Some(pipeline) = pipelines.get(span.service as usize).and_then(Option::as_ref) else {
            contexts.push(None);
            continue;
        };
        let parent = span.parent.and_then(|parent| contexts[parent.0].clone());
        measure(&span, &pipeline.instruments);
        contexts.push(Some(record(span, parent, pipeline, begin)));
    }
}

/// A line that belongs to no request.
pub(crate) fn line(pipeline: &Pipeline, at: SystemTime, severity: Severity, body: String) {
    emit(pipeline, None, at, LogPlan { at_us: 0, severity, body, attributes: vec![] });
}

fn record(
    plan: SpanPlan,
    parent: Option<SpanContext>,
    pipeline: &Pipeline,
    begin: SystemTime,
) -> SpanContext {
    let context = parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
    let at = |us| begin + Duration::from_micros(us);
    let builder = SpanBuilder::from_name(plan.name)
        .with_kind(plan.kind)
        .with_start_time(at(plan.start_us))
        .with_attributes(plan.attributes);
    let mut span = pipeline.tracer.build_with_context(builder, &context);
    let own = span.span_context().clone();
    if let Some(fault) = plan.error {
        if let Some(event) = exception(&fault) {
            span.add_event_with_timestamp("exception", at(plan.end_us), event);
        }
        span.set_status(Status::error(fault.message));
    }
    for log in plan.logs {
        let time = at(log.at_us);
        emit(pipeline, Some(&own), time, log);
    }
    span.end_with_timestamp(at(plan.end_us));
    own
}

fn exception(fault: &Fault) -> Option<Vec<KeyValue>> {
    let exception = fault.exception.as_ref()?;
    Some(vec![
        KeyValue::new("exception.type", exception.kind),
        KeyValue::new("exception.message", fault.message.clone()),
        KeyValue::new("exception.stacktrace", exception.stacktrace.clone()),
    ])
}

fn emit(pipeline: &Pipeline, span: Option<&SpanContext>, at: SystemTime, log: LogPlan) {
    let mut record = pipeline.logger.create_log_record();
    record.set_timestamp(at);
    record.set_observed_timestamp(at);
    record.set_severity_number(log.severity);
    record.set_severity_text(log.severity.name());
    record.set_body(log.body.into());
    for attribute in log.attributes {
        record.add_attribute(attribute.key, attribute.value.to_string());
    }
    if let Some(span) = span {
        record.set_trace_context(span.trace_id(), span.span_id(), Some(span.trace_flags()));
    }
    pipeline.logger.emit(record);
}

fn measure(span: &SpanPlan, instruments: &Instruments) {
    let seconds = span.end_us.saturating_sub(span.start_us) as f64 / 1e6;
    let has = |key: &str| span.attributes.iter().any(|attribute| attribute.key.as_str() == key);
    match span.kind {
        SpanKind::Server => instruments.server.record(seconds, &only(span, &SERVER_KEYS)),
        SpanKind::Consumer => instruments.process.record(seconds, &only(span, &PROCESS_KEYS)),
        SpanKind::Client if has("db.system.name") => {
            instruments.database.record(seconds, &only(span, &DATABASE_KEYS));
        }
        SpanKind::Client => instruments.client.record(seconds, &only(span, &CLIENT_KEYS)),
        SpanKind::Producer | SpanKind::Internal => {}
    }
    for count in &span.counts {
        add(*count, instruments);
    }
}

fn add(count: Count, instruments: &Instruments) {
    let topic = || {
        [
            KeyValue::new("messaging.system", "kafka"),
            KeyValue::new("messaging.destination.name", ORDERS_TOPIC),
        ]
    };
    match count {
        Count::Order => instruments.orders.add(1, &[]),
        Count::Payment { accepted } => {
            let outcome = if accepted { "accepted" } else { "failed" };
            instruments.payments.add(1, &[KeyValue::new("outcome", outcome)]);
        }
        Count::CartItems(items) => instruments.cart_items.add(items, &[]),
        Count::Sent => instruments.messages_sent.add(1, &topic()),
        Count::Consumed => instruments.messages_consumed.add(1, &topic()),
    }
}

fn only(span: &SpanPlan, keys: &[&str]) -> Vec<KeyValue> {
    let kept = span.attributes.iter().filter(|attribute| keys.contains(&attribute.key.as_str()));
    kept.cloned().collect()
}
