//! A host and rules that say little.

use axum::body::Body;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Response};
use store::model::{Labels, RequestCtx, Tenant};
use tokio::sync::watch;

use super::NOW_S;
use crate::Host;
use crate::notify::{Notifier, Told};
use crate::rules_view::{
    AlertState, AlertView, ChannelView, GroupView, NotificationView, Notifications, RuleKind, RuleView,
    RulesView,
};
use crate::scrape_view::{MetricView, PoolView, TargetView};

pub(super) struct Process;

impl Host for Process {
    fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    fn metrics(&self, _: &RequestCtx) -> String {
        "signalbox_up 1\n".into()
    }

    fn status<'a>(&'a self, _: &'a RequestCtx) -> BoxFuture<'a, serde_json::Map<String, serde_json::Value>> {
        Box::pin(async move { [("wal".to_owned(), serde_json::json!({"files": 1}))].into_iter().collect() })
    }

    fn config_yaml(&self, _: &RequestCtx) -> String {
        "listen: here\n".into()
    }

    fn started_ms(&self) -> i64 {
        0
    }

    fn reload(&self) -> BoxFuture<'_, Result<(), String>> {
        std::future::ready(Ok(())).boxed()
    }

    fn scrape(&self, ctx: &RequestCtx) -> Vec<PoolView> {
        if ctx.tenant.as_str() != "a" {
            return Vec::new();
        }
        let labels = Labels::new([("job", "node"), ("instance", "h:9100")]);
        let metric = MetricView {
            name: "node_load1".into(),
            kind: "gauge",
            help: "1m load average.".into(),
            unit: String::new(),
        };
        let target = TargetView {
            discovered: Labels::new([("__address__", "h:9100"), ("job", "node")]),
            labels,
            url: "http://h:9100/metrics".into(),
            health: "up",
            last_scrape_ms: NOW_S * 1000,
            last_duration_s: 0.5,
            interval_ms: 15_000,
            timeout_ms: 10_000,
            metrics: vec![metric],
            ..TargetView::default()
        };
        let dropped = vec![Labels::new([("__address__", "i:9100")])];
        vec![PoolView { name: "node".into(), active: vec![target], dropped, dropped_count: 1 }]
    }

    fn asset(&self, path: &str, _: &HeaderMap) -> Response<Body> {
        Response::new(Body::from(format!("asset {path}")))
    }
}

pub(super) struct Rules(pub(super) Notifier);

/// One place to go to.
pub(super) const RECEIVERS: &str = "
route: {receiver: chat, group_by: [alertname], group_wait: 30s}
receivers: [{name: chat}]";

/// The alert of tenant `a`.
pub(super) fn told() -> Told {
    let texts =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Told {
        labels: texts(&[("alertname", "ReviewDown"), ("severity", "page")]),
        annotations: texts(&[("summary", "no reviews")]),
        starts_at_ms: NOW_S * 1000,
        ends_at_ms: None,
        generator_url: String::new(),
        until_ms: None,
        updated_ms: NOW_S * 1000,
    }
}

impl RulesView for Rules {
    fn groups(&self, tenant: &Tenant) -> Vec<GroupView> {
        if tenant.as_str() != "a" {
            return Vec::new();
        }
        let at_ms = NOW_S * 1000;
        let annotations = Labels::new([("summary", "no reviews")]);
        let alert = AlertView {
            labels: Labels::new([("alertname", "ReviewDown"), ("severity", "page")]),
            annotations: annotations.clone(),
            state: AlertState::Firing,
            active_at_ms: at_ms,
            fired_at_ms: Some(at_ms),
            updated_at_ms: at_ms,
            value: 1.0,
            generator_url: String::new(),
            receivers: vec!["chat".into()],
        };
        let alerting = RuleView {
            kind: RuleKind::Alerting {
                for_ms: 5000,
                keep_firing_for_ms: 0,
                annotations,
                alerts: vec![alert],
            },
            name: "ReviewDown".into(),
            query: "up == 0".into(),
            labels: Labels::new([("severity", "page")]),
            last_error: None,
            last_evaluation_ms: Some(at_ms),
            evaluation_ms: 2.0,
        };
        let recording = RuleView {
            kind: RuleKind::Recording,
            name: "job:up".into(),
            query: "sum(up)".into(),
            labels: Labels::default(),
            last_error: None,
            last_evaluation_ms: None,
            evaluation_ms: 0.0,
        };
        vec![GroupView {
            name: "shop".into(),
            file: "shop.yml".into(),
            interval_ms: 1000,
            limit: 0,
            last_evaluation_ms: Some(at_ms),
            evaluation_ms: 3.0,
            rules: vec![alerting, recording],
        }]
    }

    fn receivers(&self) -> Vec<String> {
        vec!["chat".into()]
    }

    fn alertmanager_yaml(&self) -> String {
        "route:\n  receiver: chat\n".into()
    }

    fn notifications<'a>(&'a self, _: &'a Tenant, _: usize) -> BoxFuture<'a, Notifications> {
        let channel = ChannelView { name: "chat".into(), receiver: "slack".into(), pending: 1, failed: 0 };
        let sent = NotificationView {
            at_ms: NOW_S * 1000 - 500,
            dedup_key: "key-1".into(),
            channel: "chat".into(),
            title: "[FIRING:1] ReviewDown".into(),
            text: String::new(),
            resolved: false,
            labels: [("alertname".to_owned(), "ReviewDown".to_owned())].into(),
            annotations: Default::default(),
            links: Default::default(),
        };
        std::future::ready(Ok((vec![channel], vec![sent]))).boxed()
    }

    fn notifier(&self) -> Option<Notifier> {
        Some(self.0.clone())
    }

    fn changes(&self, _: &Tenant) -> watch::Receiver<u64> {
        watch::channel(0).1
    }
}
