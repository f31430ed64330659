//! Recursive descent from tokens to the tree; depth is bounded.

mod field;
mod scalar;

use super::ast::{Attribute, Query, Relation, RelationMode, SpansetExpr, SpansetOp, Stage};
use super::check;
use super::lexer::{Lexeme, Token, tokenize};
use super::table::{AGGREGATES, METRICS};
use crate::logql::{ParseError, Span};

/// Parentheses and chained operators, counted together.
const DEPTH_MAX: usize = 128;
/// Compiled size of one regular expression, as in the `regex` crate's own default.
const REGEX_BYTES_MAX: usize = 10 << 20;

pub(super) type Parsed<T> = Result<T, ParseError>;

/// Reads a whole query. An empty text is `{}`, as Tempo's search takes it.
pub fn parse(text: &str) -> Parsed<Query> {
    if text.trim().is_empty() {
        return Ok(Query { stages: vec![Stage::Spanset(SpansetExpr::Filter(None))] });
    }
    let mut parser = Parser { text, lexemes: tokenize(text)?, at: 0, depth: 0 };
    let stages = parser.stages()?;
    parser.hints()?;
    if *parser.peek() != Token::End {
        return Err(parser.unexpected(""));
    }
    Ok(Query { stages })
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
    fn stages(&mut self) -> Parsed<Vec<Stage>> {
        self.deepen()?;
        let mut stages = vec![self.stage(true)?];
        while self.eat("|") {
            stages.push(self.stage(false)?);
        }
        self.depth -= 1;
        Ok(stages)
    }

    fn stage(&mut self, first: bool) -> Parsed<Stage> {
        let Token::Word(word) = self.peek().clone() else {
            return if self.scalar_starts() { self.scalar_filter() } else { self.spanset_stage() };
        };
        match word.as_str() {
            "by" => {
                self.at += 1;
                self.expect("(")?;
                let by = self.field()?;
                self.expect(")")?;
                Ok(Stage::By(by))
            }
            "coalesce" if !first => {
                self.at += 1;
                self.expect("(")?;
                self.expect(")")?;
                Ok(Stage::Coalesce)
            }
            "select" => {
                self.at += 1;
                self.expect("(")?;
                Ok(Stage::Select(self.attributes()?))
            }
            _ if !first && METRICS.iter().any(|(_, name, _)| *name == word) => self.metrics(&word),
            _ => self.scalar_filter(),
        }
    }

    fn spanset_stage(&mut self) -> Parsed<Stage> {
        Ok(Stage::Spanset(self.spanset()?))
    }

    /// Whether a scalar comparison follows and no spanset: it begins with a number, a sign, or parentheses around them.
    fn scalar_starts(&self) -> bool {
        let first = self.lexemes[self.at..].iter().find(|lexeme| lexeme.token != Token::Symbol("("));
        matches!(
            first.map(|lexeme| &lexeme.token),
            Some(Token::Int(_) | Token::Float(_) | Token::Duration(_) | Token::Symbol("-"))
        ) || matches!(first.map(|l| &l.token), Some(Token::Word(w)) if AGGREGATES.iter().any(|(_, name)| name == w))
    }

    // === spansets ===

    /// `&&` and `||` bind equally and weaker than the structural operators, from left to right.
    fn spanset(&mut self) -> Parsed<SpansetExpr> {
        let depth = self.depth;
        let mut left = self.structural()?;
        while let Some(op) = self.spanset_operator() {
            self.deepen()?;
            self.at += 1;
            let right = self.structural()?;
            left = SpansetExpr::Binary { op, left: Box::new(left), right: Box::new(right) };
        }
        self.depth = depth;
        Ok(left)
    }

    fn spanset_operator(&self) -> Option<SpansetOp> {
        match self.peek() {
            Token::Symbol("&&") => Some(SpansetOp::And),
            Token::Symbol("||") => Some(SpansetOp::Or),
            _ => None,
        }
    }

    fn structural(&mut self) -> Parsed<SpansetExpr> {
        let depth = self.depth;
        let mut left = self.spanset_operand()?;
        while let Some((relation, mode)) = self.structural_operator() {
            self.deepen()?;
            self.at += 1;
            let op = SpansetOp::Structural { relation, mode };
            let right = self.spanset_operand()?;
            left = SpansetExpr::Binary { op, left: Box::new(left), right: Box::new(right) };
        }
        self.depth = depth;
        Ok(left)
    }

    fn structural_operator(&self) -> Option<(Relation, RelationMode)> {
        let Token::Symbol(symbol) = self.peek() else { return None };
        let (mode, rest) = match symbol.as_bytes() {
            b"!~" => (RelationMode::Not, "~"),
            [b'!', rest @ ..] if !rest.is_empty() => (RelationMode::Not, &symbol[1..]),
            [b'&', rest @ ..] if !rest.is_empty() => (RelationMode::Union, &symbol[1..]),
            _ => (RelationMode::Right, *symbol),
        };
        let relation = match rest {
            ">" => Relation::Child,
            "<" => Relation::Parent,
            ">>" => Relation::Descendant,
            "<<" => Relation::Ancestor,
            "~" => Relation::Sibling,
            _ => return None,
        };
        Some((relation, mode))
    }

    fn spanset_operand(&mut self) -> Parsed<SpansetExpr> {
        if self.eat("(") {
            self.deepen()?;
            let mut stages = self.stages()?;
            self.expect(")")?;
            self.depth -= 1;
            return Ok(match stages.pop() {
                Some(Stage::Spanset(only)) if stages.is_empty() => only,
                Some(last) => {
                    stages.push(last);
                    SpansetExpr::Pipeline(stages)
                }
                None => SpansetExpr::Filter(None),
            });
        }
        let start = self.span();
        self.expect("{")?;
        if self.eat("}") {
            return Ok(SpansetExpr::Filter(None));
        }
        let filter = self.field()?;
        self.expect("}")?;
        check::condition(&filter).map_err(|message| ParseError::at(self.text, start, message))?;
        Ok(SpansetExpr::Filter(Some(filter)))
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
