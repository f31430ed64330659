//! What a text may say but a query may not: found before the first row is read.

use super::error::EvalError;
use crate::logql::ast::{IpPattern, LabelFilter, LineFilter, LineOp, Needle, Stage, StageKind, Unwrap};

pub(super) fn stages(stages: &[Stage]) -> Result<(), EvalError> {
    for (at, stage) in stages.iter().enumerate() {
        match &stage.kind {
            StageKind::Line(filter) => line_filter(filter)?,
            StageKind::Filter(filter) => label_filter(filter)?,
            StageKind::LabelFormat(formats) if formats.iter().any(|format| format.label == "__error__") => {
                return Err(EvalError::BadQuery("__error__ cannot be formatted".to_string()));
            }
            StageKind::Distinct(_) if at + 1 < stages.len() => {
                return Err(EvalError::BadQuery("distinct must be the last stage".to_string()));
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn unwrap(unwrap: Option<&Unwrap>) -> Result<(), EvalError> {
    unwrap.map_or(Ok(()), |unwrap| unwrap.filters.iter().try_for_each(label_filter))
}

fn line_filter(filter: &LineFilter) -> Result<(), EvalError> {
    filter.any_of.iter().try_for_each(|needle| match needle {
        Needle::Regex(regex) => match &regex.invalid {
            Some(error) => Err(EvalError::BadQuery(error.clone())),
            None => Ok(()),
        },
        Needle::Ip(_) if !matches!(filter.op, LineOp::Contains | LineOp::NotContains) => {
            Err(EvalError::BadQuery(format!(
                "ip: {} cannot look for addresses: use |= or !=",
                filter.op.symbol()
            )))
        }
        Needle::Ip(pattern) => ip(pattern),
        Needle::Text(_) | Needle::Pattern(_) => Ok(()),
    })
}

fn label_filter(filter: &LabelFilter) -> Result<(), EvalError> {
    match filter {
        LabelFilter::Ip { pattern, .. } => ip(pattern),
        LabelFilter::And(filters) | LabelFilter::Or(filters) => filters.iter().try_for_each(label_filter),
        _ => Ok(()),
    }
}

fn ip(pattern: &IpPattern) -> Result<(), EvalError> {
    match pattern.range {
        Some(_) => Ok(()),
        None => Err(EvalError::BadQuery(format!(
            "ip: {:?} is no address, no range \"a-b\" and no prefix \"a/n\"",
            pattern.source
        ))),
    }
}
