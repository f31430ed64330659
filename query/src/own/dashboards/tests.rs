use axum::body::Body;
use http::{Method, Request};

use super::VERSIONS_MAX;
use crate::testing::{Answer, World};

const PATH: &str = "/api/signalbox/dashboards/shop";

async fn send(world: &World, method: Method, path: &str, body: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
    Answer::of(world.send("a", request).await).await
}

async fn save(world: &World, title: &str, rest: &str) -> Answer {
    let body = format!(r#"{{"model":{{"title":"{title}","tags":["x"],"panels":[]}}{rest}}}"#);
    send(world, Method::PUT, PATH, &body).await
}

#[tokio::test]
async fn each_save_is_a_version_and_an_older_one_can_be_read_again() {
    let world = World::new();
    let first = save(&world, "Shop", r#","version":0,"folder":"Team""#).await;
    assert_eq!(first.status, 200, "{}", first.body);
    save(&world, "Shop 2", r#","version":1,"message":"wider""#).await;
    world
        .golden(&[
            (
                PATH,
                concat!(
                    r#"{"uid":"shop","title":"Shop 2","folder":"","tags":["x"],"version":2,"updated_ms":1763930000000,"#,
                    r#""shipped":false,"versions":[{"version":2,"at_ms":1763930000000,"by":"anonymous","message":"wider"},"#,
                    r#"{"version":1,"at_ms":1763930000000,"by":"anonymous","message":""}],"model":{*"title":"Shop 2"}}"#
                ),
            ),
            (&format!("{PATH}/versions/1"), r#"{"uid":"shop","version":1,"model":{*"title":"Shop"}}"#),
            (&format!("{PATH}/versions/3"), r#"{"error":"there is no version 3 of a dashboard \"shop\""}"#),
            ("/api/signalbox/dashboards", r#"{"dashboards":[{"uid":"shop","title":"Shop 2",*"uid":"signalbox"*"shipped":true}],"problems":[]}"#),
        ])
        .await;
}

#[tokio::test]
async fn a_save_that_began_with_an_older_version_is_refused() {
    let world = World::new();
    save(&world, "Shop", "").await;
    for stale in [r#","version":0"#, r#","version":2"#] {
        let answer = save(&world, "Other", stale).await;
        assert_eq!(answer.status, 409, "{}", answer.body);
        assert!(answer.body.contains(r#""version":1"#), "{}", answer.body);
    }
}

#[tokio::test]
async fn what_is_no_dashboard_is_refused() {
    let world = World::new();
    for (body, reason) in [
        ("[]", "the body is no dashboard to save"),
        (r#"{"model":[]}"#, "must be a JSON object"),
        (r#"{"model":{"panels":[]}}"#, "needs a title"),
        (r#"{"model":{"title":"x"},"owner":1}"#, "unknown field"),
    ] {
        let answer = send(&world, Method::PUT, PATH, body).await;
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains(reason), "{}", answer.body);
    }
    let answer =
        send(&world, Method::PUT, "/api/signalbox/dashboards/a%2Fb", r#"{"model":{"title":"x"}}"#).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn a_deleted_dashboard_is_gone_with_its_versions_and_one_that_ships_comes_back() {
    let world = World::new();
    save(&world, "Shop", "").await;
    assert_eq!(send(&world, Method::DELETE, PATH, "").await.status, 200);
    assert_eq!(world.get(PATH).await.status, 404);
    assert_eq!(world.get(&format!("{PATH}/versions/1")).await.status, 404);
    assert_eq!(send(&world, Method::DELETE, PATH, "").await.status, 404);

    let shipped = "/api/signalbox/dashboards/signalbox";
    assert_eq!(send(&world, Method::DELETE, shipped, "").await.status, 400);
    send(&world, Method::PUT, shipped, r#"{"model":{"title":"Mine"},"version":0}"#).await;
    assert!(world.get(shipped).await.body.contains(r#""title":"Mine""#));
    assert!(world.get(&format!("{shipped}/versions/0")).await.body.contains("Signalbox"));
    send(&world, Method::DELETE, shipped, "").await;
    assert!(world.get(shipped).await.body.contains(r#""shipped":true"#));
}

#[tokio::test]
async fn the_oldest_versions_go_when_there_are_too_many() {
    let world = World::new();
    for n in 0..=VERSIONS_MAX {
        save(&world, &format!("Shop {n}"), "").await;
    }
    assert_eq!(world.get(&format!("{PATH}/versions/1")).await.status, 404);
    assert_eq!(world.get(&format!("{PATH}/versions/2")).await.status, 200);
}

#[tokio::test]
async fn tenants_have_their_own_dashboards() {
    let world = World::new();
    save(&world, "Shop", "").await;
    assert_eq!(Answer::of(world.reply("b", PATH).await).await.status, 404);
}
