//! `clients.txt`: requests as Grafana, Logs Drilldown and logcli make them, with the shapes they read.

use axum::body::Body;
use http::Request;

use crate::testing::{Answer, World, like};

struct Case<'t> {
    source: &'t str,
    request: Request<Body>,
    wanted: &'t str,
}

fn cases(table: &str) -> Vec<Case<'_>> {
    let blocks = table.split("\n== ").skip(1);
    let case = |block| -> Option<Case<'_>> {
        let mut lines = str::lines(block).filter(|line| !line.is_empty());
        let source = lines.next()?;
        let mut request = Request::get(lines.next()?.strip_prefix("GET ")?);
        for line in lines {
            if let Some(wanted) = line.strip_prefix("< ") {
                return Some(Case { source, request: request.body(Body::empty()).ok()?, wanted });
            }
            let (name, value) = line.split_once(": ")?;
            request = request.header(name, value);
        }
        None
    };
    blocks.map(|block| case(block).unwrap_or_else(|| panic!("no request and answer in\n{block}"))).collect()
}

#[tokio::test]
async fn clients_get_what_they_read() {
    let world = World::with_data().await;
    let cases = cases(include_str!("clients.txt"));
    assert!(cases.len() > 20);
    for case in cases {
        let answer = Answer::of(world.send("a", case.request).await).await;
        let body = match answer.status {
            200 => answer.body,
            status => format!("{status} {}", answer.body),
        };
        assert!(like(&body, case.wanted), "{}\n got {body}\nwant {}", case.source, case.wanted);
    }
}
