//! Running it: who may come in, reload, drain, backup, and what a start refuses.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use serde_json::json;

use crate::grpc::{Line, export_path, frame};
use crate::otlp::{PROTOBUF, SIGNALS, records};
use crate::support::{Server, eventually, files_below, http, now_ns};

const ATTACK: &str = "http://attacker.example";

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Tokens by name; a token is its name with `-secret`.
fn tokens(rows: &[(&str, &str, &str)]) -> String {
    let row = |(name, tenant, role): &(&str, &str, &str)| {
        let hash = sha256(&format!("{name}-secret"));
        format!("  - {{name: {name}, sha256: {hash}, tenant: {tenant}, role: {role}}}\n")
    };
    format!("tokens:\n{}", rows.iter().map(row).collect::<String>())
}

fn post_logs(server: &Server, headers: &[(&str, &str)], name: &str) -> http::Answer {
    let body = records("logs", name, &[now_ns()]);
    let all = [&[("Content-Type", PROTOBUF)], headers].concat();
    http::send(&server.otlp_http, "POST", "/v1/logs", &all, &body)
}

/// How many log records of a service there are.
fn logs_of(server: &Server, headers: &[(&str, &str)], name: &str) -> usize {
    let path = format!("/loki/api/v1/query_range?query=%7Bservice_name%3D%22{name}%22%7D&limit=5000");
    let answer = http::send(&server.main, "GET", &path, headers, b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let streams = answer.json()["data"]["result"].as_array().unwrap().clone();
    streams.iter().map(|stream| stream["values"].as_array().unwrap().len()).sum()
}

#[test]
fn an_empty_directory_is_ready_within_a_second_and_every_door_takes_every_path() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    eprintln!("ready after {:?}", server.ready_after);
    assert_eq!(server.get("/-/ready").status, 200);
    let aliases = [
        (
            "logs",
            vec!["/v1/logs", "/otlp", "/otlp/v1/logs", "/api/org/v1/logs", "/insert/opentelemetry/v1/logs"],
        ),
        (
            "metrics",
            vec![
                "/v1/metrics",
                "/api/v1/otlp/v1/metrics",
                "/api/org/v1/metrics",
                "/opentelemetry/v1/metrics",
            ],
        ),
        ("traces", vec!["/v1/traces", "/api/org/v1/traces", "/insert/opentelemetry/v1/traces"]),
    ];
    let mut sent = 0;
    for door in [&server.main, &server.otlp_http] {
        for (signal, paths) in &aliases {
            for path in paths {
                let body = records(signal, "aliases", &[now_ns()]);
                let answer = http::send(door, "POST", path, &[("Content-Type", PROTOBUF)], &body);
                assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}: {}", answer.text());
                sent += usize::from(*signal == "logs");
                let wrong = http::send(door, "GET", path, &[], b"");
                assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")), "GET {path}");
            }
        }
    }
    assert_eq!(logs_of(&server, &[], "aliases"), sent);
    for door in [&server.main, &server.otlp_grpc] {
        for signal in SIGNALS {
            let body = records(signal, "grpc", &[now_ns()]);
            assert_eq!(Line::open(door).call(&export_path(signal), &[], frame(false, &body)).code, 0);
        }
    }
    assert_eq!(http::send(&server.otlp_http, "GET", "/api/v1/query?query=1", &[], b"").status, 404);
    // Generous, since other tests run beside this one; the figure is printed.
    assert!(server.ready_after < Duration::from_secs(5), "{:?}", server.ready_after);
}

