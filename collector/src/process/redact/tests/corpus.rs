//! Precision and recall over made-up log lines: values of each kind in the places logs have them, and lines that only
//! look so. Some of both cannot be told apart by their text; they are in it at about the rate logs have them.
//!
//! The table stands in `docs/ingest.md`; this test makes it again.

use std::collections::BTreeMap;

use super::made::{self, Random};
use super::*;

const PAGE: &str = include_str!("../../../../../docs/ingest.md");
const VALUES_EACH: usize = 400;
const LINES_WITHOUT: usize = 8000;

/// What a detector found over the whole corpus.
#[derive(Default, Clone, Copy)]
struct Score {
    values: usize,
    found: usize,
    hits: usize,
    right: usize,
}

/// `{}` is where the value stands.
struct Class {
    name: &'static str,
    make: fn(&mut Random) -> String,
    lines: &'static [&'static str],
    /// One in twenty is written so; no detector can know.
    hard: &'static [&'static str],
}

const ANYWHERE: &[&str] = &[
    "{}",
    "checkout: payment failed for {} after 3 attempts",
    "{\"level\":\"warn\",\"msg\":\"refused\",\"value\":\"{}\"}",
    "level=info user=77 value={} took=12ms",
    "2026-11-25T18:30:00.123Z WARN [main] c.s.Payment - got {}, expected none",
    "10.0.0.7 - - [25/Nov/2026:18:30:00 +0000] \"GET /find?q={}&page=2 HTTP/1.1\" 200 512",
    "values: [{}, null]",
    "'{}'",
];

const CLASSES: &[Class] = &[
    Class { name: "card", make: made::card, lines: ANYWHERE, hard: &["pan_{}", "paid with x{}"] },
    Class { name: "card", make: made::grouped_card, lines: ANYWHERE, hard: &["v{}"] },
    Class { name: "iban", make: made::iban, lines: ANYWHERE, hard: &["acct_{}"] },
    Class { name: "iban", make: made::grouped_iban, lines: ANYWHERE, hard: &["acct_{}"] },
    Class { name: "email", make: made::email, lines: ANYWHERE, hard: &[] },
    Class { name: "jwt", make: made::jwt, lines: ANYWHERE, hard: &["x{}"] },
    Class { name: "aws_key", make: made::aws, lines: ANYWHERE, hard: &["key{}"] },
    Class { name: "github_token", make: made::github, lines: ANYWHERE, hard: &["t{}"] },
    Class { name: "slack_token", make: made::slack, lines: ANYWHERE, hard: &["t{}"] },
    Class { name: "vendor_key", make: made::vendor, lines: ANYWHERE, hard: &["t{}"] },
    Class { name: "private_key", make: made::private_key, lines: ANYWHERE, hard: &[] },
    Class {
        name: "bearer",
        make: |random| random.token(32),
        lines: &[
            "Authorization: Bearer {}",
            "> GET /v1 Authorization: Bearer {} Accept: */*",
            "{\"headers\":{\"Authorization\":\"Bearer {}\"}}",
            "sent authorization=Basic {} to upstream",
            "using bearer {} for api",
        ],
        hard: &["the bearer's token was {}", "auth header: {}"],
    },
    Class {
        name: "password",
        make: made::password,
        lines: &[
            "login failed user=bob password={} from=web",
            "DB_PASSWORD={}",
            "{\"user\":\"bob\",\"password\":\"{}\"}",
            "body: {\\\"client_secret\\\":\\\"{}\\\"}",
            "POST /login?user=bob&pwd={}&next=%2F",
            "config: {password: '{}', host: db}",
            "password: {}",
            "spring.datasource.password: \"{}\"",
        ],
        hard: &["bob's pass is {}", "typed {} as the password"],
    },
    Class {
        name: "password",
        make: |random| random.token(24),
        lines: &[
            "api_key={}",
            "X-Api-Key: {}",
            "access_token={}&state=1",
            "\"secretKey\": \"{}\"",
            "refresh_token: {}",
        ],
        hard: &["key: {}"],
    },
    Class {
        name: "url_password",
        make: |random| random.token(14),
        lines: &[
            "connect postgres://app:{}@db:5432/shop",
            "amqp://svc:{}@mq.example.net/",
            "redis://:{}@cache:6379/0",
        ],
        hard: &["postgres user app pass {} host db"],
    },
    Class {
        name: "ip",
        make: made::ip,
        lines: &[
            "{} - - [25/Nov/2026:18:30:00 +0000] \"GET / HTTP/1.1\" 200 5",
            "client={} connected",
            "{\"remote_addr\":\"{}\"}",
            "dropped packet from {}, ttl 64",
        ],
        hard: &["host-{}-up"],
    },
];

