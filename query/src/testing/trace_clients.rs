//! The table of requests as known clients make them.

use axum::body::Body;
use http::Request;

use super::{Answer, NOW_S, World, encoded, like};

const TABLE: &str = include_str!("trace_clients.txt");
const TRACE: &str = "00000000000000010203040506070809";

#[tokio::test]
async fn clients_of_traces_find_what_they_read() {
    let world = World::with_data().await;
    world.fill("b", "theirs").await;
    let fill = |text: &str| {
        let times = text.replace("=S", &format!("={}", NOW_S - 300)).replace("=E", &format!("={NOW_S}"));
        times.replace("/T", &format!("/{TRACE}")).replace("=T,", &format!("={TRACE},"))
    };
    let mut rows = 0;
    let mut wrong = Vec::new();
    for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [source, request, expected] = fields[..] else { panic!("three fields: {line}") };
        assert!(source.contains(" @ "), "a file and a commit: {line}");
        let (path, accept) = match request.strip_prefix(".pb") {
            Some(path) => (path, "application/protobuf"),
            None => (request, "application/json"),
        };
        let request = Request::get(encoded(&fill(path)).replace("%2526", "%26"));
        let request = request.header("accept", accept).body(Body::empty()).unwrap();
        let answer = Answer::of(world.send("a", request).await).await;
        if !like(&answer.body, &expected.replace("\"T\"", &format!("\"{TRACE}\""))) {
            wrong.push(format!("{path}\n  got {}\n want {expected}", answer.body));
        }
        rows += 1;
    }
    assert!(wrong.is_empty(), "{} of {rows}:\n{}", wrong.len(), wrong.join("\n"));
}
