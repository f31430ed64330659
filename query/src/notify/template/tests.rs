use std::collections::BTreeMap;

use super::*;
use crate::notify::group::{Message, Told};

fn message() -> Message {
    let told = |name: &str, ends_at_ms| Told {
        labels: [("alertname", "Down"), ("service", name), ("a", "1")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .into(),
        annotations: [("summary".to_owned(), format!("{name} is <down>"))].into(),
        starts_at_ms: 1_764_071_401_000,
        ends_at_ms,
        generator_url: "http://g".into(),
        until_ms: None,
        updated_ms: 0,
    };
    Message {
        receiver: "chat".into(),
        group_key: "{}:{alertname=\"Down\"}".into(),
        group_labels: BTreeMap::from([("alertname".to_owned(), "Down".to_owned())]),
        alerts: vec![told("cart", None), told("search", Some(1_764_071_402_000))],
        dedup_key: "d".into(),
        made_ms: 0,
        news: true,
        ..Message::default()
    }
}

fn render(text: &str, form: Form) -> Result<String, String> {
    Templates::default().render(text, form, &data(&message(), "chat", "http://e"))
}

#[test]
fn texts_as_alertmanager_renders_them() {
    for (text, wanted) in [
        ("plain", "plain"),
        ("{{ .Receiver }} {{ .Status }} {{ .ExternalURL }}", "chat firing http://e"),
        ("{{ .Alerts.Firing | len }}/{{ .Alerts.Resolved | len }}/{{ len .Alerts }}", "1/1/2"),
        ("{{ range .Alerts }}{{ .Labels.service }},{{ end }}", "cart,search,"),
        ("{{ .CommonLabels.alertname }}{{ .CommonLabels.service }}{{ .CommonLabels.none }}.", "Down."),
        ("{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}", "alertname=Down a=1 "),
        (
            "{{ .CommonLabels.Names | join \",\" }} {{ .CommonLabels.Values | join \",\" }}",
            "alertname,a Down,1",
        ),
        ("{{ with .CommonLabels.Remove .GroupLabels.Names }}{{ .Names | join \" \" }}{{ end }}", "a"),
        ("{{ with index .Alerts 0 }}{{ .StartsAt.Format \"15:04\" }}{{ end }}", "11:50"),
        ("{{ (index .Alerts 0).StartsAt.Unix }}", "1764071401"),
        ("{{ (index .Alerts 1).EndsAt.Sub (index .Alerts 1).StartsAt }}", "1s"),
        ("{{ (index .Alerts 0).StartsAt | tz \"Europe/Berlin\" | date \"15:04 MST\" }}", "12:50 CET"),
        ("{{ stringSlice \"a\" \"b\" | join \"-\" }}", "a-b"),
        ("{{ .Status | title }} {{ reReplaceAll \"f(.)\" \"$1\" .Status }}", "Firing iring"),
        ("{{ if match \"^fir\" .Status }}y{{ end }}", "y"),
        ("{{ .CommonLabels | toJson }}", "{\"a\":\"1\",\"alertname\":\"Down\"}"),
        ("{{ template \"__subject\" . }}", "[FIRING:1] Down (1)"),
        ("{{ template \"slack.default.text\" . }}", "cart is <down>\nsearch is <down>"),
        ("{{ define \"x\" }}<{{ . }}>{{ end }}{{ template \"x\" .Status }}", "<firing>"),
    ] {
        assert_eq!(render(text, Form::Text).as_deref(), Ok(wanted), "{text}");
    }
}

#[test]
fn html_is_escaped_unless_it_is_safe() {
    let text = "{{ range .Alerts.Firing }}<b>{{ .Annotations.summary }}</b>{{ .Annotations.summary | safeHtml }}{{ end }}";
    assert_eq!(render(text, Form::Html).unwrap(), "<b>cart is &lt;down&gt;</b>cart is <down>");
    let mail = render("{{ template \"email.default.html\" . }}", Form::Html).unwrap();
    assert!(
        mail.contains("cart is &lt;down&gt;") && mail.contains("since 2025-11-25 11:50:01 UTC"),
        "{mail}"
    );
}

#[test]
fn every_default_can_be_rendered() {
    for name in DEFAULTS.split("{{ define \"").skip(1).filter_map(|rest| rest.split('"').next()) {
        // These take alerts or one alert.
        let of = match name {
            "__alerts" | "__text_alert_list" | "pagerduty.default.instances" => ".Alerts",
            "__what" => "(index .Alerts 0)",
            _ => ".",
        };
        let text = format!("{{{{ template {name:?} {of} }}}}");
        render(&text, Form::Text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn files_define_anew_and_mistakes_are_found() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.tmpl"), "{{ define \"slack.default.title\" }}mine{{ end }}")
        .unwrap();
    std::fs::write(folder.path().join("b.txt"), "{{ broken").unwrap();
    let templates = Templates::read(&["*.tmpl".to_owned()], folder.path()).unwrap();
    let title = "{{ template \"slack.default.title\" . }}";
    assert_eq!(templates.render(title, Form::Text, &data(&message(), "r", "")).as_deref(), Ok("mine"));
    let problems =
        Templates::read(&["*.txt".to_owned(), "none/*.tmpl".to_owned()], folder.path()).unwrap_err();
    assert!(problems[0].contains("b.txt") && problems.len() == 1, "{problems:?}");
    assert!(templates.check("{{ if }}").is_err() && templates.check("{{ nope }}").is_err());
}
