//! The syntax tree. Every node knows the bytes it came from, so that errors and annotations can point at them.

use regex::Regex;

use super::functions::Function;

/// Half-open byte range in the query text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    pub fn to(self, other: Span) -> Self {
        Self { start: self.start, end: other.end }
    }
}

/// What an expression evaluates to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    Scalar,
    String,
    Vector,
    Matrix,
}

impl ValueType {
    /// The words error messages use.
    pub fn words(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }
}

#[derive(Clone, Debug)]
pub enum Expr {
    Number(Number),
    String(StringLit),
    Selector(Selector),
    Matrix(MatrixSelector),
    Subquery(Box<Subquery>),
    Aggregate(Box<Aggregate>),
    Binary(Box<Binary>),
    Call(Call),
    Paren(Box<Paren>),
    Unary(Box<Unary>),
}

#[derive(Clone, Debug)]
pub struct Number {
    pub value: f64,
    /// Written as a duration (`5m`), and printed as one.
    pub is_duration: bool,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct StringLit {
    /// What is no text is shown as U+FFFD.
    pub value: String,
    /// The bytes that were written, where they are no UTF-8: escapes can name any.
    pub not_text: Option<Box<[u8]>>,
    pub span: Span,
}

/// `name{matchers} @ t offset d`: an instant vector selector, or the inside of a range selector.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    /// The name written before the braces; it is among `matchers` too.
    pub name: Option<String>,
    pub matchers: Vec<Matcher>,
    pub time: TimeModifier,
    pub edge: Edge,
    pub span: Span,
}

/// What a range selector does at its window's edges (the experimental `anchored` and `smoothed`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edge {
    #[default]
    Plain,
    Anchored,
    Smoothed,
}

#[derive(Clone, Debug, Default)]
pub struct TimeModifier {
    pub at: Option<At>,
    pub offset: Option<DurationValue>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Milliseconds since the epoch.
    Time(i64),
    Start,
    End,
}

/// A duration where the grammar wants one: known when parsed, or only with the query's step and range.
#[derive(Clone, Debug)]
pub enum DurationValue {
    Millis(i64),
    Expr(Box<DurationExpr>),
}

