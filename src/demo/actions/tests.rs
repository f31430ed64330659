use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::*;
use crate::demo::plan::SpanPlan;

fn plans(incident: Incident, count: usize) -> Vec<Plan> {
    let mut random = Random::new(11);
    (0..count).map(|_| next(&mut random, incident)).collect()
}

fn value(span: &SpanPlan, key: &str) -> Option<String> {
    let found = |attribute: &&KeyValue| attribute.key.as_str() == key;
    span.attributes.iter().find(found).map(|attribute| attribute.value.to_string())
}

fn share(plans: &[Plan], counts: impl Fn(&SpanPlan) -> bool, fails: impl Fn(&SpanPlan) -> bool) -> f64 {
    let spans: Vec<_> = plans.iter().flat_map(|plan| &plan.spans).filter(|span| counts(span)).collect();
    assert!(spans.len() > 20, "only {} spans", spans.len());
    spans.iter().filter(|span| fails(span)).count() as f64 / spans.len() as f64
}

fn entry(span: &SpanPlan, service: Service, route: &str) -> bool {
    span.service == service
        && span.kind == SpanKind::Server
        && value(span, "http.route").as_deref() == Some(route)
}

#[test]
fn the_same_seed_plans_the_same_traces() {
    let show = |plans: Vec<Plan>| format!("{plans:?}");
    assert_eq!(show(plans(Incident::Healthy, 40)), show(plans(Incident::Healthy, 40)));
}

#[test]
fn parents_come_first_and_children_start_inside_them() {
    for incident in [Incident::Healthy, Incident::ReviewDown, Incident::BadPayments, Incident::SlowDatabase] {
        for plan in plans(incident, 300) {
            assert!(plan.spans[0].parent.is_none() && plan.spans[0].service == Service::Frontend);
            for (index, span) in plan.spans.iter().enumerate().skip(1) {
                let parent = span.parent.expect("one root").0;
                assert!(parent < index);
                assert!(span.start_us >= plan.spans[parent].start_us && span.end_us >= span.start_us);
                for log in &span.logs {
                    assert!((span.start_us..=span.end_us).contains(&log.at_us), "{log:?}");
                }
            }
        }
    }
}

#[test]
fn a_server_span_of_another_service_has_the_callers_client_span_as_parent() {
    for plan in plans(Incident::Healthy, 300) {
        for span in plan.spans.iter().skip(1) {
            let parent = &plan.spans[span.parent.expect("one root").0];
            match span.kind {
                SpanKind::Server => assert_eq!(parent.kind, SpanKind::Client),
                SpanKind::Consumer => assert_eq!(parent.kind, SpanKind::Producer),
                _ => assert_eq!(parent.service, span.service),
            }
        }
    }
}

#[test]
fn every_service_takes_part_when_all_is_well_and_hardly_anything_fails() {
    let plans = plans(Incident::Healthy, 500);
    for row in &crate::demo::service::SERVICES {
        assert!(plans.iter().any(|plan| plan.spans.iter().any(|span| span.service == row.service)));
    }
    let failed = share(&plans, |span| span.kind == SpanKind::Server, |span| span.error.is_some());
    assert!(failed < 0.001, "{failed}");
}

#[test]
fn without_review_its_callers_record_refused_connections_and_pages_still_work() {
    let plans = plans(Incident::ReviewDown, 500);
    assert!(plans.iter().all(|plan| plan.spans.iter().all(|span| span.service != Service::Review)));
    let to_review = |span: &SpanPlan| value(span, "server.address").as_deref() == Some("review");
    let refused = |span: &SpanPlan| value(span, "error.type").as_deref() == Some("connection_refused");
    assert_eq!(share(&plans, to_review, refused), 1.0);
    let page = |span: &SpanPlan| entry(span, Service::Frontend, "/product/{product}");
    assert_eq!(share(&plans, page, |span| span.error.is_some()), 0.0);
    assert!(share(&plans, page, |span| value(span, "shop.degraded").is_some()) > 0.9);
}

#[test]
fn the_bad_version_fails_a_third_of_the_charges_with_stack_traces() {
    let plans = plans(Incident::BadPayments, 3_000);
    let charge = |span: &SpanPlan| entry(span, Service::Payments, "/charges");
    let failed = share(&plans, charge, |span| span.error.is_some());
    assert!((0.25..0.45).contains(&failed), "{failed}");
    let traced = |span: &SpanPlan| {
        span.error.is_none()
            || span.logs.iter().any(|log| {
                log.severity == Severity::Error
                    && log.attributes.iter().any(|a| a.key.as_str() == "exception.stacktrace")
            })
    };
    assert_eq!(share(&plans, charge, traced), 1.0);
    let order = |span: &SpanPlan| entry(span, Service::Frontend, "/checkout");
    assert!(share(&plans, order, |span| span.error.is_some()) > 0.2);
}

#[test]
fn a_slow_database_makes_checkouts_slow_and_some_time_out() {
    let order = |span: &SpanPlan| entry(span, Service::Checkout, "/orders");
    let slow = |span: &SpanPlan| span.end_us - span.start_us > 750_000;
    assert!(share(&plans(Incident::Healthy, 3_000), order, slow) < 0.01);
    let plans = plans(Incident::SlowDatabase, 3_000);
    assert!(share(&plans, order, slow) > 0.5);
    let timed_out = share(&plans, order, |span| value(span, "error.type").as_deref() == Some("504"));
    assert!((0.05..0.7).contains(&timed_out), "{timed_out}");
}
