//! Line patterns: literals with `<captures>`, for the `pattern` stage and the `|>` and `!>` filters.

use memchr::memmem;

/// A pattern whose captures are never adjacent, so that every capture but the last ends at a literal.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub source: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// `None` is `<_>`: matched and forgotten.
    Capture(Option<String>),
}

impl Pattern {
    /// The argument of the `pattern` stage: at least one named capture.
    pub(crate) fn for_stage(source: &str) -> Result<Pattern, String> {
        let pattern = Pattern::read(source)?;
        let mut names: Vec<&str> = pattern.names().collect();
        if names.is_empty() {
            return Err("at least one capture is required".to_string());
        }
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("duplicate capture name ({}): invalid expression", pair[0]));
        }
        Ok(pattern)
    }

    /// The argument of a line filter: only unnamed captures.
    pub(crate) fn for_filter(source: &str) -> Result<Pattern, String> {
        let pattern = Pattern::read(source)?;
        if let Some(name) = pattern.names().next() {
            return Err(format!("named captures are not allowed: found '<{name}>'"));
        }
        Ok(pattern)
    }

    fn read(source: &str) -> Result<Pattern, String> {
        let mut parts: Vec<Part> = Vec::new();
        let mut literal = String::new();
        let mut rest = source;
        while let Some(c) = rest.chars().next() {
            if let Some(name) = capture_at(rest) {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                } else if !parts.is_empty() {
                    return Err(format!("found consecutive capture '<{name}>': invalid expression"));
                }
                parts.push(Part::Capture((name != "_").then(|| name.to_string())));
                rest = &rest[name.len() + 2..];
            } else {
                literal.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Pattern { source: source.to_string(), parts })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Capture(Some(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The pieces every matching line holds; the store can look for them before a line is read.
    pub(crate) fn literals(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(text) => Some(text.as_str()),
            Part::Capture(_) => None,
        })
    }

    /// Filter semantics: captures are not empty, and the end of the line is reached.
    pub(crate) fn matches(&self, line: &str) -> bool {
        let (true, Some(last)) = (!line.is_empty(), self.parts.last()) else {
            return line.is_empty() && self.parts.is_empty();
        };
        let mut rest = line;
        for (index, part) in self.parts.iter().enumerate() {
            let Part::Literal(text) = part else { continue };
            match memmem::find(rest.as_bytes(), text.as_bytes()) {
                Some(0) if index > 0 => return false,
                Some(at) => rest = &rest[at + text.len()..],
                None => return false,
            }
        }
        matches!(last, Part::Capture(_)) != rest.is_empty()
    }

    /// Stage semantics: calls `found` for each named capture. A capture whose closing literal is missing takes the
    /// rest of the line, and the captures after it stay unset.
    pub(crate) fn captures<'l>(&self, line: &'l str, mut found: impl FnMut(&str, &'l str)) {
        let mut rest = line;
        let mut parts = self.parts.as_slice();
        if let Some((Part::Literal(text), after)) = parts.split_first() {
            let Some(stripped) = rest.strip_prefix(text.as_str()) else { return };
            (rest, parts) = (stripped, after);
        }
        while let Some((Part::Capture(name), after)) = parts.split_first() {
            let end = match after.first() {
                Some(Part::Literal(text)) => {
                    memmem::find(rest.as_bytes(), text.as_bytes()).map(|at| (at, text.len()))
                }
                _ => None,
            };
            let value = end.map_or(rest, |(at, _)| &rest[..at]);
            if let Some(name) = name {
                found(name, value);
            }
            let Some((at, length)) = end else { return };
            rest = &rest[at + length..];
            parts = after.get(1..).unwrap_or_default();
        }
    }
}

/// The name if `text` starts with `<name>`.
fn capture_at(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('<')?;
    let name = &inner[..inner.find('>')?];
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    valid.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(pattern: &str, line: &str) -> String {
        let mut out = Vec::new();
        Pattern::for_stage(pattern)
            .unwrap()
            .captures(line, |name, value| out.push(format!("{name}={value}")));
        out.join(" ")
    }

    #[test]
    fn captures_end_at_the_next_literal() {
        let access = r#"<ip> - <_> "<method> <path>" <status>"#;
        assert_eq!(
            captured(access, r#"10.0.0.7 - ada "GET /cart" 200"#),
            "ip=10.0.0.7 method=GET path=/cart status=200"
        );
        assert_eq!(captured("[<level>] <msg>", "[warn] slow"), "level=warn msg=slow");
        assert_eq!(captured("[<level>] <msg>", "warn slow"), "");
        assert_eq!(captured("<a>|<b>|", "x|y"), "a=x b=y");
        assert_eq!(captured("<a>|<b>", "x"), "a=x");
        assert_eq!(captured("<größe>|<b>", "<größe>|7"), "b=7");
    }

    #[test]
    fn a_filter_needs_text_in_every_capture() {
        for (pattern, line, expected) in [
            ("<_> bar", "foo bar", true),
            ("<_> bar", "foo bar baz", false),
            ("foo <_>", "foo bar", true),
            ("foo <_>", "foo ", false),
            ("<_> bar <_>", " bar ", false),
            ("<_>bar<_>", " bar ", true),
            ("foo", "foo", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(Pattern::for_filter(pattern).unwrap().matches(line), expected, "{pattern} on {line}");
        }
    }

    #[test]
    fn refused_patterns() {
        assert!(Pattern::for_stage("no capture").is_err());
        assert!(Pattern::for_stage("<_> only").is_err());
        assert!(Pattern::for_stage("<a><b>").is_err());
        assert!(Pattern::for_stage("<a> <a>").is_err());
        assert!(Pattern::for_filter("<a> x").is_err());
    }
}
