//! Functions that change labels.

use regex::Regex;
use store::model::Labels;

use crate::promql::ast::Call;
use crate::promql::eval::{Eval, EvalError, Evaluated, Row, Steps, Value, with, without_name};
use crate::promql::quote::quote_bytes;

pub(super) fn label_replace(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    let [vector, dst, replacement, src, pattern] = c.args.as_slice() else { return Err(missing()) };
    let replacement = eval.string(replacement, steps)?;
    let (src, pattern) = (eval.string(src, steps)?, eval.string(pattern, steps)?);
    let regex = Regex::new(&format!("^(?s:{pattern})$")).map_err(|_| {
        EvalError::execution(format!("invalid regular expression in label_replace(): {pattern}"))
    })?;
    let dst = eval.label_name(dst, steps, |name| {
        format!("invalid destination label name in label_replace(): {}", String::from_utf8_lossy(name))
    })?;
    let mut rows = eval.vector(vector, steps)?;
    for row in &mut rows {
        let value = row.labels.get(&src).unwrap_or("").to_owned();
        let Some(captures) = regex.captures(&value) else { continue };
        let mut text = String::new();
        captures.expand(&replacement, &mut text);
        set_label(row, &dst, &text);
    }
    unique(rows)
}

pub(super) fn label_join(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    let [vector, dst, separator, sources @ ..] = c.args.as_slice() else { return Err(missing()) };
    let separator = eval.string(separator, steps)?;
    let refused = |which: &str, name: &[u8]| {
        format!("invalid {which} label name in label_join(): {}", quote_bytes(name))
    };
    let mut source = |s| eval.label_name(s, steps, |name| refused("source", name));
    let sources = sources.iter().map(&mut source).collect::<Evaluated<Vec<_>>>()?;
    let dst = eval.label_name(dst, steps, |name| refused("destination", name))?;
    let mut rows = eval.vector(vector, steps)?;
    for row in &mut rows {
        let values: Vec<&str> = sources.iter().map(|s| row.labels.get(s).unwrap_or("")).collect();
        let text = values.join(&separator);
        set_label(row, &dst, &text);
    }
    unique(rows)
}

fn missing() -> EvalError {
    EvalError::execution("the call lacks an argument")
}

/// A name set by the function is meant: it stays, even where the old one was about to go.
fn set_label(row: &mut Row, name: &str, value: &str) {
    row.labels = with(&row.labels, [(name, value)]);
    if name == Labels::METRIC_NAME {
        row.drop_name = false;
    }
}

/// Elements must stay apart under their new labels.
fn unique(rows: Vec<Row>) -> Evaluated<Value> {
    let mut seen: std::collections::HashMap<Labels, Vec<usize>> = std::collections::HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        let labels = if row.drop_name { without_name(&row.labels) } else { row.labels.clone() };
        let same = seen.entry(labels).or_default();
        let clash = |other: &usize| (0..row.floats.len()).any(|i| row.has(i) && rows[*other].has(i));
        if same.iter().any(clash) {
            return Err(EvalError::execution("vector cannot contain metrics with the same labelset"));
        }
        same.push(at);
    }
    Ok(Value::Vector(rows))
}
