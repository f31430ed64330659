//! Text to a checked syntax tree: lexer, Pratt parser, type checker. Pure; the first error ends it.

mod call;
mod check;
mod duration;
mod lex;
mod parser;
mod selector;

pub(crate) use lex::{is_name_char, is_name_start};

use super::ast::{Expr, Span};

/// Nesting beyond this is refused: the parser and everything after it recurse.
pub const DEPTH_MAX: usize = 200;
/// Longer texts are refused; nobody writes them by hand and they cost memory many times their size.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// Why a text is not PromQL, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: parse error: {message}")]
pub struct ParseError {
    pub message: String,
    pub span: Span,
    /// From 1, in bytes, of the span's start.
    pub line: usize,
    pub column: usize,
}

// === impl ParseError ===

impl ParseError {
    pub(crate) fn new(text: &str, span: Span, message: impl Into<String>) -> Self {
        let before = &text.as_bytes()[..span.start.min(text.len())];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        Self { message: message.into(), span, line, column: before.len() - line_start + 1 }
    }
}

/// Parses and type-checks an expression.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    let expr = parser::Parser::new(text)?.whole_expression()?;
    check::check(text, &expr)?;
    Ok(expr)
}

/// Parses a bare series selector, as `match[]` takes it.
pub fn parse_selector(text: &str) -> Result<super::ast::Selector, ParseError> {
    let selector = parser::Parser::new(text)?.whole_selector()?;
    check::check_selector(text, &selector)?;
    Ok(selector)
}

#[cfg(test)]
mod tests;
