//! Lines of every kind programs write, and pieces of them.

use std::fmt::Write;

/// A stream of random numbers that is the same on every run (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const WORDS: [&str; 24] = [
    "timeout",
    "connection",
    "refused",
    "upstream",
    "request",
    "completed",
    "cart",
    "payment",
    "declined",
    "retry",
    "scheduled",
    "cache",
    "miss",
    "hit",
    "user",
    "session",
    "expired",
    "error",
    "warning",
    "database",
    "query",
    "slow",
    "CardDeclined",
    "GET",
];
const MIXED: [&str; 12] = [
    "error404",
    "v2beta1",
    "x86_64",
    "sha256sum",
    "utf8",
    "k8s",
    "i18n",
    "HTTP2",
    "ipv4only",
    "base64url",
    "s3cret",
    "2fa",
];
const OTHER_SCRIPTS: [&str; 14] = [
    "日本語のログ",
    "数据库连接失败",
    "오류",
    "ошибка соединения",
    "Größe",
    "naïve café",
    "🚀 deploy",
    "✅",
    "👩‍💻",
    "ελληνικά",
    "עברית",
    "ＦＵＬＬ",
    "é́",
    "Ünïcödé",
];
const PATHS: [&str; 6] = [
    "/api/v1/products/",
    "/var/log/app-",
    "C:\\Users\\svc\\",
    "/usr/lib/x86_64-linux-gnu/lib",
    "s3://bucket/2024/",
    "../../etc/",
];

fn hex(random: &mut Random, digits: usize) -> String {
    (0..digits).map(|_| char::from(b"0123456789abcdef"[random.below(16)])).collect()
}

fn uuid(random: &mut Random) -> String {
    let parts = [8, 4, 4, 4, 12].map(|digits| hex(random, digits));
    let uuid = parts.join("-");
    if random.below(5) == 0 { uuid.to_uppercase() } else { uuid }
}

fn base64(random: &mut Random, len: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text: String = (0..len).map(|_| char::from(LETTERS[random.below(64)])).collect();
    text.push_str(["", "=", "=="][random.below(3)]);
    text
}

/// A token longer than any the index takes: letters, digits, or both.
fn long_token(random: &mut Random) -> String {
    let len = 65 + random.below(300);
    match random.below(3) {
        0 => (0..len).map(|_| char::from(b'a' + random.below(26) as u8)).collect(),
        1 => hex(random, len),
        _ => (0..len)
            .map(|at| if at % 7 == 0 { '5' } else { char::from(b'A' + random.below(26) as u8) })
            .collect(),
    }
}

/// The line of that number.
pub fn line(random: &mut Random, number: usize) -> String {
    let n = random.below(1000);
    let mut out = String::new();
    let clock = format!(
        "2026-01-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        1 + number / 86_400 % 28,
        number / 3600 % 24,
        number / 60 % 60,
        number % 60,
        n
    );
    let _ = match random.below(16) {
        kind @ 0..8 => record(random, &mut out, kind, n, &clock),
        kind => loose(random, &mut out, kind, n),
    };
    out
}

fn words(random: &mut Random, count: usize) -> String {
    (0..count).map(|_| random.pick(&WORDS)).collect::<Vec<_>>().join(" ")
}

/// Lines as programs write them.
fn record(random: &mut Random, out: &mut String, kind: usize, n: usize, clock: &str) -> std::fmt::Result {
    match kind {
        0 => write!(
            out,
            "{clock} level=info msg=\"{}\" user=u{:07} took={}.{n:03}ms",
            words(random, 3),
            random.below(200_000),
            n % 40
        ),
        1 => write!(
            out,
            "{}.{}.{n}.{} - - [{clock}] \"GET {}{n} HTTP/1.1\" {} {}",
            n % 256,
            n % 200,
            random.below(256),
            random.pick(&PATHS),
            [200, 404, 503][n % 3],
            random.below(90_000)
        ),
        2 => write!(
            out,
            "{{\"id\":\"{}\",\"msg\":\"{}\",\"n\":{n},\"tags\":[\"{}\",\"{}\"],\"at\":\"{clock}\"}}",
            uuid(random),
            words(random, 2),
            random.pick(&MIXED),
            random.pick(&OTHER_SCRIPTS)
        ),
        3 => write!(out, "{} while calling {} ({} of {n})", random.pick(&MIXED), random.pick(&MIXED), n % 7),
        4 => write!(out, "trace {} span {} {}", hex(random, 32), hex(random, 16), words(random, 4)),
        5 => {
            let len = 12 + random.below(60);
            write!(out, "payload {} end", base64(random, len))
        }
        6 => write!(out, "{} {} {n}", random.pick(&OTHER_SCRIPTS), words(random, 1)),
        _ => {
            write!(out, "{}{} {}", random.pick(&OTHER_SCRIPTS), hex(random, 12), random.pick(&OTHER_SCRIPTS))
        }
    }
}

