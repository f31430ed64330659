//! Writes a [`Plan`]: a cursor of simulated time moves through calls, queries and messages, so latency needs
//! no sleeping.

use std::borrow::Cow;

use opentelemetry::KeyValue;
use opentelemetry::logs::Severity;
use opentelemetry::trace::SpanKind;

use super::plan::{Count, Fault, LogPlan, Outcome, Plan, SpanPlan, SpanRef};
use super::random::Random;
use super::service::Service;
use super::timeline::Incident;

/// How much longer queries take when the database is slow.
const SLOW_FACTOR: f64 = 20.0;
/// The queue between checkout and those who fulfil orders.
pub(crate) const ORDERS_TOPIC: &str = "orders";

pub(crate) struct Draft<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) incident: Incident,
    plan: Plan,
    now_us: u64,
}

/// One kind of HTTP request.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'static str,
    pub(crate) route: &'static str,
    pub(crate) path: &'a str,
    /// After this the caller stops waiting; the server does not notice.
    pub(crate) timeout_ms: u64,
}

/// One kind of database query.
#[derive(Clone, Copy)]
pub(crate) struct Query {
    pub(crate) operation: &'static str,
    pub(crate) table: &'static str,
    pub(crate) text: &'static str,
    pub(crate) median_ms: f64,
}

// === impl Draft ===

impl<'a> Draft<'a> {
    pub(crate) fn new(random: &'a mut Random, incident: Incident) -> Self {
        Self { random, incident, plan: Plan::default(), now_us: 0 }
    }

    pub(crate) fn finish(self) -> Plan {
        self.plan
    }

    /// Time passes in whoever is running.
    pub(crate) fn work(&mut self, median_ms: f64) {
        self.now_us += (self.random.log_normal(median_ms, 0.4) * 1_000.0) as u64 + 1;
    }

    /// A request that arrives at `service`; `body` is its handler. The request's own status is the outcome's.
    pub(crate) fn serve(
        &mut self,
        service: Service,
        parent: Option<SpanRef>,
        request: Request<'_>,
        body: impl FnOnce(&mut Self, SpanRef) -> Outcome,
    ) -> Outcome {
        let attributes = vec![
            KeyValue::new("http.request.method", request.method),
            KeyValue::new("http.route", request.route),
            KeyValue::new("url.scheme", "http"),
            KeyValue::new("url.path", request.path.to_owned()),
            KeyValue::new("server.address", service.name()),
            KeyValue::new("server.port", service.row().port),
            KeyValue::new("network.protocol.version", "1.1"),
        ];
        let name = format!("{} {}", request.method, request.route);
        let span = self.open(service, parent, SpanKind::Server, name, attributes);
        self.work(0.4);
        let outcome = body(self, span);
        self.work(0.2);
        let fault = outcome.as_ref().err().cloned();
        let status = fault.as_ref().map_or(200, |fault| fault.status);
        self.attribute(span, KeyValue::new("http.response.status_code", status));
        // By the conventions a server span fails on 5xx only: a 404 is the caller's mistake.
        let fault = fault.filter(|fault| fault.status >= 500);
        if let Some(fault) = &fault {
            let thrown = fault.exception.as_ref().map(|exception| exception.kind.to_owned());
            let error_type = thrown.unwrap_or_else(|| status.to_string());
            self.attribute(span, KeyValue::new("error.type", error_type));
        }
        self.close(span, fault);
        outcome
    }

    /// `from` calls another service and waits for it.
    pub(crate) fn call(
        &mut self,
        from: SpanRef,
        to: Service,
        request: Request<'_>,
        body: impl FnOnce(&mut Self, SpanRef) -> Outcome,
    ) -> Outcome {
        let attributes = vec![
            KeyValue::new("http.request.method", request.method),
            KeyValue::new("url.template", request.route),
            KeyValue::new("url.full", format!("http://{}:{}{}", to.name(), to.row().port, request.path)),
            KeyValue::new("server.address", to.name()),
            KeyValue::new("server.port", to.row().port),
        ];
        let name = format!("{} {}", request.method, request.route);
        let client = self.open(self.service(from), Some(from), SpanKind::Client, name, attributes);
        let started_us = self.now_us;
        self.work(0.3);
        if to.version(self.incident).is_none() {
            return self.refuse(client, to);
        }
        let served = self.serve(to, Some(client), request, body);
        self.work(0.2);
        let deadline_us = started_us + request.timeout_ms * 1_000;
        if self.now_us > deadline_us {
            self.now_us = deadline_us;
            let message = format!("no answer from {} within {} ms", to.name(), request.timeout_ms);
            return self.fail_client(client, Fault::new("timeout", 504, message));
        }
        let status = served.as_ref().map_or_else(|fault| fault.status, |()| 200);
        self.attribute(client, KeyValue::new("http.response.status_code", status));
        match served {
            Ok(()) => {
                self.close(client, None);
                Ok(())
            }
            Err(fault) => self.fail_client(client, fault.seen_by_caller(to)),
        }
    }

    /// A query to the shop's PostgreSQL.
    pub(crate) fn query(&mut self, from: SpanRef, query: Query) {
        let service = self.service(from);
        let attributes = vec![
            KeyValue::new("db.system.name", "postgresql"),
            KeyValue::new("db.namespace", "shop"),
            KeyValue::new("db.collection.name", query.table),
            KeyValue::new("db.operation.name", query.operation),
            KeyValue::new("db.query.text", query.text),
            KeyValue::new("server.address", "postgres"),
            KeyValue::new("server.port", 5432),
        ];
        let name = format!("{} {}", query.operation, query.table);
        let span = self.open(service, Some(from), SpanKind::Client, name, attributes);
        let slow = self.incident == Incident::SlowDatabase
            && matches!(service, Service::Catalog | Service::Inventory);
        let median_ms = if slow { query.median_ms * SLOW_FACTOR } else { query.median_ms };
        self.now_us += (self.random.log_normal(median_ms, 0.5) * 1_000.0) as u64 + 50;
        self.close(span, None);
    }

