//! Regular expressions as Go (RE2) reads them, rewritten for the `regex` crate. The two differ in a few places: what `\d`,
//! `\w`, `\s` and `\b` mean beyond ASCII, braces that are no repetition, marks inside of classes, `\<`, `\Q…\E`.

/// The same expression in the syntax of the `regex` crate. What is no expression stays none.
pub(crate) fn rewritten(source: &str) -> String {
    let mut rewriter = Rewriter { rest: source, out: String::with_capacity(source.len() + 16) };
    while let Some(c) = rewriter.next() {
        match c {
            '\\' => rewriter.escape(false),
            '[' => rewriter.class(),
            '{' if !is_repetition(rewriter.rest) => rewriter.out.push_str(r"\{"),
            _ => rewriter.out.push(c),
        }
    }
    rewriter.out
}

struct Rewriter<'t> {
    rest: &'t str,
    out: String,
}

const DIGITS: &str = "0-9";
const WORDS: &str = "0-9A-Za-z_";
const BLANKS: &str = r"\t\n\f\r ";

/// Whether `{` opens a repetition: `2}`, `2,}` or `2,3}` follows.
fn is_repetition(rest: &str) -> bool {
    let Some(inner) = rest.find('}').map(|end| &rest[..end]) else { return false };
    let (least, most) = inner.split_once(',').unwrap_or((inner, "0"));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}

impl Rewriter<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    /// What follows a backslash.
    fn escape(&mut self, in_class: bool) {
        let Some(c) = self.next() else { return self.out.push('\\') };
        let set = match c {
            'd' | 'D' => DIGITS,
            'w' | 'W' => WORDS,
            's' | 'S' => BLANKS,
            'b' if !in_class => return self.out.push_str(r"(?-u:\b)"),
            '<' | '>' => return self.out.push(c),
            'Q' if !in_class => return self.literal(),
            'p' | 'P' | 'x' => return self.braced(c),
            _ => return self.out.extend(['\\', c]),
        };
        match (c.is_ascii_uppercase(), in_class) {
            (false, true) => self.out.push_str(set),
            (true, _) => self.out.extend(["[^", set, "]"]),
            (false, false) => self.out.extend(["[", set, "]"]),
        }
    }

    /// `\p{Greek}`, `\x{10FFFF}`: the braces are no repetition.
    fn braced(&mut self, c: char) {
        self.out.extend(['\\', c]);
        if self.rest.starts_with('{')
            && let Some(end) = self.rest.find('}')
        {
            self.out.push_str(&self.rest[..=end]);
            self.rest = &self.rest[end + 1..];
        }
    }

    /// `\Q` up to `\E`.
    fn literal(&mut self) {
        let end = self.rest.find(r"\E");
        let text = &self.rest[..end.unwrap_or(self.rest.len())];
        self.out.push_str(&regex_syntax::escape(text));
        self.rest = end.map_or("", |end| &self.rest[end + 2..]);
    }

    fn class(&mut self) {
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.rest = rest;
            self.out.push('^');
        }
        if let Some(rest) = self.rest.strip_prefix(']') {
            self.rest = rest;
            self.out.push_str(r"\]");
        }
        while let Some(c) = self.next() {
            match c {
                ']' => return self.out.push(']'),
                '\\' => self.escape(true),
                '[' if self.rest.starts_with(':') && self.rest.contains(":]") => {
                    let end = self.rest.find(":]").map_or(0, |end| end + 2);
                    self.out.push('[');
                    self.out.push_str(&self.rest[..end]);
                    self.rest = &self.rest[end..];
                }
                // The `regex` crate has classes in classes and set operators.
                '[' | '&' | '~' => self.out.extend(['\\', c]),
                '-' if self.rest.starts_with('-') => {
                    self.rest = &self.rest[1..];
                    self.out.push_str(r"-\-");
                }
                _ => self.out.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    /// expression, texts it matches, texts it does not
    #[test]
    fn expressions_mean_what_they_mean_in_go() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            (r"^\w+$", &["abc_1"], &["é", ""]),
            (r"^\d\s\D$", &["1 x"], &["1\u{a0}x", "٣ x"]),
            (r"\bfoo\b", &["éfooé", "a foo"], &["afoo"]),
            (r#"{"level""#, &[r#"{"level":1}"#], &["level"]),
            (r"blip{{ .x }}", &["blip{{ .x }}", "blip{{ yx }}"], &["blip"]),
            (r"^a{2}b{1,}c{0,1}$", &["aab", "aabbc"], &["ab", "aabcc"]),
            (r"^a{,2}$", &["a{,2}"], &["a"]),
            (r"^[[]$", &["["], &["]"]),
            (r"^[^[]+$", &["ab"], &["a["]),
            (r"^[]a]+$", &["]a"], &["b"]),
            (r"^[a&&b~~c]+$", &["a&b~c"], &["d"]),
            (r"^[+--]+$", &["+,-"], &["."]),
            (r"^[[:alpha:]_\d]+$", &["a_1"], &["é"]),
            (r"^[^\W]$", &["a"], &["-"]),
            (r"^\Qa.b\E.$", &["a.bc"], &["axbc"]),
            (r"^\<a\>$", &["<a>"], &["a"]),
            (r"^\p{Greek}\x{41}$", &["αA"], &["aA"]),
            ("^é{2}$", &["éé"], &["é"]),
        ];
        for (source, found, missed) in cases {
            let regex = Regex::new(&rewritten(source)).unwrap_or_else(|error| panic!("{source}: {error}"));
            for text in *found {
                assert!(regex.is_match(text), "{source} on {text}");
            }
            for text in *missed {
                assert!(!regex.is_match(text), "{source} on {text}");
            }
        }
        for bad in [r"(", r"a)|(b", r"[a", r"\", "*a", "a**b("] {
            assert!(Regex::new(&rewritten(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn plain_texts_stay_as_they_are() {
        for text in ["error 404", "a-b_c/d:e", "(?i)timeout", "a|b", "größe"] {
            assert_eq!(rewritten(text), text);
        }
    }
}
