//! The command line: what it checks, what it refuses, what it prints, and which of two settings wins.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

use crate::support::{Server, now_ns};

struct Said {
    code: i32,
    out: String,
    err: String,
}

fn signalbox() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signalbox"));
    // Settings of the person who runs the tests are not the test's.
    let own = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SIGNALBOX_"));
    for (name, _) in own {
        command.env_remove(name);
    }
    command
}

fn said(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = command.output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Said { code: status.code().expect("it ends by itself"), out: text(stdout), err: text(stderr) }
}

fn run(arguments: &[&str]) -> Said {
    said(signalbox().args(arguments))
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

const RULES: &str = "groups:\n  - name: a\n    rules: [{alert: Down, expr: up == 0, for: 5m}]\n";
const ALERTMANAGER: &str =
    "route: {receiver: a}\nreceivers:\n  - name: a\n    webhook_configs: [{url: 'http://127.0.0.1:1/'}]\n";

#[test]
fn check_knows_each_kind_by_content_and_says_one_line_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| write(folder.path(), name, text);
    let good = [
        file("a", "retention: 3y\nlimits: {query_timeout_ms: 1000}\n"),
        file("b", RULES),
        file("c", ALERTMANAGER),
    ];
    let all = run(&["check", &good[0], &good[1], &good[2]]);
    assert_eq!((all.code, all.out.as_str()), (0, ""), "{}", all.err);

    let bad_rules = "groups:
  - name: a
    rules:
      - {alert: A, expr: 'sum('}
      - {alert: B, expr: up, for: soon}
      - {record: r, alert: C, expr: up}
";
    for (text, findings) in [
        ("retentoin: 3y\n", vec!["retentoin"]),
        ("retention: 3x\n", vec!["retention"]),
        ("http: 0.0.0.0:9480\n", vec!["insecure-no-auth"]),
        ("tokens: [{name: a, sha256: xx, tenant: t, role: read}]\n", vec!["64 hex digits"]),
        (bad_rules, vec!["rule 1: expr", "rule 2: for", "either record or alert"]),
        ("groups: [{name: a, rulez: []}]\n", vec!["rulez"]),
        ("route: {receiver: b}\nreceivers: [{name: a}]\n", vec!["no receiver \"b\""]),
        (
            "route:\n  receiver: a\nreceivers:\n  - name: a\n    webhook_configs: [{url: 'ftp://x'}]\n",
            vec!["http://"],
        ),
        ("{ not yaml", vec![""]),
    ] {
        let path = file("bad", text);
        let checked = run(&["check", &good[1], &path]);
        let lines: Vec<&str> = checked.out.lines().collect();
        assert_eq!((checked.code, lines.len()), (1, findings.len()), "{text}: {}", checked.out);
        for (line, finding) in lines.iter().zip(findings) {
            assert!(line.starts_with(&path) && line.contains(finding), "{finding}: {line}");
        }
    }
    let missing = run(&["check", "no-such-file"]);
    assert!(missing.code == 1 && missing.out.starts_with("no-such-file: "), "{}", missing.out);
    assert_eq!(run(&["check"]).code, 2, "nothing to check is a mistake");
}

#[test]
fn a_check_warns_of_names_the_server_does_not_have() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let now = now_ns().to_string();
    let point = json!({"timeUnixNano": now, "asDouble": 1.0, "attributes": [{"key": "zone", "value": {"stringValue": "a"}}]});
    let metric = json!({"name": "shop_orders", "sum": {"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [point]}});
    let line = json!({"timeUnixNano": now, "body": {"stringValue": "order taken"}});
    let name = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]});
    server.send_json(
        "default",
        "metrics",
        &json!({"resourceMetrics": [{"resource": name, "scopeMetrics": [{"metrics": [metric]}]}]}),
    );
    server.send_json(
        "default",
        "logs",
        &json!({"resourceLogs": [{"resource": name, "scopeLogs": [{"logRecords": [line]}]}]}),
    );
    let rules = data.path().join("names.yml");
    let text = r#"
groups:
  - name: names
    rules:
      - {record: shop:orders, expr: 'sum by (zone) (rate(shop_orders_total{zone!="b"}[5m]))'}
      - {alert: Recorded, expr: 'shop:orders > 1', for: 1m}
      - {alert: Misspelt, expr: 'increase(shop_order_total[5m]) > 1'}
      - {alert: NoLabel, expr: 'increase(shop_orders_total{zones="a"}[5m]) > 1'}
      - {alert: Lines, expr: 'count_over_time({service_nam="shop"} |= "order" [5m]) > 1'}
      - {alert: Fine, expr: 'count_over_time({service_name="shop"} |= "order" [5m]) > 1'}