#[test]
fn strange_hosts_and_foreign_pages_are_refused_and_named_ones_are_not() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("config.yml");
    std::fs::write(&file, "allowed_hosts: [box.lan]\ncors_origins: ['https://shop.example']\n").unwrap();
    let server = Server::start(data.path(), &["--config", file.to_str().unwrap()]);
    let get = |host: &str| http::send(&server.main, "GET", "/api/v1/labels", &[("Host", host)], b"").status;
    assert_eq!([get("localhost:9480"), get("127.0.0.1"), get("box.lan:1")], [200, 200, 200]);
    assert_eq!([get("rebound.example"), get("127.0.0.1.evil.example"), get("10.0.0.1")], [403, 403, 403]);
    let flush = |origin: &str| server.post("/-/flush", &[("Origin", origin)], b"").status;
    let own = format!("http://{}", server.main);
    assert_eq!([flush(&own), flush(ATTACK), flush("null")], [200, 403, 403]);

    let from = |origin: &'static str| post_logs(&server, &[("Origin", origin)], "browser");
    let shop = from("https://shop.example");
    assert_eq!(
        (shop.status, shop.header("access-control-allow-origin")),
        (200, Some("https://shop.example"))
    );
    let foreign = from(ATTACK);
    assert_eq!((foreign.status, foreign.header("access-control-allow-origin")), (403, None));
    let preflight = |origin: &str| {
        let headers = [
            ("Origin", origin),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "content-type,x-own"),
        ];
        http::send(&server.otlp_http, "OPTIONS", "/v1/traces", &headers, b"")
    };
    let allowed = preflight("https://shop.example");
    assert_eq!(
        (allowed.status, allowed.header("access-control-allow-headers")),
        (204, Some("content-type,x-own"))
    );
    assert_eq!(preflight(ATTACK).status, 403);
    let grpc = Line::open(&server.otlp_grpc);
    let reply = grpc.call(
        &export_path("logs"),
        &[("origin", ATTACK)],
        frame(false, &records("logs", "x", &[now_ns()])),
    );
    assert_eq!(reply.code, 7, "PERMISSION_DENIED");
    assert_eq!(logs_of(&server, &[], "browser"), 1);
}

/// Every role, as bearer and as the password of basic authentication, at a door, at reads and at operations.
#[test]
fn tokens_have_a_role_and_a_tenant() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("config.yml");
    let rows =
        [("in", "a", "ingest"), ("look", "a", "read"), ("boss", "a", "admin"), ("other", "b", "admin")];
    std::fs::write(&file, tokens(&rows)).unwrap();
    let server = Server::start(data.path(), &["--config", file.to_str().unwrap()]);
    let main = server.main.clone();
    let basic = |name: &str| {
        let pair = format!("anybody:{name}-secret");
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    };
    for (name, writes, reads, operates) in
        [("in", 200, 403, 403), ("look", 403, 200, 403), ("boss", 200, 200, 200), ("wrong", 401, 401, 401)]
    {
        for credential in [format!("Bearer {name}-secret"), basic(name)] {
            let auth = [("Authorization", credential.as_str())];
            assert_eq!(post_logs(&server, &auth, "secret").status, writes, "{credential}");
            let get = |path: &str| http::send(&main, "GET", path, &auth, b"").status;
            assert_eq!([get("/api/v1/labels"), get("/metrics"), get("/config")], [reads; 3], "{credential}");
            assert_eq!(http::send(&main, "POST", "/-/flush", &auth, b"").status, operates, "{credential}");
            let call = Line::open(&server.otlp_grpc).call(
                &export_path("logs"),
                &[("authorization", &credential)],
                frame(false, &records("logs", "secret", &[now_ns()])),
            );
            let code = match writes {
                200 => 0,
                403 => 7,
                _ => 16,
            };
            assert_eq!(call.code, code, "{credential}");
        }
    }
    let nobody = http::send(&main, "GET", "/api/v1/labels", &[], b"");
    assert_eq!((nobody.status, nobody.header("www-authenticate").is_some()), (401, true));
    for public in ["/-/healthy", "/-/ready", "/ui/", "/"] {
        assert!([200, 307].contains(&http::send(&main, "GET", public, &[], b"").status), "{public}");
    }
    let (mine, theirs) =
        ([("Authorization", "Bearer boss-secret")], [("Authorization", "Bearer other-secret")]);
    let at_main = |headers: &[(&str, &str)]| {
        let path = "/loki/api/v1/query_range?query=%7Bservice_name%3D%22secret%22%7D";
        http::send(&main, "GET", path, headers, b"").text().contains("\"secret\"")
    };
    assert!(at_main(&mine) && !at_main(&theirs), "a token sees its tenant");
    let claims = |tenant| [mine[0], ("X-Scope-OrgID", tenant)];
    assert_eq!(http::send(&main, "GET", "/api/v1/labels", &claims("b"), b"").status, 403);
    assert_eq!(http::send(&main, "GET", "/api/v1/labels", &claims("a"), b"").status, 200);
}

