//! The official OpenTelemetry SDKs for Python, Node and Rust against a real process: what they were told is stored is found
//! on the next request, and counts add up. `tests/setup.sh` installs those of Python and Node.

mod support;
#[path = "sdk/totals.rs"]
mod totals;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::Server;

/// `tests/setup.sh` installs into the target directory, of which the binary is in a profile's folder.
fn installed(path: &str) -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_signalbox"));
    let target = binary.ancestors().nth(2).expect("the binary is in target/PROFILE");
    let file = target.join("sdk").join(path);
    assert!(file.exists(), "{} is missing: run tests/setup.sh", file.display());
    file
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(name)
}

/// Runs a program that sends and finds; what it prints is its findings.
fn passes(mut program: Command) {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    let doors =
        [("--otlp-grpc", &server.otlp_grpc), ("--otlp-http", &server.otlp_http), ("--api", &server.main)];
    for (flag, address) in doors {
        program.args([flag, &format!("http://{address}")]);
    }
    let output = program.output().expect("the program runs");
    let (told, found) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{found}");
}

#[test]
fn what_the_python_sdk_sent_is_found_on_the_next_request() {
    let mut python = Command::new(installed("python/bin/python"));
    python.arg(source("send_and_find.py"));
    passes(python);
}

#[test]
fn what_the_node_sdk_sent_is_found_on_the_next_request() {
    let mut node = Command::new("node");
    node.arg(source("send_and_find.cjs")).env("NODE_PATH", installed("node/node_modules"));
    passes(node);
}

#[test]
fn totals_are_those_the_python_sdk_recorded() {
    let mut python = Command::new(installed("python/bin/python"));
    python.arg(source("totals.py"));
    passes(python);
}

#[test]
fn totals_are_those_the_node_sdk_recorded() {
    let mut node = Command::new("node");
    node.arg(source("totals.cjs")).env("NODE_PATH", installed("node/node_modules"));
    passes(node);
}

/// The exporter sends from a runtime; the readers of the SDK have threads of their own.
#[test]
fn totals_are_those_the_rust_sdk_recorded() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let _inside = runtime.enter();
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    totals::totals_are_those_that_were_recorded(&server);
}
