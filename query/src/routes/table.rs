//! The table of everything this crate answers, one row each.

use std::time::Duration;

use http::Method;
use store::model::Role;

use super::{Access, Family, Route, TenantScope, Timeout};
use crate::service::Handler;
use crate::service::Run::{self, Now, Read, Wait};
use crate::{alertmanager, jaeger, loki, own, prometheus, ruler, tempo, zipkin};

const GET: &[Method] = &[Method::GET];
const GET_POST: &[Method] = &[Method::GET, Method::POST];
const POST: &[Method] = &[Method::POST];
const PUT: &[Method] = &[Method::PUT];
const DELETE: &[Method] = &[Method::DELETE];
/// A list that is added to by POST or PUT and shortened by DELETE.
const GET_CHANGE: &[Method] = &[Method::GET, Method::POST, Method::PUT, Method::DELETE];

/// Forms: as large as Prometheus reads them.
const FORM_BYTES_MAX: u64 = 10 << 20;
/// A packed remote read request: some selectors.
const READ_BYTES_MAX: u64 = 1 << 20;
/// One chat message.
const CHAT_BYTES_MAX: u64 = 256 << 10;
/// One rule group; the largest public ones have some hundred kilobytes.
const RULES_BYTES_MAX: u64 = 4 << 20;
/// A signed link may come in a form.
const SIGNED_BYTES_MAX: u64 = 64 << 10;
/// A dashboard with what is written beside it; the largest public ones have half a megabyte.
const DASHBOARD_BYTES_MAX: u64 = 4 << 20;
const SHORT: Timeout = Timeout::After(Duration::from_secs(10));
const FLUSH: Timeout = Timeout::After(Duration::from_secs(300));

/// A row of [`ROUTES`].
#[derive(Clone, Copy)]
pub struct Row {
    pub methods: &'static [Method],
    pub path: &'static str,
    pub owner: Family,
    pub access: Access,
    pub scope: TenantScope,
    pub body_bytes_max: u64,
    pub timeout: Timeout,
    pub doc: &'static str,
    pub handler: Handler,
}

// === impl Row ===

impl Row {
    /// GET by readers, data of their tenant.
    const fn read(owner: Family, path: &'static str, run: Run, doc: &'static str) -> Self {
        Self {
            methods: GET,
            path,
            owner,
            access: Access::Needs(Role::Read),
            scope: TenantScope::Tenant,
            body_bytes_max: 0,
            timeout: Timeout::Query,
            doc,
            handler: Handler(run),
        }
    }

    /// GET and POST with a form.
    const fn form(owner: Family, path: &'static str, run: Run, doc: &'static str) -> Self {
        Self { methods: GET_POST, body_bytes_max: FORM_BYTES_MAX, ..Self::read(owner, path, run, doc) }
    }

    /// GET of something that is nobody's data.
    const fn open(owner: Family, path: &'static str, run: Run, doc: &'static str) -> Self {
        let row = Self::read(owner, path, run, doc);
        Self { access: Access::Public, scope: TenantScope::None, timeout: SHORT, ..row }
    }

    /// Facts about the process that every reader may know.
    const fn shared(owner: Family, path: &'static str, run: Run, doc: &'static str) -> Self {
        Self { scope: TenantScope::None, timeout: SHORT, ..Self::read(owner, path, run, doc) }
    }

    /// POST by administrators.
    const fn admin(path: &'static str, run: Run, doc: &'static str) -> Self {
        let row = Self::read(Family::Operations, path, run, doc);
        Self {
            methods: POST,
            access: Access::Needs(Role::Admin),
            scope: TenantScope::None,
            timeout: FLUSH,
            ..row
        }
    }

    /// POST of JSON that changes something of the tenant's.
    const fn posted(owner: Family, path: &'static str, role: Role, run: Run, doc: &'static str) -> Self {
        Self {
            methods: POST,
            access: Access::Needs(role),
            body_bytes_max: FORM_BYTES_MAX,
            timeout: SHORT,
            ..Self::read(owner, path, run, doc)
        }
    }

