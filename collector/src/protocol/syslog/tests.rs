//! Messages of both forms and what becomes of them.

use store::model::{EventBatch, Limits};

use super::*;

/// 2026-11-25T18:30:00Z.
const NOW_NS: i64 = 1_795_631_400_000_000_000;

fn run(messages: &[&[u8]]) -> Decoded {
    let limits = Limits::default();
    let mut body = Vec::new();
    messages.iter().for_each(|message| frames::put(message, &mut body));
    decode(Signal::Logs, Encoding::Frames, &body, &DecodeCtx { now_ns: NOW_NS, limits: &limits, target: "" })
        .unwrap()
}

fn events(decoded: &Decoded) -> &EventBatch {
    match &decoded.batch {
        Batch::Events(events) => events,
        Batch::Samples(_) => unreachable!("syslog brings logs"),
    }
}

/// `host service | seconds from now | severity | text | attributes`.
fn show(message: &str) -> String {
    let decoded = run(&[message.as_bytes()]);
    let batch = events(&decoded);
    let resource = |key| batch.stream(0).resource.get(key).map_or("-".into(), |v| v.text().into_owned());
    let field = |field| batch.field(0, field).map_or("-".into(), |v| v.text().into_owned());
    let attributes: Vec<String> = batch.attributes(0).map(|(key, v)| format!("{key}={}", v.text())).collect();
    format!(
        "{} {} | {} | {} | {} | {}",
        resource("host.name"),
        resource("service.name"),
        (batch.times()[0] - NOW_NS) / 1_000_000_000,
        field(Field::SeverityText),
        field(Field::Body),
        attributes.join(",")
    )
}

#[test]
fn messages_of_both_forms() {
    for (message, expected) in [
        (
            "<165>1 2026-11-25T18:29:59.003Z web-1 nginx 42 ID47 [ex@1 a=\"1\" b=\"q\\\"\\]\"][m x=\"\"] \u{feff}hello",
            "web-1 nginx | 0 | notice | hello | syslog.facility=local4,process.pid=42,syslog.msgid=ID47,syslog.ex@1.a=1,syslog.ex@1.b=q\"],syslog.m.x=",
        ),
        ("<34>1 - - - - - -", "- - | 0 | crit |  | syslog.facility=auth"),
        (
            "<34>1 2026-11-25T18:30:10Z h a - - - text - here",
            "h a | 10 | crit | text - here | syslog.facility=auth",
        ),
        (
            "<38>Nov 25 18:29:50 db-1 sshd[77]: Accepted key",
            "db-1 sshd | -10 | info | Accepted key | syslog.facility=auth,process.pid=77",
        ),
        ("<13>Nov  5 18:30:00 h app: x", "h app | -1728000 | notice | x | syslog.facility=user"),
        (
            "<30>2026-11-25T19:30:00+01:00 h systemd: Started",
            "h systemd | 0 | info | Started | syslog.facility=daemon",
        ),
        ("<13>su: no time and no host", "- su | 0 | notice | no time and no host | syslog.facility=user"),
        ("<13>just words here", "- - | 0 | notice | just words here | syslog.facility=user"),
        ("no header at all", "- - | 0 | notice | no header at all | syslog.facility=user"),
        ("<999>bad priority", "- - | 0 | notice | <999>bad priority | syslog.facility=user"),
        ("<13>1 soon h a p i - x", "- - | 0 | notice | 1 soon h a p i - x | syslog.facility=user"),
    ] {
        assert_eq!(show(message), expected, "{message}");
    }
}

#[test]
fn a_year_is_the_one_that_brings_the_time_nearest() {
    // In the last days of the year the first of January is ahead.
    let new_year = rfc3339_ns("2026-12-31T23:59:59Z");
    let message = Message::parse("<13>Jan  1 00:00:01 h a: x", new_year);
    assert_eq!(message.time_ns, Some(rfc3339_ns("2027-01-01T00:00:01Z")));
    let message = Message::parse("<13>Dec 31 23:59:59 h a: x", rfc3339_ns("2027-01-01T00:00:01Z"));
    assert_eq!(message.time_ns, Some(new_year));
}

fn rfc3339_ns(text: &str) -> i64 {
    crate::protocol::rfc3339::parse_ns(text).unwrap()
}

#[test]
fn bytes_that_are_no_text_are_shown_with_marks() {
    let decoded = run(&[b"<13>app: a\xffb", b"<13>app: c"]);
    let batch = events(&decoded);
    assert_eq!(batch.field(0, Field::Body).unwrap().text(), "a\u{fffd}b");
    assert_eq!((batch.rows(), batch.stream(1).service()), (2, "app"));
}

#[test]
fn cut_messages_never_panic() {
    let whole = "<165>1 2026-11-25T18:29:59.003Z web-1 nginx 42 ID47 [ex@1 a=\"1\\\"é\"] héllo";
    for (at, _) in whole.char_indices() {
        Message::parse(&whole[..at], NOW_NS);
        Message::parse(&whole[at..], NOW_NS);
    }
}
