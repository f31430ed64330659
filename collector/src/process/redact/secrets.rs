//! Keys and passwords in texts: how each kind is written, and what only looks like it.

use std::ops::Range;

use regex::Captures;

/// `Bearer …` and what an `Authorization` header carries. Group 1 or 2 is the token.
pub(super) const BEARER: &str = concat!(
    r#"(?i)(?-u:\b)authorization\\?["']?[ \t]*[:=][ \t]*\\?["']?(?:(?:basic|bearer|token|negotiate|apikey|digest)[ \t]+)?([a-z0-9\-._~+/]{6,}={0,2})"#,
    r#"|(?-u:\b)bearer[ \t:]+\\?["']?([a-z0-9\-._~+/]{6,}={0,2})"#,
);

/// A signed or encrypted token: dots between parts in base64, the first of which is an object of JSON.
pub(super) const JWT: &str = r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4}";

pub(super) const AWS_KEY: &str = r"(?-u:\b)(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?-u:\b)";

pub(super) const GITHUB_TOKEN: &str =
    r"(?-u:\b)(?:gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{20,100})(?-u:\b)";

/// Tokens, and the part of a webhook's URL that lets anybody post.
pub(super) const SLACK_TOKEN: &str = concat!(
    r"(?-u:\b)(?:xox[abceoprs]-(?:[0-9]-)?[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{10,})",
    r"|hooks\.slack\.com/(?:services|workflows)/([A-Za-z0-9/_-]{20,})",
);

/// Google, Stripe, GitLab, npm, SendGrid, Hugging Face, OpenAI, Anthropic.
pub(super) const VENDOR_KEY: &str = concat!(
    r"(?-u:\b)(?:AIza[A-Za-z0-9_-]{35}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|glpat-[A-Za-z0-9_-]{20,}",
    r"|npm_[A-Za-z0-9]{36}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{30,}",
    r"|sk-(?:ant-|proj-|svcacct-)[A-Za-z0-9_-]{20,})",
);

/// The whole block, or what is there of it.
pub(super) const PRIVATE_KEY: &str = concat!(
    r"(?s)-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----.*?",
    r"(?:-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----|\z)",
);

/// `scheme://user:password@host`.
pub(super) const URL_PASSWORD: &str = r#"[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"'<>]*:([^\s/@"'<>]+)@"#;

/// A name that says what it holds, and its value: quoted, quoted inside of a quoted text, or bare.
pub(super) const PASSWORD: &str = concat!(
    r#"(?i)([a-z0-9_.\-]*?)(passwords?|passwd|passphrase|passcode|pwd|secret|secret[_-]?key|api[_-]?key|access[_-]?key|account[_-]?key"#,
    r#"|signing[_-]?key|encryption[_-]?key|private[_-]?key|session[_-]?id|token|credentials?)"#,
    r#"\\?["']?([ \t]*(?:=>|:=|=|:)[ \t]*)"#,
    r#"(?:\\"(.*?)\\"|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s"'&,;(){}\[\]\\|]+))"#,
);

/// Names that end in `token` and hold a place in a list, or a count.
const PLACES: [&str; 8] = ["next", "page", "continuation", "continue", "sync", "cancellation", "num", "max"];
/// What stands in the place of a value.
const NOTHING: [&str; 16] = [
    "null",
    "nil",
    "none",
    "undefined",
    "true",
    "false",
    "empty",
    "unset",
    "missing",
    "redacted",
    "masked",
    "hidden",
    "filtered",
    "required",
    "invalid",
    "expired",
];
/// A bare value before the next word of a sentence is a word, unless it has something words have not.
const TOKEN_BYTES_MIN: usize = 8;

/// The token of [`BEARER`], if it can be one.
pub(super) fn bearer(found: &Captures<'_>) -> Option<Range<usize>> {
    let token = found.get(1).or(found.get(2))?;
    is_random(token.as_str()).then(|| token.range())
}

/// The whole match, or its first group if there is one and it took part.
pub(super) fn group_or_all(found: &Captures<'_>) -> Option<Range<usize>> {
    found.get(1).or(found.get(0)).map(|part| part.range())
}

/// The value of [`PASSWORD`], if it is one.
pub(super) fn password(found: &Captures<'_>) -> Option<Range<usize>> {
    let part = |i: usize| found.get(i).map_or("", |part| part.as_str());
    let quoted = (4..=6).find_map(|i| found.get(i));
    let value = quoted.or(found.get(7))?;
    let text = value.as_str().trim_end_matches(['.', ':', '>']);
    if is_placeholder(text) {
        return None;
    }
    let range = value.start()..value.start() + text.len();
    let (before, word, sign) = (part(1), part(2), part(3));
    let is_value = match Name::of(before, word)? {
        // `password: please` is a sentence, `password:please` and `password=please` are not.
        Name::Password => quoted.is_some() || !sign.ends_with([' ', '\t']) || has_more_than_letters(text),
        Name::Key => quoted.is_some() && text.len() >= TOKEN_BYTES_MIN || has_more_than_letters(text),
        Name::Token => is_random(text),
    };
    is_value.then_some(range)
}

/// How much a name promises.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Name {
    /// Whatever it holds is secret.
    Password,
    /// A key, if it is not a word.
    Key,
    /// A token, if it looks random.
    Token,
}

