//! Links that need no login because this server signed what they say: a chart to look at, an action to confirm.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::hmac::hmac;

/// What is signed is short; a longer text is nobody's link.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// A tenant's secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SigningKey([u8; 32]);

/// What a link says, and until when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sealed<T> {
    #[serde(rename = "t")]
    pub(crate) tenant: String,
    #[serde(rename = "x")]
    pub(crate) expires_ms: i64,
    #[serde(rename = "p")]
    pub(crate) payload: T,
}

// === impl SigningKey ===

impl SigningKey {
    /// `None`: the system has no random numbers.
    pub(crate) fn random() -> Option<Self> {
        let mut bytes = [0; 32];
        rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text of a link: what it says and its signature.
    pub(crate) fn seal<T: Serialize>(&self, sealed: &Sealed<T>) -> String {
        // Plain structs of texts and numbers serialise.
        let said = URL_SAFE_NO_PAD.encode(serde_json::to_vec(sealed).unwrap_or_default());
        let signature = URL_SAFE_NO_PAD.encode(hmac(&self.0, said.as_bytes()));
        format!("{said}.{signature}")
    }

    /// What a link says, if it was signed with this key.
    pub(crate) fn open<T: DeserializeOwned>(
        &self,
        text: &str,
        now_ms: i64,
    ) -> Result<Sealed<T>, &'static str> {
        let (said, signature) = text.split_once('.').ok_or("the link is not complete")?;
        let given = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "the link is not complete")?;
        if !same(&given, &hmac(&self.0, said.as_bytes())) {
            return Err("the link was not made by this server");
        }
        let sealed: Sealed<T> = read(said).ok_or("the link cannot be read")?;
        if sealed.expires_ms <= now_ms { Err("the link is no longer valid") } else { Ok(sealed) }
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

/// Whose link it says it is; believed only once its signature holds.
pub(crate) fn claimed_tenant(text: &str) -> Option<String> {
    let (said, _) = text.split_once('.')?;
    read::<serde_json::Value>(said).map(|sealed| sealed.tenant)
}

fn read<T: DeserializeOwned>(said: &str) -> Option<Sealed<T>> {
    if said.len() > TEXT_BYTES_MAX {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(said).ok()?).ok()
}

/// Takes as long for a wrong first byte as for a wrong last one.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(expires_ms: i64) -> Sealed<String> {
        Sealed { tenant: "a".into(), expires_ms, payload: "silence".into() }
    }

    #[test]
    fn only_what_this_key_signed_is_believed() {
        let (key, other) = (SigningKey::random().unwrap(), SigningKey::random().unwrap());
        let text = key.seal(&sealed(10));
        assert_eq!(key.open::<String>(&text, 9), Ok(sealed(10)));
        assert_eq!(claimed_tenant(&text).as_deref(), Some("a"));
        assert!(other.open::<String>(&text, 9).is_err());
        assert!(key.open::<String>(&text, 10).unwrap_err().contains("no longer"));
        let (said, signature) = text.split_once('.').unwrap();
        let forged = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&sealed(99)).unwrap());
        for bad in [format!("{forged}.{signature}"), format!("{said}."), said.to_owned(), String::new()] {
            assert!(key.open::<String>(&bad, 0).is_err(), "{bad}");
        }
        assert_eq!(SigningKey::of(key.bytes()), Some(key));
    }
}
