//! Values and lines made up for the corpus, the same ones each time.

/// SplitMix64.
pub(super) struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    pub fn of(&mut self, alphabet: &str, len: usize) -> String {
        (0..len).map(|_| char::from(self.one(alphabet.as_bytes()))).collect()
    }

    pub fn digits(&mut self, len: usize) -> String {
        self.of("0123456789", len)
    }

    pub fn hex(&mut self, len: usize) -> String {
        self.of("0123456789abcdef", len)
    }

    pub fn token(&mut self, len: usize) -> String {
        self.of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", len)
    }

    pub fn uuid(&mut self) -> String {
        [8, 4, 4, 4, 12].map(|len| self.hex(len)).join("-")
    }
}

const FIRST: [&str; 10] = ["ada", "bob", "chen", "dora", "emil", "fatima", "goro", "hana", "ines", "jan"];
const LAST: [&str; 8] = ["lovelace", "novak", "okafor", "silva", "tanaka", "weber", "yilmaz", "moreau"];
const HOSTS: [&str; 6] =
    ["example.com", "mail.example.org", "example.co.uk", "shop.example.net", "example.io", "uni.example.edu"];

fn with_luhn(mut digits: String) -> String {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0') << ((place + 1) % 2);
            if digit > 9 { digit - 9 } else { digit }
        })
        .sum();
    digits.push(char::from(b'0' + ((10 - sum % 10) % 10) as u8));
    digits
}

pub(super) fn card(random: &mut Random) -> String {
    let (prefix, len) = random.one(&[
        ("4", 16),
        ("51", 16),
        ("55", 16),
        ("2221", 16),
        ("6011", 16),
        ("37", 15),
        ("3528", 16),
    ]);
    let rest = random.digits(len - 1 - prefix.len());
    with_luhn(format!("{prefix}{rest}"))
}

/// In groups, as it stands on the card.
pub(super) fn grouped_card(random: &mut Random) -> String {
    let card = loop {
        let card = card(random);
        if card.len() == 16 {
            break card;
        }
    };
    let sign = random.one(&[" ", "-"]);
    [&card[..4], &card[4..8], &card[8..12], &card[12..]].join(sign)
}

/// Sixteen digits of an issuer whose last one is wrong.
pub(super) fn no_card(random: &mut Random) -> String {
    let rest = random.digits(14);
    let mut wrong = with_luhn(format!("4{rest}")).into_bytes();
    wrong[15] = b'0' + (wrong[15] - b'0' + 1 + random.below(9) as u8) % 10;
    wrong.into_iter().map(char::from).collect()
}

pub(super) fn iban(random: &mut Random) -> String {
    let (country, digits) =
        random.one(&[("DE", 18), ("AT", 16), ("ES", 20), ("NL", 0), ("FR", 0), ("GB", 0), ("CH", 17)]);
    let number = match country {
        "NL" => format!("ABNA{}", random.digits(10)),
        "GB" => format!("WEST{}", random.digits(14)),
        "FR" => {
            random.digits(10) + &random.of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 11) + &random.digits(2)
        }
        _ => random.digits(digits),
    };
    let value = |c: char| c.to_digit(36).unwrap_or(0);
    let remainder = format!("{number}{country}00").chars().fold(0u32, |n, c| match value(c) {
        digit @ 0..10 => (n * 10 + digit) % 97,
        letter => (n * 100 + letter) % 97,
    });
    format!("{country}{:02}{number}", 98 - remainder)
}

pub(super) fn grouped_iban(random: &mut Random) -> String {
    let plain = iban(random);
    let groups: Vec<&str> =
        (0..plain.len()).step_by(4).map(|at| &plain[at..plain.len().min(at + 4)]).collect();
    groups.join(" ")
}

pub(super) fn email(random: &mut Random) -> String {
    let (first, last, host) = (random.one(&FIRST), random.one(&LAST), random.one(&HOSTS));
    match random.below(4) {
        0 => format!("{first}@{host}"),
        1 => format!("{first}.{last}@{host}"),
        2 => format!("{first}+{}@{host}", random.one(&["shop", "news", "ci"])),
        _ => format!("{}{}@{host}", &first[..1], random.digits(3)),
    }
}

pub(super) fn jwt(random: &mut Random) -> String {
    let payload = random.of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 60);
    let signature = random.of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 43);
    format!("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ{payload}.{signature}")
}

pub(super) fn aws(random: &mut Random) -> String {
    let prefix = random.one(&["AKIA", "ASIA"]);
    format!("{prefix}{}", random.of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16))
}

pub(super) fn github(random: &mut Random) -> String {
    match random.below(3) {
        0 => format!("github_pat_{}_{}", random.token(22), random.token(59)),
        _ => format!("{}_{}", random.one(&["ghp", "gho", "ghs"]), random.token(36)),
    }
}

pub(super) fn slack(random: &mut Random) -> String {
    match random.below(3) {
        0 => format!("xapp-1-A{}-{}-{}", random.digits(9), random.digits(12), random.hex(64)),
        _ => format!(
            "{}-{}-{}-{}",
            random.one(&["xoxb", "xoxp"]),
            random.digits(12),
            random.digits(12),
            random.token(24)
        ),
    }
}

pub(super) fn vendor(random: &mut Random) -> String {
    match random.below(4) {
        0 => format!("AIza{}", random.token(35)),
        1 => format!("sk_live_{}", random.token(24)),
        2 => format!("glpat-{}", random.token(20)),
        _ => format!("npm_{}", random.token(36)),
    }
}

pub(super) fn private_key(random: &mut Random) -> String {
    let kind = random.one(&["RSA ", "EC ", "OPENSSH ", ""]);
    let newline = random.one(&["\n", "\\n"]);
    let lines: Vec<String> = (0..3).map(|_| random.token(64)).collect();
    format!(
        "-----BEGIN {kind}PRIVATE KEY-----{newline}{}{newline}-----END {kind}PRIVATE KEY-----",
        lines.join(newline)
    )
}

pub(super) fn password(random: &mut Random) -> String {
    match random.below(3) {
        0 => format!("{}{}", random.one(&["hunter", "sommer", "letmein", "dragon"]), random.digits(2)),
        1 => random.token(12),
        _ => format!("{}!{}", random.token(6), random.digits(3)),
    }
}

pub(super) fn ip(random: &mut Random) -> String {
    let mut part = |most: u64| random.below(most);
    match part(4) {
        0 => format!("2001:db8:{:x}::{:x}", part(0xffff), 1 + part(0xfffe)),
        _ => format!("{}.{}.{}.{}", 1 + part(126), part(256), part(256), 1 + part(254)),
    }
}
