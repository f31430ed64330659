//! Templates of `line_format` and `label_format`: text with `{{.label}}` in it.
//!
//! Only plain fields, `__line__` and `__timestamp__`, and trim markers are evaluated; a template with functions,
//! pipelines or blocks is kept with its text and refused by the evaluator, so that it can still be parsed and printed.

#[derive(Clone, Debug)]
pub struct Template {
    pub source: String,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Parts(Vec<Part>),
    /// The first action that needs more than a field.
    Unsupported(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Label(String),
    Line,
    Timestamp,
}

impl Template {
    pub(crate) fn parse(source: &str) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut unsupported = None;
        let mut rest = source;
        let mut trim_next = false;
        while let Some(open) = rest.find("{{") {
            let after = &rest[open + 2..];
            let close = after.find("}}").ok_or_else(|| format!("unclosed action in template {source:?}"))?;
            let (trim_left, trim_right, action) = trimmed(&after[..close]);
            let mut text = &rest[..open];
            if trim_next {
                text = text.trim_start();
            }
            if trim_left {
                text = text.trim_end();
            }
            if !text.is_empty() {
                parts.push(Part::Text(text.to_string()));
            }
            match field(action) {
                Some(part) => parts.push(part),
                None => unsupported = unsupported.or_else(|| Some(action.to_string())),
            }
            trim_next = trim_right;
            rest = &after[close + 2..];
        }
        let tail = if trim_next { rest.trim_start() } else { rest };
        if !tail.is_empty() {
            parts.push(Part::Text(tail.to_string()));
        }
        let body = unsupported.map_or(Body::Parts(parts), Body::Unsupported);
        Ok(Template { source: source.to_string(), body })
    }

    /// The parts to join, or the action that is not supported yet.
    pub(crate) fn parts(&self) -> Result<&[Part], &str> {
        match &self.body {
            Body::Parts(parts) => Ok(parts),
            Body::Unsupported(action) => Err(action),
        }
    }

    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.parts().unwrap_or_default().iter().filter_map(|part| match part {
            Part::Label(name) => Some(name.as_str()),
            _ => None,
        })
    }
}

/// The action's text, and whether `{{-` or `-}}` eat the white space around it.
fn trimmed(action: &str) -> (bool, bool, &str) {
    let left = action.strip_prefix('-').filter(|rest| rest.starts_with(char::is_whitespace));
    let action_after = left.unwrap_or(action);
    let right = action_after.strip_suffix('-').filter(|rest| rest.ends_with(char::is_whitespace));
    (left.is_some(), right.is_some(), right.unwrap_or(action_after).trim())
}

fn field(action: &str) -> Option<Part> {
    match action {
        "__line__" => return Some(Part::Line),
        "__timestamp__" => return Some(Part::Timestamp),
        _ => {}
    }
    let name = action.strip_prefix('.')?;
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    plain.then(|| Part::Label(name.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_text_become_parts() {
        let template = Template::parse("{{.method}} took {{ .took }}!").unwrap();
        let parts = template.parts().unwrap();
        assert_eq!(parts.len(), 4);
        assert_eq!(parts[2], Part::Label("took".into()));
        assert_eq!(template.labels().collect::<Vec<_>>(), ["method", "took"]);
        let template = Template::parse("a  {{- .b -}}  c").unwrap();
        assert_eq!(template.parts().unwrap()[0], Part::Text("a".into()));
        assert_eq!(template.parts().unwrap()[2], Part::Text("c".into()));
    }

    #[test]
    fn functions_are_kept_but_not_evaluated() {
        assert_eq!(Template::parse("{{ .a | ToUpper }}").unwrap().parts(), Err(".a | ToUpper"));
        assert!(Template::parse("{{.a").is_err());
    }
}
