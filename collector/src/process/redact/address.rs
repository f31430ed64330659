//! Addresses of hosts, IPv4 and IPv6. A version number looks like one; what stands around it tells them apart.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// Words before a version.
const VERSIONS: [&str; 10] =
    ["version", "ver", "release", "rel", "build", "driver", "firmware", "revision", "rev", "oid"];
/// The longest spelling of an IPv6 address with an IPv4 tail.
const BYTES_MAX: usize = 45;

/// Appends where addresses stand in a text; those of the machine itself and masks are left.
pub(super) fn find(text: &str, hits: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let may = |byte: &u8| byte.is_ascii_hexdigit() || b".:".contains(byte);
    let mut at = 0;
    while let Some(start) = bytes[at..].iter().position(may).map(|found| at + found) {
        let len = bytes[start..].iter().take_while(|byte| may(byte)).count();
        at = start + len;
        if bytes.get(at).is_some_and(|byte| is_word(*byte)) {
            continue;
        }
        let whole = without_ends(bytes, start..at);
        // `node:10.0.0.1`: letters before a colon can be digits of the other base.
        let after_colon = memchr::memchr(b':', &bytes[start..at]).map(|colon| start + colon + 1..at);
        let found = address(text, whole).or_else(|| v4(text, without_ends(bytes, after_colon?)));
        hits.extend(found);
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Without the stops and colons of a sentence.
fn without_ends(bytes: &[u8], token: Range<usize>) -> Range<usize> {
    let Range { start, mut end } = token;
    while end > start && matches!(bytes[end - 1], b'.' | b':') && !bytes[start..end].ends_with(b"::") {
        end -= 1;
    }
    start..end
}

fn address(text: &str, token: Range<usize>) -> Option<Range<usize>> {
    let before = token.start.checked_sub(1).map(|at| text.as_bytes()[at]);
    if before.is_some_and(is_word) {
        return None;
    }
    let content = &text[token.clone()];
    let v6 = content.len() <= BYTES_MAX && is_v6(content);
    if v6 { Some(token) } else { v4(text, token) }
}

/// With or without a port, which stays.
fn v4(text: &str, token: Range<usize>) -> Option<Range<usize>> {
    let content = &text[token.clone()];
    let (host, port) = content.split_once(':').unwrap_or((content, ""));
    let found = port.bytes().all(|byte| byte.is_ascii_digit())
        && host.parse::<Ipv4Addr>().is_ok_and(is_of_interest)
        && !is_version(text, token.start);
    found.then(|| token.start..token.start + host.len())
}

fn is_of_interest(address: Ipv4Addr) -> bool {
    !address.is_loopback() && !address.is_unspecified() && address.octets()[0] != 255
}

/// Groups with a digit among them: `a::b` is a path.
fn is_v6(text: &str) -> bool {
    let groups = text.split(':').filter(|group| !group.is_empty()).count();
    let digit = text.bytes().any(|byte| byte.is_ascii_digit());
    groups >= 2 && digit && text.len() >= 6 && text.parse::<Ipv6Addr>().is_ok()
}

/// `Chrome/120.0.0.0`, `libfoo-1.2.3.4`, `version 1.2.3.4`.
fn is_version(text: &str, start: usize) -> bool {
    let before = &text[..start];
    let mut chars = before.chars().rev();
    match (chars.next(), chars.next()) {
        (Some('/' | '-' | '@' | '~'), Some(letter)) if letter.is_alphanumeric() => return true,
        _ => {}
    }
    let words = before.trim_end_matches([' ', '=', ':', '"', '(', '\'']);
    let word = words.rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    words.len() < before.len() && VERSIONS.iter().any(|known| word.eq_ignore_ascii_case(known))
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
    fn addresses_are_found_with_and_without_ports() {
        for (text, address) in [
            ("10.2.3.7 - - GET /", "10.2.3.7"),
            ("peer=203.0.113.9:51234 closed", "203.0.113.9"),
            ("client:198.51.100.1, next", "198.51.100.1"),
            ("blocked 10.0.0.0/8", "10.0.0.0"),
            ("connect to [2001:db8::8a2e:370:7334]:443", "2001:db8::8a2e:370:7334"),
            ("fe80::1ff:fe23:4567:890a%eth0", "fe80::1ff:fe23:4567:890a"),
            ("from 192.0.2.1.", "192.0.2.1"),
            ("::ffff:192.0.2.128 said", "::ffff:192.0.2.128"),
            ("interface:192.0.2.7", "192.0.2.7"),
            ("node:192.0.2.7:80", "192.0.2.7"),
        ] {
            assert_eq!(found(text), [address], "{text}");
        }
    }

    #[test]
    fn versions_times_and_the_machine_itself_are_none() {
        for text in [
            "Chrome/120.0.0.0 Safari",
            "v1.2.3.4",
            "version 1.2.3.4",
            "Version: 10.0.22631.3",
            "libfoo-1.2.3.4.jar",
            "1.3.6.1.4.1.311",
            "at 12:34:56.789",
            "de:ad:be:ef:00:01",
            "a::b",
            "dead::beef",
            "std::fmt",
            "127.0.0.1:9480",
            "::1",
            "::",
            "0.0.0.0",
            "255.255.255.0",
            "256.1.1.1",
            "1.2.3",
            "01.2.3.4",
        ] {
            assert_eq!(found(text), [] as [&str; 0], "{text}");
        }
    }
}
