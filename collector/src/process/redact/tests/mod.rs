//! What redaction does to texts and values, and how often it is right.

mod corpus;
mod made;

use std::collections::BTreeSet;

use regex::Regex;
use store::model::{NestedWriter, OwnedValue, Stream, StreamParts, Tenant, Value};

use super::*;
use crate::process::key::RedactionKey;

/// Everything there is, masked.
fn everything() -> Redactor {
    let all = DETECTORS.iter().map(|row| Wanted::Detector { name: row.name, style: Style::Mask });
    Redactor::new(&all.collect::<Vec<_>>(), BTreeSet::new()).unwrap()
}

fn with_work<T>(redactor: &Redactor, run: impl FnOnce(&mut Work<'_>) -> T) -> T {
    let tenant = Tenant::authenticated("t").unwrap();
    run(&mut Work::new(redactor, Marker::new(&RedactionKey::default(), &tenant)))
}

fn text(redactor: &Redactor, text: &str) -> String {
    with_work(redactor, |work| work.text(text)).unwrap_or_else(|| text.to_owned())
}

#[test]
fn each_kind_of_value_is_replaced_by_its_name() {
    let redactor = everything();
    for (before, after) in [
        ("user bob@example.com paid 4111 1111 1111 1111", "user <redacted:email> paid <redacted:card>"),
        (
            "10.2.3.4 - \"GET /?api_key=Zx81Qq9Ltr&a=1\"",
            "<redacted:ip> - \"GET /?api_key=<redacted:password>&a=1\"",
        ),
        ("postgres://app:s3cret@db/shop", "postgres://app:<redacted:url_password>@db/shop"),
        ("to DE89370400440532013000.", "to <redacted:iban>."),
        (
            "nothing to see at 12:30:01, order 1234567890123456",
            "nothing to see at 12:30:01, order 1234567890123456",
        ),
        (
            "key -----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY----- end",
            "key <redacted:private_key> end",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQ", "<redacted:private_key>"),
        ("-----BEGIN CERTIFICATE-----\nMIIEvQ", "-----BEGIN CERTIFICATE-----\nMIIEvQ"),
    ] {
        assert_eq!(text(&redactor, before), after);
        assert_eq!(text(&redactor, after), after, "what is redacted stays as it is");
    }
}

#[test]
fn hashes_join_equal_values_and_removed_ones_leave_nothing() {
    let wanted = [
        Wanted::Detector { name: "email", style: Style::Hash },
        Wanted::Detector { name: "card", style: Style::Hash },
        Wanted::Detector { name: "ip", style: Style::Remove },
    ];
    let redactor = Redactor::new(&wanted, BTreeSet::new()).unwrap();
    let one = text(&redactor, "a Bob@example.com");
    assert_eq!(one, text(&redactor, "a bob@EXAMPLE.com"));
    assert_ne!(one, text(&redactor, "a rob@example.com"));
    assert!(one.starts_with("a <email:") && one.len() == "a <email:0123456789abcdef>".len(), "{one}");
    assert_eq!(text(&redactor, "4111 1111 1111 1111"), text(&redactor, "4111111111111111"));
    assert_eq!(text(&redactor, "from 10.1.2.3:80"), "from :80");
    let removed = with_work(&redactor, |work| work.value(About::Nothing, Value::Str("10.1.2.3")));
    assert_eq!(removed, Change::Remove);
}

#[test]
fn own_patterns_come_first_and_replace_their_group() {
    let own = |name: &str, regex: &str| Wanted::Own {
        name: name.into(),
        regex: Regex::new(regex).unwrap(),
        style: Style::Mask,
    };
    let wanted = [
        Wanted::Detector { name: "email", style: Style::Mask },
        own("customer", r"customer (C-\d+)"),
        own("mail", r"\S+@intern\.example"),
    ];
    let redactor = Redactor::new(&wanted, BTreeSet::new()).unwrap();
    assert_eq!(
        text(&redactor, "customer C-77 bob@intern.example ada@example.org"),
        "customer <redacted:customer> <redacted:mail> <redacted:email>"
    );
}

#[test]
fn values_that_overlap_are_one() {
    let redactor = everything();
    let before = r#"{"password":"bob@example.com 4111111111111111"}"#;
    assert_eq!(text(&redactor, before), r#"{"password":"<redacted:password>"}"#);
}

#[test]
fn names_of_attributes_say_what_their_values_are() {
    let redactor = Redactor::new(
        &[
            Wanted::Detector { name: "password", style: Style::Mask },
            Wanted::Detector { name: "card", style: Style::Mask },
        ],
        BTreeSet::from(["kept.password".to_owned()]),
    )
    .unwrap();
    let masked = |name: &str| Change::Put(OwnedValue::Str(format!("<redacted:{name}>")));
    with_work(&redactor, |work| {
        for (key, value, expected) in [
            ("db.password", Value::Str("swordfish"), masked("password")),
            ("db.password", Value::Int(1234), masked("password")),
            ("kept.password", Value::Str("swordfish"), Change::Stay),
            ("http.route", Value::Str("swordfish"), Change::Stay),
            ("pan", Value::Int(4_111_111_111_111_111), masked("card")),
            ("ts", Value::Int(1_732_601_648_123_456), Change::Stay),
            (
                "raw",
                Value::Bytes(b"pwd=hunter2"),
                Change::Put(OwnedValue::Bytes(b"pwd=<redacted:password>".to_vec())),
            ),
            ("raw", Value::Bytes(&[0xff; 20]), Change::Stay),
        ] {
            assert_eq!(work.value(work.about(key), value), expected, "{key}");
        }
        assert_eq!(work.counts, [3, 1], "by detector: password, card");
    });
}

#[test]
fn arrays_and_maps_are_redacted_inside_keys_too() {
    let mut nested = NestedWriter::default();
    nested.begin_map();
    nested.key("headers");
    nested.begin_map();
    nested.key("authorization");
    nested.begin_array();
    nested.value(Value::Str("Custom abc"));
    nested.end();
    nested.key("accept");
    nested.value(Value::Str("text/html"));
    nested.end();
    nested.key("bob@example.com");
    nested.value(Value::Int(7));
    nested.end();
    let redactor = everything();
    let changed = with_work(&redactor, |work| work.value(About::Nothing, Value::Nested(nested.as_nested())));
    let Change::Put(value) = changed else { unreachable!("{changed:?}") };
    assert_eq!(
        value.as_value().text(),
        r#"{"headers":{"authorization":["<redacted:password>"],"accept":"text/html"},"<redacted:email>":7}"#
    );
    let mut plain = NestedWriter::default();
    plain.begin_array();
    plain.value(Value::Str("nothing here"));
    plain.end();
    let kept = with_work(&redactor, |work| work.value(About::Nothing, Value::Nested(plain.as_nested())));
    assert_eq!(kept, Change::Stay);
}

/// What detectors look for, and letters of several bytes around it.
const PIECES: [&str; 30] = [
    "@",
    "%40",
    "ü",
    "漢",
    "a",
    ".",
    "-",
    "_",
    " ",
    ":",
    "=",
    "\"",
    "\\",
    "/",
    "://",
    "4111111111111111",
    "4111 1111",
    "password",
    "secret",
    "bearer ",
    "10.0.0.1",
    "::1",
    "2001:db8::",
    "DE89370400440532013000",
    "eyJhbGciOiJI",
    "AKIA",
    "-----BEGIN PRIVATE KEY-----",
    "hooks.slack.com/services/",
    "0123456789",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];

proptest::proptest! {
    #[test]
    fn any_text_is_cut_at_letters_and_what_stays_is_in_its_order(
        pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..60)
    ) {
        let redactor = everything();
        let before = pieces.concat();
        let mut hits = Vec::new();
        redactor.hits(&before, &mut hits);
        proptest::prop_assert!(hits.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
        let mut kept = String::new();
        let mut from = 0;
        for hit in &hits {
            kept.push_str(&before[from..hit.range.start]);
            kept.push_str(&format!("<redacted:{}>", redactor.active[hit.by].name));
            from = hit.range.end;
        }
        kept.push_str(&before[from..]);
        proptest::prop_assert_eq!(text(&redactor, &before), kept);
    }
}

#[test]
fn streams_are_redacted_in_resource_and_scope() {
    let resource = [("service.name", Value::Str("cart")), ("owner", Value::Str("bob@example.com"))];
    let scope = [("api_key", Value::Str("Zx81Qq9Ltr"))];
    let parts = StreamParts {
        resource: &resource,
        scope_name: "lib",
        scope_attributes: &scope,
        ..Default::default()
    };
    let redactor = everything();
    let changed = with_work(&redactor, |work| work.stream(&Stream::new(&parts))).unwrap();
    assert_eq!(changed.resource.get("owner"), Some(Value::Str("<redacted:email>")));
    assert_eq!(changed.scope_attributes.get("api_key"), Some(Value::Str("<redacted:password>")));
    assert_eq!((changed.service(), &*changed.scope_name), ("cart", "lib"));
    let clean = StreamParts { resource: &resource[..1], ..Default::default() };
    assert_eq!(with_work(&redactor, |work| work.stream(&Stream::new(&clean))), None);
}
