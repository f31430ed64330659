//! E-mail by SMTP.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Environment, Outgoing, Prepared, Receiver, Say, chat};
use crate::notify::config::{Hidden, nullable};
use crate::notify::http::{HttpConfig, Secret, TlsConfig};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EmailConfig {
    send_resolved: bool,
    to: String,
    from: Option<String>,
    hello: Option<String>,
    smarthost: Option<String>,
    auth_username: Option<String>,
    auth_password: Option<Hidden>,
    auth_password_file: Option<String>,
    auth_secret: Option<Hidden>,
    auth_secret_file: Option<String>,
    auth_identity: Option<String>,
    #[serde(deserialize_with = "nullable")]
    headers: BTreeMap<String, String>,
    html: Option<String>,
    text: Option<String>,
    require_tls: Option<bool>,
    force_implicit_tls: Option<bool>,
    tls_config: Option<TlsConfig>,
    #[serde(skip)]
    password: Option<Secret>,
}

/// A mail and the server that takes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mail {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) hello: String,
    pub(crate) login: Option<(String, Hidden)>,
    pub(crate) tls: MailTls,
    pub(crate) insecure: bool,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) headers: Vec<(String, String)>,
    /// Of the message, the same at each attempt.
    pub(crate) id: String,
    pub(crate) html: String,
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MailTls {
    None,
    /// From the first byte.
    Wrapped,
    /// After `STARTTLS`, or not at all.
    Required,
}

impl Receiver for EmailConfig {
    fn sends_resolved(&self) -> bool {
        self.send_resolved
    }

    fn http(&self) -> Option<&HttpConfig> {
        None
    }

    fn templates(&self) -> Vec<(&'static str, &str)> {
        let mut all = vec![("to", self.to.as_str())];
        all.extend(super::set(&[("from", &self.from), ("html", &self.html), ("text", &self.text)]));
        all.extend(self.headers.values().map(|text| ("headers", text.as_str())));
        all
    }

    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String> {
        let global = environment.global;
        let fill = |own: &mut Option<String>, all: &Option<String>| *own = own.take().or_else(|| all.clone());
        fill(&mut self.from, &global.smtp_from);
        fill(&mut self.smarthost, &global.smtp_smarthost);
        fill(&mut self.hello, &global.smtp_hello);
        fill(&mut self.auth_username, &global.smtp_auth_username);
        fill(&mut self.auth_identity, &global.smtp_auth_identity);
        self.force_implicit_tls = self.force_implicit_tls.or(global.smtp_force_implicit_tls);
        self.tls_config = self.tls_config.take().or_else(|| global.smtp_tls_config.clone());
        self.require_tls = self.require_tls.or(global.smtp_require_tls);
        let own = (self.auth_password.as_ref(), self.auth_password_file.as_deref());
        let all = (global.smtp_auth_password.as_ref(), global.smtp_auth_password_file.as_deref());
        self.password = environment.secret("auth_password", own, all)?;
        if self.to.is_empty() {
            return Err("set to".into());
        }
        if self.from.is_none() {
            return Err("set from or global.smtp_from".into());
        }
        let own = (self.auth_secret.as_ref(), self.auth_secret_file.as_deref());
        let all = (global.smtp_auth_secret.as_ref(), global.smtp_auth_secret_file.as_deref());
        if environment.secret("auth_secret", own, all)?.is_some() && self.password.is_none() {
            return Err("auth_secret (CRAM-MD5) is not known here: use auth_password".into());
        }
        let names: Vec<String> = self.headers.keys().map(|name| name.to_lowercase()).collect();
        if names.iter().collect::<std::collections::BTreeSet<_>>().len() != names.len() {
            return Err("headers: a name stands twice".into());
        }
        let host = self.smarthost.as_deref().ok_or("set smarthost or global.smtp_smarthost")?;
        split(host).map(drop)
    }

    fn render(&self, say: &Say<'_>) -> Result<Prepared, String> {
        let (host, port) = split(self.smarthost.as_deref().unwrap_or_default())?;
        let subject_template = self.header("subject").unwrap_or("{{ template \"email.default.subject\" . }}");
        let subject = say.text(subject_template)?;
        let mut headers = vec![("Subject".to_owned(), subject.clone())];
        for (name, template) in &self.headers {
            if !["subject", "from", "to"].contains(&name.to_lowercase().as_str()) {
                headers.push((name.clone(), say.text(template)?));
            }
        }
        let from = say.text(self.header("from").or(self.from.as_deref()).unwrap_or_default())?;
        let to = say.text(&self.to)?;
        let html = self.html.as_deref().unwrap_or("{{ template \"email.default.html\" . }}");
        let login = match (&self.auth_username, &self.password) {
            (Some(user), Some(password)) if !user.is_empty() => {
                Some((user.clone(), Hidden::from(password.read()?.as_str())))
            }
            _ => None,
        };
        let tls = match (self.force_implicit_tls, self.require_tls) {
            (Some(true), _) => MailTls::Wrapped,
            (None, _) if port == 465 => MailTls::Wrapped,
            (_, Some(false)) => MailTls::None,
            _ => MailTls::Required,
        };
        let mail = Mail {
            host,
            port,
            hello: self.hello.clone().unwrap_or_else(|| "localhost".into()),
            login,
            tls,
            insecure: self.tls_config.as_ref().is_some_and(|tls| tls.insecure_skip_verify),
            from,
            to,
            headers,
            id: format!("<{}@signalbox>", say.message.dedup_key),
            html: say.html(html)?,
            text: say.text(self.text.as_deref().unwrap_or_default())?,
        };
        Ok(Prepared { sends: vec![Outgoing::Mail(mail)], shown: (subject, chat::text(say.message)) })
    }
}

impl EmailConfig {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.to_lowercase() == name).map(|(_, text)| text.as_str())
    }
}

/// `host:port`; the port has to be there, as in Alertmanager.
fn split(smarthost: &str) -> Result<(String, u16), String> {
    let bad = || format!("smarthost: {smarthost:?} is not host:port");
    let (host, port) = smarthost.rsplit_once(':').ok_or_else(bad)?;
    let port = port.parse().map_err(|_| bad())?;
    let host = host.trim_matches(['[', ']']);
    Ok((if host.is_empty() { "localhost".into() } else { host.to_owned() }, port))
}
