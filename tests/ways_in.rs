//! The ways in beside OTLP, over real sockets: what was sent is answered by the query APIs on the next request, as it
//! was sent; a retry stores nothing twice; what is wrong is refused and the rest is kept.

// Helpers of a test may unwrap as the test itself may.
#![allow(clippy::unwrap_used)]

mod support;

#[path = "ways_in/agents.rs"]
mod agents;
#[path = "ways_in/elasticsearch.rs"]
mod elasticsearch;
#[path = "ways_in/loki.rs"]
mod loki;
#[path = "ways_in/processing.rs"]
mod processing;
#[path = "ways_in/redaction.rs"]
mod redaction;
#[path = "ways_in/remote_write.rs"]
mod remote_write;
#[path = "ways_in/syslog.rs"]
mod syslog;
#[path = "ways_in/zipkin.rs"]
mod zipkin;

use support::Server;
use support::http::Answer;

/// A server with a data directory of its own.
struct World {
    server: Server,
    data: tempfile::TempDir,
}

impl World {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        Self { server: Server::start(data.path(), &[]), data }
    }

    /// With a configuration file.
    fn with_config(text: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join("signalbox.yml");
        std::fs::write(&file, text).unwrap();
        let server = Server::start(&data.path().join("data"), &["--config", file.to_str().unwrap()]);
        Self { server, data }
    }

    /// With a configuration file, and one alert of that expression, which nobody can be told of.
    fn with_alert(config: &str, alert: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = data.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        std::fs::create_dir_all(data.path().join("rules")).unwrap();
        write(
            "rules/alert.yml",
            &format!(
                "groups:\n  - name: g\n    interval: 1s\n    rules:\n      - alert: A\n        {alert}\n"
            ),
        );
        let receivers = "receivers: [{name: r, webhook_configs: [{url: 'http://127.0.0.1:9/'}]}]";
        let alertmanager = write(
            "am.yml",
            &format!("route: {{receiver: r, group_wait: 0s, group_by: ['...']}}\n{receivers}\n"),
        );
        let config = write("signalbox.yml", config);
        let rules = data.path().join("rules");
        let arguments =
            ["--config", &config, "--alertmanager", &alertmanager, "--rules", rules.to_str().unwrap()];
        let server = Server::start(&data.path().join("data"), &arguments);
        Self { server, data }
    }

    /// Where an entry of `listen` listens.
    fn address(&self, protocol: &str) -> String {
        let found =
            self.server.listen.split(' ').find_map(|entry| entry.strip_prefix(&format!("{protocol}=")));
        found.unwrap_or_else(|| panic!("{protocol} in {}", self.server.listen)).to_owned()
    }

    /// Lines of a LogQL selector, oldest first; the selector is percent-encoded here.
    fn lines(&self, selector: &str) -> Vec<String> {
        let encoded: String = selector.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let found = self.result(&format!("/loki/api/v1/query_range?direction=forward&query={encoded}"));
        let streams = found.as_array().unwrap().iter();
        let values = streams.flat_map(|stream| stream["values"].as_array().unwrap());
        let mut lines: Vec<(String, String)> = values
            .map(|value| (value[0].as_str().unwrap().to_owned(), value[1].as_str().unwrap().to_owned()))
            .collect();
        lines.sort();
        lines.into_iter().map(|(_, line)| line).collect()
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.server.post(path, headers, body)
    }

    /// `data.result` of a query.
    fn result(&self, path: &str) -> serde_json::Value {
        let answer = self.server.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()["data"]["result"].clone()
    }

    /// A counter of `/metrics`, over all its labels.
    fn counter(&self, name: &str) -> f64 {
        let text = self.server.get("/metrics").text();
        let rows = text.lines().filter(|line| line.starts_with(name) && !line.starts_with('#'));
        rows.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn snappy(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}

fn now_ms() -> i64 {
    i64::try_from(support::now_ns() / 1_000_000).unwrap()
}
