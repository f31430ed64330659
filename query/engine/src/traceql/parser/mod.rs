//! Recursive descent from tokens to the tree; depth is bounded.

mod expression;
mod field;
mod metrics;

use super::ast::{Attribute, Expr, Query, SpansetExpr, Stage};
use super::lexer::{Lexeme, Token, tokenize};
use super::table::METRICS;
use crate::logql::{ParseError, Span};
use expression::Term;

/// Parentheses and chained operators, counted together.
const DEPTH_MAX: usize = 128;
/// Compiled size of one regular expression, as in the `regex` crate's own default.
const REGEX_BYTES_MAX: usize = 10 << 20;

pub(super) type Parsed<T> = Result<T, ParseError>;

/// Reads a whole query. An empty text is `{}`, as Tempo's search takes it.
pub fn parse(text: &str) -> Parsed<Query> {
    if text.trim().is_empty() {
        let all = Stage::Spanset(SpansetExpr::Filter(None));
        return Ok(Query { expr: Expr::Search(vec![all]), hints: Vec::new() });
    }
    let mut parser = Parser { text, lexemes: tokenize(text)?, at: 0, depth: 0 };
    let expr = match parser.pipeline()? {
        Term::Spanset(spanset) => Expr::Search(vec![Stage::Spanset(spanset)]),
        Term::Stages(stages) => Expr::Search(stages),
        Term::Filter(filter) => Expr::Search(vec![Stage::Filter(filter)]),
        Term::Metrics(metrics) => Expr::Metrics(metrics),
        Term::Scalar(_) => return Err(parser.unexpected("a comparison")),
    };
    let hints = parser.hints()?;
    if *parser.peek() != Token::End {
        return Err(parser.unexpected(""));
    }
    Ok(Query { expr, hints })
}

/// Reads one attribute or intrinsic, as the tag endpoints name them; a bare word is an unscoped attribute.
pub fn parse_attribute(text: &str) -> Parsed<Attribute> {
    let mut parser = Parser { text, lexemes: tokenize(text)?, at: 0, depth: 0 };
    let attribute = parser.attribute()?;
    if *parser.peek() != Token::End {
        return Err(parser.unexpected(""));
    }
    Ok(attribute)
}

pub(super) struct Parser<'t> {
    text: &'t str,
    lexemes: Vec<Lexeme>,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    /// Stages between bars: the whole query, or what parentheses hold.
    fn pipeline(&mut self) -> Parsed<Term> {
        self.deepen()?;
        let term = self.stages()?;
        self.depth -= 1;
        Ok(term)
    }

    fn stages(&mut self) -> Parsed<Term> {
        let mut stages = Vec::new();
        loop {
            if let Some(stage) = self.named_stage(stages.is_empty())? {
                stages.push(stage);
            } else if self.metrics_stage_starts() && !stages.is_empty() {
                let metrics = self.metrics(stages)?;
                return Ok(Term::Metrics(self.second_stages(metrics)?));
            } else {
                match self.expression(0)? {
                    Term::Spanset(spanset) => stages.push(Stage::Spanset(spanset)),
                    Term::Stages(inner) => stages.push(Stage::Spanset(SpansetExpr::Pipeline(inner))),
                    Term::Filter(filter) => stages.push(Stage::Filter(filter)),
                    Term::Metrics(metrics) if stages.is_empty() => {
                        return Ok(Term::Metrics(self.second_stages(metrics)?));
                    }
                    Term::Metrics(_) => return Err(self.unexpected("a stage over spans")),
                    Term::Scalar(scalar) => return self.naked(stages, scalar),
                }
            }
            if !self.eat("|") {
                return Ok(match stages.pop() {
                    Some(Stage::Spanset(only)) if stages.is_empty() => Term::Spanset(only),
                    Some(Stage::Filter(only)) if stages.is_empty() => Term::Filter(only),
                    last => {
                        stages.extend(last);
                        Term::Stages(stages)
                    }
                });
            }
        }
    }

    fn named_stage(&mut self, first: bool) -> Parsed<Option<Stage>> {
        let Token::Word(word) = self.peek().clone() else { return Ok(None) };
        if !matches!(word.as_str(), "by" | "select") && (word != "coalesce" || first) {
            return Ok(None);
        }
        self.at += 1;
        self.expect("(")?;
        let stage = match word.as_str() {
            "by" => {
                let start = self.span();
                let by = self.field()?;
                super::check::references_span(&by, "grouping")
                    .map_err(|message| ParseError::at(self.text, start, message))?;
                self.expect(")")?;
                Stage::By(by)
            }
            "select" => Stage::Select(self.attributes()?),
            _ => {
                self.expect(")")?;
                Stage::Coalesce
            }
        };
        Ok(Some(stage))
    }

    fn metrics_stage_starts(&self) -> bool {
        matches!(self.peek(), Token::Word(word) if METRICS.iter().any(|(_, name, _)| name == word))
    }

    // === the cursor ===

    fn peek(&self) -> &Token {
        &self.lexemes[self.at.min(self.lexemes.len() - 1)].token
    }

    fn span(&self) -> Span {
        self.lexemes[self.at.min(self.lexemes.len() - 1)].span
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Token::Symbol(s) if *s == symbol);
        self.at += usize::from(found);
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Token::Word(w) if w == word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Parsed<()> {
        if self.eat(symbol) { Ok(()) } else { Err(self.unexpected(symbol)) }
    }

    fn deepen(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(self.too_deep()) } else { Ok(()) }
    }

    fn too_deep(&self) -> ParseError {
        let message = format!("the query is nested deeper than {DEPTH_MAX} levels: split it");
        ParseError::at(self.text, self.span(), message)
    }

    fn unexpected(&self, expected: &str) -> ParseError {
        let found = match self.peek() {
            Token::Attribute { .. } => "ATTRIBUTE".to_string(),
            Token::Word(word) => word.clone(),
            Token::Text(_) => "STRING".to_string(),
            Token::Int(_) => "INTEGER".to_string(),
            Token::Float(_) => "FLOAT".to_string(),
            Token::Duration(_) => "DURATION".to_string(),
            Token::Symbol(symbol) => (*symbol).to_string(),
            Token::End => "$end".to_string(),
        };
        let expecting = if expected.is_empty() { String::new() } else { format!(", expecting {expected}") };
        ParseError::at(self.text, self.span(), format!("syntax error: unexpected {found}{expecting}"))
    }
}
