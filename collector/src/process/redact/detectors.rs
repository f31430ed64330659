//! What can be redacted by name: one row each, in the order in which they take what two of them find.

use std::borrow::Cow;
use std::ops::Range;

use regex::Captures;

use super::{address, card, email, iban, secrets};

/// A row of [`DETECTORS`].
pub(super) struct DetectorRow {
    /// In configuration, marks and metrics.
    pub name: &'static str,
    pub preset: &'static str,
    /// One of these stands in every text with something to find, in any case; empty: see `shape`.
    pub words: &'static [&'static str],
    pub shape: Shape,
    pub find: Find,
    /// One spelling of a value for all its spellings: equal ones get equal hashes.
    pub same: fn(&str) -> Cow<'_, str>,
}

/// What a text must have beside the words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    Any,
    /// An `@`, or a `%40`.
    At,
    /// A sign between a name and its value.
    Assignment,
    /// As many digits.
    Digits(usize),
    /// Digits and three dots, or two colons.
    Address,
}

pub(super) enum Find {
    Scan(fn(&str, &mut Vec<Range<usize>>)),
    /// A pattern, and what of a match is the value, if it is one.
    Pattern(&'static str, fn(&Captures<'_>) -> Option<Range<usize>>),
}

pub(super) const PASSWORD: &str = "password";
pub(super) const CARD: &str = "card";
pub(super) const PRESETS: [&str; 3] = ["secrets", "personal", "addresses"];

const fn secret(
    name: &'static str,
    words: &'static [&'static str],
    pattern: &'static str,
    accepts: fn(&Captures<'_>) -> Option<Range<usize>>,
) -> DetectorRow {
    let find = Find::Pattern(pattern, accepts);
    DetectorRow { name, preset: "secrets", words, shape: Shape::Any, find, same: as_is }
}

const PASSWORD_WORDS: &[&str] = &[
    "passw",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "apikey",
    "api_key",
    "api-key",
    "accesskey",
    "access_key",
    "access-key",
    "accountkey",
    "account_key",
    "account-key",
    "signingkey",
    "signing_key",
    "signing-key",
    "encryptionkey",
    "encryption_key",
    "encryption-key",
    "privatekey",
    "private_key",
    "private-key",
    "sessionid",
    "session_id",
    "session-id",
    "token",
    "credential",
];

pub(super) const DETECTORS: &[DetectorRow] = &[
    secret("private_key", &["private key"], secrets::PRIVATE_KEY, secrets::group_or_all),
    secret("jwt", &["eyj"], secrets::JWT, secrets::group_or_all),
    secret("aws_key", &["akia", "asia", "abia", "acca"], secrets::AWS_KEY, secrets::group_or_all),
    secret(
        "github_token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
        secrets::GITHUB_TOKEN,
        secrets::group_or_all,
    ),
    secret("slack_token", &["xox", "xapp-", "hooks.slack.com"], secrets::SLACK_TOKEN, secrets::group_or_all),
    secret(
        "vendor_key",
        &["aiza", "k_live_", "k_test_", "glpat-", "npm_", "sg.", "hf_", "sk-"],
        secrets::VENDOR_KEY,
        secrets::group_or_all,
    ),
    secret("bearer", &["bearer", "authorization"], secrets::BEARER, secrets::bearer),
    DetectorRow {
        shape: Shape::At,
        ..secret("url_password", &[], secrets::URL_PASSWORD, secrets::group_or_all)
    },
    DetectorRow {
        shape: Shape::Assignment,
        ..secret(PASSWORD, PASSWORD_WORDS, secrets::PASSWORD, secrets::password)
    },
    DetectorRow {
        name: CARD,
        preset: "personal",
        words: &[],
        shape: Shape::Digits(14),
        find: Find::Scan(card::find),
        same: without_spaces,
    },
    DetectorRow {
        name: "iban",
        preset: "personal",
        words: &[],
        shape: Shape::Digits(8),
        find: Find::Scan(iban::find),
        same: without_spaces,
    },
    DetectorRow {
        name: "email",
        preset: "personal",
        words: &[],
        shape: Shape::At,
        find: Find::Scan(email::find),
        same: lowercase,
    },
    DetectorRow {
        name: "ip",
        preset: "addresses",
        words: &[],
        shape: Shape::Address,
        find: Find::Scan(address::find),
        same: lowercase,
    },
];

fn as_is(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

fn without_spaces(text: &str) -> Cow<'_, str> {
    text.chars().filter(|c| !matches!(c, ' ' | '-')).collect::<String>().into()
}

fn lowercase(text: &str) -> Cow<'_, str> {
    text.replace("%40", "@").to_lowercase().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_presets_are_known() {
        let mut names: Vec<_> = DETECTORS.iter().map(|row| row.name).chain(PRESETS).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DETECTORS.len() + PRESETS.len());
        assert!(DETECTORS.iter().all(|row| PRESETS.contains(&row.preset)));
        assert!(DETECTORS.len() <= 32, "triggers are bits of a u32");
        let lower = |row: &DetectorRow| row.words.iter().all(|word| word.to_lowercase() == **word);
        assert!(DETECTORS.iter().all(lower));
    }

    #[test]
    fn spellings_of_one_value_are_one() {
        assert_eq!(without_spaces("4111-1111 1"), "411111111");
        assert_eq!(lowercase("Bob%40Example.com"), "bob@example.com");
    }
}
