//! The query service: the HTTP APIs people and tools read. Prometheus, Loki, Tempo and Alertmanager as their clients
//! know them, and JSON of our own for the user interface.
//!
//! Not here: connections, TLS, authentication, `Host` and `Origin` checks (the binary), protocols that bring data in
//! (the collector), evaluation of languages (the engine).
//!
//! [`routes()`] is the table of everything answered here; the binary joins it with the collector's rows in one
//! [`RouteTable`], finds the row of a request, authenticates, and calls [`Query::handle`].

mod alertmanager;
mod config;
mod derived;
mod evidence;
mod failure;
mod hmac;
mod host;
mod jaeger;
mod json;
mod loki;
mod notify;
mod own;
mod prometheus;
mod request;
mod routes;
mod ruler;
mod rules;
mod rules_view;
mod run;
mod scrape_view;
mod service;
mod tempo;
#[cfg(test)]
mod testing;
mod wire;
mod zipkin;

pub use config::{Clock, Config};
pub use derived::Derived;
pub use failure::{Reply, no_route, refuse, wrong_method};
pub use host::Host;
pub use notify::{Notifier, NotifierConfig, NotifyConfig, check_alertmanager};
pub use own::ExplainRequest;
pub use own::Provisioned;
pub use routes::{
    Access, Family, Found, PathParams, Probe, ROUTES, Route, RouteTable, Row, TableError, TenantScope,
    Timeout, ingest_route, markdown, probes, routes,
};
pub use rules::{
    Compared, Elements, Lint, RuleCost, RuleExplained, Rules, RulesConfig, TestNames, UnitTests, check_rules,
    test_names, test_rules,
};
pub use rules_view::{
    AlertState, AlertView, ChannelView, GroupView, NoRules, NotificationView, Notifications, RuleKind,
    RuleView, RulesView,
};
pub use run::RunStats;
pub use scrape_view::{MetricView, PoolView, TargetView};
pub use service::{Handler, Query};
