//! One table per family of names: range aggregations, vector aggregations, stages.
//!
//! Parser, type checks, completion and documentation read the rows.

/// What a range aggregation is called and takes.
pub struct RangeRow {
    pub op: RangeOp,
    pub name: &'static str,
    pub unwrapped: Unwrapped,
    pub grouping: bool,
    pub param: bool,
    pub doc: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwrapped {
    Never,
    Either,
    Always,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeOp {
    Count,
    Rate,
    RateCounter,
    Bytes,
    BytesRate,
    Absent,
    Sum,
    Avg,
    Min,
    Max,
    First,
    Last,
    Stddev,
    Stdvar,
    Quantile,
}

const fn range(
    op: RangeOp,
    name: &'static str,
    unwrapped: Unwrapped,
    grouping: bool,
    doc: &'static str,
) -> RangeRow {
    RangeRow { op, name, unwrapped, grouping, param: matches!(op, RangeOp::Quantile), doc }
}

pub const RANGE_AGGREGATIONS: &[RangeRow] = &[
    range(RangeOp::Count, "count_over_time", Unwrapped::Never, false, "number of lines in the range"),
    range(RangeOp::Rate, "rate", Unwrapped::Either, false, "lines (or unwrapped sum) per second"),
    range(RangeOp::RateCounter, "rate_counter", Unwrapped::Always, false, "per-second increase of a counter"),
    range(RangeOp::Bytes, "bytes_over_time", Unwrapped::Never, false, "bytes of the lines in the range"),
    range(RangeOp::BytesRate, "bytes_rate", Unwrapped::Never, false, "bytes per second"),
    range(RangeOp::Absent, "absent_over_time", Unwrapped::Either, false, "1 where no line was seen"),
    range(RangeOp::Sum, "sum_over_time", Unwrapped::Always, false, "sum of the unwrapped values"),
    range(RangeOp::Avg, "avg_over_time", Unwrapped::Always, true, "mean of the unwrapped values"),
    range(RangeOp::Min, "min_over_time", Unwrapped::Always, true, "smallest unwrapped value"),
    range(RangeOp::Max, "max_over_time", Unwrapped::Always, true, "largest unwrapped value"),
    range(RangeOp::First, "first_over_time", Unwrapped::Always, true, "oldest unwrapped value"),
    range(RangeOp::Last, "last_over_time", Unwrapped::Always, true, "newest unwrapped value"),
    range(RangeOp::Stddev, "stddev_over_time", Unwrapped::Always, true, "standard deviation of the values"),
    range(RangeOp::Stdvar, "stdvar_over_time", Unwrapped::Always, true, "variance of the values"),
    range(RangeOp::Quantile, "quantile_over_time", Unwrapped::Always, true, "quantile of the values"),
];

impl RangeOp {
    pub fn row(self) -> &'static RangeRow {
        RANGE_AGGREGATIONS.iter().find(|row| row.op == self).unwrap_or(&RANGE_AGGREGATIONS[0])
    }
}

/// What a vector aggregation is called and takes.
pub struct VectorRow {
    pub op: VectorOp,
    pub name: &'static str,
    pub param: bool,
    pub grouping: bool,
    pub doc: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorOp {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    ApproxTopk,
    Sort,
    SortDesc,
}

const fn vector(op: VectorOp, name: &'static str, grouping: bool, doc: &'static str) -> VectorRow {
    let param = matches!(op, VectorOp::Topk | VectorOp::Bottomk | VectorOp::ApproxTopk);
    VectorRow { op, name, param, grouping, doc }
}

pub const VECTOR_AGGREGATIONS: &[VectorRow] = &[
    vector(VectorOp::Sum, "sum", true, "sum of the series of a group"),
    vector(VectorOp::Avg, "avg", true, "mean of the series of a group"),
    vector(VectorOp::Min, "min", true, "smallest of a group"),
    vector(VectorOp::Max, "max", true, "largest of a group"),
    vector(VectorOp::Count, "count", true, "number of series in a group"),
    vector(VectorOp::Stddev, "stddev", true, "standard deviation over a group"),
    vector(VectorOp::Stdvar, "stdvar", true, "variance over a group"),
    vector(VectorOp::Topk, "topk", true, "the k largest series of a group"),
    vector(VectorOp::Bottomk, "bottomk", true, "the k smallest series of a group"),
    vector(VectorOp::ApproxTopk, "approx_topk", false, "the k largest series"),
    vector(VectorOp::Sort, "sort", false, "ascending by value"),
    vector(VectorOp::SortDesc, "sort_desc", false, "descending by value"),
];

impl VectorOp {
    pub fn row(self) -> &'static VectorRow {
        VECTOR_AGGREGATIONS.iter().find(|row| row.op == self).unwrap_or(&VECTOR_AGGREGATIONS[0])
    }
}

/// A word that may follow `|`.
pub struct StageRow {
    pub word: StageWord,
    pub name: &'static str,
    pub doc: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageWord {
    Json,
    Logfmt,
    Pattern,
    Regexp,
    Unpack,
    LineFormat,
    LabelFormat,
    Decolorize,
    Drop,
    Keep,
    Distinct,
    Unwrap,
}

const fn stage(word: StageWord, name: &'static str, doc: &'static str) -> StageRow {
    StageRow { word, name, doc }
}

pub const STAGES: &[StageRow] = &[
    stage(StageWord::Json, "json", "labels from a JSON object, all or the named paths"),
    stage(StageWord::Logfmt, "logfmt", "labels from key=value pairs"),
    stage(StageWord::Pattern, "pattern", "labels from a pattern with <captures>"),
    stage(StageWord::Regexp, "regexp", "labels from named capture groups"),
    stage(StageWord::Unpack, "unpack", "labels and line from a packed JSON object"),
    stage(StageWord::LineFormat, "line_format", "a new line from a template"),
    stage(StageWord::LabelFormat, "label_format", "rename or compute labels"),
    stage(StageWord::Decolorize, "decolorize", "remove ANSI colour codes"),
    stage(StageWord::Drop, "drop", "remove labels"),
    stage(StageWord::Keep, "keep", "keep only these labels"),
    stage(StageWord::Distinct, "distinct", "only the first line of each set of values"),
    stage(StageWord::Unwrap, "unwrap", "use a label's value as the sample"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_finds_its_own_row() {
        for row in RANGE_AGGREGATIONS {
            assert_eq!(row.op.row().name, row.name);
            assert!(!row.doc.is_empty());
        }
        for row in VECTOR_AGGREGATIONS {
            assert_eq!(row.op.row().name, row.name);
            assert!(!row.doc.is_empty());
        }
    }
}