/// Lines in which anything stands.
fn loose(random: &mut Random, out: &mut String, kind: usize, n: usize) -> std::fmt::Result {
    match kind {
        8 => write!(out, "blob {} {}", long_token(random), words(random, 1)),
        9 => write!(out, "\tat com.shop.{}.Service$Inner.handle(Service.java:{n})", random.pick(&WORDS)),
        10 => write!(
            out,
            "Order ORD-{} {} after {} attempts",
            hex(random, 14),
            random.pick(&["declined", "accepted"]),
            n % 10
        ),
        11 => write!(
            out,
            "mac {}:{}:{} ip fe80::{}:{n:x} port {}",
            hex(random, 2),
            hex(random, 2),
            hex(random, 2),
            hex(random, 4),
            random.below(65_536)
        ),
        12 => write!(out, "{}{}?q=%2F{n}&token={}", random.pick(&PATHS), hex(random, 9), base64(random, 20)),
        13 => write!(out, "{} {}", words(random, 5), random.next()),
        14 => write!(
            out,
            "0x{:X} {}-{} {}",
            random.next() >> 20,
            random.pick(&WORDS),
            uuid(random),
            random.pick(&MIXED)
        ),
        _ => write!(out, "{}", ["", "...", "===> ok", "a", "-- {} --", " "][n % 6]),
    }
}

/// What a needle cuts through.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// Letters only.
    InsideWord,
    /// Letters and digits without a border, shorter than what the filter of ids tells.
    InsideShortId,
    InsideId,
    /// Tokens and what is between them.
    AcrossBorders,
    /// Not only ASCII.
    OtherScripts,
}

impl Class {
    pub fn of(needle: &str) -> Self {
        if !needle.is_ascii() {
            Self::OtherScripts
        } else if !needle.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Self::AcrossBorders
        } else if needle.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            Self::InsideWord
        } else if needle.len() < 11 {
            Self::InsideShortId
        } else {
            Self::InsideId
        }
    }
}

/// A piece of 3–40 characters of a line, cut anywhere; `None`: the line has no so many.
pub fn piece(random: &mut Random, line: &str) -> Option<String> {
    let chars: Vec<char> = line.chars().collect();
    let len = 3 + random.below(38.min(chars.len().checked_sub(2)?));
    let start = random.below(chars.len() - len + 1);
    Some(chars[start..start + len].iter().collect())
}

/// The piece with one character changed: most likely in no line.
pub fn changed(random: &mut Random, piece: &str) -> String {
    let mut chars: Vec<char> = piece.chars().collect();
    let at = random.below(chars.len());
    chars[at] = ['0', 'f', 'z', 'Q', '-', '~', '語', 'é'][random.below(8)];
    chars.into_iter().collect()
}

/// A regular expression that grep and we read alike, made of pieces of one line.
pub fn expression(random: &mut Random, line: &str) -> Option<String> {
    let chars: Vec<char> = line.chars().collect();
    let len = 3 + random.below(10);
    let cut = |from: usize| -> Option<String> {
        let piece: String = chars.get(from..from + len)?.iter().collect();
        Some(escaped(&piece))
    };
    let first_at = random.below(chars.len().checked_sub(len)?.max(1));
    let first = cut(first_at)?;
    let second = cut(first_at + len + random.below(8));
    Some(match (random.below(5), second) {
        (0, Some(second)) => format!("{first}.*{second}"),
        (1, Some(second)) => format!("({first}|{second})"),
        (2, _) => format!("{first}[0-9a-f]+"),
        (3, _) => format!("^{first}"),
        _ => format!("{first}( |$)"),
    })
}

/// With all characters that mean something in an expression escaped, as `grep -E` wants it.
fn escaped(piece: &str) -> String {
    let mut out = String::new();
    for c in piece.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