    /// A change of a tenant's documents by administrators.
    const fn change(methods: &'static [Method], path: &'static str, run: Run, doc: &'static str) -> Self {
        let row = Self::read(Family::Signalbox, path, run, doc);
        Self { methods, access: Access::Needs(Role::Admin), timeout: SHORT, ..row }
    }

    /// The same for rule groups.
    const fn rules(
        methods: &'static [Method],
        owner: Family,
        path: &'static str,
        run: Run,
        doc: &'static str,
    ) -> Self {
        Self { owner, ..Self::change(methods, path, run, doc) }
    }

    const fn stream(self) -> Self {
        Self { timeout: Timeout::Stream, ..self }
    }
}

impl Family {
    /// Prefixes under which a family's paths exist once more, for data sources with a path in their address (and, for
    /// Loki, for Grafana builds that send its prefix twice).
    pub const fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Prometheus => &["/prometheus"],
            Self::Loki => &["/loki", "/loki/api/v1"],
            Self::Tempo => &["/tempo"],
            Self::Alertmanager => &["/alertmanager"],
            Self::Jaeger | Self::Zipkin | Self::Operations | Self::Signalbox | Self::Ingest => &[],
        }
    }
}

/// All rows with their aliases, for a [`super::RouteTable`].
pub fn routes() -> Vec<Route<Handler>> {
    let mut routes = Vec::new();
    for row in ROUTES {
        for (at, prefix) in [""].iter().chain(row.owner.aliases()).enumerate() {
            routes.push(Route {
                methods: row.methods,
                path: format!("{prefix}{}", row.path),
                alias: at > 0,
                owner: row.owner,
                access: row.access,
                scope: row.scope,
                body_bytes_max: row.body_bytes_max,
                timeout: row.timeout,
                doc: row.doc,
                handler: row.handler,
            });
        }
    }
    routes
}

use Family::{
    Alertmanager as A, Jaeger as J, Loki as L, Operations as O, Prometheus as P, Signalbox as S, Tempo as T,
    Zipkin as Z,
};