    /// A command to the cart's Redis.
    pub(crate) fn redis(&mut self, from: SpanRef, operation: &'static str, key: &str) {
        let attributes = vec![
            KeyValue::new("db.system.name", "redis"),
            KeyValue::new("db.operation.name", operation),
            KeyValue::new("db.query.text", format!("{operation} {key}")),
            KeyValue::new("server.address", "redis"),
            KeyValue::new("server.port", 6379),
        ];
        let span = self.open(self.service(from), Some(from), SpanKind::Client, operation, attributes);
        self.work(0.5);
        self.close(span, None);
    }

    /// `from` puts an order on the queue; the span is the parent of those who take it off.
    pub(crate) fn publish(&mut self, from: SpanRef, order: &str) -> SpanRef {
        let mut attributes = messaging("send", order);
        attributes.push(KeyValue::new("server.address", "kafka"));
        attributes.push(KeyValue::new("server.port", 9092));
        let name = format!("send {ORDERS_TOPIC}");
        let span = self.open(self.service(from), Some(from), SpanKind::Producer, name, attributes);
        self.work(1.2);
        self.count(span, Count::Sent);
        self.close(span, None);
        span
    }

    /// `service` takes a message off the queue a while after it was sent; the sender does not wait, so the
    /// cursor is put back.
    pub(crate) fn consume(
        &mut self,
        sent: SpanRef,
        service: Service,
        order: &str,
        body: impl FnOnce(&mut Self, SpanRef),
    ) {
        let sender_us = self.now_us;
        self.work(15.0);
        let mut attributes = messaging("process", order);
        attributes.push(KeyValue::new("messaging.consumer.group.name", service.name()));
        let name = format!("process {ORDERS_TOPIC}");
        let span = self.open(service, Some(sent), SpanKind::Consumer, name, attributes);
        body(self, span);
        self.count(span, Count::Consumed);
        self.close(span, None);
        self.now_us = sender_us;
    }

    /// A call to a host outside of the shop, which sends us no spans.
    pub(crate) fn call_outside(
        &mut self,
        from: SpanRef,
        host: &'static str,
        path: &'static str,
        median_ms: f64,
    ) {
        let attributes = vec![
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("url.full", format!("https://{host}{path}")),
            KeyValue::new("server.address", host),
            KeyValue::new("server.port", 443),
            KeyValue::new("http.response.status_code", 200),
        ];
        let span = self.open(self.service(from), Some(from), SpanKind::Client, "POST", attributes);
        self.work(median_ms);
        self.close(span, None);
    }

    pub(crate) fn log(
        &mut self,
        span: SpanRef,
        severity: Severity,
        body: impl Into<String>,
        attributes: Vec<KeyValue>,
    ) {
        let at_us = self.now_us;
        self.plan.spans[span.0].logs.push(LogPlan { at_us, severity, body: body.into(), attributes });
    }

    pub(crate) fn attribute(&mut self, span: SpanRef, attribute: KeyValue) {
        self.plan.spans[span.0].attributes.push(attribute);
    }

    pub(crate) fn count(&mut self, span: SpanRef, count: Count) {
        self.plan.spans[span.0].counts.push(count);
    }

    /// Since the span began.
    pub(crate) fn elapsed_ms(&self, span: SpanRef) -> f64 {
        self.now_us.saturating_sub(self.plan.spans[span.0].start_us) as f64 / 1_000.0
    }

    fn refuse(&mut self, client: SpanRef, to: Service) -> Outcome {
        let address = format!("{}:{}", to.name(), to.row().port);
        let fault = Fault::new("connection_refused", 503, format!("connect {address}: connection refused"));
        self.fail_client(client, fault)
    }

    fn fail_client(&mut self, client: SpanRef, fault: Fault) -> Outcome {
        self.attribute(client, KeyValue::new("error.type", fault.error_type.to_string()));
        self.close(client, Some(fault.clone()));
        Err(fault)
    }

    fn service(&self, span: SpanRef) -> Service {
        self.plan.spans[span.0].service
    }

    fn open(
        &mut self,
        service: Service,
        parent: Option<SpanRef>,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        attributes: Vec<KeyValue>,
    ) -> SpanRef {
        self.plan.spans.push(SpanPlan {
            service,
            parent,
            kind,
            name: name.into(),
            start_us: self.now_us,
            end_us: self.now_us,
            attributes,
            error: None,
            logs: Vec::new(),
            counts: Vec::new(),
        });
        SpanRef(self.plan.spans.len() - 1)
    }

    fn close(&mut self, span: SpanRef, error: Option<Fault>) {
        let now_us = self.now_us;
        let span = &mut self.plan.spans[span.0];
        span.end_us = now_us;
        span.error = error;
    }
}

fn messaging(operation: &'static str, order: &str) -> Vec<KeyValue> {
    vec![
        KeyValue::new("messaging.system", "kafka"),
        KeyValue::new("messaging.destination.name", ORDERS_TOPIC),
        KeyValue::new("messaging.operation.name", operation),
        KeyValue::new("messaging.operation.type", operation),
        KeyValue::new("messaging.message.id", order.to_owned()),
    ]
}
