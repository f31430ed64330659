//! What is asked of alerts over HTTP: rule groups that come and go, why an alert fired and who was told, the links of a
//! message, unit tests of rules.

use std::process::Command;

use serde_json::json;

use crate::alerts::{HOT, LONG, Site, alert_in, delivered, is_status, measure, webhook};
use crate::receiver::Receiver;
use crate::support::http::{Answer, send};
use crate::support::{Server, eventually, now_ns};

const GROUP: &str = "name: rooms
interval: 1s
rules:
  - {alert: Hot, expr: 'temperature_celsius > 30', labels: {severity: page}}
";

fn delete(server: &Server, path: &str) -> Answer {
    send(&server.main, "DELETE", path, &[], b"")
}

#[test]
fn a_rule_group_by_http_is_evaluated_survives_a_restart_and_goes_with_its_alert() {
    let hook = Receiver::open();
    let site = Site::new("", &webhook(&hook));
    std::fs::remove_dir_all(site.path().join("rules")).unwrap();
    let server = site.start();
    assert_eq!(server.get("/config/v1/rules").status, 404);
    let wrong = server.post("/config/v1/rules/house", &[], b"name: x\nrules: [{alert: A, expr: 'sum('}]");
    assert_eq!(wrong.status, 400, "{}", wrong.text());
    let taken = server.post("/prometheus/config/v1/rules/house", &[], GROUP.as_bytes());
    assert_eq!((taken.status, &taken.json()["status"]), (202, &json!("success")));
    let list = server.get("/config/v1/rules").text();
    assert!(list.starts_with("house:\n") && list.contains("alert: Hot"), "{list}");
    assert!(server.get("/config/v1/rules/house/rooms").text().contains("name: rooms"));
    assert_eq!(server.get("/loki/api/v1/rules").status, 404, "Loki's groups are others");
    measure(&server, "attic", 31.0);
    hook.wait_for("the alert", is_status("firing"));
    server.kill();

    let server = site.start();
    let groups = server.get("/api/v1/rules").json();
    assert_eq!(groups["data"]["groups"][0]["file"], "house");
    alert_in(&server, "firing");
    assert_eq!(delete(&server, "/config/v1/rules/house/rooms").status, 202);
    hook.wait_for("its end", is_status("resolved"));
    assert_eq!(delete(&server, "/config/v1/rules/house").status, 404);
    assert_eq!(server.get("/api/v1/rules").json()["data"]["groups"], json!([]));
}

/// Writes one failed line of a service.
fn log(server: &Server, line: &str) {
    let record = json!({"timeUnixNano": now_ns().to_string(), "body": {"stringValue": line}});
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "cart"}}]});
    let scope = json!({"logRecords": [record]});
    server.send_json(
        "default",
        "logs",
        &json!({"resourceLogs": [{"resource": resource, "scopeLogs": [scope]}]}),
    );
}

#[test]
fn a_rule_in_logql_by_lokis_api_fires_as_lines_come() {
    let hook = Receiver::open();
    let site = Site::new("", &webhook(&hook));
    std::fs::remove_dir_all(site.path().join("rules")).unwrap();
    let server = site.start();
    // An hour's interval: it is the lines that fire it, not an instant.
    let group = "name: lines\ninterval: 1h\nrules:
  - {alert: Failures, expr: 'sum by (service_name) (count_over_time({service_name=\"cart\"} |= \"failed\" [5m])) > 2'}";
    assert_eq!(server.post("/loki/api/v1/rules/shop", &[], group.as_bytes()).status, 202);
    (0..2).for_each(|n| log(&server, &format!("order {n} failed")));
    log(&server, "order 2 taken");
    let caused_ns = now_ns();
    log(&server, "order 3 failed");
    let firing = hook.wait_for("the alert", is_status("firing"));
    eprintln!("from the line to the receiver: {} ms", (firing.at_ns - caused_ns) / 1_000_000);
    assert_eq!(firing.body["alerts"][0]["labels"]["service_name"], "cart");
    let url = firing.body["alerts"][0]["generatorURL"].as_str().unwrap();
    assert!(url.contains("/ui/logs?q=sum%20by"), "{url}");
}

