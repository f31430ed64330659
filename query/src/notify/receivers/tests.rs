use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::notify::config::NotifyConfig;
use crate::notify::group::Told;

fn message(fires: bool) -> Message {
    let texts =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let told = Told {
        labels: texts(&[("alertname", "Down"), ("service", "cart")]),
        annotations: texts(&[("summary", "cart is <down>")]),
        starts_at_ms: 1_764_071_401_000,
        ends_at_ms: (!fires).then_some(1_764_071_461_000),
        generator_url: "http://g".into(),
        until_ms: None,
        updated_ms: 0,
    };
    Message {
        receiver: "r".into(),
        group_key: "{}:{alertname=\"Down\"}".into(),
        group_labels: BTreeMap::from([("alertname".to_owned(), "Down".to_owned())]),
        alerts: vec![told],
        dedup_key: "d".into(),
        made_ms: 0,
        news: true,
        ..Message::default()
    }
}

/// What is sent to the one integration of a receiver.
fn sent(yaml: &str, fires: bool) -> Result<Prepared, String> {
    let text = format!("route: {{receiver: r}}\nreceivers: [{{name: r, {yaml}}}]");
    let config = NotifyConfig::parse(&text, Path::new(".")).map_err(|problems| problems.join("; "))?;
    config.integrations("r")[0].render(&message(fires), &config.templates, "http://e")
}

fn request(yaml: &str, fires: bool) -> HttpRequest {
    match sent(yaml, fires).unwrap().sends.remove(0) {
        Outgoing::Http(request) => request,
        other => panic!("{other:?}"),
    }
}

fn body(yaml: &str, fires: bool) -> Value {
    serde_json::from_str(&request(yaml, fires).body).unwrap()
}

#[test]
fn slack_has_an_attachment_with_defaults_and_templates() {
    let plain = body("slack_configs: [{api_url: 'http://x', channel: '#a'}]", true);
    assert_eq!((&plain["channel"], &plain["username"]), (&json!("#a"), &json!("Signalbox")));
    let attachment = &plain["attachments"][0];
    assert_eq!(attachment["title"], "[FIRING:1] Down (cart)");
    assert_eq!((&attachment["text"], &attachment["color"]), (&json!("cart is <down>"), &json!("danger")));
    let own = body(
        "slack_configs: [{api_url: 'http://x', title: '{{ .Status }}: {{ .CommonLabels.service }}{{ .CommonLabels.none }}', short_fields: true, fields: [{title: a, value: '{{ len .Alerts }}'}], actions: [{type: button, text: Runbook, url: 'http://{{ .GroupLabels.alertname }}', name: ignored}]}]",
        false,
    );
    let attachment = &own["attachments"][0];
    assert_eq!((&attachment["title"], &attachment["color"]), (&json!("resolved: cart"), &json!("good")));
    assert_eq!(attachment["fields"], json!([{"title": "a", "value": "1", "short": true}]));
    assert_eq!(attachment["actions"], json!([{"type": "button", "text": "Runbook", "url": "http://Down"}]));
}

#[test]
fn slack_with_a_token_posts_to_the_api() {
    let request = request("slack_configs: [{app_token: t0ken, channel: '#a'}]", true);
    assert_eq!(request.url.expose(), "https://slack.com/api/chat.postMessage");
    assert_eq!(request.headers[0].1.expose(), "Bearer t0ken");
    let both = sent("slack_configs: [{api_url: 'http://x', app_token: t}]", true).unwrap_err();
    assert!(both.contains("not both"), "{both}");
}

#[test]
fn slack_changes_the_message_that_was_sent() {
    let text = "route: {receiver: r}\nreceivers: [{name: r, slack_configs: [{app_token: t, channel: '#a', update_message: true}]}]";
    let config = NotifyConfig::parse(text, Path::new(".")).unwrap();
    let place = crate::notify::client::Place { channel: "C1".into(), ts: "1.2".into() };
    let message = Message { changes: Some(place), ..message(false) };
    let integration = &config.integrations("r")[0];
    let Outgoing::Http(request) =
        integration.render(&message, &config.templates, "").unwrap().sends.remove(0)
    else {
        panic!()
    };
    assert_eq!(request.url.expose(), "https://slack.com/api/chat.update");
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!((&body["channel"], &body["ts"]), (&json!("C1"), &json!("1.2")));
    let hook = sent("slack_configs: [{api_url: 'http://x', update_message: true}]", true).unwrap_err();
    assert!(hook.contains("app_token"), "{hook}");
}

