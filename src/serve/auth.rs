//! Who asks, and for which tenant.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use store::model::{ErrorClass, InvalidTenant, Role, Tenant};

use crate::config::Token;

/// What a request may act as.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub tenant: Tenant,
    pub principal: String,
    pub role: Role,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum AuthError {
    #[error(
        "a token is needed: send it as Authorization: Bearer, or as the password of basic authentication"
    )]
    Missing,
    #[error("the token is not known here")]
    Unknown,
    #[error("X-Scope-OrgID names tenant {asked}, the token is for another")]
    OtherTenant { asked: String },
    #[error(transparent)]
    Tenant(#[from] InvalidTenant),
}

impl AuthError {
    pub(crate) fn class(&self) -> ErrorClass {
        match self {
            Self::Missing | Self::Unknown => ErrorClass::Unauthenticated,
            Self::OtherTenant { .. } => ErrorClass::Forbidden,
            Self::Tenant(_) => ErrorClass::BadData,
        }
    }
}

/// Tokens by hash; without any, everybody is an admin of the tenant they name.
#[derive(Debug)]
pub(crate) struct Authenticator {
    tokens: HashMap<[u8; 32], Granted>,
}

impl Authenticator {
    pub(crate) fn new(tokens: &[Token]) -> Self {
        let granted = |token: &Token| Granted {
            tenant: token.tenant.clone(),
            principal: token.name.clone(),
            role: token.role,
        };
        Self { tokens: tokens.iter().map(|token| (*token.hash.expose(), granted(token))).collect() }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.tokens.is_empty()
    }

    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<Granted, AuthError> {
        // Tempo's clients send it empty where no tenant was named.
        let asked = headers.get("x-scope-orgid").filter(|value| !value.is_empty());
        let asked = asked.map(|value| String::from_utf8_lossy(value.as_bytes()));
        if self.is_open() {
            let tenant = Tenant::authenticated(asked.as_deref().unwrap_or(Tenant::DEFAULT))?;
            return Ok(Granted { tenant, principal: "anonymous".into(), role: Role::Admin });
        }
        let token = bearer_or_password(headers).ok_or(AuthError::Missing)?;
        // Looked up by hash: how long it takes tells nothing about the tokens themselves.
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let granted = self.tokens.get(&hash).ok_or(AuthError::Unknown)?;
        match asked {
            Some(asked) if asked != granted.tenant.as_str() => {
                Err(AuthError::OtherTenant { asked: asked.chars().take(150).collect() })
            }
            _ => Ok(granted.clone()),
        }
    }
}

fn bearer_or_password(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    // `Basic name:password`, and `ApiKey id:key` as Elasticsearch clients write it.
    if !scheme.eq_ignore_ascii_case("basic") && !scheme.eq_ignore_ascii_case("apikey") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    fn with_token() -> Authenticator {
        let hash = Secret::new(Sha256::digest(b"secret").into());
        let tenant = Tenant::authenticated("a").unwrap();
        Authenticator::new(&[Token { name: "t".into(), hash, tenant, role: Role::Read }])
    }

    #[test]
    fn without_tokens_the_header_chooses_the_tenant() {
        let open = Authenticator::new(&[]);
        assert_eq!(open.check(&headers(&[])).unwrap().tenant.as_str(), "default");
        assert_eq!(open.check(&headers(&[("x-scope-orgid", "b")])).unwrap().tenant.as_str(), "b");
        assert_eq!(open.check(&headers(&[("x-scope-orgid", "")])).unwrap().tenant.as_str(), Tenant::DEFAULT);
        assert!(matches!(open.check(&headers(&[("x-scope-orgid", "a/b")])), Err(AuthError::Tenant(_))));
    }

    #[test]
    fn tokens_decide_tenant_and_role() {
        let auth = with_token();
        let check = |pairs: &[(&'static str, &str)]| auth.check(&headers(pairs));
        assert_eq!(check(&[]).unwrap_err(), AuthError::Missing);
        assert_eq!(check(&[("authorization", "Bearer wrong")]).unwrap_err(), AuthError::Unknown);
        let granted = check(&[("authorization", "Bearer secret")]).unwrap();
        assert_eq!((granted.tenant.as_str(), granted.role), ("a", Role::Read));
        let basic = format!("Basic {}", STANDARD.encode("any:secret"));
        assert!(check(&[("authorization", &basic), ("x-scope-orgid", "a")]).is_ok());
        let api_key = format!("ApiKey {}", STANDARD.encode("id:secret"));
        assert!(check(&[("authorization", &api_key)]).is_ok());
        let other = check(&[("authorization", "Bearer secret"), ("x-scope-orgid", "b")]).unwrap_err();
        assert_eq!(other.class(), ErrorClass::Forbidden);
    }
}
