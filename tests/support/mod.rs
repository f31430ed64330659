//! What whole-process tests share: the real binary on free ports with a data directory of its own, and a small HTTP
//! client that shows answers as they came.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::print_stderr, reason = "the server's log belongs to a failed test's output")]

pub mod http;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A served process. Dropping it kills it.
pub struct Server {
    child: Child,
    /// `127.0.0.1:PORT` of each door.
    pub main: String,
    pub otlp_grpc: String,
    pub otlp_http: String,
    /// `NAME=ADDRESS` of each entry of `listen`, with spaces between.
    pub listen: String,
    /// From the start of the process to its being ready.
    pub ready_after: Duration,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts `signalbox serve` on a data directory with further arguments.
    pub fn start(data_dir: &Path, arguments: &[&str]) -> Self {
        Self::start_command("serve", data_dir, arguments)
    }

    pub fn start_command(command: &str, data_dir: &Path, arguments: &[&str]) -> Self {
        Self::spawn(command, data_dir, arguments, &[])
    }

    /// The same as `start` with environment variables.
    pub fn start_with(data_dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::spawn("serve", data_dir, arguments, environment)
    }

    fn spawn(command: &str, data_dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_signalbox"))
            .arg(command)
            .arg("--data-dir")
            .arg(data_dir)
            .args(["--http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"])
            .args(["--log-format", "json"])
            .args(arguments)
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let stderr = child.stderr.take().expect("stderr is piped");
        let (sender, receiver) = mpsc::channel();
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        // Reads on after the server is ready, so that it never waits for a full pipe.
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let fields = serde_json::from_str::<Value>(&line).unwrap_or_default()["fields"].clone();
                let ready = fields["message"] == "ready";
                lines.lock().expect("nobody panics with it").push(line.clone());
                if !ready {
                    eprintln!("server: {line}");
                }
                if ready && sender.send(fields).is_err() {
                    eprintln!("server: ready twice");
                }
            }
        });
        let ready = receiver.recv_timeout(Duration::from_secs(60)).expect("the server becomes ready");
        let address = |name: &str| {
            let text = ready[name].as_str().expect("ready names its addresses");
            text.trim_start_matches("http://").trim_end_matches("/ui/").to_owned()
        };
        Self {
            child,
            main: address("ui"),
            otlp_grpc: address("otlp_grpc"),
            otlp_http: address("otlp_http"),
            listen: ready["listen"].as_str().unwrap_or_default().to_owned(),
            ready_after: started.elapsed(),
            log,
        }
    }

    /// What it wrote to its log so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("nobody panics with it").clone()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: no goodbye.
    pub fn kill(mut self) {
        self.child.kill().expect("the server can be killed");
        self.child.wait().expect("the server ends");
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().expect("the server ends")
    }

    /// Waits for an end that was asked for before.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("the server ends")
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    pub fn get(&self, path: &str) -> http::Answer {
        http::send(&self.main, "GET", path, &[], b"")
    }

    pub fn get_as(&self, tenant: &str, path: &str) -> http::Answer {
        http::send(&self.main, "GET", path, &[("X-Scope-OrgID", tenant)], b"")
    }

    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> http::Answer {
        http::send(&self.main, "POST", path, headers, body)
    }

    /// Sends OTLP/JSON to the OTLP door as a tenant; the answer must be 200.
    pub fn send_json(&self, tenant: &str, signal: &str, body: &Value) -> http::Answer {
        let headers = [("Content-Type", "application/json"), ("X-Scope-OrgID", tenant)];
        let answer = http::send(
            &self.otlp_http,
            "POST",
            &format!("/v1/{signal}"),
            &headers,
            body.to_string().as_bytes(),
        );
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file of a data directory whose path has the text in it.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                std::fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()),
            );
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Unix nanoseconds.
pub fn now_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_nanos()).expect("before 2554")
}

/// Asks until the answer is there or a deadline has passed; for things that happen by themselves (alerts).
pub fn eventually<T>(what: &str, within: Duration, ask: impl FnMut() -> Option<T>) -> T {
    eventually_every(Duration::from_millis(20), what, within, ask)
}

/// The same for what is asked less often.
pub fn eventually_every<T>(
    between: Duration,
    what: &str,
    within: Duration,
    mut ask: impl FnMut() -> Option<T>,
) -> T {
    let (_keep, pause) = mpsc::channel::<()>();
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {within:?}");
        let _ = pause.recv_timeout(between);
    }
}