#[test]
fn an_alert_is_explained_over_http_and_on_the_command_line() {
    let hook = Receiver::open();
    let site = Site::new(HOT, &webhook(&hook));
    let server = site.start();
    measure(&server, "attic", 20.0);
    let text = server.get("/api/v1/alerts/Hot/explain?format=text").text();
    assert!(text.contains("it holds for: nothing"), "{text}");
    measure(&server, "attic", 31.0);
    hook.wait_for("the alert", is_status("firing"));
    delivered(&server);
    let said = eventually("the delivery is noted", LONG, || {
        let json = server.get("/api/v1/alerts/Hot/explain").json();
        let events = json["data"]["alerts"][0]["events"].as_array()?.clone();
        let names: Vec<String> =
            events.iter().map(|event| event["what"].as_str().unwrap().to_owned()).collect();
        names.contains(&"delivered".to_owned()).then_some(names)
    });
    assert_eq!(said, ["fired", "grouped", "queued", "delivered"]);
    let text = eventually("the grid finds it", LONG, || {
        let address = format!("http://{}", server.main);
        let output = Command::new(env!("CARGO_BIN_EXE_signalbox"))
            .args(["explain", "Hot", "--server", &address])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.contains("it holds for: 1").then_some(text)
    });
    for part in
        ["fired with 31", "took the message at attempt 1", "compared (> 30): 1", "promql: temperature"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let nobody = server.get("/api/v1/alerts/Nobody/explain");
    assert_eq!(nobody.status, 404);
}

#[test]
fn a_link_in_chat_asks_silences_once_and_shows_a_chart() {
    let chat = Receiver::open();
    let slack = format!("    slack_configs: [{{api_url: '{}'}}]\n", chat.url("/x"));
    let site = Site::new(HOT, &slack);
    let server = site.start();
    measure(&server, "attic", 31.0);
    let told = chat.wait_for("the message", |attempt| attempt.body["attachments"][1].is_object());
    let evidence = &told.body["attachments"][1];
    let path = |url: &str| url.strip_prefix("http://signalbox.example:9480").unwrap().to_owned();
    let chart = server.get(&path(evidence["image_url"].as_str().unwrap()));
    assert_eq!((chart.status, chart.header("content-type")), (200, Some("image/png")));
    assert!(chart.body.starts_with(b"\x89PNG"));
    let action = evidence["actions"].as_array().unwrap().iter().find(|one| one["text"] == "Silence 1 h");
    let action = path(action.unwrap()["url"].as_str().unwrap());
    let silences = || server.get("/api/v2/silences").json().as_array().unwrap().len();

    // A preview of the link looks at the page, and nothing has happened.
    let page = server.get(&action);
    assert_eq!((page.status, silences()), (200, 0));
    assert!(page.text().contains("<h1>Silence 1 h?</h1>") && page.text().contains("<td>attic</td>"));
    assert_eq!((server.post(&action, &[], b"").status, silences()), (200, 1));
    assert_eq!((server.post(&action, &[], b"").status, silences()), (409, 1));
    assert_eq!(server.get(&action).status, 409);
    let forged = action.replace("?d=e", "?d=f");
    assert_eq!((server.post(&forged, &[], b"").status, silences()), (403, 1));
    let alert = &server.get("/api/v2/alerts").json()[0];
    assert_eq!(alert["status"]["state"], "suppressed");
    let text = server.get("/api/v1/alerts/Hot/explain?format=text").text();
    assert!(text.contains("silence 1 h by a link in a message"), "{text}");
    assert!(text.contains("team.a is not told: silenced by"), "{text}");
}

#[test]
fn unit_tests_of_rules_pass_and_fail_with_their_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("rules.yml", "groups: [{name: g, rules: [{alert: Down, expr: up == 0, for: 2m}]}]");
    let tests = |at: &str| {
        format!(
            "rule_files: [rules.yml]\ntests: [{{input_series: [{{series: up, values: '0x9'}}], \
             alert_rule_test: [{{eval_time: {at}, alertname: Down, exp_alerts: [{{}}]}}]}}]"
        )
    };
    write("good.yml", &tests("2m"));
    write("bad.yml", &tests("1m"));
    let run = |name: &str| {
        let file = folder.path().join(name);
        Command::new(env!("CARGO_BIN_EXE_signalbox")).arg("test").arg(file).output().unwrap()
    };
    let (good, bad) = (run("good.yml"), run("bad.yml"));
    assert_eq!((good.status.code(), bad.status.code()), (Some(0), Some(1)));
    assert!(String::from_utf8(good.stdout).unwrap().ends_with("good.yml: 1 passed, 0 failures\n"));
    let out = String::from_utf8(bad.stdout).unwrap();
    assert!(out.contains("alertname: Down, time: 1m: expected [{alertname=\"Down\"} {}], got []"), "{out}");
}
