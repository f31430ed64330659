//! Why a query text was refused, and why a valid one has no answer.

use super::ast::Span;

/// A refused text. `Display` is what Loki's clients expect to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    pub message: String,
    /// One-based; both zero when the error is about the meaning of the whole text.
    pub line: usize,
    pub column: usize,
    pub span: Span,
}

impl std::error::Error for ParseError {}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line == 0 {
            write!(f, "parse error : {}", self.message)
        } else {
            write!(f, "parse error at line {}, col {}: {}", self.line, self.column, self.message)
        }
    }
}

impl ParseError {
    pub(crate) fn at(text: &str, span: Span, message: impl Into<String>) -> ParseError {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before[line_start..].chars().count() + 1;
        ParseError { message: message.into(), line, column, span }
    }

    pub(crate) fn whole(span: Span, message: impl Into<String>) -> ParseError {
        ParseError { message: message.into(), line: 0, column: 0, span }
    }
}
