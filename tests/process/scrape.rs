//! Scraping a `prometheus.yml`: samples and the series that tell of it, what ends, what a reload changes.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Server, eventually};

/// A target that exposes what a test says, and keeps what it was asked.
struct Target {
    address: SocketAddr,
    text: Arc<Mutex<String>>,
    requests: Arc<Mutex<Vec<String>>>,
}

const WITHIN: Duration = Duration::from_secs(30);

impl Target {
    fn open(text: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let text = Arc::new(Mutex::new(text.to_owned()));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (shown, kept) = (Arc::clone(&text), Arc::clone(&requests));
        thread::spawn(move || {
            for mut socket in listener.incoming().map_while(Result::ok) {
                let mut head = Vec::new();
                let mut buffer = [0; 1024];
                while !head.windows(4).any(|window| window == b"\r\n\r\n") {
                    match socket.read(&mut buffer) {
                        Ok(len) if len > 0 => head.extend_from_slice(&buffer[..len]),
                        _ => break,
                    }
                }
                kept.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
                let body = shown.lock().unwrap().clone();
                let status = if body.is_empty() { "503 Service Unavailable" } else { "200 OK" };
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                let _ = socket.write_all(answer.as_bytes());
            }
        });
        Self { address, text, requests }
    }

    fn says(&self, text: &str) {
        text.clone_into(&mut self.text.lock().unwrap());
    }
}

/// `labels value` of each element of an instant vector, the name left out.
fn query(server: &Server, text: &str) -> Vec<String> {
    let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answer = server.get(&format!("/api/v1/query?query={encoded}")).json();
    assert_eq!(answer["status"], "success", "{answer}");
    let one = |sample: &Value| {
        let labels = sample["metric"].as_object().unwrap().iter().filter(|(name, _)| *name != "__name__");
        let labels: Vec<String> = labels.map(|(n, v)| format!("{n}={}", v.as_str().unwrap())).collect();
        format!("{{{}}} {}", labels.join(","), sample["value"][1].as_str().unwrap())
    };
    answer["data"]["result"].as_array().unwrap().iter().map(one).collect()
}

fn until(server: &Server, text: &str, wanted: &[&str]) {
    eventually(&format!("{text} to be {wanted:?}"), WITHIN, || (query(server, text) == wanted).then_some(()));
}

fn write(path: &Path, text: &str) {
    // Renamed into place, so that nobody reads half of it.
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

#[test]
fn a_target_is_scraped_and_its_series_end_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::open("# TYPE orders counter\norders{zone=\"a\"} 7\norders{zone=\"b\"} 1\n");
    let file = dir.path().join("prometheus.yml");
    let list = dir.path().join("targets.json");
    write(&list, &format!(r#"[{{"targets": ["{}"], "labels": {{"env": "test"}}}}]"#, target.address));
    let config = |interval: &str| {
        format!(
            "global: {{scrape_interval: {interval}, evaluation_interval: 15s}}\nrule_files: []\nscrape_configs:\n\
             - job_name: shop\n  basic_auth: {{username: u, password: p}}\n  params: {{x: [y]}}\n  \
             file_sd_configs: [{{files: [targets.json]}}]\n  relabel_configs:\n  \
             - {{target_label: instance, replacement: here}}\n"
        )
    };
    write(&file, &config("300ms"));
    let server = Server::start(&dir.path().join("data"), &["--scrape", file.to_str().unwrap()]);

    until(
        &server,
        "orders",
        &["{env=test,instance=here,job=shop,zone=a} 7", "{env=test,instance=here,job=shop,zone=b} 1"],
    );
    until(&server, "up", &["{env=test,instance=here,job=shop} 1"]);
    until(&server, "scrape_samples_scraped", &["{env=test,instance=here,job=shop} 2"]);
    let asked = target.requests.lock().unwrap()[0].to_lowercase();
    for part in [
        "get /metrics?x=y ",
        "authorization: basic dtpw",
        "application/openmetrics-text",
        "accept-encoding: gzip",
    ] {
        assert!(asked.contains(part), "{part} in {asked}");
    }
    let told = server.get("/api/v1/targets").json()["data"]["activeTargets"][0].clone();
    assert_eq!((told["health"].as_str(), told["scrapePool"].as_str()), (Some("up"), Some("shop")), "{told}");
    assert_eq!(told["discoveredLabels"]["__meta_filepath"].as_str(), list.to_str());
    assert_eq!(server.get("/api/v1/targets/metadata").json()["data"][0]["type"], "counter");

    // A series that is gone ends, the others go on; a target that fails ends all.
    target.says("orders{zone=\"a\"} 8\n");
    until(&server, "orders", &["{env=test,instance=here,job=shop,zone=a} 8"]);
    target.says("");
    until(&server, "up", &["{env=test,instance=here,job=shop} 0"]);
    until(&server, "orders", &[]);
    target.says("orders{zone=\"a\"} 9\n");
    until(&server, "orders", &["{env=test,instance=here,job=shop,zone=a} 9"]);

    // A wrong file changes nothing, a right one at once; a target that leaves the list takes its series along.
    write(&file, "scrape_configs: [{job_name: shop, scrape_intervall: 1s}]\n");
    let refused = server.post("/-/reload", &[], b"");
    assert!(refused.status >= 400 && refused.text().contains("scrape_intervall"), "{}", refused.text());
    assert_eq!(server.get("/api/v1/targets").json()["data"]["activeTargets"][0]["scrapeInterval"], "300ms");
    write(&file, &config("200ms"));
    assert_eq!(server.post("/-/reload", &[], b"").status, 200);
    eventually("the new interval", WITHIN, || {
        let target = server.get("/api/v1/targets").json()["data"]["activeTargets"][0].clone();
        (target["scrapeInterval"] == "200ms").then_some(())
    });
    write(&list, "[]");
    until(&server, "orders or up", &[]);
}

#[test]
fn targets_are_those_of_the_tenant() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::open("orders 7\n");
    let folder = dir.path().join("scrape");
    std::fs::create_dir_all(folder.join("shop")).unwrap();
    let job = format!(
        "scrape_configs: [{{job_name: own, scrape_interval: 300ms, static_configs: [{{targets: ['{}']}}]}}]",
        target.address
    );
    write(&folder.join("shop/prometheus.yml"), &job);
    let server = Server::start(&dir.path().join("data"), &["--scrape", folder.to_str().unwrap()]);
    eventually("a scrape", WITHIN, || {
        let answer = server.get_as("shop", "/api/v1/query?query=orders").json();
        (answer["data"]["result"][0]["value"][1] == "7").then_some(())
    });
    assert_eq!(server.get_as("shop", "/api/v1/scrape_pools").json()["data"]["scrapePools"][0], "own");
    assert_eq!(server.get("/api/v1/scrape_pools").json()["data"]["scrapePools"].as_array().unwrap().len(), 0);
    assert_eq!(query(&server, "up"), [] as [String; 0]);
}
