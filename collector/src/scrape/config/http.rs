//! How a target or a discovery is asked: authentication, TLS, proxy.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A credential: sent, never shown.
#[derive(Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(transparent)]
pub(in crate::scrape) struct Hidden(String);

/// Keys of the `HTTPClientConfig` of Prometheus, which stand in the block they belong to.
macro_rules! with_http_keys {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($field:tt)* }) => {
        $(#[$meta])*
        $vis struct $name {
            $($field)*
            pub basic_auth: Option<crate::scrape::config::http::BasicAuth>,
            pub authorization: Option<crate::scrape::config::http::Authorization>,
            pub bearer_token: Option<crate::scrape::config::http::Hidden>,
            pub bearer_token_file: Option<std::path::PathBuf>,
            pub oauth2: Option<crate::scrape::config::http::OAuth2>,
            pub tls_config: crate::scrape::config::http::Tls,
            pub proxy_url: Option<String>,
            pub no_proxy: Option<String>,
            pub proxy_from_environment: bool,
            pub proxy_connect_header: Option<serde_json::Value>,
            pub follow_redirects: Option<bool>,
            pub enable_http2: Option<bool>,
            pub http_headers: std::collections::BTreeMap<String, crate::scrape::config::http::HeaderValues>,
        }

        impl $name {
            pub fn http(&self, folder: &std::path::Path) -> Result<crate::scrape::config::http::Http, String> {
                crate::scrape::config::http::Keys {
                    basic_auth: self.basic_auth.clone(),
                    authorization: self.authorization.clone(),
                    bearer_token: self.bearer_token.clone(),
                    bearer_token_file: self.bearer_token_file.clone(),
                    oauth2: self.oauth2.clone(),
                    tls: self.tls_config.clone(),
                    proxy_url: self.proxy_url.clone(),
                    no_proxy: self.no_proxy.clone(),
                    unsupported_proxy: self.proxy_from_environment || self.proxy_connect_header.is_some(),
                    follow_redirects: self.follow_redirects,
                    enable_http2: self.enable_http2,
                    headers: self.http_headers.clone(),
                }
                .check(folder)
            }
        }
    };
}
pub(in crate::scrape) use with_http_keys;

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scrape) struct BasicAuth {
    username: String,
    username_file: Option<PathBuf>,
    password: Hidden,
    password_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scrape) struct Authorization {
    #[serde(rename = "type")]
    scheme: Option<String>,
    credentials: Option<Hidden>,
    credentials_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scrape) struct OAuth2 {
    pub client_id: String,
    client_secret: Hidden,
    client_secret_file: Option<PathBuf>,
    pub scopes: Vec<String>,
    pub token_url: String,
    pub endpoint_params: BTreeMap<String, String>,
    pub tls_config: Tls,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scrape) struct Tls {
    pub ca: Option<String>,
    pub ca_file: Option<PathBuf>,
    pub cert: Option<String>,
    pub cert_file: Option<PathBuf>,
    pub key: Option<Hidden>,
    pub key_file: Option<PathBuf>,
    pub server_name: Option<String>,
    pub insecure_skip_verify: bool,
    pub min_version: Option<String>,
    pub max_version: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scrape) struct HeaderValues {
    values: Vec<String>,
    secrets: Vec<Hidden>,
    files: Vec<PathBuf>,
}

/// A value that stands in the file or in one of its own, which is read at each use: it may be rotated.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scrape) enum Source {
    Text(Hidden),
    File(PathBuf),
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::scrape) enum Auth {
    Basic { username: Source, password: Source },
    Scheme { scheme: String, credentials: Source },
    OAuth2 { config: Box<OAuth2>, secret: Source },
}

/// Checked.
#[derive(Clone, Debug, PartialEq, Default)]
pub(in crate::scrape) struct Http {
    pub auth: Option<Auth>,
    pub tls: Tls,
    pub proxy_url: Option<String>,
    pub no_proxy: Option<String>,
    pub follow_redirects: bool,
    pub enable_http2: bool,
    pub headers: Vec<(String, Source)>,
}

/// The keys as written.
pub(in crate::scrape) struct Keys {
    pub basic_auth: Option<BasicAuth>,
    pub authorization: Option<Authorization>,
    pub bearer_token: Option<Hidden>,
    pub bearer_token_file: Option<PathBuf>,
    pub oauth2: Option<OAuth2>,
    pub tls: Tls,
    pub proxy_url: Option<String>,
    pub no_proxy: Option<String>,
    pub unsupported_proxy: bool,
    pub follow_redirects: Option<bool>,
    pub enable_http2: Option<bool>,
    pub headers: BTreeMap<String, HeaderValues>,
}

// === impl Hidden ===

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

impl Hidden {
    pub(in crate::scrape) fn expose(&self) -> &str {
        &self.0
    }
}

