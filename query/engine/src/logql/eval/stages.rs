//! What each stage does to a row: its line and its labels.

use std::borrow::Cow;
use std::net::IpAddr;

use super::extract;
use super::row::{RowLabels, RowRef};
use crate::logql::ast::{
    Compare, IpPattern, LabelFilter, LabelFormat, LabelSource, LineFilter, NameTest, Needle, Stage, StageKind,
};
use crate::logql::template::{Scope, Template};
use crate::logql::units::{parse_bytes, parse_duration};

/// Runs the stages in order; `false` if one of them leaves the row out.
pub(crate) fn run(
    stages: &[Stage],
    row: RowRef<'_>,
    labels: &mut RowLabels,
    line: &mut Cow<'_, str>,
) -> bool {
    stages.iter().all(|stage| run_one(&stage.kind, row, labels, line))
}

fn run_one(stage: &StageKind, row: RowRef<'_>, labels: &mut RowLabels, line: &mut Cow<'_, str>) -> bool {
    match stage {
        StageKind::Line(filter) => return line_passes(filter, line),
        StageKind::Filter(filter) => return label_passes(filter, row, labels),
        StageKind::Json(paths) if paths.is_empty() => extract::json(row, labels, line),
        StageKind::Json(paths) => extract::json_paths(paths, row, labels, line),
        StageKind::Logfmt(logfmt) => extract::logfmt(logfmt, row, labels, line),
        StageKind::Regexp(regex) => extract::regexp(&regex.regex, row, labels, line),
        StageKind::Pattern(pattern) => pattern.captures(line, |name, value| labels.extract(row, name, value)),
        StageKind::Unpack => {
            if let Some(entry) = extract::unpack(row, labels, line) {
                *line = Cow::Owned(entry);
            }
        }
        StageKind::LineFormat(template) => {
            if let Some(text) = render(template, row, labels, line) {
                *line = Cow::Owned(text);
            }
        }
        StageKind::LabelFormat(formats) => format_labels(formats, row, labels, line),
        StageKind::Decolorize => {
            if let Some(plain) = decolorized(line) {
                *line = Cow::Owned(plain);
            }
        }
        // Of lines in the order of the answer, see `sift`.
        StageKind::Distinct(_) => {}
        StageKind::Drop(tests) => {
            for test in tests.iter().filter(|test| name_test_holds(test, row, labels)).collect::<Vec<_>>() {
                labels.remove(&test.name);
            }
        }
        StageKind::Keep(tests) => {
            for name in labels.names(row) {
                if !tests.iter().any(|test| test.name == name && name_test_holds(test, row, labels)) {
                    labels.remove(&name);
                }
            }
        }
    }
    true
}

pub(crate) fn line_passes(filter: &LineFilter, line: &str) -> bool {
    filter.any_of.iter().any(|needle| needle_found(needle, line)) != filter.op.negated()
}

fn needle_found(needle: &Needle, line: &str) -> bool {
    match needle {
        Needle::Text(text) => memchr::memmem::find(line.as_bytes(), text.as_bytes()).is_some(),
        Needle::Regex(regex) => regex.regex.is_match(line),
        Needle::Pattern(pattern) => pattern.matches(line),
        Needle::Ip(ip) => has_address(line, ip),
    }
}

/// Whether an address of the range stands anywhere in the line, with or without a port.
fn has_address(line: &str, wanted: &IpPattern) -> bool {
    let is_part = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
    line.split(|c| !is_part(c)).any(|word| {
        let word = word.trim_end_matches(['.', ':']);
        let without_port = word.rsplit_once(':').map(|(host, _)| host);
        let parsed = word.parse::<IpAddr>().ok().or_else(|| without_port.and_then(|host| host.parse().ok()));
        parsed.is_some_and(|address| wanted.contains(address))
    })
}

pub(crate) fn label_passes(filter: &LabelFilter, row: RowRef<'_>, labels: &mut RowLabels) -> bool {
    match filter {
        LabelFilter::Match(m) => m.test.matches(labels.get(row, &m.name).as_deref().unwrap_or_default()),
        LabelFilter::Number { name, op, value } => {
            compare(row, labels, name, *op, *value, |text| text.trim().parse::<f64>().ok())
        }
        LabelFilter::Duration { name, op, nanos } => compare(row, labels, name, *op, *nanos, parse_duration),
        LabelFilter::Bytes { name, op, bytes } => compare(row, labels, name, *op, *bytes, parse_bytes),
        LabelFilter::Ip { name, negated, pattern } => {
            let value = labels.get(row, name);
            labels.error().is_some() || value.is_some_and(|value| has_address(&value, pattern) != *negated)
        }
        LabelFilter::And(all) => all.iter().all(|filter| label_passes(filter, row, labels)),
        LabelFilter::Or(any) => any.iter().any(|filter| label_passes(filter, row, labels)),
    }
}