/// Lines without anything: identifiers, sums, times, versions, sentences about passwords.
fn line_without(random: &mut Random) -> String {
    let number = random.below(1_000_000);
    match random.below(34) {
        0 => format!("request {} done", random.uuid()),
        1 => format!("order {} shipped", made::no_card(random)),
        2 => format!("trace_id={} span_id={}", random.hex(32), random.hex(16)),
        3 => format!("sha256:{}", random.hex(64)),
        4 => format!("commit {} by ci", random.hex(40)),
        5 => format!("ts=17{} seq={number}", random.digits(14)),
        6 => format!("17{}.{} INFO started", random.digits(8), random.digits(6)),
        7 => format!("User-Agent: Mozilla/5.0 Chrome/{}.0.0.0 Safari/537.36", 90 + number % 40),
        8 => format!("upgraded to version {}.{}.{}.{}", number % 9, number % 20, number % 7, number % 5),
        9 => format!("libssl-{}.{}.{}.{} installed", number % 9, number % 20, number % 7, number % 5),
        10 => "Invalid password: please try again".to_owned(),
        11 => format!(
            "password={} for user {number}",
            random.one(&["***", "null", "<hidden>", "[FILTERED]", "\"\""])
        ),
        12 => format!("usage: prompt_tokens={number} max_tokens=4096"),
        13 => format!("next_token={} page_size=50", random.token(24)),
        14 => {
            format!("unexpected token: {} at line {number}", random.one(&["identifier", "string", "comma"]))
        }
        15 => "bearer authentication is required for this resource".to_owned(),
        16 => format!("loaded icon@{}x.png and react@18.{}.0", 1 + number % 3, number % 9),
        17 => format!("java.lang.Object@{} leaked", random.hex(8)),
        18 => format!("at 12:{:02}:{:02}.{:03} worker {number} idle", number % 60, number % 59, number % 999),
        19 => format!("mac de:ad:be:{:02x}:{:02x}:01 up", number % 256, number % 255),
        20 => format!("std::vec::Vec<{}> as core::fmt", random.one(&["u8", "u16"])),
        21 => format!("listening on 127.0.0.1:{} and ::1", 1024 + number % 60_000),
        22 => format!(
            "GET /api/v{}/items/{number}?sort=asc&limit={} 200 {}ms",
            number % 4,
            number % 100,
            number % 900
        ),
        23 => {
            format!("tracking number 1Z{} on its way", random.of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 16))
        }
        24 => format!("ISBN 978-{}-{}-{}-{}", number % 10, random.digits(4), random.digits(4), number % 9),
        25 => format!("IMEI 35{}", random.digits(13)),
        26 => {
            format!("snowflake {} cached", 1_100_000_000_000_000_000 + random.below(400_000_000_000_000_000))
        }
        27 => format!("bytes_in={} bytes_out={} conn={number}", random.digits(9), random.digits(11)),
        28 => format!("object gs://bucket-{number}/a@b/{}", random.hex(12)),
        29 => format!("clone git@git.example.com:team/repo-{number}.git"),
        30 => format!("region asia-east{} zone {}", 1 + number % 3, random.one(&["a", "b"])),
        31 => format!("base64 {}", random.token(48)),
        32 => format!("rotated secrets of {number} services, tokens are valid for 15m, keys: 3"),
        _ => hard_line(random),
    }
}

/// What looks exactly like something else.
fn hard_line(random: &mut Random) -> String {
    match random.below(5) {
        0 => format!("order {} shipped", random.digits(16)),
        1 => format!("ssh deploy@web-{}.example.com ok", random.below(20)),
        2 => {
            format!("now at {}.{}.{}.{}", random.below(9), random.below(20), random.below(7), random.below(5))
        }
        3 => format!("mounted secret=shop-db-{} read-only", random.below(9)),
        _ => format!("serial 4{} scanned", random.digits(15)),
    }
}

#[test]
fn precision_and_recall_are_what_the_page_says() {
    let redactor = everything();
    let names: Vec<&str> = redactor.names().collect();
    let mut random = Random::new(7);
    let mut scores: BTreeMap<&str, Score> = names.iter().map(|name| (*name, Score::default())).collect();
    let mut hits = Vec::new();
    let mut score = |line: &str, value: Option<(&'static str, Range<usize>)>| {
        redactor.hits(line, &mut hits);
        if let Some((name, range)) = &value {
            let covers = |hit: &Hit| hit.range.start <= range.start && hit.range.end >= range.end;
            let score = scores.entry(name).or_default();
            score.values += 1;
            score.found += usize::from(hits.iter().any(covers));
        }
        for hit in &hits {
            let overlaps = |range: &Range<usize>| hit.range.start < range.end && hit.range.end > range.start;
            // The address of the access log in the lines of all kinds is one too.
            let address = line[hit.range.clone()] == *"10.0.0.7";
            let score = scores.entry(names[hit.by]).or_default();
            score.hits += 1;
            score.right += usize::from(address || value.as_ref().is_some_and(|(_, range)| overlaps(range)));
        }
    };
    for class in CLASSES {
        for number in 0..VALUES_EACH {
            let hard = number % 20 == 19 && !class.hard.is_empty();
            let template = random.one(if hard { class.hard } else { class.lines });
            let (before, after) = template.split_once("{}").unwrap();
            let value = (class.make)(&mut random);
            let range = before.len()..before.len() + value.len();
            score(&format!("{before}{value}{after}"), Some((class.name, range)));
        }
    }
    for _ in 0..LINES_WITHOUT {
        score(&line_without(&mut random), None);
    }
    let row = |(name, score): (&&str, &Score)| {
        let share = |part: usize, of: usize| format!("{:.1} %", part as f64 * 100.0 / of as f64);
        let wrong = score.hits - score.right;
        let (recall, precision) = (share(score.found, score.values), share(score.right, score.hits));
        format!("| `{name}` | {} | {recall} | {wrong} | {precision} |", score.values)
    };
    let table: Vec<String> = scores.iter().map(row).collect();
    let missing: Vec<&String> = table.iter().filter(|row| !PAGE.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "rows for docs/ingest.md:\n{}", table.join("\n"));
    let all = scores.values();
    let (found, values): (usize, usize) = all.clone().fold((0, 0), |n, s| (n.0 + s.found, n.1 + s.values));
    let (right, hits): (usize, usize) = all.fold((0, 0), |n, s| (n.0 + s.right, n.1 + s.hits));
    assert!(found * 100 >= values * 95 && right * 100 >= hits * 97, "{found}/{values}, {right}/{hits}");
}
