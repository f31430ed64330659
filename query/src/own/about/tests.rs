use serde_json::{Value, json};

use crate::testing::World;

async fn about(world: &World, params: &str) -> Value {
    let answer = world.get(&format!("/api/signalbox/about?{params}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

fn texts(of: &Value, name: &str) -> Vec<String> {
    let rows = of.as_array().unwrap().iter();
    rows.map(|row| row[name].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_service_has_all_its_signals() {
    let world = World::with_rules().await;
    world.fill("a", "").await;
    world.fill("b", "theirs").await;
    let found = about(&world, "service=cart").await;
    assert_eq!(found["about"], json!({"kind": "service", "name": "cart", "services": ["cart"], "pods": []}));
    let text = found.to_string();
    assert!(!text.contains("theirs") && !text.contains("\"error\":{"), "{text}");
    let traces = &found["traces"];
    assert_eq!(texts(&traces["operations"], "name"), ["POST /checkout", "charge"]);
    assert_eq!(traces["operations"][0]["p95_ns"], 100_000_000);
    assert_eq!(texts(&traces["slow"], "root_name"), ["POST /checkout"]);
    assert_eq!(found["logs"]["levels"], json!({"error": 1, "info": 1}));
    assert_eq!(
        (found["logs"]["newest"].as_array().unwrap().len(), texts(&found["logs"]["errors"], "level")),
        (2, vec!["error".to_owned()])
    );
    assert!(texts(&found["bad_patterns"], "pattern").iter().any(|one| one.contains("cart full")), "{text}");
    assert_eq!(
        (texts(&found["metrics"]["names"], "name"), &found["metrics"]["series"]),
        (vec!["shop_orders_total".to_owned()], &json!(2))
    );
    let cart = &found["services"][0];
    assert_eq!(
        (&cart["name"], &cart["instances"], &cart["calls"]),
        (&json!("cart"), &json!(["c-1"]), &json!(["payments"]))
    );
    assert_eq!(texts(&found["links"], "title"), ["Logs", "Traces", "Service cart"]);
}

#[tokio::test]
async fn a_trace_has_its_services_and_their_signals() {
    let world = World::with_data().await;
    let found = about(&world, "trace=10203040506070809").await;
    let about_it = &found["about"];
    assert_eq!((&about_it["kind"], &about_it["services"]), (&json!("trace"), &json!(["cart", "payments"])));
    let one = &found["traces"]["trace"];
    assert_eq!(
        (&one["spans"], &one["failed"], &one["duration_ns"]),
        (&json!(3), &json!(1), &json!(100_000_000))
    );
    assert_eq!(one["services"][1], json!({"name": "payments", "self_ns": 40_000_000, "path_ns": 40_000_000}));
    let own = found["logs"]["newest"].as_array().unwrap();
    assert!(!own.is_empty() && own.iter().all(|line| line["trace_id"] == "00000000000000010203040506070809"));
    assert_eq!(texts(&found["services"], "name"), ["cart", "payments"]);
}

#[tokio::test]
async fn one_thing_is_asked_about() {
    let world = World::with_data().await;
    let problem = async |params: &str| {
        let answer = world.get(&format!("/api/signalbox/about{params}")).await;
        (answer.status, answer.body)
    };
    for params in ["", "?service=a&pod=b"] {
        let (status, body) = problem(params).await;
        assert!(status == 400 && body.contains("one of"), "{status} {body}");
    }
    assert_eq!(problem("?trace=zz").await.0, 400);
    assert_eq!(problem("?trace=77").await.0, 404);
    let nobody = about(&world, "pod=none").await;
    assert_eq!((&nobody["logs"]["newest"], &nobody["metrics"]["series"]), (&json!([]), &json!(0)));
}
