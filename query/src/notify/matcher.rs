//! Matchers as `alertmanager.yml`, amtool and the API write them: `severity=~"page|ticket"`, one or several in braces.
//!
//! Both of Alertmanager's spellings are read: the classic one (names as in Prometheus, values without quotes may hold
//! spaces) and the one for UTF-8 (names and values may be quoted). What both read, means the classic.

use std::collections::BTreeMap;

use store::model::{LabelMatcher, MatchOp};

const OPERATORS: [(&str, MatchOp); 4] =
    [("=~", MatchOp::Regex), ("!~", MatchOp::NotRegex), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)];

/// One matcher.
pub(crate) fn parse_one(text: &str) -> Result<LabelMatcher, String> {
    let problem = |what: &str| format!("{text:?} is not a matcher: {what}");
    let (name, op, value) = match classic(text).or_else(|| utf8(text)) {
        Some(parts) => parts,
        None => return Err(problem("write it like severity=\"page\"")),
    };
    LabelMatcher::new(&name, op, &value).map_err(|error| problem(&error.to_string()))
}

/// Matchers separated by commas, with or without braces around them.
pub(crate) fn parse_all(text: &str) -> Result<Vec<LabelMatcher>, String> {
    let trimmed = text.trim();
    let inner = match (trimmed.strip_prefix('{'), trimmed.ends_with('}')) {
        (Some(rest), true) => &rest[..rest.len() - 1],
        (None, false) => trimmed,
        _ => return Err(format!("{text:?}: a brace is missing")),
    };
    let mut parts = split(inner);
    // A comma may stand at the end.
    if parts.last().is_some_and(|last| last.trim().is_empty()) {
        parts.pop();
    }
    parts.into_iter().map(parse_one).collect()
}

/// Whether a label set passes; a label it does not have is empty.
pub(crate) fn all_match(matchers: &[LabelMatcher], labels: &BTreeMap<String, String>) -> bool {
    matchers.iter().all(|m| m.matches(labels.get(&*m.name).map_or("", String::as_str)))
}

/// As Alertmanager prints it.
pub(crate) fn print(matcher: &LabelMatcher) -> String {
    let sign = OPERATORS.iter().find(|(_, op)| *op == matcher.op).map_or("=", |(sign, _)| sign);
    format!("{}{sign}{:?}", matcher.name, &*matcher.value)
}

/// Cuts at commas outside of quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// Name, operator and the rest, if the text begins with a name of this kind of characters.
fn head(text: &str, of_name: impl Fn(char) -> bool) -> Option<(&str, MatchOp, &str)> {
    let text = text.trim();
    let end = text.find(|c| !of_name(c)).filter(|&end| end > 0)?;
    let (name, rest) = text.split_at(end);
    let (op, value) = operator(rest)?;
    Some((name, op, value))
}

fn operator(rest: &str) -> Option<(MatchOp, &str)> {
    let rest = rest.trim_start();
    OPERATORS.iter().find_map(|(sign, op)| Some((*op, rest.strip_prefix(sign)?.trim())))
}

fn classic(text: &str) -> Option<(String, MatchOp, String)> {
    let (name, op, value) = head(text, |c| c.is_ascii_alphanumeric() || c == '_' || c == ':')?;
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let quoted = value.strip_prefix('"');
    let inner = match quoted {
        Some(rest) => rest.strip_suffix('"').filter(|inner| !ends_in_escape(inner))?,
        None => value,
    };
    let (mut out, mut escaped) = (String::new(), false);
    for c in inner.chars() {
        match (escaped, c) {
            (true, 'n') => out.push('\n'),
            (true, '"' | '\\') => out.push(c),
            (true, other) => out.extend(['\\', other]),
            (false, '\\') => {
                escaped = true;
                continue;
            }
            (false, '"') => return None,
            (false, other) => out.push(other),
        }
        escaped = false;
    }
    if escaped {
        out.push('\\');
    }
    Some((name.to_owned(), op, out))
}

fn utf8(text: &str) -> Option<(String, MatchOp, String)> {
    let text = text.trim();
    let (name, rest) = term(text)?;
    let (op, rest) = operator(rest)?;
    let (value, rest) = term(rest)?;
    (rest.trim().is_empty() && !name.is_empty()).then_some((name, op, value))
}

/// A quoted text or a run of characters that mean nothing else, and what follows.
fn term(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let reserved = |c: char| c.is_whitespace() || "{}!=~,\\\"'`".contains(c);
        let end = text.find(reserved).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let (mut out, mut chars) = (String::new(), quoted.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, &quoted[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                c @ ('"' | '\\') => out.push(c),
                _ => return None,
            },
            c => out.push(c),
        }
    }
    None
}

fn ends_in_escape(text: &str) -> bool {
    text.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read() {
        for (text, printed) in [
            ("a=b", "a=\"b\""),
            (" a = \"b c\" ", "a=\"b c\""),
            ("a=b c", "a=\"b c\""),
            ("a!=", "a!=\"\""),
            ("a=~\"x|y\"", "a=~\"x|y\""),
            ("a!~x.*", "a!~\"x.*\""),
            (r#"a="x\"y\\""#, r#"a="x\"y\\""#),
            (r"a=x\d", r#"a="x\\d""#),
            ("\"service.name\"=\"cart\"", "service.name=\"cart\""),
            ("ö=ü", "ö=\"ü\""),
            ("a:b=c", "a:b=\"c\""),
        ] {
            assert_eq!(parse_one(text).map(|m| print(&m)).as_deref(), Ok(printed), "{text}");
        }
        for bad in ["", "a", "=a", "1a=\"", "a=\"b", "a=b\"c", "a=~(", "a=\"b\\\"", "a.b=c d", "\"\"=a"] {
            assert!(parse_one(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn several_stand_in_braces() {
        let printed = |text: &str| parse_all(text).map(|all| all.iter().map(print).collect::<Vec<_>>());
        assert_eq!(printed("{}"), Ok(vec![]));
        assert_eq!(printed("{a=\"x,y\", b!~c,}").unwrap(), ["a=\"x,y\"", "b!~\"c\""]);
        assert_eq!(printed("a=b,c=d").unwrap(), ["a=\"b\"", "c=\"d\""]);
        for bad in ["{a=b", "a=b}", "{a=b,,c=d}", "{,}"] {
            assert!(parse_all(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_label_that_is_not_there_is_empty() {
        let labels = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        for (text, passes) in [("a=b,c=\"\"", true), ("c!=x", true), ("c=~.+", false), ("a=b,c=d", false)] {
            assert_eq!(all_match(&parse_all(text).unwrap(), &labels), passes, "{text}");
        }
    }
}
