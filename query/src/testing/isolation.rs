//! Every row of the table, asked as one tenant, shows nothing of another (issue 2, must-show 8).

use http_body_util::BodyExt;

use super::{World, data};
use crate::routes::{ROUTES, Timeout, probes, routes};

const MINE: &str = "alphamark";
const THEIRS: &str = "betamark";

#[tokio::test]
async fn no_row_shows_one_tenant_anothers_data() {
    let world = World::with_rules().await;
    world.fill("a", MINE).await;
    world.fill("b", THEIRS).await;
    let message = format!(r#"{{"text":"{THEIRS}"}}"#);
    let chat = http::Request::post("/api/signalbox/demo/chat/room").body(message.into()).unwrap();
    assert_eq!(world.send("b", chat).await.status(), 200);
    for (tenant, marker) in [("a", MINE), ("b", THEIRS)] {
        let alert = format!(r#"[{{"labels":{{"alertname":"{marker}"}}}}]"#);
        let silence = format!(
            r#"{{"matchers":[{{"name":"alertname","value":"{marker}","isRegex":false}}],"startsAt":"2025-11-23T20:00:00Z","endsAt":"2025-11-24T20:00:00Z","createdBy":"{marker}","comment":""}}"#
        );
        for (path, body) in [("/api/v2/alerts", alert), ("/api/v2/silences", silence)] {
            let request = http::Request::post(path).body(body.into()).unwrap();
            assert_eq!(world.send(tenant, request).await.status(), 200, "{path}");
        }
    }
    let ids = [MINE, THEIRS].map(|marker| hex(&data::trace_id(marker)));
    let mut shown = std::collections::BTreeSet::new();
    for route in routes() {
        for probe in probes(&route, super::NOW_S, &ids) {
            let body = world.body_as("a", probe.request(), route.timeout == Timeout::Stream).await;
            assert!(!body.contains(THEIRS), "{} {}: {body}", probe.method, probe.path_and_query);
            if body.contains(MINE) {
                shown.insert(route.path.clone());
            }
        }
    }
    // The test would prove nothing if the questions had no answers.
    for path in [
        "/api/v1/series",
        "/api/v1/query",
        "/loki/api/v1/query_range",
        "/api/traces/{id}",
        "/api/v2/alerts",
        "/api/v2/silences",
    ] {
        assert!(shown.contains(path), "{path} showed nothing of the asker's own: {shown:?}");
    }
    assert!(shown.len() * 5 > ROUTES.len(), "{shown:?}");
}

#[tokio::test]
async fn a_thousand_tenants_have_their_own_data() {
    let world = World::new();
    let marker = |n: usize| format!("mark{n}.");
    for chunk in (0..1000).collect::<Vec<_>>().chunks(250) {
        let appends = chunk.iter().map(|&n| world.append(format!("tenant-{n}"), data::logs(&marker(n))));
        futures_util::future::join_all(appends).await;
    }
    for n in [0, 499, 999] {
        let path = "/loki/api/v1/label/k8s_namespace_name/values";
        let body = super::Answer::of(world.reply(&format!("tenant-{n}"), path).await).await.body;
        assert_eq!(body, format!(r#"{{"status":"success","data":["{}"]}}"#, marker(n)));
    }
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl World {
    /// The body, or of an endless one its beginning.
    async fn body_as(&self, tenant: &str, request: http::Request<axum::body::Body>, endless: bool) -> String {
        let mut body = self.send(tenant, request).await.into_body();
        let bytes = if endless {
            let frame = body.frame().await;
            frame.and_then(|frame| frame.unwrap().into_data().ok()).unwrap_or_default()
        } else {
            body.collect().await.unwrap().to_bytes()
        };
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
