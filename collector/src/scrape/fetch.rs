//! The client scrapes and discoveries go through: credentials, TLS, proxy, bounds on size and time.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::tls::{Certificate, Identity, Version};
use reqwest::{ClientBuilder, Proxy};

use super::config::http::{Auth, Http, OAuth2, Source, Tls};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);
const TOKEN_BYTES_MAX: u64 = 1 << 20;
/// A token is renewed this long before it ends.
const TOKEN_MARGIN: Duration = Duration::from_secs(10);
/// Of one that does not say when it ends.
const TOKEN_LIFE: Duration = Duration::from_secs(300);
const AGENT: &str = concat!("Signalbox/", env!("CARGO_PKG_VERSION"));

pub(super) struct Client {
    http: Http,
    client: reqwest::Client,
    /// The one tokens are fetched with, and the token at hand.
    oauth: Option<(reqwest::Client, Mutex<Option<Token>>)>,
}

#[derive(Clone)]
struct Token {
    value: String,
    until: Instant,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub content_type: String,
    pub body: Bytes,
}

/// What to ask for and how much to take.
pub(super) struct Ask<'a> {
    pub url: &'a str,
    pub headers: &'a [(HeaderName, String)],
    pub timeout: Duration,
    pub bytes_max: u64,
}

// === impl Client ===

impl Client {
    /// For any URL; if a `server_name` is set, for those of the host of `url` alone.
    pub(super) fn new(http: &Http, url: &str) -> Result<Self, String> {
        let client = build(http, &http.tls, url)?;
        let oauth = match &http.auth {
            Some(Auth::OAuth2 { config, .. }) => {
                Some((build(http, &config.tls_config, &config.token_url)?, Mutex::new(None)))
            }
            _ => None,
        };
        Ok(Self { http: http.clone(), client, oauth })
    }

    /// The body of a good answer, decompressed.
    pub(super) async fn get(&self, ask: Ask<'_>) -> Result<Answer, String> {
        let work = async {
            let mut headers = self.headers().await?;
            for (name, value) in ask.headers {
                headers.insert(name.clone(), header(value)?);
            }
            let url = self.aimed(ask.url, &mut headers)?;
            let sent = self.client.get(url).headers(headers).send().await;
            take(sent.map_err(describe)?, ask.bytes_max).await
        };
        let late = |_| "context deadline exceeded".to_owned();
        tokio::time::timeout(ask.timeout, work).await.map_err(late)?
    }

    /// Where a certificate is held against another name than the address, the request goes to that name, and the
    /// client's resolver knows where it is.
    fn aimed(&self, url: &str, headers: &mut HeaderMap) -> Result<reqwest::Url, String> {
        let mut url = reqwest::Url::parse(url).map_err(|e| e.to_string())?;
        if let Some(name) = self.http.tls.server_name.as_ref().filter(|_| url.scheme() == "https") {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            headers.insert(HOST, header(&format!("{}{port}", url.host_str().unwrap_or_default()))?);
            url.set_host(Some(name)).map_err(|_| format!("server_name {name:?} is not a host name"))?;
        }
        Ok(url)
    }

    async fn headers(&self) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for (name, source) in &self.http.headers {
            let name: HeaderName = name.parse().map_err(|_| format!("{name:?} is no header name"))?;
            headers.append(name, header(&source.read()?)?);
        }
        let authorization = match &self.http.auth {
            None => return Ok(headers),
            Some(Auth::Basic { username, password }) => {
                use base64::Engine as _;
                let both = format!("{}:{}", username.read()?, password.read()?);
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(both))
            }
            Some(Auth::Scheme { scheme, credentials }) => format!("{scheme} {}", credentials.read()?),
            Some(Auth::OAuth2 { config, secret }) => format!("Bearer {}", self.token(config, secret).await?),
        };
        let mut value = header(&authorization)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        Ok(headers)
    }

    async fn token(&self, config: &OAuth2, secret: &Source) -> Result<String, String> {
        let Some((client, kept)) = &self.oauth else { return Err("no client for tokens".to_owned()) };
        let known = kept.lock().clone();
        if let Some(token) = known.filter(|token| token.until > Instant::now()) {
            return Ok(token.value);
        }
        let secret = secret.read()?;
        let scope = config.scopes.join(" ");
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", config.client_id.as_str()),
            ("client_secret", secret.as_str()),
        ];
        if !scope.is_empty() {
            form.push(("scope", &scope));
        }
        form.extend(config.endpoint_params.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        // The builder of query strings writes forms too.
        let mut scratch = reqwest::Url::parse("http://form/").map_err(|e| e.to_string())?;
        scratch.query_pairs_mut().extend_pairs(&form);
        let request = client
            .post(&config.token_url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .timeout(TOKEN_TIMEOUT)
            .body(scratch.query().unwrap_or_default().to_owned());
        let named = |problem: String| format!("token of {}: {problem}", config.token_url);
        let answer = request.send().await.map_err(|e| named(describe(e)))?;
        let answer = take(answer, TOKEN_BYTES_MAX).await.map_err(named)?;
        let parsed: serde_json::Value =
            serde_json::from_slice(&answer.body).map_err(|e| named(e.to_string()))?;
        let value = parsed["access_token"].as_str().ok_or_else(|| named("no access_token".to_owned()))?;
        let life = parsed["expires_in"].as_u64().map_or(TOKEN_LIFE, Duration::from_secs);
        let until = Instant::now() + life.saturating_sub(TOKEN_MARGIN);
        *kept.lock() = Some(Token { value: value.to_owned(), until });
        Ok(value.to_owned())
    }
}

