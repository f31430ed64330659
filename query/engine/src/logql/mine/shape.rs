//! The pattern of one line: every word with a digit varies, and what connects such words varies with them.

use memchr::memmem;

use super::VARIES;

/// Bytes of a pattern; what follows varies.
const SHAPE_BYTES_MAX: usize = 1024;
/// Between two words that vary one of these does not tell kinds of lines apart: `10:22:33.5`, `10.0.0.1`, `a1-b2`.
const JOINTS: &[u8] = b":.-_,+";

/// Appends the line's pattern. What matches it by `|>` has the same words around what varies.
pub(crate) fn write_shape(line: &str, out: &mut String) {
    let start = out.len();
    let bytes = line.as_bytes();
    let words = Words { bytes, at: 0 };
    // What stands between the last varying word and here, as long as it may be a joint.
    let (mut literal_from, mut variable_from) = (0, 0);
    let mut after_variable = false;
    for (from, to) in words {
        if !varies(bytes, from, to, after_variable && literal_from + 1 == from) {
            continue;
        }
        let joint = after_variable && from == literal_from + 1 && JOINTS.contains(&bytes[literal_from]);
        let goes_on = joint || after_variable && hides(line, variable_from, literal_from, from);
        if !goes_on {
            out.push_str(&line[literal_from..from]);
            if out.len() - start > SHAPE_BYTES_MAX {
                cut(out, start);
                return;
            }
            out.push_str(VARIES);
            variable_from = from;
        }
        (literal_from, after_variable) = (to, true);
    }
    if !(after_variable && hides(line, variable_from, literal_from, line.len())) {
        out.push_str(&line[literal_from..]);
    }
    if out.len() - start > SHAPE_BYTES_MAX + VARIES.len() {
        cut(out, start);
    }
}

/// Whether the literal stands within what varies before it too: a capture would end there, so it has to go on.
fn hides(line: &str, variable: usize, literal: usize, end: usize) -> bool {
    let text = &line.as_bytes()[literal..end];
    !text.is_empty() && memmem::find(&line.as_bytes()[variable..end], text) != Some(literal - variable)
}

/// Keeps the first bytes and says that more follows.
fn cut(out: &mut String, start: usize) {
    let mut end = start + SHAPE_BYTES_MAX;
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    // Not inside a placeholder, and none right behind another.
    let kept = &out[start..end];
    let open =
        kept.rfind('<').filter(|at| VARIES.starts_with(&kept[*at..]) && kept.len() - at < VARIES.len());
    let kept = &kept[..open.unwrap_or(kept.len())];
    let length = kept.trim_end_matches(VARIES).len();
    out.truncate(start + length);
    out.push_str(VARIES);
}

/// A word with a digit; or four hexadecimal letters between two such, as a UUID may have them.
fn varies(bytes: &[u8], from: usize, to: usize, follows: bool) -> bool {
    let word = &bytes[from..to];
    if word.iter().any(u8::is_ascii_digit) {
        return true;
    }
    let joined = follows && bytes.get(from.wrapping_sub(1)) == Some(&b'-') && bytes.get(to) == Some(&b'-');
    joined && word.len() == 4 && word.iter().all(u8::is_ascii_hexdigit)
}

/// Runs of ASCII letters and digits.
struct Words<'l> {
    bytes: &'l [u8],
    at: usize,
}

impl Iterator for Words<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let rest = self.bytes.get(self.at..)?;
        let from = self.at + rest.iter().position(u8::is_ascii_alphanumeric)?;
        let length = self.bytes[from..].iter().position(|byte| !byte.is_ascii_alphanumeric());
        let to = length.map_or(self.bytes.len(), |length| from + length);
        self.at = to;
        Some((from, to))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::logql::pattern::Pattern;

    fn shape(line: &str) -> String {
        let mut out = String::new();
        write_shape(line, &mut out);
        out
    }

    #[test]
    fn words_with_digits_vary() {
        for (line, wanted) in [
            ("order ORD-12ab shipped in 15ms", "order ORD-<_> shipped in <_>"),
            ("2026-11-26T10:22:33.123Z GET /cart/7 200", "<_> GET /cart/<_> <_>"),
            ("10.0.0.1:8080 -> 10.0.0.2", "<_> -> <_>"),
            ("id=6f1e2b3c-9d4e-4abc-8def-abcd12345678 ok", "id=<_> ok"),
            ("trace 1a2b-face-3c4d", "trace <_>"),
            (r#"{"n":12,"who":"ada","ok":true}"#, r#"{"n":<_>,"who":"ada","ok":true}"#),
            ("a,1,2,b", "a,<_>,b"),
            ("1.1.", "<_>"),
            ("1.a1.a", "<_>"),
            ("1.a1.a b 2", "<_>.a b <_>"),
            ("größe 5m größer", "größe <_> größer"),
            ("no digits at all", "no digits at all"),
            ("", ""),
        ] {
            assert_eq!(shape(line), wanted, "{line}");
        }
    }

    #[test]
    fn long_lines_have_short_patterns() {
        for line in ["word ".repeat(1000), "x1 ".repeat(1000), "é".repeat(4000), "a<_".repeat(2000)] {
            let shape = shape(&line);
            assert!(shape.len() <= SHAPE_BYTES_MAX + VARIES.len(), "{}", shape.len());
            assert!(shape.ends_with("<_>") && !shape.contains("<_><_>"), "{shape}");
        }
    }

    proptest! {
        #[test]
        fn a_line_matches_its_own_pattern(line in "[a-c1-2 :.\\-_/=\"é]{1,60}") {
            let shape = shape(&line);
            let pattern = Pattern::for_filter(&shape).unwrap();
            prop_assert!(pattern.matches(&line), "{} by {}", line, shape);
            prop_assert_eq!(shape_of_shape(&shape), shape);
        }
    }

    /// Patterns are their own patterns: nothing in them varies any more.
    fn shape_of_shape(text: &str) -> String {
        shape(text)
    }
}
