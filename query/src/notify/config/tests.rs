use super::*;

const WHOLE: &str = r#"
global:
  resolve_timeout: 2m
  slack_api_url: https://chat.example/T/B?secret=x
  smtp_smarthost: localhost:25
  smtp_from: signalbox@example.org
  http_config: {follow_redirects: true}
route:
  receiver: chat
  group_by: [alertname]
  group_wait: 1s
  routes:
    - matchers: [severity=page]
      receiver: pager
      mute_time_intervals: [nights]
    - matchers: [team=web]
      active_time_intervals: [office]
inhibit_rules:
  - source_matchers: [severity=page]
    target_matchers: [severity=ticket]
    equal: [service]
time_intervals:
  - name: nights
    time_intervals: [{times: [{start_time: '00:00', end_time: '06:00'}]}]
mute_time_intervals:
  - name: office
    time_intervals: [{weekdays: ['monday:friday']}]
receivers:
  - name: chat
    webhook_configs: [{url: 'http://127.0.0.1:1/hook?secret=x'}]
    slack_configs: [{channel: '#ops'}]
    msteamsv2_configs: [{webhook_url: 'https://teams.example/x'}]
    discord_configs: [{webhook_url: 'https://discord.example/x'}]
    mattermost_configs: [{webhook_url: 'https://mattermost.example/x'}]
    telegram_configs: [{bot_token: secret=x, chat_id: -1}]
  - name: pager
    pagerduty_configs: [{routing_key: secret=x}]
    opsgenie_configs: [{api_key: secret=x}]
    pushover_configs: [{user_key: secret=x, token: secret=x}]
    email_configs: [{to: ops@example.org}]
"#;

fn parse(text: &str) -> Result<NotifyConfig, Vec<String>> {
    NotifyConfig::parse(text, Path::new("."))
}

#[test]
fn a_whole_file_is_read() {
    let config = parse(WHOLE).unwrap();
    assert_eq!((config.route.group_wait_ms, config.resolve_timeout_ms), (1_000, 120_000));
    let kinds = |name: &str| config.integrations(name).iter().map(|i| i.settings.kind()).collect::<Vec<_>>();
    assert_eq!(kinds("chat"), ["webhook", "slack", "msteamsv2", "discord", "mattermost", "telegram"]);
    assert_eq!(kinds("pager"), ["pagerduty", "opsgenie", "email", "pushover"]);
    let resolved = |at: usize| config.integrations("chat")[at].sends_resolved();
    assert!(resolved(0) && !resolved(1), "chat messages say nothing of the end unless told to");
    assert!(!config.yaml().contains("secret=x") && !format!("{config:?}").contains("secret=x"));
}

#[test]
fn intervals_mute_routes() {
    let config = parse(WHOLE).unwrap();
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let [pager, web] = [&config.route.routes[0], &config.route.routes[1]];
    // 2026-11-28 is a Saturday.
    for (route, time, muting) in [
        (pager, "2026-11-25T05:00:00Z", &["nights"][..]),
        (pager, "2026-11-25T06:00:00Z", &[]),
        (web, "2026-11-27T05:00:00Z", &[]),
        (web, "2026-11-28T05:00:00Z", &["office"]),
        (&config.route, "2026-11-28T05:00:00Z", &[]),
    ] {
        assert_eq!(config.muting(route, at(time)), muting, "{time}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let receiver = |config: &str| format!("route: {{receiver: a}}\nreceivers: [{{name: a, {config}}}]");
    for (text, part) in [
        ("receivers: []".to_owned(), "no route"),
        ("route: {receiver: a}".to_owned(), "no receiver \"a\""),
        ("route: {receiver: a, group_wait: soon}\nreceivers: [{name: a}]".to_owned(), "group_wait"),
        ("route: {receiver: a}\nreceivers: [{name: a}, {name: a}]".to_owned(), "one name"),
        ("route: {receiver: a}\nreceivers: [{name: a}]\nsilences: []".to_owned(), "silences"),
        ("route: {receiver: a}\nreceivers: [{name: a}]\ntime_intervals: [{name: x, time_intervals: [{years: [x]}]}]".to_owned(), "\"x\""),
        (receiver("webhook_configs: [{url: 'ftp://x'}]"), "http://"),
        (receiver("webhook_configs: [{}]"), "url"),
        (receiver("slack_configs: [{channel: '#a'}]"), "slack_api_url"),
        (receiver("slack_configs: [{api_url: 'http://x', title: '{{ if }}'}]"), "title"),
        (receiver("pagerduty_configs: [{}]"), "routing_key"),
        (receiver("opsgenie_configs: [{}]"), "api_key"),
        (receiver("telegram_configs: [{chat_id: 1}]"), "bot_token"),
        (receiver("telegram_configs: [{bot_token: x, chat_id: 1, parse_mode: Word}]"), "parse_mode"),
        (receiver("email_configs: [{to: a@b.c}]"), "from"),
        (receiver("email_configs: [{to: a@b.c, from: d@e.f}]"), "smarthost"),
        (receiver("pushover_configs: [{user_key: a}]"), "token"),
        (receiver("discord_configs: [{}]"), "webhook_url"),
        (receiver("sns_configs: [{}]"), "topic_arn"),
        (receiver("wechat_configs: [{}]"), "api_secret"),
        (receiver("labels: {name: b}"), "`name`"),
        (receiver("jira_configs: [{}]"), "project"),
        (receiver("jira_configs: [{project: P, issue_type: Bug}]"), "jira_api_url"),
        (receiver("webhook_configs: [{url: 'http://x', http_config: {oauth2: {}}}]"), "use authorization"),
    ] {
        let problems = check_alertmanager(&text, Path::new("."));
        assert!(problems.iter().any(|problem| problem.contains(part)), "{text}: {problems:?}");
    }
}