"#;
    std::fs::write(&rules, text).unwrap();
    let path = rules.to_str().unwrap();
    let checked = run(&["check", path, "--server", &format!("http://{}", server.main)]);
    let warnings: Vec<&str> = checked.out.lines().collect();
    assert_eq!((checked.code, warnings.len()), (0, 3), "{} {}", checked.out, checked.err);
    for (warning, part) in warnings.iter().zip([
        "Misspelt: no series is called shop_order_total; did you mean shop_orders_total?",
        "NoLabel: no series of shop_orders_total has a label zones; did you mean zone?",
        "Lines: no stream of logs has a label service_nam; did you mean service_name?",
    ]) {
        assert!(
            warning.starts_with(path) && warning.contains("warning: ") && warning.contains(part),
            "{warning}"
        );
    }
    let nobody = run(&["check", path, "--server", "http://127.0.0.1:1"]);
    assert!(nobody.code != 0 && nobody.err.contains("127.0.0.1:1"), "{}", nobody.err);
}

#[test]
fn version_and_licences_are_told() {
    let version = run(&["version"]);
    assert_eq!((version.code, version.out), (0, format!("signalbox {}\n", env!("CARGO_PKG_VERSION"))));
    let licences = run(&["licenses"]);
    assert_eq!(licences.code, 0);
    // Our own, crates of every room, and packages of the web app.
    for part in [
        "Apache License",
        "tantivy 0.27",
        "tokio 1.",
        "hyper 1.",
        "tonic 0.14",
        "gtmpl-ng",
        "@mantine/core",
        "react-dom",
        "uplot",
    ] {
        assert!(licences.out.contains(part), "{part} is not among the licences");
    }
    assert!(licences.out.contains("MIT License") && !licences.out.contains("were not collected"));
}

#[test]
fn what_is_not_a_setting_is_refused_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data_dir = ["--data-dir", data.to_str().unwrap()];
    let unknown_key = write(folder.path(), "a.yml", "data_dir: x\nretenti0n: 1d\n");
    let unknown_limit = write(folder.path(), "b.yml", "limits: {no_such_limit: 1}\n");
    for (arguments, code, part) in [
        (vec!["--no-such-flag"], 2, "--no-such-flag"),
        (vec!["--retention", "1x"], 1, "retention"),
        (vec!["--http", "nowhere"], 1, "IP:PORT"),
        (vec!["--config", &unknown_key], 1, "retenti0n"),
        (vec!["--config", &unknown_limit], 1, "no_such_limit"),
        (vec!["--config", "no-such-file"], 1, "no-such-file"),
        (vec!["--log-format", "xml"], 1, "log_format"),
        (vec!["--http", "0.0.0.0:0"], 1, "--insecure-no-auth"),
        (vec!["--otlp-grpc", "0.0.0.0:0"], 1, "otlp_grpc 0.0.0.0:0"),
        (vec!["--otlp-http", "[::]:0"], 1, "otlp_http [::]:0"),
    ] {
        let refused = run(&[&["serve"], &data_dir[..], &arguments].concat());
        assert_eq!(refused.code, code, "{arguments:?}: {}", refused.err);
        assert!(refused.err.contains(part), "{arguments:?}: {}", refused.err);
    }
    let variable = said(signalbox().args(["serve"]).args(data_dir).env("SIGNALBOX_DATADIR", "x"));
    assert!(variable.code == 1 && variable.err.contains("SIGNALBOX_DATADIR"), "{}", variable.err);
    assert_eq!(run(&["no-such-command"]).code, 2);
    assert!(!data.exists(), "nothing was opened");
}

#[test]
fn wrong_rules_end_the_start_before_it_is_ready() {
    let data = tempfile::tempdir().unwrap();
    std::fs::create_dir(data.path().join("rules")).unwrap();
    write(&data.path().join("rules"), "a.yml", "groups: [{name: a, rules: [{alert: A, expr: 'sum('}]}]\n");
    let mut serve = signalbox();
    serve.args(["serve", "--data-dir"]).arg(data.path());
    let refused = said(serve.args([
        "--http",
        "127.0.0.1:0",
        "--otlp-grpc",
        "127.0.0.1:0",
        "--otlp-http",
        "127.0.0.1:0",
    ]));
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("a.yml") && !refused.err.contains(" ready"), "{}", refused.err);
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let data = tempfile::tempdir().unwrap();
    let file = write(
        data.path(),
        "config.yml",
        "retention: 1d\nretention_size: 1GB\nexternal_url: http://file\nallowed_hosts: [file.example]\n",
    );
    let environment = [
        ("SIGNALBOX_CONFIG", file.as_str()),
        ("SIGNALBOX_RETENTION", "2d"),
        ("SIGNALBOX_EXTERNAL_URL", "http://env"),
    ];
    let server = Server::start_with(data.path(), &["--external-url", "http://flag"], &environment);
    let config = server.get("/config").text();
    for line in [
        "retention: 172800s",
        "retention_size: 1073741824",
        "external_url: \"http://flag\"",
        "allowed_hosts: [\"file.example\"]",
    ] {
        assert!(config.contains(line), "{line}\n{config}");
    }
}
