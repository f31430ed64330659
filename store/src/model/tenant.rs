//! Who data belongs to.

use std::fmt;
use std::sync::Arc;

/// A tenant's name. Only authentication makes one from a request: a function that holds a `Tenant` may trust it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(Arc<str>);

/// A tenant's number in the catalog: what file names and object keys show instead of the name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TenantNo(pub u32);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "tenant {0:?} is not valid: use 1 to 150 letters, digits or any of ! - _ . * ' ( ), and not \".\" or \"..\""
)]
pub struct InvalidTenant(pub String);

const TENANT_CHARS_MAX: usize = 150;

impl Tenant {
    /// The tenant of requests that name none.
    pub const DEFAULT: &'static str = "default";

    /// Called by authentication (and by replay and the catalog for names authentication accepted earlier).
    /// The character set is that of Mimir's and Loki's `X-Scope-OrgID`.
    pub fn authenticated(name: &str) -> Result<Self, InvalidTenant> {
        let shape = !name.is_empty() && name.len() <= TENANT_CHARS_MAX && name != "." && name != "..";
        if shape && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!-_.*'()".contains(&b)) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidTenant(name.chars().take(TENANT_CHARS_MAX).collect()))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_escape_a_path_or_header_are_refused() {
        for bad in ["", ".", "..", "a/b", "a b", "a\nb", "ü", &"x".repeat(151)] {
            assert!(Tenant::authenticated(bad).is_err(), "{bad:?}");
        }
        for good in ["default", "team-1", "a.b", "(x)!", &"x".repeat(150)] {
            assert_eq!(Tenant::authenticated(good).unwrap().as_str(), good);
        }
    }
}
