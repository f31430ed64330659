//! Parser stages: labels out of the line.

use regex::Regex;

use super::json::{self, Json};
use super::names::write_label_name;
use super::row::{RowLabels, RowRef};
use crate::logql::ast::{Extraction, Logfmt, PathStep};

const JSON_ERROR: &str = "JSONParserErr";
const LOGFMT_ERROR: &str = "LogfmtParserErr";
/// The key under which packed lines carry the original line.
const PACKED_LINE: &str = "_entry";

/// All scalars of an object; members of nested objects have their path as name, joined by `_`.
pub(super) fn json(row: RowRef<'_>, labels: &mut RowLabels, line: &str) {
    if labels.wants_nothing(row) {
        return;
    }
    let mut name = String::new();
    if flatten(line, &mut name, row, labels).is_err() {
        labels.set_error(JSON_ERROR, "the line is not a JSON object");
    }
}

fn flatten(
    text: &str,
    name: &mut String,
    row: RowRef<'_>,
    labels: &mut RowLabels,
) -> Result<(), json::Malformed> {
    let prefix = name.len();
    let mut inner = Ok(());
    json::each_member(text, &mut |key, value| {
        name.truncate(prefix);
        if prefix > 0 {
            name.push('_');
            name.extend(json::unescape(key).chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }));
        } else {
            write_label_name(&json::unescape(key), name);
        }
        if let Json::Object(object) = value {
            inner = flatten(object, name, row, labels);
        } else if let Some(text) = value.scalar() {
            labels.extract(row, name, &text);
        }
        inner.is_ok()
    })?;
    name.truncate(prefix);
    inner
}

/// Only the named paths; objects and arrays come as their text, and what is not there is empty. How the rest of the
/// line looks does not matter.
pub(super) fn json_paths(paths: &[Extraction], row: RowRef<'_>, labels: &mut RowLabels, line: &str) {
    if line.is_empty() {
        return;
    }
    if !line.starts_with(['{', '[', '"']) {
        return labels.set_error(JSON_ERROR, "the line is no JSON");
    }
    for extraction in paths {
        let mut value = Some(if line.starts_with('[') { Json::Array(line) } else { Json::Object(line) });
        for step in &extraction.path {
            value = match (step, value) {
                (PathStep::Key(key), Some(Json::Object(text))) => json::member(text, key),
                (PathStep::Index(index), Some(Json::Array(text))) => json::element(text, *index),
                _ => None,
            };
        }
        let text = value.map_or("".into(), Json::text);
        labels.extract(row, &extraction.label, &text);
    }
}

/// Labels of a packed line, and the line that was packed. What was not packed stays as it is.
pub(super) fn unpack(row: RowRef<'_>, labels: &mut RowLabels, line: &str) -> Option<String> {
    if line.is_empty() || (line.starts_with('{') && json::member(line, PACKED_LINE).is_none()) {
        return None;
    }
    let mut entry = None;
    let mut name = String::new();
    let walked = json::each_member(line, &mut |key, value| {
        let Json::Text(text) = value else { return true };
        if key == PACKED_LINE {
            entry = Some(json::unescape(text).into_owned());
        } else {
            name.clear();
            write_label_name(&json::unescape(key), &mut name);
            labels.extract(row, &name, &json::unescape(text));
        }
        true
    });
    if walked.is_err() {
        labels.set_error(JSON_ERROR, "the line is not a packed JSON object");
    }
    entry
}

pub(super) fn regexp(regex: &Regex, row: RowRef<'_>, labels: &mut RowLabels, line: &str) {
    let Some(captures) = regex.captures(line) else { return };
    for (name, value) in regex.capture_names().zip(captures.iter()) {
        if let (Some(name), Some(value)) = (name, value) {
            labels.extract(row, name, value.as_str());
        }
    }
}

