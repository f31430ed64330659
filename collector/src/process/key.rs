//! The key of hashed values: drawn once for an installation, kept beside its data.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use store::model::Tenant;

/// Never printed. The same key gives the same hashes, also after a restart.
#[derive(Clone, Default)]
pub struct RedactionKey([u8; 32]);

/// Makes hashes of one tenant's values: equal values of two tenants have different ones.
pub(crate) struct Marker {
    /// The two hashes of HMAC-SHA-256 (RFC 2104) after the key, and in the inner one after the tenant.
    inner: Sha256,
    outer: Sha256,
}

const HASH_BYTES: usize = 8;
/// The block of SHA-256.
const BLOCK: usize = 64;

// === impl RedactionKey ===

impl RedactionKey {
    /// Reads the key, or draws one and writes it, readable by its owner alone.
    pub fn open(path: &Path) -> Result<Self, String> {
        let named = |what: &str, error: std::io::Error| format!("{what} {}: {error}", path.display());
        match std::fs::read(path) {
            Ok(bytes) => bytes.try_into().map(Self).map_err(|_| {
                format!(
                    "{} is damaged: put back a copy of it, or delete it and hashes change",
                    path.display()
                )
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut key = [0; 32];
                let drawn =
                    std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut key));
                drawn.map_err(|error| named("draw a key for", error))?;
                let mut file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path)
                    .map_err(|error| named("create", error))?;
                file.write_all(&key).map_err(|error| named("write", error))?;
                Ok(Self(key))
            }
            Err(error) => Err(named("read", error)),
        }
    }

    /// A hash after the key with every byte of it changed so.
    fn begin(&self, with: u8) -> Sha256 {
        let mut block = [with; BLOCK];
        block.iter_mut().zip(self.0).for_each(|(byte, key)| *byte ^= key);
        Sha256::new().chain_update(block)
    }
}

impl std::fmt::Debug for RedactionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

// === impl Marker ===

impl Marker {
    pub fn new(key: &RedactionKey, tenant: &Tenant) -> Self {
        let inner = key.begin(0x36).chain_update(tenant.as_str()).chain_update([0]);
        Self { inner, outer: key.begin(0x5c) }
    }

    pub fn hash(&self, value: &str) -> String {
        let inner = self.inner.clone().chain_update(value).finalize();
        let signed = self.outer.clone().chain_update(inner).finalize();
        signed[..HASH_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_drawn_once_and_a_damaged_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("redaction.key");
        let first = RedactionKey::open(&path).unwrap();
        assert_eq!(RedactionKey::open(&path).unwrap().0, first.0);
        assert_ne!(first.0, [0; 32]);
        assert_eq!(format!("{first:?}"), "<secret>");
        std::fs::write(&path, b"short").unwrap();
        assert!(RedactionKey::open(&path).unwrap_err().contains("damaged"));
    }

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // RFC 4231, test case 2, whose key is shorter and padded with zeros as here.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let key = RedactionKey(key);
        let marker = Marker { inner: key.begin(0x36), outer: key.begin(0x5c) };
        assert_eq!(marker.hash("what do ya want for nothing?"), "5bdcc146bf60754e");
    }

    #[test]
    fn hashes_differ_by_tenant_and_are_stable() {
        let key = RedactionKey([7; 32]);
        let tenant = |name| Tenant::authenticated(name).unwrap();
        let (a, b) = (tenant("a"), tenant("b"));
        assert_eq!(Marker::new(&key, &a).hash("x"), Marker::new(&key, &a).hash("x"));
        assert_ne!(Marker::new(&key, &a).hash("x"), Marker::new(&key, &b).hash("x"));
        assert_eq!(Marker::new(&key, &a).hash("x").len(), 2 * HASH_BYTES);
    }
}
