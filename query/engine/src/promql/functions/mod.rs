//! The functions: one row each, read by the parser, the type checker, completion and the docs.

mod table;

pub use table::FUNCTIONS;

use super::ast::ValueType;

/// How far a call may differ from the declared arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variadic {
    /// Exactly the declared ones.
    No,
    /// The last declared one may be missing, or repeat up to so often.
    UpTo(usize),
    /// The last declared one may be missing, or repeat.
    Any,
}

#[derive(Debug)]
pub struct Function {
    pub name: &'static str,
    pub args: &'static [ValueType],
    pub variadic: Variadic,
    pub returns: ValueType,
    /// One line for completion and the docs.
    pub doc: &'static str,
    pub experimental: bool,
}

// === impl Function ===

impl Function {
    /// Least and most arguments; no most: any number.
    pub fn arity(&self) -> (usize, Option<usize>) {
        let declared = self.args.len();
        match self.variadic {
            Variadic::No => (declared, Some(declared)),
            Variadic::UpTo(more) => (declared - 1, Some(declared - 1 + more)),
            Variadic::Any => (declared - 1, None),
        }
    }
}

pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|f| f.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_documented() {
        assert!(FUNCTIONS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for f in FUNCTIONS {
            assert!(!f.doc.is_empty() && !f.doc.ends_with('.'), "{}", f.name);
            assert!(f.variadic == Variadic::No || !f.args.is_empty(), "{}", f.name);
        }
    }
}
