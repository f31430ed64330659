//! What a TraceQL text means.

use regex::Regex;

use super::table::{AggregateOp, Intrinsic, MetricsOp};

pub use crate::logql::Span;

#[derive(Clone, Debug)]
pub struct Query {
    pub expr: Expr,
    /// `with (name=value, ...)`
    pub hints: Vec<(String, Static)>,
}

#[derive(Clone, Debug)]
pub enum Expr {
    /// `{ ... } | ... | ...`: answers traces.
    Search(Vec<Stage>),
    /// Answers series.
    Metrics(MetricsExpr),
}

#[derive(Clone, Debug)]
pub enum Stage {
    Spanset(SpansetExpr),
    /// `count() > 2`
    Filter(ScalarFilter),
    Select(Vec<Attribute>),
    By(FieldExpr),
    Coalesce,
}

#[derive(Clone, Debug)]
pub enum SpansetExpr {
    /// `{ ... }`; `None` is `{}`.
    Filter(Option<FieldExpr>),
    /// A pipeline in parentheses.
    Pipeline(Vec<Stage>),
    Binary {
        op: SpansetOp,
        left: Box<SpansetExpr>,
        right: Box<SpansetExpr>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpansetOp {
    And,
    Or,
    Structural { relation: Relation, mode: RelationMode },
}

/// How a right-hand span stands to a left-hand one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    Child,
    Parent,
    Descendant,
    Ancestor,
    Sibling,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationMode {
    /// The right-hand spans that stand so to a left-hand one.
    Right,
    /// The right-hand spans that do not.
    Not,
    /// Both sides of each pair.
    Union,
}

#[derive(Clone, Debug)]
pub enum FieldExpr {
    Static(Static),
    Attribute(Attribute),
    Not(Box<FieldExpr>),
    Negate(Box<FieldExpr>),
    /// `x != nil` and `x = nil`.
    Exists(Box<FieldExpr>),
    Missing(Box<FieldExpr>),
    And(Vec<FieldExpr>),
    Or(Vec<FieldExpr>),
    Arithmetic {
        op: Arithmetic,
        left: Box<FieldExpr>,
        right: Box<FieldExpr>,
    },
    Compare {
        op: Comparison,
        left: Box<FieldExpr>,
        right: Box<FieldExpr>,
    },
    Matches {
        negated: bool,
        left: Box<FieldExpr>,
        pattern: Pattern,
    },
}

/// A regular expression that must match the whole text.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub source: String,
    pub regex: Regex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Static {
    Int(i64),
    Float(f64),
    /// Nanoseconds.
    Duration(i64),
    Text(String),
    Bool(bool),
    Status(Status),
    Kind(Kind),
    /// Only while a comparison with it is read.
    Nil,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Unset,
    Ok,
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Unspecified,
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    Intrinsic(Intrinsic),
    Named { scope: Scope, parent: bool, name: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// `.name`: the span's, else the resource's, else the instrumentation scope's.
    Any,
    Resource,
    Span,
    Event,
    Link,
    Instrumentation,
}

#[derive(Clone, Debug)]
pub struct ScalarFilter {
    pub op: Comparison,
    pub left: Scalar,
    pub right: Scalar,
}

#[derive(Clone, Debug)]
pub enum Scalar {
    Static(Static),
    Aggregate {
        op: AggregateOp,
        of: Option<FieldExpr>,
    },
    /// `({ ... } | count())`: an aggregate over what a pipeline of its own leaves of the trace.
    Pipeline {
        stages: Vec<Stage>,
        of: Box<Scalar>,
    },
    Arithmetic {
        op: Arithmetic,
        left: Box<Scalar>,
        right: Box<Scalar>,
    },
}

#[derive(Clone, Debug)]
pub enum MetricsExpr {
    /// `{ ... } | rate()`
    Select {
        stages: Vec<Stage>,
        metrics: Metrics,
    },
    /// Series of the same labels, or each with the one that has none.
    Math {
        op: Arithmetic,
        left: Box<MetricsExpr>,
        right: Box<MetricsExpr>,
    },
    Scaled {
        op: Arithmetic,
        number: f64,
        number_first: bool,
        of: Box<MetricsExpr>,
    },
    /// `> 10`: the points for which it holds.
    Keep {
        op: Comparison,
        number: f64,
        of: Box<MetricsExpr>,
    },
    /// `| topk(5)` and `| bottomk(5)`
    Top {
        largest: bool,
        count: usize,
        of: Box<MetricsExpr>,
    },
}

/// A metrics stage.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub op: MetricsOp,
    pub of: Option<Attribute>,
    pub numbers: Vec<f64>,
    pub by: Vec<Attribute>,
    pub compare: Option<Compare>,
}

/// `compare({ ... }, 10, start, end)`
#[derive(Clone, Debug)]
pub struct Compare {
    /// Which spans are the selection.
    pub selection: FieldExpr,
    /// Values to show of each attribute.
    pub top: usize,
    /// Unix nanoseconds, start exclusive: when a span of the selection starts.
    pub within: Option<(i64, i64)>,
}

impl Query {
    /// What a search runs; `None`: the query answers series.
    pub fn stages(&self) -> Option<&[Stage]> {
        match &self.expr {
            Expr::Search(stages) => Some(stages),
            Expr::Metrics(_) => None,
        }
    }

    pub fn hint(&self, name: &str) -> Option<&Static> {
        self.hints.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

impl FieldExpr {
    pub(crate) fn each_attribute<'q>(&'q self, visit: &mut dyn FnMut(&'q Attribute)) {
        match self {
            FieldExpr::Static(_) => {}
            FieldExpr::Attribute(attribute) => visit(attribute),
            FieldExpr::Not(inner)
            | FieldExpr::Negate(inner)
            | FieldExpr::Exists(inner)
            | FieldExpr::Missing(inner) => inner.each_attribute(visit),
            FieldExpr::And(parts) | FieldExpr::Or(parts) => {
                parts.iter().for_each(|part| part.each_attribute(visit))
            }
            FieldExpr::Arithmetic { left, right, .. } | FieldExpr::Compare { left, right, .. } => {
                left.each_attribute(visit);
                right.each_attribute(visit);
            }
            FieldExpr::Matches { left, .. } => left.each_attribute(visit),
        }
    }
}

// === names ===

impl Comparison {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Comparison::Eq => "=",
            Comparison::Ne => "!=",
            Comparison::Lt => "<",
            Comparison::Le => "<=",
            Comparison::Gt => ">",
            Comparison::Ge => ">=",
        }
    }

    pub(crate) fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Comparison::Eq => left == right,
            Comparison::Ne => left != right,
            Comparison::Lt => left < right,
            Comparison::Le => left <= right,
            Comparison::Gt => left > right,
            Comparison::Ge => left >= right,
        }
    }

