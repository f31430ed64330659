//! The stages of a log query: line filters, parsers, formatters.

use super::super::ast::{
    Extraction, LabelFormat, LabelSource, LineFilter, LineOp, LineRegex, Logfmt, NameTest, Needle, PathStep,
    Span, Stage, StageKind,
};
use super::super::error::ParseError;
use super::super::lexer::Token;
use super::super::pattern::Pattern;
use super::super::table::{STAGES, StageWord};
use super::super::template::Template;
use super::{Parsed, Parser};

/// Matches no line.
const NEVER: &str = r"[^\s\S]";

impl Parser<'_> {
    /// Stages up to something that is none; `| unwrap` is left to the range aggregation.
    pub(super) fn stages(&mut self) -> Parsed<Vec<Stage>> {
        let mut stages = Vec::new();
        loop {
            let start = self.span().start;
            let kind = if let Some(op) = self.line_operator() {
                self.at += 1;
                StageKind::Line(self.line_filter(op)?)
            } else if *self.peek() == Token::Symbol("|") && self.stage_word(1) != Some(StageWord::Unwrap) {
                self.at += 1;
                self.stage()?
            } else {
                return Ok(stages);
            };
            stages.push(Stage { kind, span: Span { start, end: self.previous_end() } });
        }
    }

    pub(super) fn stage_word(&self, ahead: usize) -> Option<StageWord> {
        let Token::Ident(name) = self.peek_at(ahead) else { return None };
        let word = STAGES.iter().find(|row| row.name.eq_ignore_ascii_case(name)).map(|row| row.word);
        // Loki has no such word: `distinct = "x"` is a filter on a label of that name.
        let names = matches!(self.peek_at(ahead + 1), Token::Ident(_));
        word.filter(|word| *word != StageWord::Distinct || names)
    }

    fn line_operator(&self) -> Option<LineOp> {
        let Token::Symbol(symbol) = self.peek() else { return None };
        let op = match *symbol {
            "|=" => LineOp::Contains,
            "!=" => LineOp::NotContains,
            "|~" => LineOp::Matches,
            "!~" => LineOp::NotMatches,
            "|>" => LineOp::Pattern,
            "!>" => LineOp::NotPattern,
            _ => return None,
        };
        // After `{...}[5m]` an operator may follow: `!=` is a filter only before a text or `ip(`.
        let filter =
            matches!(self.peek_at(1), Token::Text(_)) || self.ip_follows(1) || symbol.starts_with('|');
        (filter || self.peek_at(1) == &Token::End).then_some(op)
    }

    fn ip_follows(&self, ahead: usize) -> bool {
        matches!(self.peek_at(ahead), Token::Ident(name) if name.eq_ignore_ascii_case("ip"))
    }

    fn line_filter(&mut self, op: LineOp) -> Parsed<LineFilter> {
        let mut any_of = vec![self.needle(op)?];
        while self.word_follows("or") && (matches!(self.peek_at(1), Token::Text(_)) || self.ip_follows(1)) {
            self.at += 1;
            any_of.push(self.needle(op)?);
        }
        Ok(LineFilter { op, any_of })
    }

    fn needle(&mut self, op: LineOp) -> Parsed<Needle> {
        let span = self.span();
        if self.ip_follows(0) {
            self.at += 1;
            return Ok(Needle::Ip(self.ip_argument()?));
        }
        let Token::Text(text) = self.peek().clone() else {
            return Err(self.unexpected("STRING or ip"));
        };
        self.at += 1;
        match op {
            LineOp::Contains | LineOp::NotContains => Ok(Needle::Text(text)),
            LineOp::Matches | LineOp::NotMatches => Ok(Needle::Regex(self.needle_regex(text, span)?)),
            LineOp::Pattern | LineOp::NotPattern => {
                let pattern = Pattern::for_filter(&text);
                pattern.map(Needle::Pattern).map_err(|message| ParseError::at(self.text, span, message))
            }
        }
    }

    fn line_regex(&self, source: String, span: Span) -> Parsed<LineRegex> {
        let regex = self.regex(&source, span)?;
        Ok(LineRegex { source, regex, invalid: None })
    }

    /// Loki compiles the expressions of line filters when they run: until then any text will do.
    fn needle_regex(&self, source: String, span: Span) -> Parsed<LineRegex> {
        match self.regex(&source, span) {
            Ok(regex) => Ok(LineRegex { source, regex, invalid: None }),
            Err(error) => {
                Ok(LineRegex { source, regex: self.regex(NEVER, span)?, invalid: Some(error.to_string()) })
            }
        }
    }

    fn stage(&mut self) -> Parsed<StageKind> {
        let Some(word) = self.stage_word(0) else {
            return Ok(StageKind::Filter(self.label_filter()?));
        };
        self.at += 1;
        let span = self.span();
        Ok(match word {
            StageWord::Json => StageKind::Json(self.extractions(json_path)?),
            StageWord::Logfmt => StageKind::Logfmt(self.logfmt()?),
            StageWord::Pattern => {
                let text = self.text_token()?;
                let pattern = Pattern::for_stage(&text);
                StageKind::Pattern(
                    pattern.map_err(|m| self.whole(span, format!("invalid pattern parser: {m}")))?,
                )
            }
            StageWord::Regexp => StageKind::Regexp(self.capture_regex(span)?),
            StageWord::Unpack => StageKind::Unpack,
            StageWord::LineFormat => StageKind::LineFormat(self.template(span)?),
            StageWord::LabelFormat => StageKind::LabelFormat(self.label_formats()?),
            StageWord::Decolorize => StageKind::Decolorize,
            StageWord::Drop => StageKind::Drop(self.name_tests()?),
            StageWord::Keep => StageKind::Keep(self.name_tests()?),
            StageWord::Distinct => StageKind::Distinct(self.names()?),
            StageWord::Unwrap => return Err(self.unexpected("")),
        })
    }

    fn capture_regex(&mut self, span: Span) -> Parsed<LineRegex> {
        let source = self.text_token()?;
        let regex = self.line_regex(source, span)?;
        if regex.regex.capture_names().flatten().next().is_none() {
            return Err(self.whole(span, "invalid regexp parser: at least one named capture is needed"));
        }
        Ok(regex)
    }

    fn template(&mut self, span: Span) -> Parsed<Template> {
        let source = self.text_token()?;
        Template::parse(&source).map_err(|message| ParseError::at(self.text, span, message))
    }

    fn logfmt(&mut self) -> Parsed<Logfmt> {
        let (mut strict, mut keep_empty) = (false, false);
        while let Token::Flag(flag) = self.peek() {
            match flag.as_str() {
                "--strict" => strict = true,
                _ => keep_empty = true,
            }
            self.at += 1;
        }
        Ok(Logfmt { strict, keep_empty, extractions: self.extractions(logfmt_path)? })
    }

    /// `a, b="expression"`: possibly none.
    fn extractions(&mut self, read: fn(&str) -> Result<Vec<PathStep>, String>) -> Parsed<Vec<Extraction>> {
        let mut out = Vec::new();
        if !matches!(self.peek(), Token::Ident(_)) {
            return Ok(out);
        }
        loop {
            let span = self.span();
            let label = self.ident()?;
            let source = if self.eat("=") { self.text_token()? } else { label.clone() };
            let path = read(&source).map_err(|message| {
                ParseError::at(self.text, span, format!("cannot parse expression [{source}]: {message}"))
            })?;
            out.push(Extraction { label, source, path });
            if !self.eat(",") {
                return Ok(out);
            }
        }
    }

    fn label_formats(&mut self) -> Parsed<Vec<LabelFormat>> {
        let mut out: Vec<LabelFormat> = Vec::new();
        loop {
            let span = self.span();
            let label = self.ident()?;
            self.expect("=")?;
            let value_span = self.span();
            let value = match self.peek().clone() {
                Token::Ident(name) => {
                    self.at += 1;
                    LabelSource::Rename(name)
                }
                Token::Text(_) => LabelSource::Template(self.template(value_span)?),
                _ => return Err(self.unexpected("IDENTIFIER or STRING")),
            };
            if out.iter().any(|format| format.label == label) {
                return Err(ParseError::at(
                    self.text,
                    span,
                    format!("multiple label name '{label}' not allowed in a single format operation"),
                ));
            }
            out.push(LabelFormat { label, value });
            if !self.eat(",") {
                return Ok(out);
            }
        }
    }

    fn names(&mut self) -> Parsed<Vec<String>> {
        let mut names = vec![self.ident()?];
        while self.eat(",") {
            names.push(self.ident()?);
        }
        Ok(names)
    }

    fn name_tests(&mut self) -> Parsed<Vec<NameTest>> {
        let mut out = Vec::new();
        loop {
            let name = self.ident()?;
            let compares = matches!(self.peek(), Token::Symbol("=" | "!=" | "=~" | "!~"));
            // `| drop a != "x"` is a matcher, as in Loki, not a line filter.
            let test = if compares { Some(self.matcher(name.clone())?.test) } else { None };
            out.push(NameTest { name, test });
            if !self.eat(",") {
                return Ok(out);
            }
        }
    }
}

