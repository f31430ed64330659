//! The Alertmanager API v2, read side: the OpenAPI's GETs, filled from the rules of this process.

pub(crate) mod alerts;
pub(crate) mod silences;
pub(crate) mod status;

use store::model::{LabelMatcher, MatchOp};

use crate::failure::Failure;

/// One `filter=` parameter: `name="value"`, with or without quotes, with any of the four operators.
fn filter(text: &str) -> Result<LabelMatcher, Failure> {
    let bad = || Failure::bad(format!("bad matcher format: {text}"));
    let at = text.find(['=', '!']).ok_or_else(bad)?;
    let (name, rest) = text.split_at(at);
    const OPERATORS: [(&str, MatchOp); 4] =
        [("=~", MatchOp::Regex), ("!~", MatchOp::NotRegex), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)];
    let (op, value) =
        OPERATORS.iter().find_map(|(sign, op)| Some((*op, rest.strip_prefix(sign)?))).ok_or_else(bad)?;
    let value = value.trim();
    let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
    let value = value.replace("\\\"", "\"").replace("\\\\", "\\");
    let name = name.trim().trim_matches('"');
    if name.is_empty() {
        return Err(bad());
    }
    LabelMatcher::new(name, op, &value).map_err(|error| Failure::bad(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_of_amtool_and_grafana() {
        for (text, name, value, matches) in [
            ("severity=\"page\"", "severity", "page", true),
            ("severity=page", "severity", "page", true),
            (" a =~ \"x.*\" ", "a", "xy", true),
            ("a!=b", "a", "b", false),
            ("a!~\"b|c\"", "a", "c", false),
        ] {
            let matcher = filter(text).unwrap();
            assert_eq!((&*matcher.name, matcher.matches(value)), (name, matches), "{text}");
        }
        for bad in ["", "severity", "=x", "a=~("] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }
}