#[rustfmt::skip]
pub static ROUTES: &[Row] = &[
    Row::form(P, "/api/v1/query", Read(prometheus::query::instant), "PromQL at one time"),
    Row::form(P, "/api/v1/query_range", Read(prometheus::query::range), "PromQL over a range"),
    Row::form(P, "/api/v1/query_exemplars", Read(prometheus::exemplars::answer), "exemplars of the series of an expression"),
    Row::form(P, "/api/v1/format_query", Now(prometheus::format::format), "PromQL, printed over lines"),
    Row::form(P, "/api/v1/parse_query", Now(prometheus::format::parse), "the syntax tree of PromQL"),
    Row::form(P, "/api/v1/labels", Read(prometheus::labels::names), "label names"),
    Row::read(P, "/api/v1/label/{name}/values", Read(prometheus::labels::values), "values of a label"),
    Row::form(P, "/api/v1/series", Read(prometheus::series::answer), "series that match a selector"),
    Row::read(P, "/api/v1/metadata", Read(prometheus::metadata::answer), "type, help and unit of metrics"),
    Row::read(P, "/api/v1/targets/metadata", Now(prometheus::targets::metadata), "the same by scrape target"),
    Row { methods: POST, body_bytes_max: READ_BYTES_MAX, ..Row::read(P, "/api/v1/read", Read(prometheus::read::answer), "remote read, as samples or as a stream of chunks") },
    Row::form(P, "/api/v1/export", Wait(prometheus::export::answer), "all samples of matching series in lines, to be imported elsewhere: format=json, prometheus or otlp").stream(),
    Row::read(P, "/federate", Read(prometheus::federate::answer), "the newest samples of matching series, as text or OpenMetrics"),
    Row::form(P, "/api/v1/search/metric_names", Read(prometheus::search::metric_names), "metric names that contain a text, as lines of JSON"),
    Row::form(P, "/api/v1/search/label_names", Read(prometheus::search::label_names), "label names that contain a text, as lines of JSON"),
    Row::form(P, "/api/v1/search/label_values", Read(prometheus::search::label_values), "values of a label that contain a text, as lines of JSON"),
    Row::shared(P, "/api/v1/features", Now(prometheus::features::answer), "what of the language and the API is there"),
    Row::read(P, "/api/v1/rules", Now(prometheus::rules::rules), "rule groups with their state"),
    Row::read(P, "/api/v1/alerts", Now(prometheus::rules::alerts), "pending and firing alerts"),
    Row::shared(P, "/api/v1/status/buildinfo", Now(prometheus::status::buildinfo), "version"),
    Row::read(P, "/api/v1/status/config", Now(prometheus::status::config), "configuration as YAML"),
    Row::shared(P, "/api/v1/status/flags", Now(prometheus::status::flags), "settings"),
    Row::shared(P, "/api/v1/status/runtimeinfo", Now(prometheus::status::runtimeinfo), "start time, retention"),
    Row::read(P, "/api/v1/status/tsdb", Read(prometheus::status::tsdb), "cardinality of the last hour"),
    Row::shared(P, "/api/v1/status/walreplay", Now(prometheus::status::walreplay), "always done: ready comes after replay"),
    Row::read(P, "/api/v1/targets", Now(prometheus::targets::targets), "scrape targets with their state"),
    Row::read(P, "/api/v1/scrape_pools", Now(prometheus::targets::scrape_pools), "scrape pools"),
    Row::shared(P, "/api/v1/alertmanagers", Now(prometheus::status::alertmanagers), "other Alertmanagers; none"),

    Row::read(P, "/config/v1/rules", Wait(ruler::mimir_list), "rule groups that came by the API, as YAML"),
    Row::read(P, "/config/v1/rules/{namespace}", Wait(ruler::mimir_list), "those of a namespace"),
    Row::read(P, "/config/v1/rules/{namespace}/{group}", Wait(ruler::mimir_one), "one of them"),
    Row { body_bytes_max: RULES_BYTES_MAX, ..Row::rules(POST, P, "/config/v1/rules/{namespace}", Wait(ruler::mimir_put), "makes or changes a rule group") },
    Row::rules(DELETE, P, "/config/v1/rules/{namespace}", Wait(ruler::mimir_delete), "deletes the groups of a namespace"),
    Row::rules(DELETE, P, "/config/v1/rules/{namespace}/{group}", Wait(ruler::mimir_delete), "deletes a rule group"),

    Row::read(L, "/loki/api/v1/rules", Wait(ruler::loki_list), "rule groups in LogQL that came by the API, as YAML"),
    Row::read(L, "/loki/api/v1/rules/{namespace}", Wait(ruler::loki_list), "those of a namespace"),
    Row::read(L, "/loki/api/v1/rules/{namespace}/{group}", Wait(ruler::loki_one), "one of them"),
    Row { body_bytes_max: RULES_BYTES_MAX, ..Row::rules(POST, L, "/loki/api/v1/rules/{namespace}", Wait(ruler::loki_put), "makes or changes a rule group in LogQL") },
    Row::rules(DELETE, L, "/loki/api/v1/rules/{namespace}", Wait(ruler::loki_delete), "deletes the groups of a namespace"),
    Row::rules(DELETE, L, "/loki/api/v1/rules/{namespace}/{group}", Wait(ruler::loki_delete), "deletes a rule group"),
    Row::form(L, "/loki/api/v1/query", Read(loki::query::instant), "LogQL at one time"),
    Row::form(L, "/loki/api/v1/query_range", Read(loki::query::range), "LogQL over a range"),
    Row::form(L, "/loki/api/v1/labels", Read(loki::labels::names), "label names"),
    Row::form(L, "/loki/api/v1/label", Read(loki::labels::names), "label names, the older path"),
    Row::form(L, "/loki/api/v1/label/{name}/values", Read(loki::labels::values), "values of a label"),
    Row::form(L, "/loki/api/v1/series", Read(loki::labels::series), "streams that match a selector"),
    Row::form(L, "/loki/api/v1/index/stats", Read(loki::volume::stats), "streams, entries and bytes of a selector"),
    Row::form(L, "/loki/api/v1/index/volume", Read(loki::volume::instant), "bytes by label"),
    Row::form(L, "/loki/api/v1/index/volume_range", Read(loki::volume::range), "bytes by label over a range"),
    Row::form(L, "/loki/api/v1/detected_labels", Read(loki::detected::labels), "labels with their cardinality"),
    Row::form(L, "/loki/api/v1/detected_fields", Read(loki::detected::fields), "fields found in lines and attributes"),
    Row::form(L, "/loki/api/v1/detected_field/{name}/values", Read(loki::detected::values), "values of such a field"),
    Row::form(L, "/loki/api/v1/patterns", Read(loki::patterns::answer), "patterns of lines, counted over time"),
    Row::read(L, "/loki/api/v1/tail", Wait(loki::tail::answer), "websocket: lines as they come").stream(),
    Row::form(L, "/loki/api/v1/format_query", Now(loki::status::format), "LogQL, printed"),
    Row::shared(L, "/loki/api/v1/status/buildinfo", Now(loki::status::buildinfo), "version"),
    Row::shared(L, "/loki/api/v1/drilldown-limits", Now(loki::status::drilldown_limits), "what Logs Drilldown may ask"),

    Row::open(T, "/api/echo", Now(tempo::status::echo), "says `echo`"),
    Row::open(T, "/status/services", Now(tempo::status::services), "the process lives, as Kiali asks Tempo"),
    Row::shared(T, "/api/status/buildinfo", Now(tempo::status::buildinfo), "version"),
    Row::read(T, "/api/traces/{id}", Read(tempo::trace::v1), "one trace, JSON or protobuf"),
    Row::read(T, "/api/v2/traces/{id}", Read(tempo::trace::v2), "the same with a status around it"),
    Row::read(T, "/api/search", Read(tempo::search::answer), "traces that match TraceQL or tags"),
    Row::read(T, "/api/search/tags", Read(tempo::tags::names_v1), "names to search by"),
    Row::read(T, "/api/v2/search/tags", Read(tempo::tags::names_v2), "names to search by, by scope"),
    Row::read(T, "/api/search/tag/{tag...}/values", Read(tempo::values::v1), "values of a name"),
    Row::read(T, "/api/v2/search/tag/{tag...}/values", Read(tempo::values::v2), "values of a name with their types"),
    Row::read(T, "/api/metrics/query_range", Read(tempo::metrics::query_range), "TraceQL metrics over a range, with exemplars"),
    Row::read(T, "/api/metrics/query", Read(tempo::metrics::query), "TraceQL metrics, one value a series"),

    Row::read(J, "/jaeger/api/services", Read(jaeger::legacy::list_services), "services with spans of the last day"),
    Row::read(J, "/jaeger/api/services/{service}/operations", Read(jaeger::legacy::list_names), "names of a service's spans"),
    Row::read(J, "/jaeger/api/operations", Read(jaeger::legacy::list_operations), "the same with their kinds"),
    Row::read(J, "/jaeger/api/traces", Read(jaeger::legacy::search), "traces by service, operation, tags and duration"),
    Row::read(J, "/jaeger/api/traces/{id}", Read(jaeger::legacy::one_trace), "one trace"),
    Row::read(J, "/jaeger/api/dependencies", Read(jaeger::dependencies::jaeger), "who calls whom, counted from spans"),
    Row::read(J, "/jaeger/api/metrics/latencies", Read(jaeger::metrics::latencies), "quantiles of a service's durations over time"),
    Row::read(J, "/jaeger/api/metrics/calls", Read(jaeger::metrics::calls), "calls of a service over time"),
    Row::read(J, "/jaeger/api/metrics/errors", Read(jaeger::metrics::errors), "the part of them that failed"),
    Row::read(J, "/jaeger/api/metrics/minstep", Read(jaeger::metrics::min_step), "the finest step of these"),
    Row::read(J, "/jaeger/api/v3/services", Read(jaeger::v3::list_services), "services with spans of the last day"),
    Row::read(J, "/jaeger/api/v3/operations", Read(jaeger::v3::list_operations), "names of a service's spans with their kinds"),
    Row::read(J, "/jaeger/api/v3/traces", Read(jaeger::v3::search), "traces by service, operation, attributes and duration, as OTLP"),
    Row::read(J, "/jaeger/api/v3/traces/{id}", Read(jaeger::v3::one_trace), "one trace as OTLP"),
    Row::read(J, "/jaeger/api/v3/trace-summaries", Read(jaeger::v3::summaries), "roots, times and counts of the traces a search finds"),
    Row::read(J, "/jaeger/api/v3/dependencies", Read(jaeger::dependencies::v3), "who calls whom, counted from spans"),

    Row::open(Z, "/zipkin/health", Now(zipkin::health), "the process lives"),
    Row::read(Z, "/zipkin/api/v2/services", Read(zipkin::list_services), "services with spans of the last day"),
    Row::read(Z, "/zipkin/api/v2/spans", Read(zipkin::list_names), "names of a service's spans"),
    Row::read(Z, "/zipkin/api/v2/remoteServices", Now(zipkin::nothing), "names of other sides; empty"),
    Row::read(Z, "/zipkin/api/v2/traces", Read(zipkin::search), "traces by service, span name, annotations and duration"),
    Row::read(Z, "/zipkin/api/v2/trace/{id}", Read(zipkin::one_trace), "one trace"),
    Row::read(Z, "/zipkin/api/v2/traceMany", Read(zipkin::many_traces), "several traces"),
    Row::read(Z, "/zipkin/api/v2/dependencies", Read(jaeger::dependencies::zipkin), "who calls whom, counted from spans"),
    Row::read(Z, "/zipkin/api/v2/autocompleteKeys", Now(zipkin::nothing), "tags to complete; empty"),
    Row::read(Z, "/zipkin/api/v2/autocompleteValues", Now(zipkin::nothing), "their values; empty"),

    Row::read(A, "/api/v2/status", Now(alertmanager::status::answer), "version and configuration"),
    Row::shared(A, "/api/v2/receivers", Now(alertmanager::status::receivers), "where notifications go"),
    Row::read(A, "/api/v2/alerts", Wait(alertmanager::alerts::list), "firing alerts, and why nobody is told"),
    Row::posted(A, "/api/v2/alerts", Role::Ingest, Wait(alertmanager::post::answer), "takes alerts of Prometheus and others"),
    Row::read(A, "/api/v2/alerts/groups", Wait(alertmanager::alerts::groups), "firing alerts by receiver and group"),
    Row::read(A, "/api/v2/silences", Wait(alertmanager::silences::list), "silences"),
    Row::posted(A, "/api/v2/silences", Role::Admin, Wait(alertmanager::silences::post), "makes or changes a silence"),
    Row::read(A, "/api/v2/silence/{id}", Wait(alertmanager::silences::one), "one silence"),
    Row { methods: DELETE, timeout: SHORT, access: Access::Needs(Role::Admin), ..Row::read(A, "/api/v2/silence/{id}", Wait(alertmanager::silences::expire), "ends a silence") },

    Row::read(S, "/api/v1/alerts/{fingerprint}/explain", Wait(own::explain::answer), "why an alert fired or did not, and who was told"),
    Row::read(S, "/api/signalbox/services", Read(own::services::answer), "rate, errors and duration of each service"),
    Row::read(S, "/api/signalbox/map", Read(own::map::answer), "services with versions and instances, and who calls whom"),
    Row::read(S, "/api/signalbox/inventory", Read(own::inventory::answer), "every service: versions, instances, languages, first and last seen, what it sends, dependencies both ways"),
    Row::read(S, "/api/signalbox/about", Read(own::about::answer), "everything about a trace, a service or a pod: its traces, lines, metrics, alerts, versions, dependencies"),
    Row::read(S, "/api/signalbox/traces/{id}/path", Read(own::path::answer), "the critical path of a trace and the time spans spent themselves"),
    Row::read(S, "/api/signalbox/difference", Read(own::difference::answer), "attributes that tell some spans from others"),
    Row::open(S, "/api/signalbox/evidence/chart.png", Wait(own::evidence::chart), "the chart of a message, by its signed link"),
    Row { methods: GET_POST, body_bytes_max: SIGNED_BYTES_MAX, ..Row::open(S, "/api/signalbox/evidence/action", Wait(own::evidence::action), "asks, and by POST does, what a message's signed link says, once") },
    Row::read(S, "/api/signalbox/notifications", Wait(own::notifications::answer), "notifications and chat messages"),
    Row::posted(S, "/api/signalbox/receivers/{name}/test", Role::Admin, Wait(own::receivers::test), "sends a test message to a receiver"),
    Row::read(S, "/api/signalbox/routes", Now(own::notify_routes::answer), "the tree of notification routes, and where an alert with given labels goes"),
    Row::read(S, "/api/signalbox/queries", Now(own::queries::answer), "what was asked lately, what of it was slow, and what runs now"),
    Row::read(S, "/api/signalbox/live", Wait(own::live::answer), "server-sent events: data and alerts as they come").stream(),
    Row::read(S, "/api/signalbox/status", Wait(own::status::answer), "state of the process"),
    Row { methods: POST, body_bytes_max: CHAT_BYTES_MAX, timeout: SHORT, ..Row::read(S, "/api/signalbox/demo/chat/{channel}", Wait(own::chat::post), "the demo's chat room takes a Slack message") },
    Row::read(S, "/api/signalbox/demo/chat/{channel}", Wait(own::chat::list), "messages of a channel"),
    Row::read(S, "/api/signalbox/dashboards", Wait(own::dashboards::list), "dashboards, saved and shipped"),
    Row::read(S, "/api/signalbox/dashboards/{uid}", Wait(own::dashboards::get), "one dashboard with its versions"),
    Row::read(S, "/api/signalbox/dashboards/{uid}/versions/{version}", Wait(own::dashboards::version), "one version of a dashboard"),
    Row { body_bytes_max: DASHBOARD_BYTES_MAX, ..Row::change(PUT, "/api/signalbox/dashboards/{uid}", Wait(own::dashboards::put), "saves a new version of a dashboard") },
    Row::change(DELETE, "/api/signalbox/dashboards/{uid}", Wait(own::dashboards::delete), "deletes a dashboard with its versions"),
    Row::open(S, "/grafana/api/health", Now(own::grafana::health), "the process lives, as Grafana says it"),
    Row::shared(S, "/grafana/api/datasources", Now(own::grafana::data_sources), "what dashboards can ask"),
    Row::read(S, "/grafana/api/search", Wait(own::grafana::search), "dashboards by text and tags, or folders"),
    Row::read(S, "/grafana/api/folders", Wait(own::grafana::folders), "folders that hold a dashboard"),
    Row::posted(S, "/grafana/api/folders", Role::Admin, Wait(own::grafana::make_folder), "names a folder"),
    Row { body_bytes_max: DASHBOARD_BYTES_MAX, ..Row::posted(S, "/grafana/api/dashboards/db", Role::Admin, Wait(own::grafana::save), "saves a dashboard") },
    Row::read(S, "/grafana/api/dashboards/uid/{uid}", Wait(own::grafana::get), "one dashboard"),
    Row::change(DELETE, "/grafana/api/dashboards/uid/{uid}", Wait(own::grafana::delete), "deletes a dashboard"),
    Row::read(S, "/grafana/api/annotations", Wait(own::annotations::list), "annotations of a time"),
    Row::posted(S, "/grafana/api/annotations", Role::Ingest, Wait(own::annotations::post), "marks a time, such as a deployment"),
    Row::posted(S, "/grafana/api/annotations/graphite", Role::Ingest, Wait(own::annotations::post_graphite), "the same as an event of Graphite"),
    Row::change(DELETE, "/grafana/api/annotations/{id}", Wait(own::annotations::delete), "takes one away"),
    Row::open(S, "/", Now(own::pages::root), "leads to the user interface"),
    Row::open(S, "/ui", Now(own::pages::root), "the same"),
    Row::open(S, "/ui/{path...}", Now(own::pages::asset), "the user interface"),

    Row::open(O, "/-/healthy", Now(own::operations::healthy), "the process lives"),
    Row::open(O, "/prometheus/-/healthy", Now(own::operations::healthy), "the same"),
    Row::open(O, "/alertmanager/-/healthy", Now(own::operations::healthy), "the same"),
    Row::open(O, "/-/ready", Now(own::operations::ready), "requests are welcome"),
    Row::open(O, "/prometheus/-/ready", Now(own::operations::ready), "the same"),
    Row::open(O, "/alertmanager/-/ready", Now(own::operations::ready), "the same"),
    Row::open(O, "/ready", Now(own::operations::ready), "the same, as Loki and Tempo spell it"),
    Row::open(O, "/loki/ready", Now(own::operations::ready), "the same"),
    Row::open(O, "/tempo/ready", Now(own::operations::ready), "the same"),
    Row { timeout: SHORT, ..Row::read(O, "/metrics", Now(own::operations::metrics), "the process's own metrics") },
    Row::read(O, "/config", Now(own::operations::config), "configuration as YAML"),
    Row::admin("/-/flush", Wait(own::operations::flush), "heads become segments; answers when they have"),
    Row::admin("/-/reload", Wait(own::operations::reload), "reads configuration and rules again"),
    Row { methods: GET_CHANGE, access: Access::Needs(Role::Admin), body_bytes_max: FORM_BYTES_MAX, timeout: SHORT, ..Row::read(L, "/loki/api/v1/delete", Wait(loki::delete::answer), "deletes the lines a query finds; GET lists deletions, DELETE cancels one") },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::{RouteTable, markdown};

    #[test]
    fn no_two_rows_answer_one_method_and_path() {
        RouteTable::new(routes()).unwrap();
    }

    #[test]
    fn only_rows_without_data_are_public_and_only_those_with_a_body_take_one() {
        for row in ROUTES {
            let public = row.access == Access::Public;
            assert!(!public || row.scope == TenantScope::None, "{}", row.path);
            let takes_body = |method: &Method| [Method::POST, Method::PUT].contains(method);
            let posts = row.methods.iter().any(takes_body) && row.owner != Family::Operations;
            assert_eq!(row.body_bytes_max > 0, posts, "{}", row.path);
            assert!(!row.doc.is_empty(), "{}", row.path);
        }
    }

    #[test]
    fn every_row_has_its_line_in_the_documentation() {
        let page = markdown(&routes());
        for row in ROUTES {
            assert!(page.contains(&format!("`{}` |", row.path)), "{}", row.path);
        }
        assert_eq!(page.lines().filter(|line| line.contains("| `/")).count(), ROUTES.len());
    }
}
