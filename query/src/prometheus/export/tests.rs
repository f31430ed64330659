use crate::testing::World;

#[tokio::test]
async fn numbers_are_exported_as_text_and_as_lines_of_values() {
    let world = World::with_data().await;
    let text = world.get("/api/v1/export?match[]=shop_orders_total{region=\"eu\"}&format=prometheus").await;
    assert_eq!(text.content_type, "text/plain; charset=utf-8");
    assert_eq!(
        text.body,
        concat!(
            // The counter's start.
            "shop_orders_total{instance=\"c-1\",job=\"cart\",region=\"eu\"} 0 1763929880000\n",
            "shop_orders_total{instance=\"c-1\",job=\"cart\",region=\"eu\"} 60 1763929940000\n",
            "shop_orders_total{instance=\"c-1\",job=\"cart\",region=\"eu\"} 120 1763930000000\n",
        )
    );
    let values = world
        .get("/prometheus/api/v1/export?match[]=shop_orders_total{region=\"us\"}&start=1763930000")
        .await;
    assert_eq!(values.content_type, "application/x-ndjson");
    assert_eq!(
        values.body,
        concat!(
            r#"{"metric":{"__name__":"shop_orders_total","instance":"c-1","job":"cart","region":"us"},"#,
            r#""values":[60],"timestamps":[1763930000000]}"#,
            "\n"
        )
    );
}

#[tokio::test]
async fn otlp_keeps_what_the_sender_said() {
    let world = World::with_data().await;
    let otlp = world.get("/api/v1/export?match[]=shop_orders_total{region=\"eu\"}&format=otlp").await;
    assert_eq!(otlp.body.lines().count(), 1);
    for part in [
        r#"{"key":"service.name","value":{"stringValue":"cart"}}"#,
        r#""name":"shop.orders""#,
        r#""attributes":[{"key":"region","value":{"stringValue":"eu"}}]"#,
        r#""timeUnixNano":"1763930000000000000","asDouble":120}"#,
        r#""aggregationTemporality":2,"isMonotonic":true"#,
    ] {
        assert!(otlp.body.contains(part), "{part} in {}", otlp.body);
    }
}

#[tokio::test]
async fn what_cannot_be_exported_is_an_error() {
    let world = World::with_data().await;
    for (path, message) in [
        ("/api/v1/export", "no match[] parameter"),
        ("/api/v1/export?match[]=up&format=csv", "csv"),
        ("/api/v1/export?match[]=up&start=x", "start"),
        ("/api/v1/export?match[]={x=\"\"}", "non-empty"),
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.body.contains(message), "{path}: {}", answer.body);
    }
    assert_eq!(world.get("/api/v1/export?match[]=nothing").await.body, "");
}
