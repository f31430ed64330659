//! The one outgoing HTTP client: checks each address when it dials, follows no redirects, bounds time and size.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use serde::{Deserialize, Serialize};

use super::http::HttpConfig;
use super::receivers::{HttpRequest, Outgoing, WechatSend};

const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_BYTES_SHOWN: usize = 200;
/// Of an answer that is read whole.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Networks that may not be called, and exceptions from them.
#[derive(Clone, Debug)]
pub(crate) struct AddressRules {
    deny: Vec<Network>,
    allow: Vec<Network>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    base: IpAddr,
    bits: u32,
}

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Where the message is now, if the receiver said so and lets it be changed.
    Done(Option<Place>),
    /// The receiver may take it later.
    Retry(Failure),
    /// It never will.
    Refused(String),
}

/// A message in a room of Slack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) channel: String,
    pub(crate) ts: String,
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: String,
    /// When the receiver wants to be asked again.
    pub(crate) after: Option<Duration>,
    /// It may have arrived: only the answer is missing.
    pub(crate) uncertain: bool,
}

impl Failure {
    /// Nothing has arrived.
    pub(crate) fn certain(reason: String) -> Self {
        Self { reason, after: None, uncertain: false }
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    rules: Arc<AddressRules>,
}

// === impl AddressRules ===

impl AddressRules {
    /// Link-local addresses (the metadata services of clouds) are denied unless allowed by name.
    pub(crate) fn parse(deny: &[String], allow: &[String]) -> Result<Self, String> {
        let own = ["169.254.0.0/16".to_owned(), "fe80::/10".to_owned()];
        let parse = |texts: &mut dyn Iterator<Item = &String>| -> Result<Vec<Network>, String> {
            texts.map(|text| Network::parse(text)).collect()
        };
        Ok(Self { deny: parse(&mut own.iter().chain(deny))?, allow: parse(&mut allow.iter())? })
    }

    pub(crate) fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let in_any = |networks: &[Network]| networks.iter().any(|network| network.contains(address));
        in_any(&self.allow) || !in_any(&self.deny)
    }
}

impl Network {
    fn parse(text: &str) -> Result<Self, String> {
        let problem = || format!("{text:?} is not a network: write it like 10.0.0.0/8");
        let (base, bits) = text.split_once('/').unwrap_or((text, ""));
        let base: IpAddr = base.parse().map_err(|_| problem())?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = if bits.is_empty() { most } else { bits.parse().map_err(|_| problem())? };
        if bits > most { Err(problem()) } else { Ok(Self { base, bits }) }
    }

    fn contains(self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                u32::from(base) & mask == u32::from(address) & mask
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                u128::from(base) & mask == u128::from(address) & mask
            }
            _ => false,
        }
    }
}

/// Resolves names and leaves out addresses that may not be called: what is dialled is what was checked.
struct CheckedResolver(Arc<AddressRules>);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = Arc::clone(&self.0);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let permitted: Vec<SocketAddr> = found.into_iter().filter(|a| rules.permits(a.ip())).collect();
            if permitted.is_empty() {
                return Err(format!("{} has no address notifications may go to", name.as_str()).into());
            }
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

// === impl Client ===

impl Client {
    pub(crate) fn new(rules: AddressRules) -> Result<Self, String> {
        let rules = Arc::new(rules);
        // An image without certificates can still post to http:// receivers; https:// ones then fail with a reason.
        let http = builder(&rules)
            .build()
            .or_else(|_| builder(&rules).tls_certs_only([]).build())
            .map_err(|e| e.to_string())?;
        Ok(Self { http, rules })
    }

    /// Sends; the first failure ends it.
    pub(crate) async fn send(&self, sends: &[Outgoing], http: &HttpConfig, dedup_key: &str) -> Delivery {
        let mut place = None;
        for one in sends {
            let delivery = match one {
                Outgoing::Http(request) => self.post(request, http, dedup_key).await,
                Outgoing::Mail(mail) => super::mail::send(mail, &self.rules).await,
                Outgoing::Signed(signed) => self.post(&signed.at(now_ms()), http, dedup_key).await,
                Outgoing::Wechat(wechat) => self.wechat(wechat, http, dedup_key).await,
                Outgoing::Jira(jira) => self.jira(jira, http, dedup_key).await,
            };
            match delivery {
                Delivery::Done(known) => place = place.or(known),
                failed => return failed,
            }
        }
        Delivery::Done(place)
    }

