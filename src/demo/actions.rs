//! What users do in the shop. [`next`] draws one action and plays it through the services.

mod browse;
mod buy;

use opentelemetry::KeyValue;
use opentelemetry::logs::Severity;

use super::draft::{Draft, Request};
use super::plan::{Outcome, Plan, SpanRef};
use super::random::Random;
use super::service::Service;
use super::timeline::Incident;

pub(crate) const PRODUCTS: [&str; 12] = [
    "brass-lamp",
    "signal-flag",
    "station-clock",
    "lever-frame",
    "oil-can",
    "pocket-watch",
    "semaphore-arm",
    "track-gauge",
    "whistle",
    "timetable",
    "platform-bench",
    "route-map",
];

/// Who acts: the same few hundred users come back.
pub(crate) struct Visitor {
    user: String,
    session: String,
    address: String,
    agent: &'static str,
}

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_1) AppleWebKit/605.1.15 Version/18.1 Safari/605.1.15",
    "ShopApp/7.3 (Android 16)",
    "ShopApp/7.3 (iOS 26.1)",
];

// === impl Visitor ===

impl Visitor {
    fn new(random: &mut Random) -> Self {
        Self {
            user: format!("u-{}", 1_000 + random.below(400)),
            session: format!("{:012x}", random.next() >> 16),
            address: format!("198.51.100.{}", 1 + random.below(254)),
            agent: random.pick(&AGENTS),
        }
    }

    fn attribute(&self) -> KeyValue {
        KeyValue::new("user.id", self.user.clone())
    }
}

/// One user action under the incident of the moment.
pub(crate) fn next(random: &mut Random, incident: Incident) -> Plan {
    let visitor = Visitor::new(random);
    let share = random.unit();
    let mut draft = Draft::new(random, incident);
    match share {
        ..0.26 => browse::home(&mut draft, &visitor),
        ..0.46 => browse::search(&mut draft, &visitor),
        ..0.76 => browse::product(&mut draft, &visitor),
        ..0.90 => buy::add_to_cart(&mut draft, &visitor),
        _ => buy::checkout(&mut draft, &visitor),
    }
    draft.finish()
}

/// The edge: every action enters here, and frontend writes one JSON access line for it.
fn visit(
    draft: &mut Draft<'_>,
    visitor: &Visitor,
    request: Request<'_>,
    body: impl FnOnce(&mut Draft<'_>, SpanRef) -> Outcome,
) {
    // The user sees the error page; nobody is left to handle the outcome.
    let _seen_by_user = draft.serve(Service::Frontend, None, request, |draft, span| {
        draft.attribute(span, visitor.attribute());
        draft.attribute(span, KeyValue::new("session.id", visitor.session.clone()));
        draft.attribute(span, KeyValue::new("client.address", visitor.address.clone()));
        draft.attribute(span, KeyValue::new("user_agent.original", visitor.agent));
        let outcome = body(draft, span);
        access_line(draft, visitor, request, span, &outcome);
        outcome
    });
}

fn access_line(
    draft: &mut Draft<'_>,
    visitor: &Visitor,
    request: Request<'_>,
    span: SpanRef,
    outcome: &Outcome,
) {
    let (level, severity, status, error) = match outcome {
        Ok(()) => ("info", Severity::Info, 200, String::new()),
        Err(fault) => {
            let error = format!(r#","error":"{}""#, fault.message);
            let (level, severity) =
                if fault.status < 500 { ("warn", Severity::Warn) } else { ("error", Severity::Error) };
            (level, severity, fault.status, error)
        }
    };
    let (method, path, user, ip) = (request.method, request.path, &visitor.user, &visitor.address);
    let took = draft.elapsed_ms(span);
    let body = format!(
        r#"{{"level":"{level}","msg":"request","method":"{method}","path":"{path}","status":{status},"duration_ms":{took:.1},"user":"{user}","ip":"{ip}"{error}}}"#
    );
    draft.log(span, severity, body, vec![visitor.attribute(), KeyValue::new("http.route", request.route)]);
}

fn get<'a>(route: &'static str, path: &'a str) -> Request<'a> {
    Request { method: "GET", route, path, timeout_ms: 2_000 }
}

fn post<'a>(route: &'static str, path: &'a str) -> Request<'a> {
    Request { method: "POST", route, path, timeout_ms: 5_000 }
}

#[cfg(test)]
mod tests;
