//! What a LogQL text means: the tree the parser builds and the evaluators walk.
//!
//! A tree that exists is valid: regular expressions are compiled, durations are nanoseconds, parameters are checked.

use regex::Regex;

use super::pattern::Pattern;
use super::table::{RangeOp, VectorOp};
use super::template::Template;

/// Byte offsets into the query text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

#[derive(Clone, Debug)]
pub enum Expr {
    Log(LogExpr),
    Metric(MetricExpr),
}

/// `{selector} stages`.
#[derive(Clone, Debug)]
pub struct LogExpr {
    pub selector: Vec<Matcher>,
    pub stages: Vec<Stage>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Matcher {
    pub name: String,
    pub test: Match,
}

/// How a text is compared; the negations are members so that planners can `match` on all of them.
#[derive(Clone, Debug)]
pub enum Match {
    Eq(String),
    Ne(String),
    Re(Anchored),
    Nre(Anchored),
}

/// A regular expression that must match a whole label value.
#[derive(Clone, Debug)]
pub struct Anchored {
    pub source: String,
    pub regex: Regex,
}

impl Match {
    pub fn matches(&self, value: &str) -> bool {
        match self {
            Match::Eq(text) => value == text,
            Match::Ne(text) => value != text,
            Match::Re(re) => re.regex.is_match(value),
            Match::Nre(re) => !re.regex.is_match(value),
        }
    }

    /// A row without the label is compared as the empty text.
    pub fn matches_missing(&self) -> bool {
        self.matches("")
    }
}

#[derive(Clone, Debug)]
pub struct Stage {
    pub kind: StageKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum StageKind {
    Line(LineFilter),
    Json(Vec<Extraction>),
    Logfmt(Logfmt),
    Regexp(LineRegex),
    Pattern(Pattern),
    Unpack,
    Filter(LabelFilter),
    LineFormat(Template),
    LabelFormat(Vec<LabelFormat>),
    Decolorize,
    Drop(Vec<NameTest>),
    Keep(Vec<NameTest>),
    /// Of the lines with the same values the first is kept.
    Distinct(Vec<String>),
}

/// One line filter: the alternatives are joined by `or` (by "none of" when the filter is negated).
#[derive(Clone, Debug)]
pub struct LineFilter {
    pub op: LineOp,
    pub any_of: Vec<Needle>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineOp {
    Contains,
    NotContains,
    Matches,
    NotMatches,
    Pattern,
    NotPattern,
}

impl LineOp {
    pub fn negated(self) -> bool {
        matches!(self, LineOp::NotContains | LineOp::NotMatches | LineOp::NotPattern)
    }