#[test]
fn a_reload_takes_all_of_a_configuration_or_nothing() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("config.yml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write(&tokens(&[("first", "a", "admin"), ("second", "a", "admin")]));
    let server = Server::start(data.path(), &["--config", file.to_str().unwrap()]);
    let knows = |name: &str| {
        let bearer = format!("Bearer {name}-secret");
        http::send(&server.main, "GET", "/api/v1/rules", &[("Authorization", &bearer)], b"").status == 200
    };
    let reload = |name: &str| {
        let bearer = format!("Bearer {name}-secret");
        http::send(&server.main, "POST", "/-/reload", &[("Authorization", &bearer)], b"")
    };
    assert!(knows("first") && knows("second") && !knows("third"));
    write(&tokens(&[("second", "a", "admin"), ("third", "a", "admin")]));
    assert!(!knows("third"), "nothing happens by itself");
    server.signal("HUP");
    eventually("SIGHUP is heard", Duration::from_secs(30), || knows("third").then_some(()));
    assert!(!knows("first"), "a token that was taken away opens nothing");

    for (wrong, part) in [
        ("tokens: [{name: a, sha256: x, tenant: t, role: read}]\n".to_owned(), "64 hex digits"),
        (tokens(&[("fourth", "a", "admin")]) + "retention: 2d\n", "retention changes with a restart only"),
        (tokens(&[("fourth", "a", "admin")]) + "alertmanager: no-such-file\n", "no-such-file"),
    ] {
        write(&wrong);
        let refused = reload("third");
        assert!(refused.status == 400 && refused.text().contains(part), "{part}: {}", refused.text());
        assert!(knows("third") && !knows("fourth"), "what is in force stays");
    }
    write(&tokens(&[("fourth", "a", "admin")]));
    let rules = data.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("a.yml"), "groups: [{name: a, rules: [{alert: A, expr: 'sum('}]}]\n").unwrap();
    assert_eq!(reload("third").status, 400, "a wrong rule file");
    assert!(knows("third") && !knows("fourth"));
    std::fs::write(rules.join("a.yml"), "groups: [{name: a, rules: [{alert: A, expr: up}]}]\n").unwrap();
    assert_eq!((reload("third").status, knows("fourth")), (200, true));
}

#[test]
fn sigterm_lets_an_open_request_end_and_loses_nothing() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let body = records("logs", "drained", &[now_ns()]);
    let mut socket = TcpStream::connect(&server.otlp_http).unwrap();
    let head = format!(
        "POST /v1/logs HTTP/1.1\r\nHost: {}\r\nContent-Type: {PROTOBUF}\r\nContent-Length: {}\r\n\r\n",
        server.otlp_http,
        body.len()
    );
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(&body[..body.len() / 2]).unwrap();
    eventually("the request has its memory, so it is being read", Duration::from_secs(30), || {
        let metrics = server.get("/metrics").text();
        let held =
            |line: &str| line.starts_with("signalbox_collector_memory_bytes ") && !line.ends_with(" 0");
        metrics.lines().any(held).then_some(())
    });
    server.signal("TERM");
    eventually("it listens no more", Duration::from_secs(30), || {
        TcpStream::connect(&server.main).is_err().then_some(())
    });
    socket.write_all(&body[body.len() / 2..]).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(server.wait().success(), "it ends without an error");
    let server = Server::start(data.path(), &[]);
    assert_eq!(logs_of(&server, &[], "drained"), 1);
}

