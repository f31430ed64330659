//! Functions of notification templates, as Alertmanager documents them, and those that stand for methods.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use gtmpl_ng::{Func, FuncError, Value};

use super::times;
use crate::rules::template as rules;

/// Before a text that is HTML already; not a character of any language.
const SAFE: char = '\u{e000}';

pub(super) const ALL: &[(&str, Func)] = &[
    ("toUpper", rules::to_upper),
    ("toLower", rules::to_lower),
    ("title", rules::title),
    ("match", rules::matches),
    ("reReplaceAll", rules::re_replace_all),
    ("humanizeDuration", rules::humanize_duration),
    ("trimSpace", trim_space),
    ("join", join),
    ("safeHtml", safe),
    ("safeUrl", safe),
    ("urlUnescape", url_unescape),
    ("stringSlice", list),
    ("list", list),
    ("append", append),
    ("dict", dict),
    ("date", date),
    ("tz", zone),
    ("since", since),
    ("now", now),
    ("toJson", to_json),
    ("base64encode", base64_encode),
    ("base64decode", base64_decode),
    ("__Firing", |args| with_status(args, "firing")),
    ("__Resolved", |args| with_status(args, "resolved")),
    ("__SortedPairs", sorted_pairs),
    ("__Names", |args| column(args, "Names", "Name")),
    ("__Values", |args| column(args, "Values", "Value")),
    ("__Remove", remove),
    ("__Format", |args| swapped(args, "Format", times::format)),
    ("__Sub", sub),
    ("__Unix", |args| of_time(args, "Unix", |ms| Value::from(ms.div_euclid(1_000)))),
    ("__UnixMilli", |args| of_time(args, "UnixMilli", Value::from)),
    ("__UTC", |args| in_zone(args, "UTC")),
    ("__Local", |args| in_zone(args, "Local")),
    ("__IsZero", is_zero),
    ("__escape", escape),
];

fn wrong(problem: impl Into<String>) -> FuncError {
    FuncError::Generic(problem.into())
}

fn text(args: &[Value], at: usize) -> Result<&str, FuncError> {
    match args.get(at) {
        Some(Value::String(text)) => Ok(text.strip_prefix(SAFE).unwrap_or(text)),
        Some(Value::NoValue | Value::Nil) => Ok(""),
        _ => Err(wrong("a text is needed")),
    }
}

fn texts(value: Option<&Value>) -> Result<Vec<String>, FuncError> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        other => Ok(other.to_string()),
    };
    match value {
        Some(Value::Array(all)) => all.iter().map(one).collect(),
        Some(Value::NoValue | Value::Nil) | None => Ok(Vec::new()),
        Some(_) => Err(wrong("a list is needed")),
    }
}

fn trim_space(args: &[Value]) -> Result<Value, FuncError> {
    Ok(text(args, 0)?.trim().into())
}

/// `join SEPARATOR LIST`
fn join(args: &[Value]) -> Result<Value, FuncError> {
    Ok(texts(args.get(1))?.join(text(args, 0)?).into())
}

fn safe(args: &[Value]) -> Result<Value, FuncError> {
    Ok(format!("{SAFE}{}", text(args, 0)?).into())
}

fn url_unescape(args: &[Value]) -> Result<Value, FuncError> {
    let spaced = text(args, 0)?.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8();
    decoded.map(|text| text.into_owned().into()).map_err(|e| wrong(e.to_string()))
}

fn list(args: &[Value]) -> Result<Value, FuncError> {
    Ok(Value::Array(args.to_vec()))
}

fn append(args: &[Value]) -> Result<Value, FuncError> {
    let Some(Value::Array(all)) = args.first() else { return Err(wrong("append needs a list first")) };
    Ok(Value::Array(all.iter().chain(&args[1..]).cloned().collect()))
}

fn dict(args: &[Value]) -> Result<Value, FuncError> {
    if !args.len().is_multiple_of(2) {
        return Err(wrong("dict needs a value for each key"));
    }
    let pairs: Result<HashMap<String, Value>, FuncError> =
        args.chunks(2).map(|pair| Ok((text(pair, 0)?.to_owned(), pair[1].clone()))).collect();
    pairs.map(Value::Map)
}

/// `date LAYOUT TIME`
fn date(args: &[Value]) -> Result<Value, FuncError> {
    times::format(text(args, 0)?, text(args, 1)?).map(Value::from).map_err(wrong)
}

/// `tz ZONE TIME`
fn zone(args: &[Value]) -> Result<Value, FuncError> {
    times::in_zone(text(args, 0)?, text(args, 1)?).map(Value::from).map_err(wrong)
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn now(_: &[Value]) -> Result<Value, FuncError> {
    Ok(times::print(now_ms()).into())
}

fn since(args: &[Value]) -> Result<Value, FuncError> {
    let from = times::millis(text(args, 0)?).map_err(wrong)?;
    Ok(go_duration(now_ms() - from).into())
}

/// `1h2m3.5s`, as Go prints durations.
fn go_duration(ms: i64) -> String {
    let (sign, ms) = (if ms < 0 { "-" } else { "" }, ms.unsigned_abs());
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms % 60_000);
    let seconds = format!("{}s", seconds as f64 / 1_000.0);
    let text = match (hours, minutes, ms) {
        (0, 0, 1..1_000) => format!("{ms}ms"),
        (0, 0, _) => seconds,
        (0, ..) => format!("{minutes}m{seconds}"),
        _ => format!("{hours}h{minutes}m{seconds}"),
    };
    format!("{sign}{text}")
}