#[test]
fn teams_has_a_card() {
    let card =
        body("msteamsv2_configs: [{webhook_url: 'http://x', text: '{{ .Alerts.Firing | len }} fire'}]", true);
    let content = &card["attachments"][0]["content"];
    assert_eq!(
        (&content["type"], &content["body"][0]["color"]),
        (&json!("AdaptiveCard"), &json!("Attention"))
    );
    assert_eq!(content["body"][1]["text"], "1 fire");
    let old = body("msteams_configs: [{webhook_url: 'http://x'}]", false);
    assert_eq!((&old["@type"], &old["themeColor"]), (&json!("MessageCard"), &json!("2DC72D")));
}

#[test]
fn discord_and_mattermost() {
    let embed = &body("discord_configs: [{webhook_url: 'http://x', content: '@here'}]", true);
    assert_eq!((&embed["content"], &embed["embeds"][0]["color"]), (&json!("@here"), &json!(0x99_2d_22)));
    assert!(embed["embeds"][0]["description"].as_str().unwrap().contains("service = cart"));
    let post = body("mattermost_configs: [{webhook_url: 'http://x', channel: ops}]", true);
    assert_eq!(
        (&post["channel"], &post["attachments"][0]["text"]),
        (&json!("ops"), &json!("cart is <down>"))
    );
}

#[test]
fn telegram_escapes_html() {
    let sent = request(
        "telegram_configs: [{bot_token: t0ken, chat_id: -7, message: '<b>{{ .CommonAnnotations.summary }}</b>'}]",
        true,
    );
    assert_eq!(sent.url.expose(), "https://api.telegram.org/bott0ken/sendMessage");
    let body: Value = serde_json::from_str(&sent.body).unwrap();
    assert_eq!((&body["chat_id"], &body["parse_mode"]), (&json!(-7), &json!("HTML")));
    assert_eq!(body["text"], "<b>cart is &lt;down&gt;</b>");
}

#[test]
fn pagerduty_triggers_and_resolves_by_one_key() {
    let yaml = "pagerduty_configs: [{routing_key: k, severity: '{{ .CommonLabels.service }}', details: {runbook: 'http://r'}}]";
    let (fired, resolved) = (body(yaml, true), body(yaml, false));
    assert_eq!((&fired["event_action"], &resolved["event_action"]), (&json!("trigger"), &json!("resolve")));
    assert_eq!(fired["dedup_key"], resolved["dedup_key"]);
    assert_eq!((&fired["routing_key"], &fired["payload"]["severity"]), (&json!("k"), &json!("cart")));
    assert_eq!(fired["payload"]["summary"], "[FIRING:1] Down (cart)");
    let details = &fired["payload"]["custom_details"];
    assert_eq!((&details["num_firing"], &details["runbook"]), (&json!("1"), &json!("http://r")));
    assert_eq!(details["firing"][0]["labels"]["service"], "cart");
    assert_eq!(body("pagerduty_configs: [{service_key: s}]", true)["event_type"], "trigger");
}

#[test]
fn opsgenie_creates_updates_and_closes() {
    let yaml = "opsgenie_configs: [{api_key: k, api_url: 'http://o/', update_alerts: true, tags: 'a, b', responders: [{name: ops, type: Team}]}]";
    let paths = |fires| {
        let sends = sent(yaml, fires).unwrap().sends;
        let path = |one: &Outgoing| match one {
            Outgoing::Http(request) => format!("{} {}", request.put, request.url.expose()),
            _ => String::new(),
        };
        sends.iter().map(path).collect::<Vec<_>>()
    };
    let alias = sha2_hex("{}:{alertname=\"Down\"}");
    assert_eq!(
        paths(true),
        [
            "false http://o/v2/alerts".to_owned(),
            format!("true http://o/v2/alerts/{alias}/message?identifierType=alias"),
            format!("true http://o/v2/alerts/{alias}/description?identifierType=alias"),
        ]
    );
    assert_eq!(paths(false), [format!("false http://o/v2/alerts/{alias}/close?identifierType=alias")]);
    let created = body(yaml, true);
    assert_eq!((&created["tags"], &created["details"]["service"]), (&json!(["a", "b"]), &json!("cart")));
    assert_eq!(created["responders"], json!([{"type": "team", "name": "ops"}]));
    assert_eq!(request(yaml, true).headers[0].1.expose(), "GenieKey k");
}

fn sha2_hex(text: &str) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn pushover_sends_a_form() {
    let form = request("pushover_configs: [{user_key: u, token: t, retry: 2m, html: true}]", true).body;
    let pairs: BTreeMap<_, _> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    let get = |name: &str| pairs[name].as_str();
    assert_eq!((get("token"), get("user"), get("priority"), get("retry")), ("t", "u", "2", "120"));
    assert!(get("message").contains("cart is &lt;down&gt;"), "{}", get("message"));
}