    /// A token first, which is not kept: messages are few.
    async fn wechat(&self, wechat: &WechatSend, http: &HttpConfig, dedup_key: &str) -> Delivery {
        let token = match self.wechat_token(wechat, http).await {
            Ok(token) => token,
            Err(delivery) => return delivery,
        };
        let url = format!("{}?access_token={token}", wechat.send_url);
        let request = HttpRequest {
            put: false,
            url: url.as_str().into(),
            headers: Vec::new(),
            content_type: "application/json",
            body: wechat.body.clone(),
        };
        self.post(&request, http, dedup_key).await
    }

    async fn wechat_token(&self, wechat: &WechatSend, http: &HttpConfig) -> Result<String, Delivery> {
        let later = |reason: String| Delivery::Retry(Failure::certain(reason));
        self.permitted(wechat.token_url.expose())?;
        let client = self.of(http).map_err(later)?;
        let answer = client.get(wechat.token_url.expose()).send().await;
        let answer = answer.map_err(|error| later(describe(&error.without_url())))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(later(format!("no access token: {status}")));
        }
        let said = answer.bytes().await.map_err(|error| later(describe(&error.without_url())))?;
        let said: serde_json::Value = serde_json::from_slice(&said).unwrap_or_default();
        let token = said["access_token"].as_str().filter(|token| !token.is_empty());
        token.map(str::to_owned).ok_or_else(|| {
            Delivery::Refused(format!("no access token: {}", said["errmsg"].as_str().unwrap_or("no reason")))
        })
    }

    fn permitted(&self, url: &str) -> Result<(), Delivery> {
        let host = reqwest::Url::parse(url)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default();
        let literal = host.trim_matches(['[', ']']).parse::<IpAddr>();
        match literal.is_ok_and(|address| !self.rules.permits(address)) {
            true => Err(Delivery::Refused(format!("notifications may not go to {host}"))),
            false => Ok(()),
        }
    }

    async fn post(&self, request: &HttpRequest, http: &HttpConfig, dedup_key: &str) -> Delivery {
        match self.sent(request, http, dedup_key).await {
            Ok(answer) => judge(answer).await,
            Err(delivery) => delivery,
        }
    }

    async fn sent(
        &self,
        request: &HttpRequest,
        http: &HttpConfig,
        dedup_key: &str,
    ) -> Result<reqwest::Response, Delivery> {
        let url = request.url.expose();
        self.permitted(url)?;
        let (client, headers) = self.connection(http)?;
        let mut builder = if request.put { client.put(url) } else { client.post(url) }
            .header("Content-Type", request.content_type)
            .header("Idempotency-Key", dedup_key)
            .body(request.body.clone());
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        for (name, value) in &request.headers {
            builder = builder.header(*name, value.expose());
        }
        builder.send().await.map_err(unanswered)
    }

    /// A file that is missing may come back.
    fn connection(&self, http: &HttpConfig) -> Result<(reqwest::Client, Vec<(String, String)>), Delivery> {
        let later = |problem: String| Delivery::Retry(Failure::certain(problem));
        Ok((self.of(http).map_err(later)?, http.headers().map_err(later)?))
    }

    /// Sends, and reads the JSON that is answered; null if it is none.
    pub(super) async fn ask(
        &self,
        request: &HttpRequest,
        http: &HttpConfig,
        dedup_key: &str,
    ) -> Result<serde_json::Value, Delivery> {
        read(self.sent(request, http, dedup_key).await?).await
    }

    /// The same for what is only looked at.
    pub(super) async fn look(&self, url: &str, http: &HttpConfig) -> Result<serde_json::Value, Delivery> {
        self.permitted(url)?;
        let (client, headers) = self.connection(http)?;
        let builder = client.get(url);
        let builder = headers.into_iter().fold(builder, |builder, (name, value)| builder.header(name, value));
        read(builder.send().await.map_err(unanswered)?).await
    }

    /// The client for these settings: the common one unless they say something about the connection.
    fn of(&self, http: &HttpConfig) -> Result<reqwest::Client, String> {
        if http.tls_config.is_none() && http.proxy_url.is_none() {
            return Ok(self.http.clone());
        }
        let mut builder = builder(&self.rules);
        if let Some(proxy) = &http.proxy_url {
            let proxy =
                reqwest::Proxy::all(proxy.expose()).map_err(|_| "proxy_url is not a URL".to_owned())?;
            builder = builder.proxy(proxy);
        }
        if let Some(tls) = &http.tls_config {
            let file = |file: &str| std::fs::read(file).map_err(|error| format!("read {file}: {error}"));
            let pem = match (&tls.ca, &tls.ca_file) {
                (Some(text), _) => Some(text.clone().into_bytes()),
                (None, Some(path)) => Some(file(path)?),
                (None, None) => None,
            };
            if let Some(pem) = pem {
                let roots =
                    reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| format!("tls_config: {e}"))?;
                builder = builder.tls_certs_only(roots);
            }
            if let (Some(cert), Some(key)) = (&tls.cert_file, &tls.key_file) {
                let pem = [file(cert)?, file(key)?].join(&b'\n');
                builder = builder
                    .identity(reqwest::Identity::from_pem(&pem).map_err(|e| format!("tls_config: {e}"))?);
            }
            builder = builder.tls_danger_accept_invalid_certs(tls.insecure_skip_verify);
        }
        builder.build().map_err(|error| describe(&error))
    }
}