fn to_json(args: &[Value]) -> Result<Value, FuncError> {
    Ok(json(args.first().unwrap_or(&Value::Nil)).to_string().into())
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(flag) => (*flag).into(),
        Value::String(text) => text.strip_prefix(SAFE).unwrap_or(text).into(),
        Value::Number(number) => serde_json::from_str(&number.to_string()).unwrap_or_default(),
        Value::Array(all) => all.iter().map(json).collect(),
        Value::Map(members) | Value::Object(members) => {
            // Fields of Alertmanager's data are spelled as its JSON spells them.
            let key = |name: &str| match value {
                Value::Object(_) if name == "GeneratorURL" => "generatorURL".to_owned(),
                Value::Object(_) => name[..1].to_lowercase() + &name[1..],
                _ => name.to_owned(),
            };
            members.iter().map(|(name, value)| (key(name), json(value))).collect()
        }
        Value::NoValue | Value::Nil | Value::Function(_) => serde_json::Value::Null,
    }
}

fn base64_encode(args: &[Value]) -> Result<Value, FuncError> {
    Ok(URL_SAFE.encode(text(args, 0)?).into())
}

fn base64_decode(args: &[Value]) -> Result<Value, FuncError> {
    let bytes = URL_SAFE.decode(text(args, 0)?).map_err(|e| wrong(e.to_string()))?;
    String::from_utf8(bytes).map(Value::from).map_err(|e| wrong(e.to_string()))
}

// === methods ===

/// A label of this name, where the receiver is a label set: `.Labels.Format` is no method.
fn label_of<'v>(args: &'v [Value], method: &str) -> Option<&'v Value> {
    match args.first() {
        Some(Value::Map(members)) => Some(members.get(method).unwrap_or(&Value::NoValue)),
        _ => None,
    }
}

fn with_status(args: &[Value], status: &str) -> Result<Value, FuncError> {
    let name = if status == "firing" { "Firing" } else { "Resolved" };
    if let Some(label) = label_of(args, name) {
        return Ok(label.clone());
    }
    let Some(Value::Array(alerts)) = args.first() else {
        return Err(wrong("only alerts are firing or resolved"));
    };
    let has = |alert: &&Value| match alert {
        Value::Object(members) => members.get("Status") == Some(&Value::from(status)),
        _ => false,
    };
    Ok(Value::Array(alerts.iter().filter(has).cloned().collect()))
}

/// Pairs by name, the alert's name first.
fn sorted_pairs(args: &[Value]) -> Result<Value, FuncError> {
    let Some(Value::Map(members)) = args.first() else { return Err(wrong("only label sets have pairs")) };
    let mut names: Vec<&String> = members.keys().collect();
    names.sort_by_key(|name| (name.as_str() != "alertname", name.as_str()));
    let pair = |name: &String| {
        let members =
            [("Name".to_owned(), Value::from(name.as_str())), ("Value".to_owned(), members[name].clone())];
        Value::Object(members.into_iter().collect())
    };
    Ok(Value::Array(names.into_iter().map(pair).collect()))
}

fn column(args: &[Value], method: &str, member: &str) -> Result<Value, FuncError> {
    let pairs = match args.first() {
        Some(Value::Map(_)) => sorted_pairs(args)?,
        Some(pairs @ Value::Array(_)) => pairs.clone(),
        _ => return Err(wrong(format!("only label sets and pairs have {method}"))),
    };
    let Value::Array(pairs) = pairs else { return Ok(Value::Nil) };
    let of = |pair: &Value| match pair {
        Value::Object(members) => members.get(member).cloned().unwrap_or(Value::Nil),
        _ => Value::Nil,
    };
    Ok(Value::Array(pairs.iter().map(of).collect()))
}

fn remove(args: &[Value]) -> Result<Value, FuncError> {
    let Some(Value::Map(members)) = args.first() else { return Err(wrong("only label sets have Remove")) };
    let names = texts(args.get(1))?;
    let kept = members.iter().filter(|(name, _)| !names.contains(name));
    Ok(Value::Map(kept.map(|(name, value)| (name.clone(), value.clone())).collect()))
}

/// A method of a time whose argument comes first in the function.
fn swapped(
    args: &[Value],
    method: &str,
    of: fn(&str, &str) -> Result<String, String>,
) -> Result<Value, FuncError> {
    match label_of(args, method) {
        Some(label) => Ok(label.clone()),
        None => of(text(args, 1)?, text(args, 0)?).map(Value::from).map_err(wrong),
    }
}

fn of_time(args: &[Value], method: &str, of: fn(i64) -> Value) -> Result<Value, FuncError> {
    match label_of(args, method) {
        Some(label) => Ok(label.clone()),
        None => times::millis(text(args, 0)?).map(of).map_err(wrong),
    }
}

fn in_zone(args: &[Value], name: &str) -> Result<Value, FuncError> {
    match label_of(args, name) {
        Some(label) => Ok(label.clone()),
        None => times::in_zone(name, text(args, 0)?).map(Value::from).map_err(wrong),
    }
}

fn is_zero(args: &[Value]) -> Result<Value, FuncError> {
    Ok(Value::from(text(args, 0)? == times::ZERO))
}

fn sub(args: &[Value]) -> Result<Value, FuncError> {
    let millis = |at| times::millis(text(args, at)?).map_err(wrong);
    Ok(go_duration(millis(0)? - millis(1)?).into())
}

fn escape(args: &[Value]) -> Result<Value, FuncError> {
    let text = match args.first() {
        None | Some(Value::NoValue | Value::Nil) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    if let Some(safe) = text.strip_prefix(SAFE) {
        return Ok(safe.into());
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    Ok(out.into())
}
