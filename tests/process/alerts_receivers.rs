//! Every kind of receiver against a server that fails in every way: each message arrives once that it is taken, says the
//! same under one key at each attempt, waits as long as it is told to, and no secret is in the log.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::alerts::{HOT, LONG, Site, delivered, measure};
use crate::receiver::{Attempt, Mode, Receiver};
use crate::smtp::MailServer;
use crate::support::eventually;

/// Kinds with their settings. `URL` is the server; what begins with `s3cret` must stay unseen.
const KINDS: &[(&str, &str)] = &[
    ("webhook", "{url: 'URL/webhook/s3cret-webhook'}"),
    ("slack", "{api_url: 'URL/slack/s3cret-slack', send_resolved: true}"),
    ("msteams", "{webhook_url: 'URL/msteams/s3cret-msteams'}"),
    ("msteamsv2", "{webhook_url: 'URL/msteamsv2/s3cret-msteamsv2'}"),
    ("discord", "{webhook_url: 'URL/discord/s3cret-discord'}"),
    ("mattermost", "{webhook_url: 'URL/mattermost/s3cret-mattermost'}"),
    ("telegram", "{api_url: 'URL/telegram', bot_token: s3cret-telegram, chat_id: 7}"),
    ("pagerduty", "{url: 'URL/pagerduty', routing_key: s3cret-pagerduty}"),
    ("opsgenie", "{api_url: 'URL/opsgenie', api_key: s3cret-opsgenie}"),
    ("victorops", "{api_url: 'URL/victorops', api_key: s3cret-victorops, routing_key: team}"),
    ("rocketchat", "{api_url: 'URL/rocketchat', token_id: u, token: s3cret-rocketchat, send_resolved: true}"),
    (
        "webex",
        "{api_url: 'URL/webex', room_id: r, http_config: {authorization: {credentials: s3cret-webex}}}",
    ),
    ("incidentio", "{url: 'URL/incidentio', alert_source_token: s3cret-incidentio}"),
    ("pushover", "{api_url: 'URL/pushover', user_key: s3cret-user, token: s3cret-pushover}"),
    (
        "sns",
        "{api_url: 'URL/sns', topic_arn: 'arn:t', sigv4: {region: eu, access_key: a, secret_key: s3cret-sns}}",
    ),
    (
        "wechat",
        "{api_url: 'URL/wechat', corp_id: c, api_secret: s3cret-wechat, to_user: u, send_resolved: true}",
    ),
    (
        "jira",
        "{api_url: 'URL/jira', project: OPS, issue_type: Bug, http_config: {basic_auth: {username: u, password: s3cret-jira}}}",
    ),
];

fn receivers(hook: &Receiver) -> String {
    let entry = |(kind, settings): &(&str, &str)| {
        format!("    {kind}_configs: [{}]\n", settings.replace("URL", &hook.url("")))
    };
    KINDS.iter().map(entry).collect()
}

/// Attempts of each kind, without what follows a message.
fn by_kind(attempts: &[Attempt]) -> BTreeMap<String, Vec<Attempt>> {
    let mut all: BTreeMap<String, Vec<Attempt>> = BTreeMap::new();
    for attempt in attempts.iter().filter(|attempt| !attempt.key().ends_with("-evidence")) {
        let kind = attempt.path.split('/').nth(1).unwrap_or_default();
        all.entry(kind.to_owned()).or_default().push(attempt.clone());
    }
    all
}

/// Waits until every kind has an attempt that is wanted.
fn all_kinds(hook: &Receiver, what: &str, wanted: impl Fn(&Attempt) -> bool) {
    eventually(what, LONG, || {
        let attempts = by_kind(&hook.attempts());
        let done = |kind: &str| attempts.get(kind).is_some_and(|all| all.iter().any(&wanted));
        KINDS.iter().all(|(kind, _)| done(kind)).then_some(())
    });
}