/// A row without the label does not pass. A value that cannot be read marks the row with an error, if it has none yet,
/// and passes: only filters on `__error__` take such rows out.
fn compare<T: PartialOrd>(
    row: RowRef<'_>,
    labels: &mut RowLabels,
    name: &str,
    op: Compare,
    wanted: T,
    read: impl Fn(&str) -> Option<T>,
) -> bool {
    let Some(value) = labels.get(row, name) else { return false };
    match read(&value) {
        Some(found) => op.holds(found, wanted),
        None => {
            let details = format!("cannot read {value:?} as the filter on {name:?} needs it");
            labels.set_error("LabelFilterErr", &details);
            true
        }
    }
}

fn name_test_holds(test: &NameTest, row: RowRef<'_>, labels: &RowLabels) -> bool {
    let Some(matcher) = &test.test else { return true };
    matcher.matches(labels.get(row, &test.name).as_deref().unwrap_or_default())
}

/// A row as templates see it.
struct RowScope<'s> {
    row: RowRef<'s>,
    labels: &'s RowLabels,
    line: &'s str,
}

impl Scope for RowScope<'_> {
    fn label(&self, name: &str) -> Option<Cow<'_, str>> {
        self.labels.get(self.row, name)
    }

    fn labels(&self) -> Vec<(String, String)> {
        let names = self.labels.names(self.row).into_iter();
        names
            .filter_map(|name| Some((self.labels.get(self.row, &name)?.into_owned(), name)))
            .map(|(v, n)| (n, v))
            .collect()
    }

    fn line(&self) -> &str {
        self.line
    }

    fn timestamp(&self) -> i64 {
        self.row.batch.times()[self.row.row]
    }

    fn now(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }
}

const TEMPLATE_ERROR: &str = "TemplateFormatErr";

/// The text, or nothing and an error of the row.
fn render(template: &Template, row: RowRef<'_>, labels: &mut RowLabels, line: &str) -> Option<String> {
    match template.render(&RowScope { row, labels, line }) {
        Ok(text) => Some(text),
        Err(details) => {
            labels.set_error(TEMPLATE_ERROR, &details);
            None
        }
    }
}

/// All templates of one stage see the labels as the first of them does: what entries after it do shows at the end.
fn format_labels(formats: &[LabelFormat], row: RowRef<'_>, labels: &mut RowLabels, line: &str) {
    let templates = formats.iter().position(|format| matches!(format.value, LabelSource::Template(_)));
    let (before, after) = formats.split_at(templates.unwrap_or(formats.len()));
    for format in before {
        if let LabelSource::Rename(from) = &format.value
            && let Some(value) = labels.get(row, from).map(Cow::into_owned)
        {
            labels.set(&format.label, &value);
            labels.remove(from);
        }
    }
    let mut later: Vec<(&str, Option<String>)> = Vec::new();
    for format in after {
        match &format.value {
            LabelSource::Rename(from) => {
                let changed = later.iter().rev().find(|(name, _)| name == from);
                let value = match changed {
                    Some((_, value)) => value.clone(),
                    None => labels.get(row, from).map(Cow::into_owned),
                };
                if value.is_some() {
                    later.extend([(format.label.as_str(), value), (from.as_str(), None)]);
                }
            }
            LabelSource::Template(template) => {
                let text = render(template, row, labels, line);
                later.extend(text.map(|text| (format.label.as_str(), Some(text))));
            }
        }
    }
    for (name, value) in later {
        match value {
            Some(value) => labels.set(name, &value),
            None => labels.remove(name),
        }
    }
}

/// The line without terminal escape sequences; `None` if there are none.
fn decolorized(line: &str) -> Option<String> {
    memchr::memchr(0x1b, line.as_bytes())?;
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        rest = if let Some(sequence) = after.strip_prefix('[') {
            let end = sequence.find(|c: char| ('@'..='~').contains(&c)).map_or(sequence.len(), |end| end + 1);
            &sequence[end..]
        } else if let Some(command) = after.strip_prefix(']') {
            // A command of the operating system, such as a title, ends with a bell.
            command.find('\u{7}').map_or(after, |end| &command[end + 1..])
        } else {
            after
        };
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_removed() {
        assert_eq!(decolorized("\u{1b}[31;1mred\u{1b}[0m plain\u{1b}[").as_deref(), Some("red plain"));
        assert_eq!(decolorized("a \u{1b}]0;title\u{7}b").as_deref(), Some("a b"));
        assert_eq!(decolorized("plain"), None);
    }

    #[test]
    fn addresses_are_found_in_lines() {
        let range = |first: &str, last: &str| IpPattern {
            source: String::new(),
            range: Some((first.parse().unwrap(), last.parse().unwrap())),
        };
        let private = range("10.0.0.0", "10.255.255.255");
        assert!(has_address("from 10.1.2.3:8080 to", &private));
        assert!(has_address("peer=10.1.2.3.", &private));
        assert!(!has_address("from 110.1.2.3 version 10.1", &private));
        assert!(has_address("[fe80::1] up", &range("fe80::", "fe80::ffff")));
    }
}
