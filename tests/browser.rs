//! The web app in a real browser, served by the real binary with the demo shop: every page, what a reader does, and the
//! first outage from the chat to its logs and traces. The tests are in `ui/tests`; `tests/setup.sh` installs what they run on.

mod support;

use std::path::Path;
use std::process::Command;

use support::Server;

#[test]
fn the_web_app_shows_the_shop_and_its_outage() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start_command("demo", data.path(), &[]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/tests");
    assert!(folder.join("node_modules").exists(), "the browser's driver is missing: run tests/setup.sh");
    let url = format!("http://{}", server.main);
    let run = Command::new("npm").arg("test").current_dir(folder).env("SIGNALBOX_URL", url).output();
    let output = run.expect("npm runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}