    pub(crate) fn symbol(self) -> &'static str {
        match self {
            LineOp::Contains => "|=",
            LineOp::NotContains => "!=",
            LineOp::Matches => "|~",
            LineOp::NotMatches => "!~",
            LineOp::Pattern => "|>",
            LineOp::NotPattern => "!>",
        }
    }
}

#[derive(Clone, Debug)]
pub enum Needle {
    Text(String),
    Regex(LineRegex),
    Pattern(Pattern),
    Ip(IpPattern),
}

/// A regular expression that may match anywhere in a line.
#[derive(Clone, Debug)]
pub struct LineRegex {
    pub source: String,
    pub regex: Regex,
    /// What is wrong with the source; then `regex` matches nothing. Such a text can be parsed and printed, not run.
    pub invalid: Option<String>,
}

/// The argument of `ip(...)`: one address, a range or a prefix.
#[derive(Clone, Debug)]
pub struct IpPattern {
    pub source: String,
    /// First and last; `None` if the source is none of these. Such a text can be parsed and printed, not run.
    pub range: Option<(std::net::IpAddr, std::net::IpAddr)>,
}

impl IpPattern {
    pub fn contains(&self, address: std::net::IpAddr) -> bool {
        self.range.is_some_and(|(first, last)| {
            address.is_ipv4() == first.is_ipv4() && first <= address && address <= last
        })
    }
}

/// `label="expression"` of the `json` and `logfmt` stages.
#[derive(Clone, Debug)]
pub struct Extraction {
    pub label: String,
    pub source: String,
    pub path: Vec<PathStep>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathStep {
    Key(String),
    Index(usize),
}

#[derive(Clone, Debug)]
pub struct Logfmt {
    pub strict: bool,
    pub keep_empty: bool,
    pub extractions: Vec<Extraction>,
}

#[derive(Clone, Debug)]
pub enum LabelFilter {
    Match(Matcher),
    Number { name: String, op: Compare, value: f64 },
    Duration { name: String, op: Compare, nanos: i64 },
    Bytes { name: String, op: Compare, bytes: u64 },
    Ip { name: String, negated: bool, pattern: IpPattern },
    And(Vec<LabelFilter>),
    Or(Vec<LabelFilter>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

impl Compare {
    pub fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Compare::Eq => left == right,
            Compare::Ne => left != right,
            Compare::Gt => left > right,
            Compare::Ge => left >= right,
            Compare::Lt => left < right,
            Compare::Le => left <= right,
        }
    }

    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Compare::Eq => "==",
            Compare::Ne => "!=",
            Compare::Gt => ">",
            Compare::Ge => ">=",
            Compare::Lt => "<",
            Compare::Le => "<=",
        }
    }
}

#[derive(Clone, Debug)]
pub struct LabelFormat {
    pub label: String,
    pub value: LabelSource,
}

#[derive(Clone, Debug)]
pub enum LabelSource {
    Rename(String),
    Template(Template),
}

/// An entry of `drop` and `keep`: a name, or a name whose value must match.
#[derive(Clone, Debug)]
pub struct NameTest {
    pub name: String,
    pub test: Option<Match>,
}

#[derive(Clone, Debug)]
pub struct MetricExpr {
    pub kind: MetricKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum MetricKind {
    Range(Box<RangeAggregation>),
    Vector(Box<VectorAggregation>),
    Binary(Box<Binary>),
    LabelReplace(Box<LabelReplace>),
    Literal(f64),
    /// `vector(n)`: one series without labels.
    Constant(f64),
}

#[derive(Clone, Debug)]
pub struct RangeAggregation {
    pub op: RangeOp,
    pub param: Option<f64>,
    pub log: LogExpr,
    pub unwrap: Option<Unwrap>,
    pub range_ns: i64,
    pub offset_ns: i64,
    pub at: Option<At>,
    pub grouping: Option<Grouping>,
}

/// `@`: every step is evaluated at this one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    Start,
    End,
    /// Unix nanoseconds.
    Time(i64),
}

#[derive(Clone, Debug)]
pub struct Unwrap {
    pub label: String,
    pub conversion: Conversion,
    pub filters: Vec<LabelFilter>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    Number,
    Bytes,
    Duration,
    DurationSeconds,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    pub without: bool,
    pub labels: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct VectorAggregation {
    pub op: VectorOp,
    pub param: Option<u32>,
    pub grouping: Option<Grouping>,
    pub inner: MetricExpr,
}

#[derive(Clone, Debug)]
pub struct Binary {
    pub op: BinaryOp,
    pub return_bool: bool,
    pub matching: Matching,
    pub left: MetricExpr,
    pub right: MetricExpr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    Or,
    And,
    Unless,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Compare(Compare),
}

#[derive(Clone, Debug, Default)]
pub struct Matching {
    /// `on(..)` or `ignoring(..)`; `None` compares all labels.
    pub labels: Option<MatchLabels>,
    pub side: Side,
}

#[derive(Clone, Debug)]
pub struct MatchLabels {
    pub on: bool,
    pub names: Vec<String>,
}

/// Which side may have several series per match, and what labels it takes from the other.
#[derive(Clone, Debug, Default)]
pub enum Side {
    #[default]
    OneToOne,
    Left(Vec<String>),
    Right(Vec<String>),
}

#[derive(Clone, Debug)]
pub struct LabelReplace {
    pub inner: MetricExpr,
    pub target: String,
    pub replacement: String,
    pub source: String,
    pub regex: Anchored,
}