pub(super) fn logfmt(stage: &Logfmt, row: RowRef<'_>, labels: &mut RowLabels, line: &str) {
    if stage.extractions.is_empty() && labels.wants_nothing(row) {
        return;
    }
    let mut name = String::new();
    let read = each_pair(line, stage.strict, &mut |key, value| {
        if value.is_empty() && !stage.keep_empty {
            return;
        }
        if stage.extractions.is_empty() {
            name.clear();
            write_label_name(key, &mut name);
            labels.extract(row, &name, &value);
        }
        for extraction in &stage.extractions {
            if extraction
                .path
                .first()
                .is_some_and(|step| matches!(step, PathStep::Key(wanted) if wanted == key))
            {
                labels.extract(row, &extraction.label, &value);
            }
        }
    });
    if let Err(position) = read {
        labels.set_error(LOGFMT_ERROR, &format!("no logfmt at byte {position} of the line"));
    }
}

type Pair<'p, 'l> = &'p mut dyn FnMut(&'l str, std::borrow::Cow<'l, str>);

/// Calls `pair` with each `key=value`. What is malformed is left out, or with `strict` ends with its position.
fn each_pair<'l>(line: &'l str, strict: bool, pair: Pair<'_, 'l>) -> Result<(), usize> {
    let mut at = 0;
    while at < line.len() {
        let rest = &line[at..];
        let blank = rest.len() - rest.trim_start().len();
        at += blank;
        let rest = &line[at..];
        if rest.is_empty() {
            break;
        }
        let key_end = rest.find(|c: char| c == '=' || c == '"' || c.is_whitespace()).unwrap_or(rest.len());
        let key = &rest[..key_end];
        let after = &rest[key_end..];
        if key.is_empty() || after.starts_with('"') {
            if strict {
                return Err(at);
            }
            at += rest.find(char::is_whitespace).unwrap_or(rest.len());
            continue;
        }
        at += key_end;
        let Some(value) = after.strip_prefix('=') else {
            pair(key, "".into());
            continue;
        };
        at += 1;
        if let Some(quoted) = value.strip_prefix('"') {
            match closing_quote(quoted) {
                Some(end) => {
                    pair(key, json::unescape(&quoted[..end]));
                    at += end + 2;
                }
                None if strict => return Err(at),
                None => at = line.len(),
            }
        } else {
            let end = value.find(char::is_whitespace).unwrap_or(value.len());
            let malformed = value[..end].contains(['=', '"']);
            if strict && malformed {
                return Err(at);
            }
            if !malformed {
                pair(key, value[..end].into());
            }
            at += end;
        }
    }
    Ok(())
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let step = memchr::memchr2(b'"', b'\\', text.as_bytes().get(at..)?)?;
        if text.as_bytes()[at + step] == b'"' {
            return Some(at + step);
        }
        at += step + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(line: &str, strict: bool) -> Result<String, usize> {
        let mut out = Vec::new();
        each_pair(line, strict, &mut |key, value| out.push(format!("{key}:{value}")))?;
        Ok(out.join(" "))
    }

    #[test]
    fn pairs_of_a_line() {
        assert_eq!(
            pairs(r#"level=warn msg="a \"b\"" took=5ms flag x="#, false).unwrap(),
            r#"level:warn msg:a "b" took:5ms flag: x:"#
        );
        assert_eq!(pairs(r#"="x" "q" a=1 b=c=d e=f"g h=2"#, false).unwrap(), "a:1 h:2");
        assert_eq!(pairs(r#"a="open"#, false).unwrap(), "");
        assert_eq!(pairs("größe=5 ß=ä", true).unwrap(), "größe:5 ß:ä");
    }

    #[test]
    fn strict_lines_must_be_wellformed() {
        assert_eq!(pairs("a=1 =2", true), Err(4));
        assert_eq!(pairs(r#"a="open"#, true), Err(2));
        assert_eq!(pairs("a=b=c", true), Err(2));
    }
}