#[test]
fn victorops_recovers() {
    let yaml = "victorops_configs: [{api_key: k, routing_key: '{{ .CommonLabels.service }}', custom_fields: {a: b}}]";
    let fired = request(yaml, true);
    assert!(fired.url.expose().ends_with("/alert/k/cart"), "{}", fired.url.expose());
    let (fired, over) = (body(yaml, true), body(yaml, false));
    assert_eq!((&fired["message_type"], &over["message_type"]), (&json!("CRITICAL"), &json!("RECOVERY")));
    assert_eq!((&fired["entity_id"], &fired["a"]), (&over["entity_id"], &json!("b")));
}

#[test]
fn rocketchat_posts_by_a_users_token() {
    let yaml = "rocketchat_configs: [{api_url: 'http://r/', token_id: id, token: t0ken, channel: '#a', short_fields: true, fields: [{title: a, value: '{{ len .Alerts }}'}]}]";
    let sent = request(yaml, true);
    assert_eq!(sent.url.expose(), "http://r/api/v1/chat.postMessage");
    let headers: Vec<_> = sent.headers.iter().map(|(name, value)| (*name, value.expose())).collect();
    assert_eq!(headers, [("X-User-Id", "id"), ("X-Auth-Token", "t0ken")]);
    let body: Value = serde_json::from_str(&sent.body).unwrap();
    let attachment = &body["attachments"][0];
    assert_eq!((&body["channel"], &attachment["color"]), (&json!("#a"), &json!("red")));
    assert_eq!(attachment["fields"], json!([{"title": "a", "value": "1", "short": true}]));
}

#[test]
fn webex_and_incidentio() {
    let webex =
        "webex_configs: [{room_id: '{{ .Receiver }}', http_config: {authorization: {credentials: c}}}]";
    let post = body(webex, true);
    assert_eq!(post["roomId"], "r");
    assert!(post["markdown"].as_str().unwrap().contains("cart is <down>"));
    assert!(sent("webex_configs: [{room_id: r}]", true).unwrap_err().contains("authorization"));
    let yaml = "incidentio_configs: [{url: 'http://i', alert_source_token: t}]";
    let post = body(yaml, false);
    assert_eq!((&post["version"], &post["status"]), (&json!("1"), &json!("resolved")));
    assert_eq!(request(yaml, true).headers[0].1.expose(), "Bearer t");
    assert!(
        sent("incidentio_configs: [{url: 'http://i'}]", true).unwrap_err().contains("alert_source_token")
    );
}

#[test]
fn sns_publishes_a_form_and_wechat_asks_for_a_token_first() {
    let keys = "sigv4: {region: eu, access_key: a, secret_key: s}";
    let yaml = format!("sns_configs: [{{topic_arn: 'arn:x.fifo', attributes: {{k: v}}, {keys}}}]");
    let Outgoing::Signed(signed) = sent(&yaml, true).unwrap().sends.remove(0) else { panic!() };
    let request = signed.at(0);
    assert_eq!(request.url.expose(), "https://sns.eu.amazonaws.com/");
    let pairs: BTreeMap<_, _> = form_urlencoded::parse(request.body.as_bytes()).into_owned().collect();
    assert_eq!((pairs["TopicArn"].as_str(), pairs["MessageDeduplicationId"].as_str()), ("arn:x.fifo", "d"));
    assert_eq!(pairs["MessageAttributes.entry.1.Value.StringValue"], "v");
    let role = sent("sns_configs: [{topic_arn: a, sigv4: {region: eu, role_arn: r}}]", true).unwrap_err();
    assert!(role.contains("secret_key are known"), "{role}");
    let yaml =
        "wechat_configs: [{api_secret: s3, corp_id: c, api_url: 'http://w', to_user: u, agent_id: '7'}]";
    let Outgoing::Wechat(wechat) = sent(yaml, true).unwrap().sends.remove(0) else { panic!() };
    assert_eq!(wechat.token_url.expose(), "http://w/gettoken?corpid=c&corpsecret=s3");
    let body: Value = serde_json::from_str(&wechat.body).unwrap();
    assert_eq!(
        (&body["touser"], &body["msgtype"], &body["agentid"]),
        (&json!("u"), &json!("text"), &json!("7"))
    );
    assert_eq!(wechat.send_url, "http://w/message/send");
}