#[test]
fn a_backup_taken_while_serving_holds_what_was_acknowledged() {
    let (data, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(data.path(), &[]);
    let send = |name: &str| {
        SIGNALS.iter().for_each(|signal| {
            let body = records(signal, name, &[now_ns()]);
            let path = format!("/v1/{signal}");
            assert_eq!(
                http::send(&server.otlp_http, "POST", &path, &[("Content-Type", PROTOBUF)], &body).status,
                200
            );
        })
    };
    send("flushed");
    assert_eq!(server.post("/-/flush", &[], b"").status, 200);
    send("in_the_log");
    let room = json!({"text": "a document"}).to_string();
    assert_eq!(server.post("/api/signalbox/demo/chat/room", &[], room.as_bytes()).status, 200);
    let run = |command: &str, dir: &Path, data_dir: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_signalbox"))
            .arg(command)
            .arg(dir)
            .arg("--data-dir")
            .arg(data_dir)
            .output();
        let output = output.unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (copy, new) = (copies.path().join("copy"), copies.path().join("new"));
    assert_eq!(run("backup", &copy, data.path()), (0, String::new()));
    send("later");
    assert_eq!(run("restore", &copy, &new), (0, String::new()));
    let (code, error) = run("restore", &copy, &new);
    assert!(code == 1 && error.contains("not empty"), "{error}");
    let (code, error) = run("restore", &copies.path().join("none"), &copies.path().join("x"));
    assert!(code == 1 && error.contains("not a backup"), "{error}");
    let restored = Server::start(&new, &[]);
    for (name, count) in [("flushed", 1), ("in_the_log", 1), ("later", 0)] {
        assert_eq!(logs_of(&restored, &[], name), count, "{name}");
        let samples = restored.get(&format!("/api/v1/query?query={name}")).json();
        assert_eq!(samples["data"]["result"].as_array().unwrap().len(), count, "{name}");
    }
    assert!(restored.get("/api/signalbox/demo/chat/room").text().contains("a document"));
    assert_eq!(logs_of(&server, &[], "later"), 1);
}

/// Sets the formats in a log file's header to what no program reads yet.
fn make_newer(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    for start in [0, 2048] {
        let header = &mut bytes[start..start + 64];
        header[8..10].copy_from_slice(&99_u16.to_le_bytes());
        header[10..12].copy_from_slice(&99_u16.to_le_bytes());
        header[48..60].copy_from_slice(b"9.8.7\0\0\0\0\0\0\0");
        let mut crc = flate2::Crc::new();
        crc.update(&header[..60]);
        header[60..].copy_from_slice(&crc.sum().to_le_bytes());
    }
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn a_newer_format_is_refused_with_the_version_to_use_and_a_second_server_too() {
    let data = tempfile::tempdir().unwrap();
    let serve = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signalbox"));
        command.args([
            "serve",
            "--http",
            "127.0.0.1:0",
            "--otlp-grpc",
            "127.0.0.1:0",
            "--otlp-http",
            "127.0.0.1:0",
        ]);
        let output = command.arg("--data-dir").arg(data.path()).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let server = Server::start(data.path(), &[]);
    assert_eq!(post_logs(&server, &[], "kept").status, 200);
    let (code, error) = serve();
    assert!(code == 1 && error.contains("in use"), "{error}");
    server.kill();
    let log = files_below(&data.path().join("wal")).into_iter().next_back().expect("a log file");
    let sound = std::fs::read(&log).unwrap();
    make_newer(&log);
    let (code, error) = serve();
    assert!(code == 1 && error.contains("use signalbox 9.8.7 or later"), "{error}");
    std::fs::write(&log, sound).unwrap();
    assert_eq!(logs_of(&Server::start(data.path(), &[]), &[], "kept"), 1, "refusing changed nothing");
}