fn header(value: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(value).map_err(|_| "a header's value has characters it may not have".to_owned())
}

/// Finds the address of one host, whatever name is asked for.
struct Dials(String);

impl Resolve for Dials {
    fn resolve(&self, _: Name) -> Resolving {
        let host = self.0.trim_matches(['[', ']']).to_owned();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn build(http: &Http, tls: &Tls, url: &str) -> Result<reqwest::Client, String> {
    let made = || {
        let mut builder = reqwest::Client::builder()
            .user_agent(AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(if http.follow_redirects { Policy::limited(10) } else { Policy::none() })
            .no_proxy();
        if !http.enable_http2 {
            builder = builder.http1_only();
        }
        if let Some(url) = &http.proxy_url {
            let proxy = Proxy::all(url).map_err(|e| format!("proxy_url: {}", describe(e)))?;
            let except = http.no_proxy.as_deref().and_then(reqwest::NoProxy::from_string);
            builder = builder.proxy(proxy.no_proxy(except));
        }
        if tls.server_name.is_some() {
            let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
            builder = builder.dns_resolver(Arc::new(Dials(host.unwrap_or_default())));
        }
        with_tls(builder, tls)
    };
    // An image without certificates can still scrape over http; what needs them then fails with a reason.
    let without_roots = |_| made()?.tls_certs_only([]).build().map_err(describe);
    made()?.build().or_else(without_roots)
}

fn with_tls(mut builder: ClientBuilder, tls: &Tls) -> Result<ClientBuilder, String> {
    let named = |what: &'static str| move |e: reqwest::Error| format!("tls_config: {what}: {}", describe(e));
    if let Some(pem) = pem(tls.ca.as_deref(), tls.ca_file.as_deref())? {
        let bundle = Certificate::from_pem_bundle(&pem).map_err(named("ca"))?;
        builder = builder.tls_certs_only(bundle);
    }
    let key = pem(tls.key.as_ref().map(|key| key.expose()), tls.key_file.as_deref())?;
    if let (Some(mut cert), Some(key)) = (pem(tls.cert.as_deref(), tls.cert_file.as_deref())?, key) {
        cert.push(b'\n');
        cert.extend_from_slice(&key);
        builder = builder.identity(Identity::from_pem(&cert).map_err(named("certificate and key"))?);
    }
    if tls.insecure_skip_verify {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    if let Some(version) = tls.min_version.as_deref().and_then(version) {
        builder = builder.tls_version_min(version);
    }
    if let Some(version) = tls.max_version.as_deref().and_then(version) {
        builder = builder.tls_version_max(version);
    }
    Ok(builder)
}

fn pem(text: Option<&str>, file: Option<&Path>) -> Result<Option<Vec<u8>>, String> {
    match (text, file) {
        (Some(text), _) => Ok(Some(text.as_bytes().to_vec())),
        (None, Some(path)) => {
            std::fs::read(path).map(Some).map_err(|e| format!("read {}: {e}", path.display()))
        }
        (None, None) => Ok(None),
    }
}

/// Older versions than 1.2 are spoken by nobody here, whatever is allowed.
fn version(name: &str) -> Option<Version> {
    match name {
        "TLS12" => Some(Version::TLS_1_2),
        "TLS13" => Some(Version::TLS_1_3),
        _ => None,
    }
}

async fn take(mut answer: reqwest::Response, bytes_max: u64) -> Result<Answer, String> {
    let status = answer.status();
    if !status.is_success() {
        return Err(format!("server returned HTTP status {status}"));
    }
    let text = |name| answer.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let content_type = text(CONTENT_TYPE).unwrap_or_default().to_owned();
    let gzip = text(CONTENT_ENCODING).is_some_and(|coding| coding.eq_ignore_ascii_case("gzip"));
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(describe)? {
        if (body.len() + chunk.len()) as u64 > bytes_max {
            return Err(too_large(bytes_max));
        }
        body.extend_from_slice(&chunk);
    }
    if gzip {
        body = unzip(&body, bytes_max)?;
    }
    Ok(Answer { content_type, body: body.into() })
}

fn unzip(packed: &[u8], bytes_max: u64) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    // One more than may come tells that there is more.
    let mut reader = flate2::read::MultiGzDecoder::new(packed).take(bytes_max.saturating_add(1));
    reader.read_to_end(&mut body).map_err(|e| format!("gzip: {e}"))?;
    if body.len() as u64 > bytes_max { Err(too_large(bytes_max)) } else { Ok(body) }
}

fn too_large(bytes_max: u64) -> String {
    format!("body size limit exceeded: more than {bytes_max} bytes")
}

/// Without the URL, which may hold a secret; with all causes.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
