//! A template as read.

use super::functions::Function;
use super::value::Value;

#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(String),
    Emit(Pipeline),
    If(Branch),
    With(Branch),
    Range(Branch),
    Break,
    Continue,
    /// `template "name" value`
    Invoke(String, Option<Pipeline>),
}

#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) pipe: Pipeline,
    pub(super) then: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    /// Places of the variables that take the value: one, or two in `range`.
    pub(super) places: Vec<usize>,
    pub(super) commands: Vec<Command>,
}

#[derive(Clone, Debug)]
pub(super) enum Command {
    Value(Operand),
    Call(&'static Function, Vec<Operand>),
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Dot,
    Literal(Value),
    Variable(usize),
    /// A function without arguments, or a parenthesis.
    Nested(Box<Pipeline>),
    /// `.a.b`
    Field(Vec<String>),
    /// `$x.a`, `(f).a`
    Chain(Box<Operand>, Vec<String>),
}

/// A template as read.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) root: Vec<Node>,
    pub(super) named: Vec<(String, Vec<Node>)>,
    /// Labels that are looked at.
    pub(super) labels: Vec<String>,
    /// All labels are, as one value.
    pub(super) whole: bool,
}

/// Names of the templates that are called.
pub(super) fn invoked(nodes: &[Node]) -> Box<dyn Iterator<Item = String> + '_> {
    Box::new(nodes.iter().flat_map(|node| -> Box<dyn Iterator<Item = String> + '_> {
        match node {
            Node::Invoke(name, _) => Box::new(std::iter::once(name.clone())),
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
                Box::new(invoked(&branch.then).chain(invoked(&branch.otherwise)))
            }
            _ => Box::new(std::iter::empty()),
        }
    }))
}
