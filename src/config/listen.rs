//! `listen`: addresses that serve one protocol each, where its senders expect it.

use std::net::SocketAddr;

use serde::Deserialize;
use store::model::Tenant;

use super::ConfigError;

/// What an address of `listen` speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ListenProtocol {
    Elasticsearch,
    Zipkin,
    SyslogTcp,
    SyslogUdp,
}

/// A checked entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    pub protocol: ListenProtocol,
    pub address: SocketAddr,
    /// Whose the data is of senders that cannot say who they are.
    pub tenant: Tenant,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawListen {
    pub protocol: String,
    pub address: String,
    pub tenant: Option<String>,
}

const PROTOCOLS: [(&str, ListenProtocol); 4] = [
    ("elasticsearch", ListenProtocol::Elasticsearch),
    ("zipkin", ListenProtocol::Zipkin),
    ("syslog_tcp", ListenProtocol::SyslogTcp),
    ("syslog_udp", ListenProtocol::SyslogUdp),
];

impl ListenProtocol {
    pub(crate) fn name(self) -> &'static str {
        PROTOCOLS.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    fn of(name: &str) -> Option<Self> {
        PROTOCOLS.iter().find(|(known, _)| *known == name).map(|(_, protocol)| *protocol)
    }

    /// Senders of HTTP bring a credential; syslog knows none.
    fn has_credentials(self) -> bool {
        matches!(self, Self::Elasticsearch | Self::Zipkin)
    }
}

impl Listen {
    pub(crate) fn to_yaml(&self) -> String {
        format!(
            "{{protocol: {}, address: {}, tenant: {:?}}}",
            self.protocol.name(),
            self.address,
            self.tenant.as_str()
        )
    }

    pub(crate) fn check(raw: &RawListen) -> Result<Self, ConfigError> {
        let problem = |problem: String| ConfigError::Setting { name: "listen".to_owned(), problem };
        let protocol = ListenProtocol::of(&raw.protocol).ok_or_else(|| {
            let known = PROTOCOLS.map(|(name, _)| name).join(", ");
            problem(format!("protocol {:?} is none of {known}", raw.protocol))
        })?;
        let address = raw.address.replace("localhost:", "127.0.0.1:");
        let address = address.parse().map_err(|_| {
            problem(format!("{address:?} is not an address: write IP:PORT, like 127.0.0.1:5514"))
        })?;
        if raw.tenant.is_some() && protocol.has_credentials() {
            return Err(problem(format!("{}: the credential names the tenant", protocol.name())));
        }
        let tenant = raw.tenant.as_deref().unwrap_or(Tenant::DEFAULT);
        let tenant = Tenant::authenticated(tenant).map_err(|e| problem(e.to_string()))?;
        Ok(Self { protocol, address, tenant })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(protocol: &str, address: &str, tenant: Option<&str>) -> Result<String, String> {
        let raw = RawListen {
            protocol: protocol.into(),
            address: address.into(),
            tenant: tenant.map(str::to_owned),
        };
        Listen::check(&raw).map(|listen| listen.to_yaml()).map_err(|e| e.to_string())
    }

    #[test]
    fn entries_are_checked() {
        assert_eq!(
            check("syslog_tcp", "localhost:5514", Some("shop")).unwrap(),
            "{protocol: syslog_tcp, address: 127.0.0.1:5514, tenant: \"shop\"}"
        );
        for (protocol, address, tenant, part) in [
            ("gopher", "127.0.0.1:1", None, "none of elasticsearch"),
            ("zipkin", "nowhere", None, "IP:PORT"),
            ("zipkin", "127.0.0.1:1", Some("a"), "credential"),
            ("syslog_udp", "127.0.0.1:1", Some("a/b"), "a/b"),
        ] {
            let error = check(protocol, address, tenant).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