fn builder(rules: &Arc<AddressRules>) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .dns_resolver(Arc::new(CheckedResolver(Arc::clone(rules))))
        .redirect(Policy::none())
        .no_proxy()
        .timeout(TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("signalbox/", env!("CARGO_PKG_VERSION")))
}

/// The URL may hold a secret: it is left out of the error.
fn unanswered(error: reqwest::Error) -> Delivery {
    let uncertain = !error.is_connect();
    Delivery::Retry(Failure { reason: describe(&error.without_url()), after: None, uncertain })
}

async fn read(mut answer: reqwest::Response) -> Result<serde_json::Value, Delivery> {
    if !answer.status().is_success() {
        return Err(judge(answer).await);
    }
    let mut said = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unanswered)? {
        said.extend_from_slice(&chunk);
        if said.len() > ANSWER_BYTES_MAX {
            return Err(Delivery::Refused(format!("an answer of more than {ANSWER_BYTES_MAX} bytes")));
        }
    }
    Ok(serde_json::from_slice(&said).unwrap_or_default())
}

async fn judge(mut answer: reqwest::Response) -> Delivery {
    let status = answer.status();
    let after = answer.headers().get("Retry-After").and_then(|value| value.to_str().ok()?.parse().ok());
    let said = answer.chunk().await.ok().flatten().unwrap_or_default();
    if status.is_success() {
        return match refused_in_words(&said) {
            Some(why) => Delivery::Refused(why),
            None => Delivery::Done(place_of(&said)),
        };
    }
    let said = String::from_utf8_lossy(&said[..said.len().min(ANSWER_BYTES_SHOWN)]).into_owned();
    let reason = format!("{status}: {}", said.trim());
    let later = status.is_server_error() || [408, 425, 429].contains(&status.as_u16());
    match later {
        true => {
            let after = after.map(Duration::from_secs);
            Delivery::Retry(Failure { reason, after, uncertain: false })
        }
        false => Delivery::Refused(reason),
    }
}

/// Slack's API says `{"ok":true,"channel":"C…","ts":"…"}`.
fn place_of(said: &[u8]) -> Option<Place> {
    let answer: serde_json::Value = serde_json::from_slice(said).ok()?;
    let text = |key: &str| answer[key].as_str().map(str::to_owned);
    Some(Place { channel: text("channel")?, ts: text("ts")? })
}

/// Some answer 200 and say in words that they did not: Slack `{"ok":false,"error":"…"}`, Rocket.Chat
/// `{"success":false,…}`, WeChat `{"errcode":40003,"errmsg":"…"}`.
fn refused_in_words(said: &[u8]) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_slice(said).ok()?;
    let no = Some(&serde_json::Value::Bool(false));
    let refused = answer.get("ok") == no
        || answer.get("success") == no
        || answer["errcode"].as_i64().is_some_and(|code| code != 0);
    let why = || ["error", "errmsg"].iter().find_map(|key| answer[*key].as_str());
    refused.then(|| why().unwrap_or("refused").to_owned())
}

/// Signatures are made for the time by the clock.
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn describe(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_held_against_the_rules() {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let rules = AddressRules::parse(&texts(&["10.0.0.0/8", "::1"]), &texts(&["10.1.0.0/16"])).unwrap();
        for (address, permitted) in [
            ("127.0.0.1", true),
            ("10.2.3.4", false),
            ("10.1.3.4", true),
            ("169.254.169.254", false),
            ("::ffff:169.254.169.254", false),
            ("::1", false),
            ("fe80::1", false),
            ("2001:db8::1", true),
        ] {
            assert_eq!(rules.permits(address.parse().unwrap()), permitted, "{address}");
        }
        assert!(AddressRules::parse(&texts(&["10.0.0.0/33"]), &[]).is_err());
    }
}