impl Name {
    /// `before` is the name up to the word that counts.
    fn of(before: &str, word: &str) -> Option<Self> {
        let word: String =
            word.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        match word.as_str() {
            "password" | "passwords" | "passwd" | "passphrase" | "passcode" | "pwd" => Some(Self::Password),
            "token" | "sessionid" => {
                let before = before.trim_end_matches(['_', '-', '.']).to_ascii_lowercase();
                (!PLACES.iter().any(|place| before.ends_with(place))).then_some(Self::Token)
            }
            _ => Some(Self::Key),
        }
    }

    /// What the name of an attribute, a member or a label promises of its value; `None`: nothing.
    pub(super) fn of_key(key: &str) -> Option<Self> {
        const PASSWORDS: [&str; 9] = [
            "password",
            "passwd",
            "passphrase",
            "passcode",
            "pwd",
            "authorization",
            "cookie",
            "secret",
            "credentials",
        ];
        const KEYS: [&str; 8] = [
            "apikey",
            "accesskey",
            "secretkey",
            "privatekey",
            "accountkey",
            "signingkey",
            "encryptionkey",
            "credential",
        ];
        let plain: String =
            key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        if PASSWORDS.iter().any(|word| plain.ends_with(word)) {
            return Some(Self::Password);
        }
        if KEYS.iter().any(|word| plain.ends_with(word)) {
            return Some(Self::Key);
        }
        let before = plain.strip_suffix("token")?;
        (!PLACES.iter().any(|place| before.ends_with(place))).then_some(Self::Token)
    }

    /// Whether a value of that name is one to hide.
    pub(super) fn covers(self, text: &str) -> bool {
        !is_placeholder(text)
            && match self {
                Self::Password => true,
                Self::Key => text.len() >= TOKEN_BYTES_MIN,
                Self::Token => is_random(text),
            }
    }
}

fn is_placeholder(text: &str) -> bool {
    let plain = text.trim_matches(|c: char| !c.is_alphanumeric());
    let same = |c: char| plain.chars().all(|other| other.eq_ignore_ascii_case(&c));
    plain.is_empty()
        || same('x')
        || text.starts_with(['<', '$', '%', '{', '['])
        || NOTHING.iter().any(|word| plain.eq_ignore_ascii_case(word))
}

fn has_more_than_letters(text: &str) -> bool {
    text.chars().any(|c| !c.is_alphabetic())
}

/// Not a word and not a number: letters and digits, or capitals in the middle.
fn is_random(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let turns =
        bytes.windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()).count();
    bytes.len() >= TOKEN_BYTES_MIN && letters > 0 && (digits > 0 || turns >= 2)
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    fn values(pattern: &str, accepts: fn(&Captures<'_>) -> Option<Range<usize>>, text: &str) -> Vec<String> {
        let regex = Regex::new(pattern).unwrap();
        regex
            .captures_iter(text)
            .filter_map(|found| accepts(&found))
            .map(|hit| text[hit].to_owned())
            .collect()
    }

    #[test]
    fn values_of_names_that_say_so_are_passwords() {
        for (text, value) in [
            ("login user=bob password=hunter2 ok", "hunter2"),
            ("DB_PASSWORD: s3cr3t!", "s3cr3t!"),
            (r#"{"password":"correct horse"}"#, "correct horse"),
            (r#"body={\"api_key\":\"k-1234567\"}"#, "k-1234567"),
            ("pwd='a b c' host=x", "a b c"),
            ("?client_secret=q9w8e7r6&state=1", "q9w8e7r6"),
            ("apiKey => Zx81Qq9Ltr", "Zx81Qq9Ltr"),
            ("access_token=ya29A0ARrdaMabc", "ya29A0ARrdaMabc"),
            ("password:swordfish", "swordfish"),
        ] {
            assert_eq!(values(PASSWORD, password, text), [value], "{text}");
        }
    }

    #[test]
    fn sentences_counts_and_placeholders_are_none() {
        for text in [
            "Invalid password: please try again",
            "password=***",
            "password=<redacted:password>",
            "password: null",
            "secret: missing",
            "max_tokens=4096",
            "next_token=AAA111bbb222",
            "token=expired",
            "unexpected token: identifier",
            "password: ${DB_PASSWORD}",
            "secret = \"\"",
            "passwords are checked",
        ] {
            assert_eq!(values(PASSWORD, password, text), [] as [String; 0], "{text}");
        }
    }

    #[test]
    fn bearers_are_tokens_and_not_words() {
        for (text, token) in [
            ("Authorization: Bearer abc123def456", "abc123def456"),
            ("authorization=Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA=="),
            (r#""Authorization":"token 5d41402abc4b2a76""#, "5d41402abc4b2a76"),
            ("got bearer mF_9.B5f-4.1JqM", "mF_9.B5f-4.1JqM"),
        ] {
            assert_eq!(values(BEARER, bearer, text), [token], "{text}");
        }
        for text in
            ["bearer authentication failed", "authorization: credentials-missing", "the bearer of news"]
        {
            assert_eq!(values(BEARER, bearer, text), [] as [String; 0], "{text}");
        }
    }

    #[test]
    fn names_of_attributes_promise_what_they_hold() {
        for (key, name) in [
            ("db.password", Some(Name::Password)),
            ("http.request.header.authorization", Some(Name::Password)),
            ("X-Api-Key", Some(Name::Key)),
            ("refresh_token", Some(Name::Token)),
            ("next_page_token", None),
            ("llm.tokens", None),
            ("http.route", None),
        ] {
            assert_eq!(Name::of_key(key), name, "{key}");
        }
        assert!(!Name::Password.covers("***") && Name::Password.covers("swordfish"));
        assert!(!Name::Token.covers("expired") && Name::Token.covers("5d41402abc4b2a76"));
    }
}
