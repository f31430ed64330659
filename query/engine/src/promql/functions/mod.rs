//! The functions: one row each in [`FUNCTIONS`], read by the parser, the type checker, the evaluator, completion and
//! the docs. A family is a file; a new function is a function in it and a row in the table.

mod absent;
mod buckets;
mod counter;
mod date;
mod edge;
mod histogram;
mod info;
mod labels;
mod math;
mod order;
mod over_time;
mod regression;
mod scalar;
mod so_far;
mod table;
mod whole;

pub use table::FUNCTIONS;

pub(crate) use date::{Civil, rfc3339};
pub(crate) use so_far::{INCREASE_SO_FAR, RATE_SO_FAR};

use super::ast::{Call, ValueType};
use super::eval::{Eval, Evaluated, RangeFn, Steps, Value};
use super::histogram::Histogram;

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

pub struct Function {
    pub name: &'static str,
    pub args: &'static [ValueType],
    pub variadic: Variadic,
    pub returns: ValueType,
    /// One line for completion and the docs.
    pub doc: &'static str,
    /// Experimental in Prometheus; here all are on.
    pub experimental: bool,
    /// The result depends on the evaluation time even where the arguments do not.
    pub(crate) reads_time: bool,
    pub(crate) body: Body,
}

/// The shapes a function can have.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    /// Float to float, for every element.
    Map(fn(f64) -> f64),
    /// Float and scalar arguments to float, or to nothing.
    MapWith(fn(f64, &[f64]) -> Option<f64>),
    /// A part of the date that the value (or, without argument, the evaluation time) stands for.
    Date(fn(&Civil) -> f64),
    /// Native histogram to float.
    Histogram(fn(&Histogram) -> f64),
    /// The samples of a window to a sample.
    Range(RangeFn),
    /// Everything else.
    Special(fn(&mut Eval<'_>, &Call, &Steps) -> Evaluated<Value>),
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

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
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
