//! Sorting. Only an instant query's answer has an order; over a range these functions change nothing.

use std::cmp::Ordering;

use crate::promql::ast::Call;
use crate::promql::eval::{Eval, Evaluated, Row, Steps, Value, is_absent};

pub(super) fn sort(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    by_value(eval, c, steps, |a, b| a.partial_cmp(&b))
}

pub(super) fn sort_desc(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    by_value(eval, c, steps, |a, b| b.partial_cmp(&a))
}

/// NaN stands last either way; histograms have no order and are left out.
fn by_value(
    eval: &mut Eval<'_>,
    c: &Call,
    steps: &Steps,
    compare: fn(f64, f64) -> Option<Ordering>,
) -> Evaluated<Value> {
    let mut rows = eval.vector(&c.args[0], steps)?;
    warn_over_range(eval, c, steps);
    for row in &mut rows {
        row.histograms = None;
    }
    rows.retain(|row| !row.is_empty());
    if steps.len == 1 {
        rows.retain(|row| !is_absent(row.floats[0]));
        rows.sort_by(|a, b| {
            let (a, b) = (a.floats[0], b.floats[0]);
            compare(a, b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
        });
    }
    Ok(Value::Vector(rows))
}

fn warn_over_range(eval: &mut Eval<'_>, c: &Call, steps: &Steps) {
    if steps.len > 1 {
        eval.notes.about(c.span, "");
        eval.notes.warn("sort is ineffective for range queries since results are always ordered by labels");
    }
}

pub(super) fn sort_by_label(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    by_label(eval, c, steps, false)
}

pub(super) fn sort_by_label_desc(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    by_label(eval, c, steps, true)
}

fn by_label(eval: &mut Eval<'_>, c: &Call, steps: &Steps, descending: bool) -> Evaluated<Value> {
    let names = c.args[1..].iter().map(|arg| eval.string(arg, steps)).collect::<Evaluated<Vec<_>>>()?;
    let mut rows = eval.vector(&c.args[0], steps)?;
    warn_over_range(eval, c, steps);
    let compare = |a: &Row, b: &Row| {
        let text = |row: &Row, name: &String| row.labels.get(name).unwrap_or("").to_owned();
        let by_names = names.iter().map(|name| natural(&text(a, name), &text(b, name)));
        by_names.fold(Ordering::Equal, Ordering::then).then_with(|| a.labels.cmp(&b.labels))
    };
    rows.sort_by(|a, b| if descending { compare(b, a) } else { compare(a, b) });
    Ok(Value::Vector(rows))
}

/// Digits compare as numbers, so that `a2` stands before `a10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (Some(x), Some(y)) = (a.chars().next(), b.chars().next()) else {
            return a.is_empty().cmp(&b.is_empty()).reverse();
        };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (x, rest_a) = split_number(a);
            let (y, rest_b) = split_number(b);
            match x.len().cmp(&y.len()).then_with(|| x.cmp(y)) {
                Ordering::Equal => (a, b) = (rest_a, rest_b),
                different => return different,
            }
        } else if x == y {
            (a, b) = (&a[x.len_utf8()..], &b[y.len_utf8()..]);
        } else {
            return x.cmp(&y);
        }
    }
}

/// The digits at the front, without leading zeros, and the rest.
fn split_number(text: &str) -> (&str, &str) {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(end);
    (digits.trim_start_matches('0'), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_text_count_as_numbers() {
        let mut values = ["a10", "a2", "b", "a02x", "", "a2"];
        values.sort_by(|a, b| natural(a, b));
        assert_eq!(values, ["", "a2", "a2", "a02x", "a10", "b"]);
    }
}
