//! Go's templates call methods of what they are given (`.Alerts.Firing`, `.Labels.SortedPairs`, `.StartsAt.Format "…"`);
//! the template library has functions only. Actions are rewritten: `X.Firing` becomes `(__Firing X)`.

use super::Form;

/// Methods of Alertmanager's data and of Go's times; `true`: with arguments, which follow it in a command.
const METHODS: &[(&str, bool)] = &[
    ("Firing", false),
    ("Resolved", false),
    ("SortedPairs", false),
    ("Names", false),
    ("Values", false),
    ("Remove", true),
    ("Format", true),
    ("Sub", true),
    ("Unix", false),
    ("UnixMilli", false),
    ("UTC", false),
    ("Local", false),
    ("IsZero", false),
];

/// Words after which an action writes nothing itself.
const SILENT: &[&str] =
    &["if", "else", "end", "range", "with", "define", "block", "template", "break", "continue"];

pub(super) fn rewrite(text: &str, form: Form) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        out.push_str(&rest[..at + 2]);
        rest = &rest[at + 2..];
        let Some(end) = end_of_action(rest) else { break };
        let (action, after) = rest.split_at(end);
        if is_comment(action) {
            out.push_str(action);
        } else {
            out.push_str(&rewrite_action(action, form));
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn is_comment(action: &str) -> bool {
    action.trim_start_matches('-').trim_start().starts_with("/*")
}

/// Where `}}` stands outside of texts and comments.
fn end_of_action(text: &str) -> Option<usize> {
    if is_comment(text) {
        let close = text.find("*/")?;
        return text[close..].find("}}").map(|at| close + at);
    }
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '}' if text[at..].starts_with("}}") => return Some(at),
            '`' => while chars.next()?.1 != '`' {},
            '"' | '\'' => loop {
                match chars.next()?.1 {
                    '\\' => {
                        chars.next();
                    }
                    end if end == c => break,
                    _ => {}
                }
            },
            _ => {}
        }
    }
    None
}

fn rewrite_action(action: &str, form: Form) -> String {
    let (head, inner) = match action.strip_prefix('-') {
        Some(rest) if rest.starts_with(char::is_whitespace) => ("-", rest),
        _ => ("", action),
    };
    let (inner, tail) = match inner.strip_suffix('-') {
        Some(rest) if rest.ends_with(char::is_whitespace) => (rest, "-"),
        _ => (inner, ""),
    };
    let mut body = Reader { text: inner, at: 0 }.pipeline();
    if form == Form::Html && writes(inner) {
        body = format!("{} | __escape ", body.trim_end());
    }
    format!("{head}{body}{tail}")
}

/// Whether the action's value goes into the text.
fn writes(action: &str) -> bool {
    let action = action.trim();
    let word = action.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let assigns = action.starts_with('$')
        && action
            .trim_start_matches(|c: char| c == '$' || c.is_alphanumeric() || c == '_')
            .trim_start()
            .starts_with([':', '=']);
    !action.is_empty() && !SILENT.contains(&word) && !assigns
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn take(&mut self, bytes: usize) -> &'t str {
        let taken = &self.rest()[..bytes];
        self.at += bytes;
        taken
    }

    /// Up to the parenthesis that closes it, or the end.
    fn pipeline(&mut self) -> String {
        let mut out = String::new();
        while let Some(c) = self.rest().chars().next() {
            match c {
                ')' => break,
                '(' | '.' | '$' => out.push_str(&self.chain()),
                '"' | '\'' | '`' => out.push_str(self.quoted(c)),
                c if c.is_alphanumeric() || c == '_' => out.push_str(self.word()),
                c => out.push_str(self.take(c.len_utf8())),
            }
        }
        out
    }

    fn quoted(&mut self, quote: char) -> &'t str {
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            if c == '\\' && quote != '`' {
                chars.next();
            } else if c == quote {
                return self.take(at + 1);
            }
        }
        self.take(self.rest().len())
    }

    /// A name or a number, which may have a point in it.
    fn word(&mut self) -> &'t str {
        let number = self.rest().starts_with(|c: char| c.is_ascii_digit());
        let end = self.rest().find(|c: char| !(c.is_alphanumeric() || c == '_' || (number && c == '.')));
        self.take(end.unwrap_or(self.rest().len()))
    }

    /// Something with fields and methods behind it.
    fn chain(&mut self) -> String {
        let mut base = if self.rest().starts_with('(') {
            self.take(1);
            let inner = self.pipeline();
            let close = if self.rest().starts_with(')') { self.take(1) } else { "" };
            format!("({inner}{close}")
        } else if self.rest().starts_with('$') {
            self.take(1);
            format!("${}", self.word())
        } else {
            String::new()
        };
        while self.rest().starts_with('.') {
            self.take(1);
            let name = self.word();
            match METHODS.iter().find(|(method, _)| *method == name) {
                Some((method, arguments)) => {
                    let receiver = if base.is_empty() { "." } else { base.as_str() };
                    let called = format!("__{method} {receiver}");
                    let more = *arguments && !self.rest().starts_with('.');
                    base = if more { called } else { format!("({called})") };
                }
                None => base = format!("{base}.{name}"),
            }
        }
        base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_become_functions() {
        for (text, wanted) in [
            ("a {{ .Labels.job }} b", "a {{ .Labels.job }} b"),
            ("{{ .Alerts.Firing | len }}", "{{ (__Firing .Alerts) | len }}"),
            ("{{ range .Labels.SortedPairs.Values }}", "{{ range (__Values (__SortedPairs .Labels)) }}"),
            ("{{.Values}}", "{{(__Values .)}}"),
            ("{{ $x.Alerts.Resolved }}", "{{ (__Resolved $x.Alerts) }}"),
            (
                "{{- with .CommonLabels.Remove .GroupLabels.Names -}}",
                "{{- with __Remove .CommonLabels (__Names .GroupLabels) -}}",
            ),
            ("{{ (.L.Remove .G.Names).Values }}", "{{ (__Values (__Remove .L (__Names .G))) }}"),
            ("{{ .StartsAt.Format \"15:04 }} .Firing\" }}", "{{ __Format .StartsAt \"15:04 }} .Firing\" }}"),
            ("{{ .StartsAt.UTC.Format `a` }}", "{{ __Format (__UTC .StartsAt) `a` }}"),
            ("{{/* .Alerts.Firing }} */}}", "{{/* .Alerts.Firing }} */}}"),
            ("{{ 1.5 }}{{ \"\\\"}}\" }}", "{{ 1.5 }}{{ \"\\\"}}\" }}"),
            ("{{ unclosed", "{{ unclosed"),
        ] {
            assert_eq!(rewrite(text, Form::Text), wanted, "{text}");
        }
    }

    #[test]
    fn html_escapes_what_is_written() {
        for (text, wanted) in [
            ("{{ .A }}", "{{ .A | __escape }}"),
            ("{{- .A | toUpper -}}", "{{- .A | toUpper | __escape -}}"),
            ("{{ if .A }}{{ else if .B }}{{ end }}", "{{ if .A }}{{ else if .B }}{{ end }}"),
            ("{{ $x := .A }}{{ $x }}", "{{ $x := .A }}{{ $x | __escape }}"),
            ("{{ template \"a\" . }}", "{{ template \"a\" . }}"),
        ] {
            assert_eq!(rewrite(text, Form::Html), wanted, "{text}");
        }
    }
}
