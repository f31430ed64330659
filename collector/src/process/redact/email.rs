//! Addresses of mailboxes: what stands around an `@` (or `%40`, as URLs write it).

use std::ops::Range;

/// Names that end so are files: `logo@2x.png`.
const FILES: [&str; 16] = [
    "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "js", "mjs", "css", "json", "map", "ts", "tsx",
    "html", "tgz",
];
const LOCAL_BYTES_MAX: usize = 64;
const DOMAIN_BYTES_MAX: usize = 253;

/// Appends where mailboxes stand in a text.
pub(super) fn find(text: &str, hits: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for at in memchr::memchr2_iter(b'@', b'%', bytes) {
        let sign = match bytes[at] {
            b'@' => 1,
            _ if bytes[at + 1..].starts_with(b"40") => 3,
            _ => continue,
        };
        if at < from {
            continue;
        }
        // The limits on lengths may cut a letter of several bytes.
        let mut local = local_start(&bytes[from..at]) + from;
        while !text.is_char_boundary(local) {
            local += 1;
        }
        let mut domain = domain_len(&bytes[at + sign..]);
        while !text.is_char_boundary(at + sign + domain) {
            domain -= 1;
        }
        let end = at + sign + domain;
        if local < at && is_domain(&text[at + sign..end]) && !is_remote(text, local..at, end) {
            hits.push(local..end);
            from = end;
        }
    }
}

/// Where the part before the sign begins.
fn local_start(before: &[u8]) -> usize {
    let may = |byte: &u8| byte.is_ascii_alphanumeric() || b".!#$*+-_^`|~".contains(byte) || *byte >= 0x80;
    let len = before.iter().rev().take(LOCAL_BYTES_MAX).take_while(|byte| may(byte)).count();
    let start = before.len() - len;
    // What cannot begin or end a local part is punctuation before it.
    let trimmed =
        before[start..].iter().take_while(|byte| !byte.is_ascii_alphanumeric() && **byte < 0x80).count();
    if before.last() == Some(&b'.') { before.len() } else { start + trimmed }
}

fn domain_len(after: &[u8]) -> usize {
    let may = |byte: &&u8| byte.is_ascii_alphanumeric() || b".-".contains(byte) || **byte >= 0x80;
    let len = after.iter().take(DOMAIN_BYTES_MAX).take_while(may).count();
    len - after[..len].iter().rev().take_while(|byte| b".-".contains(byte)).count()
}

/// At least two labels, the last of letters and no file's ending.
fn is_domain(domain: &str) -> bool {
    let Some((rest, last)) = domain.rsplit_once('.') else { return false };
    let letters = last.chars().count() >= 2 && last.chars().all(char::is_alphabetic);
    let punycode = last.starts_with("xn--");
    let file = FILES.iter().any(|known| last.eq_ignore_ascii_case(known));
    let labels =
        rest.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    (letters || punycode) && !file && labels
}

/// `git@host:path` is nobody's mailbox.
fn is_remote(text: &str, local: Range<usize>, end: usize) -> bool {
    text[local] == *"git" && text[end..].starts_with([':', '/'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut hits = Vec::new();
        find(text, &mut hits);
        hits.into_iter().map(|hit| &text[hit]).collect()
    }

    #[test]
    fn mailboxes_are_found_where_logs_have_them() {
        for (text, mailbox) in [
            ("user ada.lovelace+shop@mail.example.org signed in", "ada.lovelace+shop@mail.example.org"),
            ("to=<bob@example.com>, relay=x", "bob@example.com"),
            ("/unsubscribe?m=bob%40example.com&x=1", "bob%40example.com"),
            ("{\"email\":\"o'neil@example.co.uk\"}", "neil@example.co.uk"),
            ("mail bob@example.com.", "bob@example.com"),
            ("jörg@müller.example", "jörg@müller.example"),
            ("x@y.xn--p1ai", "x@y.xn--p1ai"),
        ] {
            assert_eq!(found(text), [mailbox], "{text}");
        }
        assert_eq!(found("a@b.example,c@d.example"), ["a@b.example", "c@d.example"]);
    }

    #[test]
    fn other_uses_of_the_sign_are_none() {
        for text in [
            "@Override",
            "root@localhost",
            "react@18.2.0",
            "logo@2x.png",
            "java.lang.Object@1b6d3586",
            "git@github.example:org/repo.git",
            "100%40",
            "a@",
            "@",
            "%",
            "%4",
            "a@.com",
            "a@b..c",
        ] {
            assert_eq!(found(text), [] as [&str; 0], "{text}");
        }
    }
}