#[test]
fn jira_looks_for_the_groups_issue_and_says_what_it_shall_become() {
    let jira = |more: &str, fires| {
        let yaml = format!(
            "jira_configs: [{{api_url: 'http://j/rest/api/2', project: OPS, issue_type: Bug, labels: [b], {more}}}]"
        );
        match sent(&yaml, fires).unwrap().sends.remove(0) {
            Outgoing::Jira(jira) => jira,
            other => panic!("{other:?}"),
        }
    };
    let key = sha2_hex("{}:{alertname=\"Down\"}");
    let fired = jira("fields: {customfield_1: {value: '{{ .Receiver }}'}}", true);
    let fields = &fired.issue["fields"];
    assert_eq!(fields["labels"], json!([format!("ALERT{{{key}}}"), "b"]));
    assert_eq!((&fields["project"]["key"], &fields["issuetype"]["name"]), (&json!("OPS"), &json!("Bug")));
    assert_eq!(
        (&fields["summary"], &fields["customfield_1"]["value"]),
        (&json!("[FIRING:1] Down (cart)"), &json!("r"))
    );
    let jql = format!(
        "statusCategory != Done and project=\"OPS\" and labels=\"ALERT{{{key}}}\" order by status ASC,resolutiondate DESC"
    );
    assert_eq!(
        (fired.search_url.as_str(), &fired.search["jql"]),
        ("http://j/rest/api/2/search", &json!(jql))
    );
    assert_eq!((fired.kept.len(), fired.transition), (0, None));
    let more = "reopen_transition: Open, reopen_duration: 1h, resolve_transition: Close, api_type: cloud, summary: {enable_update: false}";
    let (fired, over) = (jira(more, true), jira(more, false));
    assert_eq!((fired.transition.as_deref(), over.transition.as_deref()), (Some("Open"), Some("Close")));
    assert!(
        fired.search["jql"]
            .as_str()
            .unwrap()
            .starts_with("(resolutiondate is EMPTY OR resolutiondate >= -60m)")
    );
    assert!(over.search["jql"].as_str().unwrap().starts_with("statusCategory != Done"));
    assert_eq!(
        (fired.search_url.as_str(), &fired.kept),
        ("http://j/rest/api/3/search/jql", &vec!["summary"])
    );
}

#[test]
fn evidence_is_put_into_what_a_chat_is_told() {
    let text = "route: {receiver: r}\nreceivers: [{name: r, slack_configs: [{api_url: 'http://x'}], webhook_configs: [{url: 'http://x'}]}]";
    let config = NotifyConfig::parse(text, Path::new(".")).unwrap();
    let finding = crate::evidence::Finding { text: "3 lines".into(), url: None };
    let evidence = crate::evidence::Evidence { findings: vec![finding], ..Default::default() };
    let message = Message { evidence: Some(evidence), ..message(true) };
    let told = |one: &Integration| match one.render(&message, &config.templates, "").unwrap().sends.remove(0)
    {
        Outgoing::Http(request) => request.body,
        _ => String::new(),
    };
    let bodies: Vec<String> = config.integrations("r").iter().map(told).collect();
    assert!(!bodies[0].contains("3 lines") && bodies[1].contains("• 3 lines"), "{bodies:?}");
}

#[test]
fn a_mail_has_both_forms() {
    let yaml = "email_configs: [{to: 'a@b.c, d@e.f', from: s@b.c, smarthost: 'mail:587', auth_username: u, auth_password: p, text: plain, headers: {X-Team: '{{ .Receiver }}'}}]";
    let Outgoing::Mail(mail) = sent(yaml, true).unwrap().sends.remove(0) else { panic!() };
    assert_eq!((mail.host.as_str(), mail.port, mail.tls), ("mail", 587, MailTls::Required));
    assert_eq!(
        mail.headers,
        [("Subject".into(), "[FIRING:1] Down (cart)".into()), ("X-Team".into(), "r".into())]
    );
    assert!(mail.html.contains("cart is &lt;down&gt;") && mail.text == "plain");
    let wrapped = sent("email_configs: [{to: a@b.c, from: s@b.c, smarthost: 'mail:465'}]", true).unwrap();
    assert!(matches!(&wrapped.sends[0], Outgoing::Mail(mail) if mail.tls == MailTls::Wrapped));
}

#[test]
fn secrets_may_stand_in_files_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let text = "route: {receiver: r}\nreceivers: [{name: r, webhook_configs: [{url_file: hook}]}]";
    let config = NotifyConfig::parse(text, folder.path()).unwrap();
    let render = || config.integrations("r")[0].render(&message(true), &config.templates, "");
    assert!(render().unwrap_err().starts_with("read "), "a file that is not there yet may come");
    std::fs::write(folder.path().join("hook"), "http://x/hook\n").unwrap();
    assert!(
        matches!(&render().unwrap().sends[0], Outgoing::Http(request) if request.url.expose() == "http://x/hook")
    );
}
