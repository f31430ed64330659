//! Dashboards from files: there when the process is, read again when they change.

use std::fs;
use std::time::Duration;

use crate::support::{Server, eventually};

/// Files are looked at every five seconds.
const WITHIN: Duration = Duration::from_secs(30);

fn titles(server: &Server) -> Vec<String> {
    let listed = server.get("/api/signalbox/dashboards").json();
    let all = listed["dashboards"].as_array().unwrap();
    let own = all.iter().filter(|one| one["folder"] == "Shop");
    own.map(|one| one["title"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn dashboards_of_a_directory_are_shown_and_follow_their_files() {
    let dir = tempfile::tempdir().unwrap();
    let (files, boards) = (dir.path().join("provisioning"), dir.path().join("boards"));
    fs::create_dir_all(files.join("dashboards")).unwrap();
    fs::create_dir_all(&boards).unwrap();
    let provider = format!(
        "apiVersion: 1\nproviders:\n  - {{name: shop, folder: Shop, type: file, options: {{path: {:?}}}}}\n",
        boards.display().to_string()
    );
    fs::write(files.join("dashboards/shop.yaml"), provider).unwrap();
    fs::write(boards.join("carts.json"), r#"{"uid":"carts","title":"Carts","panels":[]}"#).unwrap();
    let server = Server::start(&dir.path().join("data"), &["--provisioning", files.to_str().unwrap()]);
    eventually("the dashboard of the file", WITHIN, || (titles(&server) == ["Carts"]).then_some(()));

    fs::write(boards.join("carts.json"), r#"{"uid":"carts","title":"Carts and baskets"}"#).unwrap();
    fs::write(boards.join("orders.json"), r#"{"uid":"orders","title":"Orders"}"#).unwrap();
    eventually("the files as they are now", WITHIN, || {
        (titles(&server) == ["Carts and baskets", "Orders"]).then_some(())
    });
}
