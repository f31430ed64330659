//! Functions of rules' templates that ask the store, and those that work on what it answers.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use gtmpl_ng::{Func, FuncError, Value};

use super::template::float;
use crate::notify::times;

/// A vector: the labels and the value of each sample.
pub(crate) type Vector = Vec<(HashMap<String, String>, f64)>;
/// Answers a query of a template.
pub(crate) type Ask = Rc<dyn Fn(&str) -> Result<Vector, String>>;

thread_local! {
    /// Who answers while a template is rendered on this thread: the library's functions cannot be given anything.
    static ASK: RefCell<Option<Ask>> = const { RefCell::new(None) };
}

pub(super) const FUNCTIONS: &[(&str, Func)] = &[
    ("query", query),
    ("first", first),
    ("value", value),
    ("label", label),
    ("strvalue", |args| label_of(args.first(), "__value__")),
    ("sortByLabel", sort_by_label),
    ("args", numbered),
    ("safeHtml", |args| args.first().cloned().ok_or_else(|| wrong("a text is needed"))),
    ("stripDomain", strip_domain),
    ("urlQueryEscape", |args| Ok(escaped(text(args.first())?).into())),
    ("graphLink", |args| Ok(format!("/graph?g0.expr={}&g0.tab=0", escaped(text(args.first())?)).into())),
    ("tableLink", |args| Ok(format!("/graph?g0.expr={}&g0.tab=1", escaped(text(args.first())?)).into())),
    ("parseDuration", parse_duration),
    ("toTime", to_time),
    ("now", |_| Ok(float(now_s()))),
];

/// Renders with somebody there to answer queries.
pub(super) fn asking<R>(ask: Option<Ask>, render: impl FnOnce() -> R) -> R {
    ASK.with(|place| *place.borrow_mut() = ask);
    let rendered = render();
    ASK.with(|place| *place.borrow_mut() = None);
    rendered
}

fn wrong(problem: impl Into<String>) -> FuncError {
    FuncError::Generic(problem.into())
}

fn text(value: Option<&Value>) -> Result<&str, FuncError> {
    match value {
        Some(Value::String(text)) => Ok(text),
        _ => Err(wrong("a text is needed")),
    }
}

fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn query(args: &[Value]) -> Result<Value, FuncError> {
    let asked = text(args.first())?;
    let ask = ASK.with(|place| place.borrow().clone());
    let ask = ask.ok_or_else(|| wrong("queries cannot be asked here"))?;
    let samples = ask(asked).map_err(wrong)?;
    Ok(Value::Array(samples.into_iter().map(sample).collect()))
}

fn sample((labels, value): (HashMap<String, String>, f64)) -> Value {
    let labels = labels.into_iter().map(|(name, text)| (name, Value::from(text))).collect();
    let members = [("Labels".to_owned(), Value::Map(labels)), ("Value".to_owned(), float(value))];
    Value::Object(members.into_iter().collect())
}

fn first(args: &[Value]) -> Result<Value, FuncError> {
    match args.first() {
        Some(Value::Array(all)) => {
            all.first().cloned().ok_or_else(|| wrong("first() called on vector with no elements"))
        }
        _ => Err(wrong("first needs a vector")),
    }
}

fn member<'v>(sample: Option<&'v Value>, name: &str) -> Result<&'v Value, FuncError> {
    match sample {
        Some(Value::Object(members)) => members.get(name).ok_or_else(|| wrong("a sample is needed")),
        _ => Err(wrong("a sample is needed")),
    }
}

fn value(args: &[Value]) -> Result<Value, FuncError> {
    member(args.first(), "Value").cloned()
}

/// `label NAME SAMPLE`
fn label(args: &[Value]) -> Result<Value, FuncError> {
    label_of(args.get(1), text(args.first())?)
}

fn label_of(sample: Option<&Value>, name: &str) -> Result<Value, FuncError> {
    match member(sample, "Labels")? {
        Value::Map(labels) => Ok(labels.get(name).cloned().unwrap_or_else(|| "".into())),
        _ => Err(wrong("a sample is needed")),
    }
}

/// `sortByLabel NAME VECTOR`
fn sort_by_label(args: &[Value]) -> Result<Value, FuncError> {
    let name = text(args.first())?;
    let Some(Value::Array(samples)) = args.get(1) else { return Err(wrong("sortByLabel needs a vector")) };
    let mut keyed = Vec::new();
    for sample in samples {
        keyed.push((label_of(Some(sample), name)?.to_string(), sample.clone()));
    }
    keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Value::Array(keyed.into_iter().map(|(_, sample)| sample).collect()))
}

/// What a template called by another is given: `arg0`, `arg1` …
fn numbered(args: &[Value]) -> Result<Value, FuncError> {
    Ok(Value::Map(args.iter().enumerate().map(|(n, value)| (format!("arg{n}"), value.clone())).collect()))
}

/// Of an address with a port; one of version 6 stands in brackets then.
pub(super) fn host_and_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    match host.strip_prefix('[') {
        Some(inner) => Some((inner.strip_suffix(']')?, port)),
        None => (!host.contains(':')).then_some((host, port)),
    }
}

fn strip_domain(args: &[Value]) -> Result<Value, FuncError> {
    let text = text(args.first())?;
    let (host, port) = host_and_port(text).map_or((text, None), |(host, port)| (host, Some(port)));
    if host.parse::<std::net::IpAddr>().is_ok() {
        return Ok(text.into());
    }
    let name = host.split('.').next().unwrap_or(host);
    Ok(port.map_or_else(|| name.to_owned(), |port| format!("{name}:{port}")).into())
}

/// Seconds.
fn parse_duration(args: &[Value]) -> Result<Value, FuncError> {
    let ms = engine::promql::parse_duration(text(args.first())?).map_err(|e| wrong(e.to_string()))?;
    Ok(float(ms as f64 / 1_000.0))
}

fn to_time(args: &[Value]) -> Result<Value, FuncError> {
    let seconds = super::template::number(args)?;
    Ok(times::print((seconds * 1_000.0) as i64).into())
}

fn now_s() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64()
}
