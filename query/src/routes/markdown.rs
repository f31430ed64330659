//! The routes as a page of the documentation.

use std::fmt::Write as _;

use store::model::Role;

use super::{Access, Family, Route, TenantScope, Timeout};

const FAMILIES: [Family; 9] = [
    Family::Ingest,
    Family::Prometheus,
    Family::Loki,
    Family::Tempo,
    Family::Jaeger,
    Family::Zipkin,
    Family::Alertmanager,
    Family::Signalbox,
    Family::Operations,
];

/// One table a family, in the order of the rows.
pub fn markdown<H>(routes: &[Route<H>]) -> String {
    let mut out = String::from(
        "# HTTP API\n\nWritten from the route table; a test compares the two. Any other path is 404, any other method \
         405.\n\n`{name}` is one segment of the path, `{name...}` one or more. Roles are those of `tokens:` in the \
         configuration; a public path needs no credential. GET answers HEAD too.\n",
    );
    for family in FAMILIES {
        let mut rows = routes.iter().filter(|route| route.owner == family && !route.alias).peekable();
        if rows.peek().is_none() {
            continue;
        }
        let _ = write!(out, "\n## {}\n\n", family.title());
        if !family.aliases().is_empty() {
            let prefixes: Vec<String> = family.aliases().iter().map(|prefix| format!("`{prefix}`")).collect();
            let _ = write!(out, "Also under {}.\n\n", prefixes.join(" and "));
        }
        out.push_str(
            "| method | path | role | of one tenant | body | time | what |\n|---|---|---|---|---|---|---|\n",
        );
        rows.for_each(|route| write_row(route, &mut out));
    }
    out
}

fn write_row<H>(route: &Route<H>, out: &mut String) {
    let methods: Vec<&str> = route.methods.iter().map(|method| method.as_str()).collect();
    let role = match route.access {
        Access::Public => "public",
        Access::Needs(Role::Ingest) => "ingest",
        Access::Needs(Role::Read) => "read",
        Access::Needs(Role::Admin) => "admin",
    };
    let scope = match route.scope {
        TenantScope::Tenant => "yes",
        TenantScope::None => "no",
    };
    let body = match route.body_bytes_max {
        0 => "–".to_owned(),
        bytes if bytes >= 1 << 20 => format!("{} MiB", bytes >> 20),
        bytes => format!("{} KiB", bytes >> 10),
    };
    let time = match route.timeout {
        Timeout::Query => "query limit".to_owned(),
        Timeout::After(duration) => format!("{} s", duration.as_secs()),
        Timeout::Stream => "stream".to_owned(),
    };
    let _ = writeln!(
        out,
        "| {} | `{}` | {role} | {scope} | {body} | {time} | {} |",
        methods.join(", "),
        route.path,
        route.doc
    );
}