/// `a.b[0]["c d"]`
fn json_path(source: &str) -> Result<Vec<PathStep>, String> {
    let mut steps = Vec::new();
    let mut rest = source.trim();
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (step, after) = bracketed(inner)?;
            steps.push(step);
            rest = after;
        } else {
            let name = match rest.strip_prefix('.') {
                Some(name) if !steps.is_empty() => name,
                Some(_) => return Err("unexpected '.'".to_string()),
                None if steps.is_empty() => rest,
                None => return Err(format!("unexpected {rest:?}")),
            };
            let end = name.find(['.', '[', ']', '"', ' ']).unwrap_or(name.len());
            if end == 0 || name[end..].starts_with([']', '"', ' ']) {
                return Err(format!("unexpected {:?}", &name[end..]));
            }
            steps.push(PathStep::Key(name[..end].to_string()));
            rest = &name[end..];
        }
    }
    if steps.is_empty() { Err("unexpected end".to_string()) } else { Ok(steps) }
}

fn bracketed(inner: &str) -> Result<(PathStep, &str), String> {
    if let Some(quoted) = inner.strip_prefix('"') {
        let end = quoted.find("\"]").ok_or("missing closing \"]")?;
        return Ok((PathStep::Key(quoted[..end].to_string()), &quoted[end + 2..]));
    }
    let end = inner.find(']').ok_or("missing closing ]")?;
    let index = inner[..end].parse().map_err(|_| format!("not an index: {:?}", &inner[..end]))?;
    Ok((PathStep::Index(index), &inner[end + 1..]))
}

/// The expression of `logfmt` is one key.
fn logfmt_path(source: &str) -> Result<Vec<PathStep>, String> {
    let key = source.trim_matches('"');
    if key.is_empty() || key.contains(|c: char| c.is_whitespace() || c == '=') {
        return Err("expecting one key".to_string());
    }
    Ok(vec![PathStep::Key(key.to_string())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_paths_have_keys_indexes_and_quoted_keys() {
        let key = |name: &str| PathStep::Key(name.into());
        assert_eq!(json_path("a.b[0]").unwrap(), [key("a"), key("b"), PathStep::Index(0)]);
        assert_eq!(json_path(r#"["c d"].e"#).unwrap(), [key("c d"), key("e")]);
        for bad in ["", ".a", "a..b", "a[", "a[x]", "a b", "a]"] {
            assert!(json_path(bad).is_err(), "{bad}");
        }
    }
}
