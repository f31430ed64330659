//! How a receiver wants to be spoken to: `http_config` and secrets that may stand in files.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use serde::Deserialize;

use super::config::{Hidden, nullable};

/// `http_config` of Prometheus' common library, without OAuth 2.0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HttpConfig {
    pub(crate) authorization: Option<Authorization>,
    pub(crate) basic_auth: Option<BasicAuth>,
    bearer_token: Option<Hidden>,
    bearer_token_file: Option<String>,
    pub(crate) proxy_url: Option<Hidden>,
    pub(crate) follow_redirects: Option<bool>,
    enable_http2: Option<bool>,
    pub(crate) tls_config: Option<TlsConfig>,
    #[serde(deserialize_with = "nullable")]
    http_headers: BTreeMap<String, HeaderValues>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Authorization {
    #[serde(rename = "type")]
    scheme: Option<String>,
    credentials: Option<Hidden>,
    credentials_file: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BasicAuth {
    username: String,
    username_file: Option<String>,
    password: Option<Hidden>,
    password_file: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TlsConfig {
    pub(crate) ca: Option<String>,
    pub(crate) ca_file: Option<String>,
    pub(crate) cert_file: Option<String>,
    pub(crate) key_file: Option<String>,
    pub(crate) insecure_skip_verify: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HeaderValues {
    values: Vec<String>,
    secrets: Vec<Hidden>,
    files: Vec<String>,
}

/// A secret in the file or in one of its own, which is read when it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    Inline(Hidden),
    File(String),
}

// === impl Secret ===

impl Secret {
    /// Of two keys of which at most one may be set.
    pub(crate) fn either(
        key: &str,
        inline: Option<&Hidden>,
        file: Option<&str>,
    ) -> Result<Option<Self>, String> {
        let inline = inline.filter(|secret| !secret.expose().is_empty());
        match (inline, file.filter(|file| !file.is_empty())) {
            (Some(_), Some(_)) => Err(format!("set {key} or {key}_file, not both")),
            (Some(secret), None) => Ok(Some(Self::Inline(secret.clone()))),
            (None, Some(file)) => Ok(Some(Self::File(file.to_owned()))),
            (None, None) => Ok(None),
        }
    }

    /// Its file, if it is not absolute, taken from this folder.
    pub(crate) fn within(self, folder: &Path) -> Self {
        match self {
            Self::File(file) => Self::File(join(folder, &file)),
            inline => inline,
        }
    }

    pub(crate) fn read(&self) -> Result<String, String> {
        match self {
            Self::Inline(secret) => Ok(secret.expose().to_owned()),
            Self::File(file) => match std::fs::read_to_string(file) {
                Ok(text) => Ok(text.trim().to_owned()),
                Err(error) => Err(format!("read {file}: {error}")),
            },
        }
    }
}

// === impl HttpConfig ===

impl HttpConfig {
    pub(crate) fn check(&self) -> Result<(), String> {
        let bearer =
            Secret::either("bearer_token", self.bearer_token.as_ref(), self.bearer_token_file.as_deref())?;
        let ways = [bearer.is_some(), self.authorization.is_some(), self.basic_auth.is_some()];
        if ways.iter().filter(|way| **way).count() > 1 {
            return Err("http_config: set one of authorization, basic_auth and bearer_token".into());
        }
        if let Some(authorization) = &self.authorization {
            let scheme = authorization.scheme();
            if scheme.eq_ignore_ascii_case("basic") {
                return Err("http_config: for basic authorization write basic_auth".into());
            }
            authorization.secret()?;
        }
        if let Some(basic) = &self.basic_auth {
            Secret::either("password", basic.password.as_ref(), basic.password_file.as_deref())?;
            if !basic.username.is_empty() && basic.username_file.is_some() {
                return Err("set username or username_file, not both".into());
            }
        }
        let tls = self.tls_config.clone().unwrap_or_default();
        if tls.cert_file.is_some() != tls.key_file.is_some() {
            return Err("tls_config: cert_file and key_file belong together".into());
        }
        Ok(())
    }

    /// Files that are not absolute are taken from this folder.
    pub(crate) fn within(&mut self, folder: &Path) {
        let mut files: Vec<&mut String> = self.bearer_token_file.iter_mut().collect();
        files.extend(self.authorization.iter_mut().filter_map(|one| one.credentials_file.as_mut()));
        if let Some(basic) = &mut self.basic_auth {
            files.extend([&mut basic.username_file, &mut basic.password_file].into_iter().flatten());
        }
        files.extend(self.http_headers.values_mut().flat_map(|values| &mut values.files));
        if let Some(tls) = &mut self.tls_config {
            files.extend([&mut tls.ca_file, &mut tls.cert_file, &mut tls.key_file].into_iter().flatten());
        }
        files.into_iter().for_each(|file| *file = join(folder, file));
    }

    /// Headers of every request; files are read now.
    pub(crate) fn headers(&self) -> Result<Vec<(String, String)>, String> {
        let mut headers = Vec::new();
        if let Some(authorization) = &self.authorization
            && let Some(secret) = authorization.secret()?
        {
            headers.push(("Authorization".into(), format!("{} {}", authorization.scheme(), secret.read()?)));
        }
        let bearer =
            Secret::either("bearer_token", self.bearer_token.as_ref(), self.bearer_token_file.as_deref())?;
        if let Some(secret) = bearer {
            headers.push(("Authorization".into(), format!("Bearer {}", secret.read()?)));
        }
        if let Some(basic) = &self.basic_auth {
            let username = match &basic.username_file {
                Some(file) => Secret::File(file.clone()).read()?,
                None => basic.username.clone(),
            };
            let password =
                Secret::either("password", basic.password.as_ref(), basic.password_file.as_deref())?;
            let password = password.map(|secret| secret.read()).transpose()?.unwrap_or_default();
            let pair = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
            headers.push(("Authorization".into(), format!("Basic {pair}")));
        }
        for (name, values) in &self.http_headers {
            headers.extend(values.values.iter().map(|value| (name.clone(), value.clone())));
            headers.extend(values.secrets.iter().map(|secret| (name.clone(), secret.expose().to_owned())));
            for file in &values.files {
                headers.push((name.clone(), Secret::File(file.clone()).read()?));
            }
        }
        Ok(headers)
    }
}

fn join(folder: &Path, file: &str) -> String {
    folder.join(file).to_string_lossy().into_owned()
}

// === impl Authorization ===

impl Authorization {
    fn scheme(&self) -> &str {
        self.scheme.as_deref().map_or("Bearer", str::trim)
    }

    fn secret(&self) -> Result<Option<Secret>, String> {
        Secret::either("credentials", self.credentials.as_ref(), self.credentials_file.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(yaml: &str) -> HttpConfig {
        serde_saphyr::from_str(yaml).unwrap()
    }

    #[test]
    fn headers_follow_the_configuration() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "from file\n").unwrap();
        let path = file.path().display();
        for (yaml, header) in [
            ("authorization: {credentials: x}".to_owned(), ("Authorization", "Bearer x")),
            ("authorization: {type: Token, credentials: x}".to_owned(), ("Authorization", "Token x")),
            (format!("authorization: {{credentials_file: '{path}'}}"), ("Authorization", "Bearer from file")),
            ("basic_auth: {username: a, password: b}".to_owned(), ("Authorization", "Basic YTpi")),
            ("bearer_token: x".to_owned(), ("Authorization", "Bearer x")),
            ("http_headers: {X-A: {values: [b]}}".to_owned(), ("X-A", "b")),
            ("http_headers: {X-A: {secrets: [c]}}".to_owned(), ("X-A", "c")),
        ] {
            let config = config(&yaml);
            config.check().unwrap();
            assert_eq!(config.headers().unwrap(), [(header.0.to_owned(), header.1.to_owned())], "{yaml}");
        }
        let missing = config("bearer_token_file: /nowhere/token").headers().unwrap_err();
        assert!(missing.contains("/nowhere/token"));
    }

    #[test]
    fn contradictions_are_errors() {
        for (yaml, part) in [
            ("{bearer_token: x, basic_auth: {username: a}}", "one of"),
            ("{bearer_token: x, bearer_token_file: y}", "not both"),
            ("basic_auth: {password: x, password_file: y}", "not both"),
            ("authorization: {type: Basic, credentials: x}", "basic_auth"),
            ("tls_config: {cert_file: x}", "belong together"),
        ] {
            let error = config(yaml).check().unwrap_err();
            assert!(error.contains(part), "{yaml}: {error}");
        }
    }
}
