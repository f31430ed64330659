//! Tools of others against this server: Alertmanager's command line, and a Prometheus that sends its alerts here.
//! `tests/setup.sh` installs both.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::alerts::{LONG, Site, delivered, is_status, webhook};
use crate::receiver::Receiver;
use crate::support::{Server, eventually};

const CONFIG: &str = "
route:
  receiver: all
  group_by: [alertname]
  group_wait: 0s
  routes:
    - matchers: [severity=page]
      receiver: pager
      routes: [{matchers: ['team=~\"db|web\"'], receiver: team}]
    - {matchers: [team=ops], receiver: ops, continue: true}
receivers:
  - {name: all}
  - {name: pager}
  - name: team
    webhook_configs: [{url: 'http://127.0.0.1:1/s3cret'}]
  - {name: ops}
";

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new("amtool").args(arguments).output().expect("amtool is there: tests/setup.sh installs it")
}

/// What amtool says of a server; it must succeed.
fn amtool(server: &Server, arguments: &[&str]) -> String {
    let url = format!("--alertmanager.url=http://{}", server.main);
    let output = run(&[&[url.as_str()], arguments].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "amtool {arguments:?}: {text}{error}");
    text
}

fn start(folder: &Path) -> Server {
    let file = folder.join("alertmanager.yml");
    std::fs::write(&file, CONFIG).unwrap();
    Server::start(folder, &["--alertmanager", file.to_str().unwrap()])
}

#[test]
fn amtool_adds_and_shows_alerts_and_silences() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    amtool(&server, &["alert", "add", "alertname=Down", "instance=a", "--annotation=summary=a is down"]);
    amtool(&server, &["alert", "add", "Slow", "instance=b", "team=db"]);
    let all = amtool(&server, &["alert", "query"]);
    assert!(all.contains("Down") && all.contains("a is down") && all.contains("Slow"), "{all}");
    let some = amtool(&server, &["alert", "query", "instance=~\"b|c\""]);
    assert!(some.contains("Slow") && !some.contains("Down"), "{some}");

    let add = ["silence", "add", "-a", "me", "-c", "known", "-d", "2h", "alertname=Down"];
    let id = amtool(&server, &add).trim().to_owned();
    let silences = amtool(&server, &["silence", "query"]);
    assert!(silences.contains(&id) && silences.contains("alertname=\"Down\""), "{silences}");
    let heard = amtool(&server, &["alert", "query"]);
    assert!(!heard.contains("Down") && heard.contains("Slow"), "{heard}");
    assert!(amtool(&server, &["alert", "query", "--silenced"]).contains("suppressed"));

    amtool(&server, &["silence", "update", "-d", "5h", "-c", "for longer", &id]);
    let id = amtool(&server, &["silence", "query", "-q"]).trim().to_owned();
    assert!(amtool(&server, &["silence", "query", "-o", "extended"]).contains("for longer"));
    amtool(&server, &["silence", "expire", &id]);
    assert_eq!(amtool(&server, &["silence", "query", "-q"]).trim(), "");
    assert!(amtool(&server, &["silence", "query", "--expired", "-q"]).contains(&id));
    assert!(amtool(&server, &["alert", "query"]).contains("Down"));
}

#[test]
fn amtool_tests_routes_and_checks_the_configuration_that_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let receivers = |labels: &[&str]| {
        amtool(&server, &[&["config", "routes", "test"], labels].concat()).trim().to_owned()
    };
    assert_eq!(receivers(&["severity=page", "team=db"]), "team");
    assert_eq!(receivers(&["severity=page"]), "pager");
    assert_eq!(receivers(&["team=ops"]), "ops");
    assert_eq!(receivers(&["a=b"]), "all");
    let tree = amtool(&server, &["config", "routes"]);
    assert!(tree.contains("receiver: team") && tree.contains("continue: true"), "{tree}");
    let shown = amtool(&server, &["config", "show"]);
    assert!(shown.contains("receiver: pager") && !shown.contains("s3cret"), "{shown}");
    let file = folder.path().join("shown.yml");
    std::fs::write(&file, shown).unwrap();
    let checked = run(&["check-config", file.to_str().unwrap()]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn a_prometheus_sends_its_alerts_here() {
    let hook = Receiver::open();
    let site = Site::new("", &webhook(&hook));
    std::fs::remove_dir_all(site.path().join("rules")).unwrap();
    let server = site.start();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let rule = "groups: [{name: g, interval: 1s, rules: [{alert: FromPrometheus, expr: vector(7) > 1, \
                labels: {room: attic}, annotations: {summary: 'it is {{ $value }}'}}]}]";
    std::fs::write(file("rules.yml"), rule).unwrap();
    let config = format!(
        "global: {{evaluation_interval: 1s}}\nrule_files: [rules.yml]\n\
         alerting: {{alertmanagers: [{{api_version: v2, static_configs: [{{targets: ['{}']}}]}}]}}\n",
        server.main
    );
    std::fs::write(file("prometheus.yml"), config).unwrap();
    let prometheus = Command::new("prometheus")
        .args([
            format!("--config.file={}", file("prometheus.yml")),
            format!("--storage.tsdb.path={}", file("tsdb")),
        ])
        // What it says before it has found this server is lost.
        .arg("--rules.alert.resend-delay=1s")
        .args(["--web.listen-address=127.0.0.1:0", "--web.external-url=http://prometheus.example/"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("prometheus is there: tests/setup.sh installs it");
    let prometheus = Running(prometheus);
    let firing = hook.wait_for("its alert", is_status("firing"));
    let alert = &firing.body["alerts"][0];
    assert_eq!(
        (&alert["labels"]["alertname"], &alert["labels"]["room"]),
        (&"FromPrometheus".into(), &"attic".into())
    );
    assert_eq!(alert["annotations"]["summary"], "it is 7");
    assert!(
        alert["generatorURL"].as_str().unwrap().starts_with("http://prometheus.example/graph?g0.expr=vector")
    );
    // A rule that goes is told to be over.
    std::fs::write(file("rules.yml"), "groups: []").unwrap();
    let told = Command::new("kill").args(["-HUP", &prometheus.0.id().to_string()]).status();
    assert!(told.expect("kill runs").success());
    eventually("its end", LONG, || {
        hook.taken().iter().any(|attempt| attempt.body["status"] == "resolved").then_some(())
    });
    delivered(&server);
}
