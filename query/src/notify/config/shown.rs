//! The file as the API shows it: values of keys that hold secrets are `<secret>`, as in Alertmanager, whose tools read
//! that back.

/// Keys whose values are credentials or addresses that hold one.
const SECRET_KEYS: &[&str] = &[
    "alert_source_token",
    "api_key",
    "api_secret",
    "api_url",
    "auth_password",
    "auth_secret",
    "bearer_token",
    "bot_token",
    "credentials",
    "app_token",
    "mattermost_webhook_url",
    "opsgenie_api_key",
    "password",
    "rocketchat_token",
    "rocketchat_token_id",
    "routing_key",
    "secret_key",
    "service_key",
    "slack_api_url",
    "slack_app_token",
    "smtp_auth_password",
    "smtp_auth_secret",
    "telegram_bot_token",
    "token",
    "token_id",
    "user_key",
    "victorops_api_key",
    "webhook_url",
    "wechat_api_secret",
];
/// Shown although their names end as those of secrets do: amtool reads them as plain addresses.
const PLAIN_PARENTS: &[&str] = &[
    "opsgenie_configs",
    "pagerduty_configs",
    "telegram_configs",
    "pushover_configs",
    "rocketchat_configs",
    "webex_configs",
    "wechat_configs",
    "sns_configs",
];

/// Addresses whose path, query and user may be secrets: amtool wants to read an address there.
const ADDRESS_KEYS: &[&str] = &["url", "proxy_url"];

/// The text again from what was read of it, so that no way of writing YAML gets a secret past.
pub(super) fn without_secrets(text: &str) -> String {
    let Ok(mut value) = serde_saphyr::from_str::<serde_json::Value>(text) else { return String::new() };
    hide(&mut value, "");
    serde_saphyr::to_string(&value).unwrap_or_default()
}

fn hide(value: &mut serde_json::Value, parent: &str) {
    match value {
        serde_json::Value::Object(members) => {
            for (key, member) in members {
                let plain = PLAIN_PARENTS.contains(&parent) && ["url", "api_url"].contains(&key.as_str());
                let secret = SECRET_KEYS.contains(&key.as_str()) && !plain;
                match member {
                    serde_json::Value::String(text) if secret => *text = "<secret>".into(),
                    serde_json::Value::String(text) if ADDRESS_KEYS.contains(&key.as_str()) && !plain => {
                        *text = address(text);
                    }
                    serde_json::Value::Array(list) if key == "secrets" => {
                        list.iter_mut().for_each(|one| *one = "<secret>".into());
                    }
                    other => hide(other, key),
                }
            }
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(|one| hide(one, parent)),
        _ => {}
    }
}

/// Scheme and host.
fn address(url: &str) -> String {
    let parsed = url.parse::<http::Uri>().ok();
    match parsed.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.host()?, uri.port()))) {
        Some((scheme, host, Some(port))) => format!("{scheme}://{host}:{port}/<secret>"),
        Some((scheme, host, None)) => format!("{scheme}://{host}/<secret>"),
        None => "<secret>".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_of_writing_shows_a_secret() {
        for text in [
            "global: {slack_api_url: 'https://chat/s3cret'}",
            "receivers: [{name: a, webhook_configs: [{url: 'http://s3cret:x@h:1/?s3cret'}]}]",
            "global:\n  slack_api_url: >-\n    https://chat/s3cret\n",
            "receivers: [{name: a, webhook_configs: [{url: 'http://x/s3cret', http_config: {basic_auth: {password: s3cret}}}]}]",
            "receivers:\n- name: a\n  telegram_configs:\n  - bot_token: &t s3cret\n    chat_id: 1\n",
            "receivers: [{name: a, incidentio_configs: [{url: 'http://x', alert_source_token: s3cret}]}]",
            "receivers: [{name: a, sns_configs: [{sigv4: {secret_key: s3cret}}]}]",
            "global: {http_config: {http_headers: {X: {secrets: [s3cret]}}}}",
        ] {
            let shown = without_secrets(text);
            assert!(!shown.contains("s3cret") && shown.contains("<secret>"), "{text}: {shown}");
        }
        let shown = without_secrets(
            "receivers: [{name: a, pagerduty_configs: [{url: 'http://pager', routing_key: k}]}]",
        );
        assert!(shown.contains("http://pager") && !shown.contains(": k"), "{shown}");
    }
}
