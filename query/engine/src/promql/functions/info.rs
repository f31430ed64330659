//! `info`: the labels of info series (`target_info` unless the selector says otherwise) added to other series.

use rustc_hash::FxHashMap;
use store::model::Labels;

use crate::promql::ast::{Call, Expr, MatchOp, Matcher, Selector, TimeModifier};
use crate::promql::eval::{Eval, EvalError, Evaluated, Row, Steps, Value, with};

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
    let positive: Vec<_> = names.iter().filter(|m| matches!(m.op, MatchOp::Equal | MatchOp::Regex)).collect();
    let is_info = |labels: &Labels| match names.is_empty() {
        true => labels.metric_name() == DEFAULT_NAME,
        false => !positive.is_empty() && positive.iter().all(|m| m.matches(labels.metric_name())),
    };
    let by_identity = infos(eval, &names, &data, time_of(&c.args[0]), steps)?;
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

/// Info series are looked up at the time the first argument's series are.
fn time_of(expr: &Expr) -> TimeModifier {
    match expr {
        Expr::Selector(s) => s.time.clone(),
        Expr::Matrix(m) => m.selector.time.clone(),
        Expr::Subquery(s) if s.time.at.is_none() && s.time.offset.is_none() => time_of(&s.expr),
        Expr::Subquery(s) => s.time.clone(),
        other => other.children().first().map_or_else(TimeModifier::default, |child| time_of(child)),
    }
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
    names: &[&Matcher],
    data: &[&Matcher],
    time: TimeModifier,
    steps: &Steps,
) -> Evaluated<FxHashMap<Labels, Vec<Info>>> {
    let mut matchers: Vec<Matcher> = names.iter().chain(data).map(|m| (*m).clone()).collect();
    if names.is_empty() {
        let (op, regex) = (MatchOp::Equal, None);
        let (name, value) = (Labels::METRIC_NAME.to_owned(), DEFAULT_NAME.to_owned());
        matchers.push(Matcher { op, name, value, regex });
    }
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
                parts.push(Row { drop_name: row.drop_name, ..Row::empty(labels, steps.len) });
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
        let newer = |other: &Info| {
            other.row.labels.metric_name() == info.row.labels.metric_name() && other.times[i] > info.times[i]
        };
        if infos.iter().filter(present).any(newer) {
            continue;
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
    let missing = |m: &&&Matcher| !m.matches("") && !added.iter().any(|(name, _)| *name == m.name);
    if data.iter().any(|m| missing(&m) && row.labels.get(&m.name).is_none()) {
        return Ok(None);
    }
    Ok(Some(if added.is_empty() { row.labels.clone() } else { with(&row.labels, added) }))
}
