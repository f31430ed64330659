//! Label names, label values and series of log streams: what people browse before they query.

use std::collections::BTreeSet;

use store::Snapshot;
use store::model::{Labels, RequestCtx, Signal, Stream};

use super::error::EvalError;
use super::names::{label_name, stream_labels, stream_value};
use super::row::stream_selected;
use crate::logql::ast::Matcher;

/// Label names of the streams that match one of the selectors (all, if there are none).
pub fn label_names(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    selectors: &[Vec<Matcher>],
    start: i64,
    end: i64,
) -> Result<BTreeSet<String>, EvalError> {
    let mut names = BTreeSet::new();
    each_stream(ctx, snapshot, selectors, (start, end), |stream| {
        names.extend(stream_labels(stream).0.iter().map(|(name, _)| name.to_string()));
    })?;
    Ok(names)
}

/// Values of a label; any resource attribute can be asked for, in either spelling.
pub fn label_values(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    name: &str,
    selectors: &[Vec<Matcher>],
    start: i64,
    end: i64,
) -> Result<BTreeSet<String>, EvalError> {
    let name = label_name(name);
    let mut values = BTreeSet::new();
    each_stream(ctx, snapshot, selectors, (start, end), |stream| {
        values.extend(stream_value(stream, &name).filter(|value| !value.is_empty()));
    })?;
    Ok(values)
}

/// The label sets of matching streams.
pub fn series(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    selectors: &[Vec<Matcher>],
    start: i64,
    end: i64,
) -> Result<Vec<Labels>, EvalError> {
    let mut found = BTreeSet::new();
    each_stream(ctx, snapshot, selectors, (start, end), |stream| {
        found.insert(stream_labels(stream).0);
    })?;
    Ok(found.into_iter().collect())
}

fn each_stream(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    selectors: &[Vec<Matcher>],
    (start, end): (i64, i64),
    mut visit: impl FnMut(&Stream),
) -> Result<(), EvalError> {
    let spelled = |m: &Matcher| Matcher { name: label_name(&m.name), test: m.test.clone() };
    let selectors: Vec<Vec<Matcher>> =
        selectors.iter().map(|matchers| matchers.iter().map(spelled).collect()).collect();
    for stream in snapshot.streams(ctx, Signal::Logs, start, end)? {
        if selectors.is_empty() || selectors.iter().any(|selector| stream_selected(&stream, selector)) {
            visit(&stream);
        }
    }
    Ok(())
}