// === impl Source ===

impl Source {
    fn of(text: Option<Hidden>, file: Option<PathBuf>, folder: &Path, what: &str) -> Result<Self, String> {
        match (text, file) {
            (Some(_), Some(_)) => Err(format!("both {what} and {what}_file are set: keep one")),
            (text, None) => Ok(Self::Text(text.unwrap_or_default())),
            (None, Some(file)) => Ok(Self::File(folder.join(file))),
        }
    }

    pub(in crate::scrape) fn read(&self) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text.0.clone()),
            Self::File(path) => {
                let read = std::fs::read_to_string(path);
                let text = read.map_err(|e| format!("read {}: {e}", path.display()))?;
                Ok(text.trim().to_owned())
            }
        }
    }
}

impl From<Hidden> for Source {
    fn from(text: Hidden) -> Self {
        Self::Text(text)
    }
}

// === impl Tls ===

impl Tls {
    fn resolve(&mut self, folder: &Path) -> Result<(), String> {
        for path in [&mut self.ca_file, &mut self.cert_file, &mut self.key_file].into_iter().flatten() {
            *path = folder.join(&*path);
        }
        let has_cert = self.cert.is_some() || self.cert_file.is_some();
        let has_key = self.key.is_some() || self.key_file.is_some();
        if has_cert != has_key {
            return Err("tls_config: a certificate and its key belong together".to_owned());
        }
        let versions = [&self.min_version, &self.max_version];
        let known = |version: &&String| ["TLS10", "TLS11", "TLS12", "TLS13"].contains(&version.as_str());
        match versions.into_iter().flatten().find(|version| !known(version)) {
            Some(unknown) => Err(format!("tls_config: unknown TLS version {unknown:?}")),
            None => Ok(()),
        }
    }
}

// === impl Keys ===

impl Keys {
    pub(in crate::scrape) fn check(self, folder: &Path) -> Result<Http, String> {
        if self.unsupported_proxy {
            return Err(
                "proxy_from_environment and proxy_connect_header are not supported: name a proxy_url".into(),
            );
        }
        let (mut tls, headers) = (self.tls.clone(), self.headers(folder));
        tls.resolve(folder)?;
        Ok(Http {
            headers,
            tls,
            proxy_url: self.proxy_url.clone().filter(|url| !url.is_empty()),
            no_proxy: self.no_proxy.clone(),
            follow_redirects: self.follow_redirects.unwrap_or(true),
            enable_http2: self.enable_http2.unwrap_or(true),
            auth: self.auth(folder)?,
        })
    }

    fn headers(&self, folder: &Path) -> Vec<(String, Source)> {
        let mut all = Vec::new();
        for (name, given) in &self.headers {
            let texts = given.values.iter().map(|value| Source::Text(Hidden(value.clone())));
            let secrets = given.secrets.iter().cloned().map(Source::Text);
            let files = given.files.iter().map(|file| Source::File(folder.join(file)));
            all.extend(texts.chain(secrets).chain(files).map(|source| (name.clone(), source)));
        }
        all
    }

    fn auth(self, folder: &Path) -> Result<Option<Auth>, String> {
        let bearer = self.bearer_token.is_some() || self.bearer_token_file.is_some();
        let ways = [self.basic_auth.is_some(), self.authorization.is_some(), bearer, self.oauth2.is_some()];
        if ways.iter().filter(|set| **set).count() > 1 {
            return Err("more than one of basic_auth, authorization, bearer_token and oauth2".to_owned());
        }
        if let Some(basic) = self.basic_auth {
            let username = Some(Hidden(basic.username)).filter(|name| !name.0.is_empty());
            let password = Some(basic.password).filter(|password| !password.0.is_empty());
            return Ok(Some(Auth::Basic {
                username: Source::of(username, basic.username_file, folder, "username")?,
                password: Source::of(password, basic.password_file, folder, "password")?,
            }));
        }
        if let Some(config) = self.oauth2 {
            let given = Some(config.client_secret.clone()).filter(|secret| !secret.0.is_empty());
            let secret = Source::of(given, config.client_secret_file.clone(), folder, "client_secret")?;
            let mut config = config;
            config.tls_config.resolve(folder)?;
            return Ok(Some(Auth::OAuth2 { config: Box::new(config), secret }));
        }
        let (scheme, text, file) = match self.authorization {
            Some(given) => (given.scheme, given.credentials, given.credentials_file),
            None if bearer => (None, self.bearer_token, self.bearer_token_file),
            None => return Ok(None),
        };
        let scheme = scheme.unwrap_or_else(|| "Bearer".to_owned());
        let credentials = Source::of(text, file, folder, "credentials")?;
        Ok(Some(Auth::Scheme { scheme, credentials }))
    }
}