#[derive(Clone, Debug)]
pub enum DurationExpr {
    Number(Number),
    Step,
    Range,
    Negate(Box<DurationExpr>),
    Paren(Box<DurationExpr>),
    Binary(BinaryOp, Box<DurationExpr>, Box<DurationExpr>),
    MinOf(Box<DurationExpr>, Box<DurationExpr>),
    MaxOf(Box<DurationExpr>, Box<DurationExpr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchOp {
    Equal,
    NotEqual,
    Regex,
    NotRegex,
}

impl MatchOp {
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Matcher {
    pub op: MatchOp,
    pub name: String,
    pub value: String,
    /// The anchored pattern of the two regular expression operators.
    pub regex: Option<Regex>,
}

impl Matcher {
    pub fn new(op: MatchOp, name: String, value: String) -> Result<Self, regex::Error> {
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(Regex::new(&format!("^(?s:{value})$"))?),
        };
        Ok(Self { op, name, value, regex })
    }

    pub fn matches(&self, value: &str) -> bool {
        let found = match &self.regex {
            Some(regex) => regex.is_match(value),
            None => self.value == value,
        };
        found == matches!(self.op, MatchOp::Equal | MatchOp::Regex)
    }
}

/// `selector[range]`; `@` and `offset` stand in the selector.
#[derive(Clone, Debug)]
pub struct MatrixSelector {
    pub selector: Selector,
    pub range: DurationValue,
    pub span: Span,
}

/// `expr[range:step]`.
#[derive(Clone, Debug)]
pub struct Subquery {
    pub expr: Expr,
    pub range: DurationValue,
    /// Absent: the engine's default step.
    pub step: Option<DurationValue>,
    pub time: TimeModifier,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AggregateOp {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    Quantile,
    CountValues,
    Limitk,
    LimitRatio,
}

impl AggregateOp {
    pub const ALL: [(&'static str, AggregateOp); 14] = [
        ("sum", Self::Sum),
        ("avg", Self::Avg),
        ("min", Self::Min),
        ("max", Self::Max),
        ("count", Self::Count),
        ("group", Self::Group),
        ("stddev", Self::Stddev),
        ("stdvar", Self::Stdvar),
        ("topk", Self::Topk),
        ("bottomk", Self::Bottomk),
        ("quantile", Self::Quantile),
        ("count_values", Self::CountValues),
        ("limitk", Self::Limitk),
        ("limit_ratio", Self::LimitRatio),
    ];

    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, op)| *op == self).map_or("", |(name, _)| name)
    }

    /// The type of its first argument, for those with two.
    pub fn parameter(self) -> Option<ValueType> {
        match self {
            Self::Topk | Self::Bottomk | Self::Quantile | Self::Limitk | Self::LimitRatio => {
                Some(ValueType::Scalar)
            }
            Self::CountValues => Some(ValueType::String),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Aggregate {
    pub op: AggregateOp,
    pub parameter: Option<Expr>,
    pub expr: Expr,
    pub without: bool,
    pub grouping: Vec<String>,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    TrimUpper,
    TrimLower,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// Binding power: a higher number binds tighter.
    pub fn power(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Mod | Self::Atan2 => 5,
            Self::Pow => 6,
            _ => 3,
        }
    }

    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal | Self::NotEqual | Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual
        )
    }

    pub fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Cardinality {
    #[default]
    OneToOne,
    /// `group_left`: many on the left.
    ManyToOne,
    /// `group_right`.
    OneToMany,
    ManyToMany,
}

#[derive(Clone, Debug, Default)]
pub struct Matching {
    pub cardinality: Cardinality,
    pub on: bool,
    pub labels: Vec<String>,
    pub include: Vec<String>,
    pub fill_left: Option<f64>,
    pub fill_right: Option<f64>,
}

#[derive(Clone, Debug)]
pub struct Binary {
    pub op: BinaryOp,
    pub op_span: Span,
    pub return_bool: bool,
    /// Used between two vectors only.
    pub matching: Matching,
    pub lhs: Expr,
    pub rhs: Expr,
}

#[derive(Clone, Debug)]
pub struct Call {
    pub function: &'static Function,
    pub args: Vec<Expr>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Paren {
    pub expr: Expr,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Unary {
    pub negate: bool,
    pub expr: Expr,
    pub span: Span,
}

// === impl Expr ===

impl Expr {
    pub fn span(&self) -> Span {
        match self {
            Self::Number(n) => n.span,
            Self::String(s) => s.span,
            Self::Selector(s) => s.span,
            Self::Matrix(m) => m.span,
            Self::Subquery(s) => s.span,
            Self::Aggregate(a) => a.span,
            Self::Binary(b) => b.lhs.span().to(b.rhs.span()),
            Self::Call(c) => c.span,
            Self::Paren(p) => p.span,
            Self::Unary(u) => u.span,
        }
    }

    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Number(_) => ValueType::Scalar,
            Self::String(_) => ValueType::String,
            Self::Selector(_) | Self::Aggregate(_) => ValueType::Vector,
            Self::Matrix(_) | Self::Subquery(_) => ValueType::Matrix,
            Self::Call(c) => c.function.returns,
            Self::Paren(p) => p.expr.value_type(),
            Self::Unary(u) => u.expr.value_type(),
            Self::Binary(b) => match (b.lhs.value_type(), b.rhs.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
        }
    }

    /// Direct sub-expressions, in the order they are written.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Self::Number(_) | Self::String(_) | Self::Selector(_) | Self::Matrix(_) => Vec::new(),
            Self::Subquery(s) => vec![&s.expr],
            Self::Aggregate(a) => a.parameter.iter().chain([&a.expr]).collect(),
            Self::Binary(b) => vec![&b.lhs, &b.rhs],
            Self::Call(c) => c.args.iter().collect(),
            Self::Paren(p) => vec![&p.expr],
            Self::Unary(u) => vec![&u.expr],
        }
    }

    /// The expression without the parentheses around it.
    pub fn unparen(&self) -> &Expr {
        let mut expr = self;
        while let Self::Paren(p) = expr {
            expr = &p.expr;
        }
        expr
    }
}
