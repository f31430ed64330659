//! What keeps a browser from being turned against a server that needs no login: unknown host names (DNS rebinding) and
//! state changes from foreign pages are refused.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, Method, Uri};

use super::Authenticator;
use crate::config::Config;

/// Who may come in: a reload swaps it whole.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) guard: Guard,
    pub(crate) authenticator: Authenticator,
}

#[derive(Debug)]
pub(crate) struct Guard {
    /// Lower case, without port.
    hosts: Vec<String>,
    /// Whether any host name will do: somebody said so, or tokens protect.
    any_host: bool,
    cors_origins: Vec<String>,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Refused {
    #[error("host {0:?} is not a name of this server: add it to allowed_hosts in the configuration")]
    Host(String),
    #[error("a page of origin {0:?} may not change state here")]
    Origin(String),
}

impl Gate {
    pub(crate) fn new(config: &Config) -> Self {
        Self { guard: Guard::new(config), authenticator: Authenticator::new(&config.tokens) }
    }
}

impl Guard {
    pub(crate) fn new(config: &Config) -> Self {
        let own =
            [config.http, config.otlp_grpc, config.otlp_http].map(|addr: SocketAddr| addr.ip().to_string());
        let further = config.listen.iter().map(|listen| listen.address.ip().to_string());
        let external = config.external_url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
        let hosts = ["localhost".to_owned()]
            .into_iter()
            .chain(own)
            .chain(further)
            .chain(external)
            .chain(config.allowed_hosts.iter().cloned())
            .map(|host| host.to_ascii_lowercase());
        Self {
            hosts: hosts.collect(),
            any_host: config.insecure_no_auth || !config.tokens.is_empty(),
            cors_origins: config.cors_origins.clone(),
        }
    }

    pub(crate) fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refused> {
        let host = uri
            .authority()
            .map(|authority| authority.as_str())
            .or_else(|| headers.get(http::header::HOST).and_then(|value| value.to_str().ok()))
            .unwrap_or_default();
        if !self.knows(host) {
            return Err(Refused::Host(host.chars().take(255).collect()));
        }
        let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
        match headers.get(http::header::ORIGIN).map(|value| String::from_utf8_lossy(value.as_bytes())) {
            Some(origin) if !reads && !self.same_origin(&origin, host) => {
                Err(Refused::Origin(origin.chars().take(255).collect()))
            }
            _ => Ok(()),
        }
    }

    fn knows(&self, host: &str) -> bool {
        if self.any_host || host.is_empty() {
            return true;
        }
        let name = without_port(host).to_ascii_lowercase();
        let loopback = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        loopback || self.hosts.contains(&name)
    }

    fn same_origin(&self, origin: &str, host: &str) -> bool {
        let named = self.cors_origins.iter().any(|allowed| allowed == origin);
        named || origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
    }
}

fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => &host[..colon],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RawConfig;

    fn check(method: Method, host: &str, origin: Option<&str>) -> Result<(), Refused> {
        let raw =
            RawConfig::parse("allowed_hosts: [sb.lan]\ncors_origins: ['https://shop.example']").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("host", host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert("origin", origin.parse().unwrap());
        }
        Guard::new(&raw.check().unwrap()).check(&method, &Uri::from_static("/x"), &headers)
    }

    #[test]
    fn only_known_names_are_answered() {
        for host in ["localhost:9480", "127.0.0.1:1", "[::1]:9480", "sb.lan", "SB.LAN:80", "127.9.9.9"] {
            assert_eq!(check(Method::GET, host, None), Ok(()), "{host}");
        }
        for host in ["evil.example:9480", "127.0.0.1.evil.example", "10.0.0.1:9480"] {
            assert!(check(Method::GET, host, None).is_err(), "{host}");
        }
    }

    #[test]
    fn foreign_pages_may_read_but_not_change() {
        let post = |origin| check(Method::POST, "localhost:9480", Some(origin));
        assert!(post("http://evil.example").is_err() && post("null").is_err());
        assert_eq!(post("http://localhost:9480"), Ok(()));
        assert_eq!(post("https://shop.example"), Ok(()));
        assert_eq!(check(Method::GET, "localhost", Some("http://evil.example")), Ok(()));
    }
}