#[test]
fn every_kind_gets_each_message_through_every_failure() {
    let hook = Receiver::open();
    hook.set(Mode::Fail(503));
    let site = Site::new(HOT, &receivers(&hook));
    let server = site.start();
    measure(&server, "attic", 31.0);
    all_kinds(&hook, "each is answered 503", |attempt| attempt.mode == Mode::Fail(503));
    hook.set(Mode::Later(2));
    all_kinds(&hook, "each is told to wait", |attempt| attempt.mode == Mode::Later(2));
    hook.set(Mode::Lose);
    all_kinds(&hook, "each loses an answer", |attempt| attempt.mode == Mode::Lose);
    hook.set(Mode::Hang);
    all_kinds(&hook, "each is left hanging", |attempt| attempt.mode == Mode::Hang);
    hook.set(Mode::Take);
    all_kinds(&hook, "each is taken", |attempt| attempt.mode == Mode::Take);
    let fired = by_kind(&hook.attempts());
    measure(&server, "attic", 20.0);
    all_kinds(&hook, "each is told of the end", |attempt| {
        let kind = attempt.path.split('/').nth(1).unwrap_or_default();
        attempt.mode == Mode::Take && attempt.key() != fired[kind][0].key()
    });
    for (kind, attempts) in by_kind(&hook.attempts()) {
        let key = fired[&kind][0].key();
        let (firing, over): (Vec<&Attempt>, Vec<&Attempt>) =
            attempts.iter().partition(|attempt| attempt.key() == key);
        let taken = |all: &[&Attempt]| all.iter().filter(|one| one.mode == Mode::Take).count();
        assert_eq!((taken(&firing), taken(&over)), (1, 1), "{kind}");
        assert_ne!(firing[0].body, over[0].body, "{kind}");
        waited(&kind, &firing);
    }
    for line in server.log() {
        assert!(!line.contains("s3cret"), "{line}");
    }
    let shown = ["/api/signalbox/notifications", "/api/v2/status", "/api/v1/alerts/Hot/explain"];
    for path in shown {
        assert!(!server.get(path).text().contains("s3cret"), "{path}");
    }
}

/// Whoever said when to come back is left alone until then; and each attempt says the same.
fn waited(kind: &str, attempts: &[&Attempt]) {
    for pair in attempts.windows(2) {
        if pair[0].mode == Mode::Later(2) {
            let ms = (pair[1].at_ns - pair[0].at_ns) / 1_000_000;
            assert!(ms >= 1_990, "{kind} was asked again after {ms} ms");
        }
        assert_eq!(plain(&pair[0].body), plain(&pair[1].body), "{kind}");
    }
}

/// A body without what is looked up for each attempt: links of evidence are signed anew.
fn plain(body: &Value) -> Value {
    let mut body = body.clone();
    if body.is_string() {
        return body;
    }
    for list in ["attachments", "embeds"] {
        if let Some(all) = body[list].as_array_mut() {
            all.truncate(1);
            all.iter_mut().for_each(|one| {
                if one["content"].is_object() {
                    one["content"] = one["content"]["body"][0].clone();
                }
            });
        }
    }
    if body["chat_id"].is_number() {
        body["text"] = Value::Null;
    }
    body
}

#[test]
fn a_mail_arrives_through_every_failure_under_one_id() {
    let mail = MailServer::open();
    let settings = format!(
        "    email_configs: [{{to: 'ops@b.c', from: 's@b.c', smarthost: '{}', require_tls: false, auth_username: u, \
         auth_password: s3cret-mail, text: '{{{{ .Status }}}}', send_resolved: true}}]\n",
        mail.address
    );
    let site = Site::new(HOT, &settings);
    mail.set(Mode::Fail(451));
    let server = site.start();
    measure(&server, "attic", 31.0);
    let first = mail.wait_for("it is refused for now", |one| one.mode == Mode::Fail(451));
    for mode in [Mode::Later(0), Mode::Lose, Mode::Hang, Mode::Take] {
        mail.set(mode);
        mail.wait_for("the next attempt", |one| one.mode == mode);
    }
    delivered(&server);
    assert!(first.header("Message-ID").is_some_and(|id| id.ends_with("@signalbox>")), "{first:?}");
    assert!(first.header("Subject").is_some_and(|text| text.starts_with("[FIRING:1] Hot")), "{first:?}");
    for attempt in mail.mails() {
        assert_eq!(attempt.plain(), first.plain());
    }
    measure(&server, "attic", 20.0);
    let over = mail
        .wait_for("the end", |one| one.header("Subject").is_some_and(|text| text.starts_with("[RESOLVED]")));
    assert_ne!(over.header("Message-ID"), first.header("Message-ID"));
    delivered(&server);
    let taken = mail.mails().iter().filter(|one| one.mode == Mode::Take).count();
    assert_eq!(taken, 2, "each once");
    // A server that will never take it is not asked again.
    mail.set(Mode::Fail(554));
    measure(&server, "attic", 31.0);
    mail.wait_for("it is refused for good", |one| one.mode == Mode::Fail(554));
    delivered(&server);
    for line in server.log() {
        assert!(!line.contains("s3cret") && !line.contains("czNjcmV0"), "{line}");
    }
}