    /// The comparison with its sides exchanged.
    pub(crate) fn mirrored(self) -> Comparison {
        match self {
            Comparison::Lt => Comparison::Gt,
            Comparison::Le => Comparison::Ge,
            Comparison::Gt => Comparison::Lt,
            Comparison::Ge => Comparison::Le,
            same => same,
        }
    }
}

impl Arithmetic {
    pub(crate) fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Arithmetic::Add => a + b,
            Arithmetic::Sub => a - b,
            Arithmetic::Mul => a * b,
            Arithmetic::Div => a / b,
            Arithmetic::Mod => a % b,
            Arithmetic::Pow => a.powf(b),
        }
    }

    /// Ints stay ints; `None`: a division by zero, or too large.
    pub(crate) fn apply_int(self, a: i64, b: i64) -> Option<i64> {
        match self {
            Arithmetic::Add => a.checked_add(b),
            Arithmetic::Sub => a.checked_sub(b),
            Arithmetic::Mul => a.checked_mul(b),
            Arithmetic::Div => a.checked_div(b),
            Arithmetic::Mod => a.checked_rem(b),
            Arithmetic::Pow => a.checked_pow(u32::try_from(b).ok()?),
        }
    }

    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Sub => "-",
            Arithmetic::Mul => "*",
            Arithmetic::Div => "/",
            Arithmetic::Mod => "%",
            Arithmetic::Pow => "^",
        }
    }
}

impl Status {
    pub(crate) const ALL: [Status; 3] = [Status::Unset, Status::Ok, Status::Error];

    /// From OTLP's `StatusCode`.
    pub(crate) fn of(code: i64) -> Status {
        usize::try_from(code).ok().and_then(|code| Status::ALL.get(code).copied()).unwrap_or(Status::Unset)
    }

    /// As OTLP's enumeration spells it.
    pub(crate) fn otel_name(self) -> &'static str {
        match self {
            Status::Unset => "STATUS_CODE_UNSET",
            Status::Ok => "STATUS_CODE_OK",
            Status::Error => "STATUS_CODE_ERROR",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Status::Unset => "unset",
            Status::Ok => "ok",
            Status::Error => "error",
        }
    }
}

impl Kind {
    pub(crate) const ALL: [Kind; 6] =
        [Kind::Unspecified, Kind::Internal, Kind::Server, Kind::Client, Kind::Producer, Kind::Consumer];

    /// From OTLP's `SpanKind`.
    pub(crate) fn of(number: i64) -> Kind {
        usize::try_from(number).ok().and_then(|n| Kind::ALL.get(n).copied()).unwrap_or(Kind::Unspecified)
    }

    /// As OTLP's enumeration spells it.
    pub(crate) fn otel_name(self) -> &'static str {
        match self {
            Kind::Unspecified => "SPAN_KIND_UNSPECIFIED",
            Kind::Internal => "SPAN_KIND_INTERNAL",
            Kind::Server => "SPAN_KIND_SERVER",
            Kind::Client => "SPAN_KIND_CLIENT",
            Kind::Producer => "SPAN_KIND_PRODUCER",
            Kind::Consumer => "SPAN_KIND_CONSUMER",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Unspecified => "unspecified",
            Kind::Internal => "internal",
            Kind::Server => "server",
            Kind::Client => "client",
            Kind::Producer => "producer",
            Kind::Consumer => "consumer",
        }
    }
}

impl Scope {
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Scope::Any => ".",
            Scope::Resource => "resource.",
            Scope::Span => "span.",
            Scope::Event => "event.",
            Scope::Link => "link.",
            Scope::Instrumentation => "instrumentation.",
        }
    }
}
