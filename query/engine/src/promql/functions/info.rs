//! `info`: the labels of info series (`target_info` unless the selector says otherwise) added to other series.

use rustc_hash::FxHashMap;
use store::model::Labels;

use crate::promql::ast::{Call, DurationValue, Expr, MatchOp, Matcher, Selector, TimeModifier};
use crate::promql::eval::{Eval, EvalError, Evaluated, Row, Steps, Value, show_labels, with};

/// What tells which info series belongs to a series.
const IDENTIFYING: [&str; 2] = ["job", "instance"];
const DEFAULT_NAME: &str = "target_info";

pub(super) fn info(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    let rows = eval.vector(&c.args[0], steps)?;
    let written: &[Matcher] = match c.args.get(1) {
        Some(Expr::Selector(s)) => &s.matchers,
        _ => &[],
    };
    let names: Vec<&Matcher> = written.iter().filter(|m| m.name == Labels::METRIC_NAME).collect();
    let data: Vec<&Matcher> = written.iter().filter(|m| m.name != Labels::METRIC_NAME).collect();
    let names = name_matchers(&names)?;
    let is_info = |labels: &Labels| names.iter().all(|m| m.matches(labels.metric_name()));
    let mut time = TimeModifier::default();
    time_of(eval, &c.args[0], &mut time)?;
    let by_identity = infos(eval, &names, &data, time, steps)?;
    let mut out = Vec::new();
    for row in rows {
        if is_info(&row.labels) {
            out.push(row);
            continue;
        }
        let found = by_identity.get(&identity(&row.labels)).map_or(&[][..], Vec::as_slice);
        enrich(row, found, &data, steps, &mut out)?;
    }
    Ok(Value::Vector(out))
}

/// Which names info series have: `target_info` if nothing is said, and if only names are excluded, all others that
/// look like one.
fn name_matchers(written: &[&Matcher]) -> Evaluated<Vec<Matcher>> {
    let mut names: Vec<Matcher> = written.iter().map(|m| (*m).clone()).collect();
    let positive = |m: &Matcher| matches!(m.op, MatchOp::Equal | MatchOp::Regex);
    if !names.iter().any(positive) {
        let (op, value) =
            if names.is_empty() { (MatchOp::Equal, DEFAULT_NAME) } else { (MatchOp::Regex, ".+_info") };
        let matcher = Matcher::new(op, Labels::METRIC_NAME.to_owned(), value.to_owned());
        names.push(matcher.map_err(|e| EvalError::Execution(e.to_string()))?);
    }
    Ok(names)
}

/// Info series are looked up at the time of the first selector in the argument: offsets of it and of the subqueries
/// around it add up, to the innermost `@`. Says whether a selector was found.
fn time_of(eval: &Eval<'_>, expr: &Expr, time: &mut TimeModifier) -> Evaluated<bool> {
    let (own, found) = match expr {
        Expr::Selector(s) => (&s.time, true),
        Expr::Matrix(m) => (&m.selector.time, true),
        Expr::Subquery(s) => (&s.time, time_of(eval, &s.expr, time)?),
        other => {
            for child in other.children() {
                if time_of(eval, child, time)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
    };
    if found && time.at.is_none() {
        let millis = |offset: &Option<DurationValue>| offset.as_ref().map_or(Ok(0), |o| eval.duration(o));
        let offset = millis(&time.offset)? + millis(&own.offset)?;
        *time = TimeModifier { at: own.at, offset: (offset != 0).then_some(DurationValue::Millis(offset)) };
    }
    Ok(found)
}

struct Info {
    row: Row,
    /// When each step's sample was taken.
    times: Vec<f64>,
}

fn identity(labels: &Labels) -> Labels {
    labels.filter(|name| IDENTIFYING.contains(&name))
}

fn infos(
    eval: &mut Eval<'_>,
    names: &[Matcher],
    data: &[&Matcher],
    time: TimeModifier,
    steps: &Steps,
) -> Evaluated<FxHashMap<Labels, Vec<Info>>> {
    let matchers = names.iter().chain(data.iter().copied()).cloned().collect();
    let selector = Selector { matchers, time, ..Selector::default() };
    let times = eval.sample_times(&selector, steps)?;
    let mut times: FxHashMap<Labels, Row> = times.into_iter().map(|row| (row.labels.clone(), row)).collect();
    let mut found: FxHashMap<Labels, Vec<Info>> = FxHashMap::default();
    for row in eval.vector(&Expr::Selector(selector), steps)? {
        if row.histograms.is_some() {
            return Err(EvalError::execution("info sample should be float"));
        }
        if let Some(times) = times.remove(&row.labels) {
            found.entry(identity(&row.labels)).or_default().push(Info { row, times: times.floats });
        }
    }
    Ok(found)
}

/// A series under the labels it has at each step: they change when its info series does.
fn enrich(row: Row, infos: &[Info], data: &[&Matcher], steps: &Steps, out: &mut Vec<Row>) -> Evaluated<()> {
    let mut parts: Vec<Row> = Vec::new();
    for i in 0..steps.len {
        let Some(point) = row.get(i) else { continue };
        let Some(labels) = labels_at(&row, infos, data, i)? else { continue };
        let at = match parts.iter().position(|part| part.labels == labels) {
            Some(at) => at,
            None => {
                let (drop_name, hidden) = (row.drop_name, row.hidden.clone());
                parts.push(Row { drop_name, hidden, ..Row::empty(labels, steps.len) });
                parts.len() - 1
            }
        };
        parts[at].set(i, point);
    }
    out.append(&mut parts);
    Ok(())
}

/// `None`: the asked labels are not to be had, so the series is left out.
fn labels_at(row: &Row, infos: &[Info], data: &[&Matcher], i: usize) -> Evaluated<Option<Labels>> {
    let mut added: Vec<(&str, &str)> = Vec::new();
    let present = |info: &&Info| info.row.has(i);
    for info in infos.iter().filter(present) {
        // Of several series of one name the newest tells; the others are about to go stale.
        let same_name = |other: &&Info| other.row.labels.metric_name() == info.row.labels.metric_name();
        let mut others = infos.iter().filter(present).filter(same_name);
        if others.clone().any(|other| other.times[i] > info.times[i]) {
            continue;
        }
        if let Some(other) =
            others.find(|other| other.times[i] == info.times[i] && other.row.labels != info.row.labels)
        {
            return Err(duplicate(&other.row.labels, &info.row.labels, info.times[i]));
        }
        for (name, value) in info.row.labels.iter() {
            let wanted = data.is_empty() || data.iter().any(|m| m.name == name);
            if name == Labels::METRIC_NAME || !wanted || row.labels.get(name).is_some() {
                continue;
            }
            match added.iter().find(|(known, _)| *known == name) {
                Some((_, other)) if *other != value => {
                    return Err(EvalError::execution(format!("conflicting label: {name}")));
                }
                Some(_) => {}
                None => added.push((name, value)),
            }
        }
    }
    // The asked labels chose the info series; without one, series that need not have them stay as they are.
    if !infos.iter().any(|info| info.row.has(i)) && data.iter().any(|m| !m.matches("")) {
        return Ok(None);
    }
    Ok(Some(if added.is_empty() { row.labels.clone() } else { with(&row.labels, added) }))
}

fn duplicate(a: &Labels, b: &Labels, seconds: f64) -> EvalError {
    let millis = (seconds * 1000.0).round();
    EvalError::Execution(format!(
        "found duplicate series for info metric: existing {} @ {millis}, new {} @ {millis}",
        show_labels(a),
        show_labels(b)
    ))
}
