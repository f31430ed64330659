//! A real server process for whole-process tests: the built binary on free ports with a data directory of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const BINARY: &str = env!("CARGO_BIN_EXE_signalbox");
/// Generous, since tests run beside builds; the product promises one second.
const READY_MAX: Duration = Duration::from_secs(30);

pub struct Server {
    child: Child,
    /// `http://…` of the UI and everything read.
    pub api: String,
    pub otlp_grpc: String,
    pub otlp_http: String,
}

// === impl Server ===

impl Server {
    /// Starts `signalbox serve` on `data_dir` and waits until it is ready.
    pub fn start(data_dir: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(BINARY)
            .arg("serve")
            .arg("--data-dir")
            .arg(data_dir)
            .args(["--http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"])
            .args(["--log-format", "json"])
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let lines = read_lines(&mut child);
        let ready = wait_for_ready(&lines);
        let address = |name: &str| {
            let text = ready["fields"][name].as_str().unwrap_or_else(|| panic!("no {name} in {ready}"));
            text.to_owned()
        };
        let api = address("ui").trim_end_matches("/ui/").to_owned();
        let otlp_grpc = format!("http://{}", address("otlp_grpc"));
        let otlp_http = format!("http://{}", address("otlp_http"));
        Self { child, api, otlp_grpc, otlp_http }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log to its end, so that the process never waits for a full pipe.
fn read_lines(child: &mut Child) -> Receiver<String> {
    let stderr = child.stderr.take().expect("stderr is piped");
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            // Shown with the test's output when it fails.
            eprintln!("server: {line}");
            let _ = sender.send(line);
        }
    });
    lines
}

fn wait_for_ready(lines: &Receiver<String>) -> serde_json::Value {
    loop {
        let line = lines.recv_timeout(READY_MAX).expect("the server says that it is ready");
        let Ok(entry) = serde_json::from_str::<serde_json::Value>(&line) else { continue };
        if entry["fields"]["message"] == "ready" {
            return entry;
        }
    }
}
