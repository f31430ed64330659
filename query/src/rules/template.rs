//! Templates in rules: Go's language with Prometheus' variables and formatting functions.

use std::collections::{BTreeMap, HashMap};

use gtmpl_ng::{Context, FloatFormat, Func, FuncError, Number, NumberKind, Template, Value, format_float};

use super::template_query::{self, Ask, asking, host_and_port};
use crate::notify::times;

/// Prometheus predefines these variables; every template begins with them.
const PRELUDE: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}";

const FUNCTIONS: &[(&str, Func)] = &[
    ("humanize", humanize),
    ("humanize1024", humanize1024),
    ("humanizePercentage", humanize_percentage),
    ("humanizeDuration", humanize_duration),
    ("humanizeTimestamp", humanize_timestamp),
    ("title", title),
    ("toUpper", to_upper),
    ("toLower", to_lower),
    ("stripPort", strip_port),
    ("match", matches),
    ("reReplaceAll", re_replace_all),
];

/// Whether the text is a template that can be rendered.
pub(crate) fn check(text: &str) -> Result<(), String> {
    parse(text).map(drop)
}

/// What the templates of one alert see.
pub(super) struct Expansion<'e> {
    pub(super) labels: &'e BTreeMap<String, String>,
    pub(super) value: f64,
    pub(super) external_url: &'e str,
    pub(super) external_labels: &'e BTreeMap<String, String>,
    /// Who answers their queries.
    pub(super) ask: Option<Ask>,
}

/// The text for one alert. A template that fails says so in its place, so that the alert still goes out.
pub(super) fn expand(text: &str, of: &Expansion<'_>) -> String {
    if !text.contains("{{") {
        return text.to_owned();
    }
    let rendered = parse(text).and_then(|template| {
        let map = |pairs: &BTreeMap<String, String>| -> HashMap<String, Value> {
            pairs.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str()))).collect()
        };
        let data: HashMap<String, Value> = HashMap::from([
            ("Labels".to_owned(), Value::Map(with_named(map(of.labels), text))),
            ("ExternalLabels".to_owned(), Value::Map(map(of.external_labels))),
            ("ExternalURL".to_owned(), Value::from(of.external_url)),
            ("Value".to_owned(), float(of.value)),
        ]);
        asking(of.ask.clone(), || {
            template.render(&Context::from(Value::Map(data))).map_err(|e| e.to_string())
        })
    });
    match rendered {
        // Go's templates say this of a missing label, Prometheus shows nothing.
        Ok(text) => text.replace("<no value>", ""),
        Err(error) => format!("<error expanding template: {error}>"),
    }
}

fn parse(text: &str) -> Result<Template, String> {
    let mut template = Template::default();
    template.add_funcs(FUNCTIONS);
    template.add_funcs(template_query::FUNCTIONS);
    template.parse(format!("{PRELUDE}{text}")).map_err(|e| e.to_string())?;
    Ok(template)
}

// === functions ===

pub(super) fn number(args: &[Value]) -> Result<f64, FuncError> {
    match args.first() {
        Some(Value::Number(number)) => Ok(match number.kind() {
            NumberKind::Unsigned(whole) => whole as f64,
            NumberKind::Signed(whole) => whole as f64,
            NumberKind::Float(float) => float,
        }),
        Some(Value::String(text)) => {
            text.parse().map_err(|_| FuncError::Generic(format!("{text:?} is not a number")))
        }
        _ => Err(FuncError::Generic("one number is needed".to_owned())),
    }
}

fn text(args: &[Value], at: usize) -> Result<&str, FuncError> {
    match args.get(at) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(FuncError::Generic("a text is needed".to_owned())),
    }
}

/// A float, also where it is whole: Go prints a million as `1e+06`.
pub(super) fn float(v: f64) -> Value {
    Value::Number(Number::float(v))
}

/// Labels an alert lacks are empty texts where a template names them; not where it goes through all of them.
fn with_named(mut labels: HashMap<String, Value>, text: &str) -> HashMap<String, Value> {
    let after: Vec<&str> = text.split("abels").skip(1).collect();
    if after.iter().all(|rest| rest.starts_with('.')) {
        for rest in after {
            let name =
                rest[1..].split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
            labels.entry(name.to_owned()).or_insert_with(|| "".into());
        }
    }
    labels
}

/// Four significant digits, as Go's `%.4g`.
fn short(v: f64) -> String {
    format_float(v, FloatFormat::General, Some(4))
}

fn with_prefix(mut v: f64, base: f64, up: &[&str], down: &[&str]) -> String {
    if v == 0.0 || !v.is_finite() {
        return short(v);
    }
    let mut prefix = "";
    if v.abs() >= 1.0 {
        for next in up {
            if v.abs() < base {
                break;
            }
            (prefix, v) = (next, v / base);
        }
    } else {
        for next in down {
            if v.abs() >= 1.0 {
                break;
            }
            (prefix, v) = (next, v * base);
        }
    }
    format!("{}{prefix}", short(v))
}

const SMALL: &[&str] = &["m", "u", "n", "p", "f", "a", "z", "y"];

fn humanize(args: &[Value]) -> Result<Value, FuncError> {
    let up = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
    Ok(with_prefix(number(args)?, 1000.0, &up, SMALL).into())
}

fn humanize1024(args: &[Value]) -> Result<Value, FuncError> {
    let up = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
    Ok(with_prefix(number(args)?, 1024.0, &up, &[]).into())
}

fn humanize_percentage(args: &[Value]) -> Result<Value, FuncError> {
    Ok(format!("{}%", short(number(args)? * 100.0)).into())
}

pub(crate) fn humanize_duration(args: &[Value]) -> Result<Value, FuncError> {
    let v = number(args)?;
    if !v.is_finite() {
        return Ok(short(v).into());
    }
    if v.abs() < 1.0 {
        return Ok(format!("{}s", with_prefix(v, 1000.0, &[], SMALL)).into());
    }
    let sign = if v < 0.0 { "-" } else { "" };
    let whole = v.abs() as u64;
    let (days, hours, minutes, seconds) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60, whole % 60);
    let out = match (days, hours, minutes) {
        (0, 0, 0) => format!("{}s", short(v.abs())),
        (0, 0, _) => format!("{minutes}m {seconds}s"),
        (0, ..) => format!("{hours}h {minutes}m {seconds}s"),
        _ => format!("{days}d {hours}h {minutes}m {seconds}s"),
    };
    Ok(format!("{sign}{out}").into())
}

fn humanize_timestamp(args: &[Value]) -> Result<Value, FuncError> {
    let v = number(args)?;
    if !v.is_finite() {
        return Ok(short(v).into());
    }
    let ns = v * 1e9;
    if ns.abs() >= i64::MAX as f64 {
        return Err(FuncError::Generic(format!("{v} is no time: its nanoseconds do not fit")));
    }
    Ok(times::print((ns as i64).div_euclid(1_000_000)).into())
}

pub(crate) fn title(args: &[Value]) -> Result<Value, FuncError> {
    let mut out = String::new();
    let mut start = true;
    for c in text(args, 0)?.chars() {
        out.extend(if start { c.to_uppercase().collect::<Vec<_>>() } else { vec![c] });
        start = c.is_whitespace();
    }
    Ok(out.into())
}

pub(crate) fn to_upper(args: &[Value]) -> Result<Value, FuncError> {
    Ok(text(args, 0)?.to_uppercase().into())
}

pub(crate) fn to_lower(args: &[Value]) -> Result<Value, FuncError> {
    Ok(text(args, 0)?.to_lowercase().into())
}

fn strip_port(args: &[Value]) -> Result<Value, FuncError> {
    let host = text(args, 0)?;
    Ok(host_and_port(host).map_or(host, |(name, _)| name).into())
}

fn regex(pattern: &str) -> Result<regex::Regex, FuncError> {
    regex::Regex::new(pattern).map_err(|e| FuncError::Generic(e.to_string()))
}

pub(crate) fn matches(args: &[Value]) -> Result<Value, FuncError> {
    Ok(regex(text(args, 0)?)?.is_match(text(args, 1)?).into())
}

pub(crate) fn re_replace_all(args: &[Value]) -> Result<Value, FuncError> {
    Ok(regex(text(args, 0)?)?.replace_all(text(args, 2)?, text(args, 1)?).into_owned().into())
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    fn render(text: &str, value: f64) -> String {
        let labels = BTreeMap::from([("job".to_owned(), "cart".to_owned())]);
        let disk = |asked: &str| match asked {
            "none" => Ok(Vec::new()),
            "bad(" => Err("it cannot be read".to_owned()),
            _ => Ok([("b", 2.0), ("a", 1.5)]
                .map(|(disk, value)| (HashMap::from([("disk".to_owned(), disk.to_owned())]), value))
                .to_vec()),
        };
        let external_labels = BTreeMap::from([("cluster".to_owned(), "eu".to_owned())]);
        let (external_url, external_labels) = ("http://x", &external_labels);
        let of =
            Expansion { labels: &labels, value, external_url, external_labels, ask: Some(Rc::new(disk)) };
        expand(text, &of)
    }

    #[test]
    fn templates_as_prometheus_renders_them() {
        for (text, value, wanted) in [
            ("plain", 1.0, "plain"),
            ("{{ $labels.job }} at {{ $value }}", 2.0, "cart at 2"),
            ("{{ .Labels.job }}{{ $labels.none }}", 0.0, "cart"),
            ("{{ $value | humanize }}", 1_234_567.0, "1.235M"),
            ("{{ $value | humanize }}", 0.0123, "12.3m"),
            ("{{ $value | humanize1024 }}", 2048.0, "2ki"),
            ("{{ $value | humanizePercentage }}", 0.1234, "12.34%"),
            ("{{ $value | humanizeDuration }}", 3_725.0, "1h 2m 5s"),
            ("{{ $value | humanizeDuration }}", 0.25, "250ms"),
            ("{{ $labels.job | toUpper }}", 0.0, "CART"),
            ("{{ if match \"c.*t\" $labels.job }}y{{ end }}", 0.0, "y"),
            ("{{ printf \"%.1f\" $value }}", 2.25, "2.2"),
            ("{{ $externalLabels.cluster }} {{ $externalURL }}", 0.0, "eu http://x"),
            ("{{ query \"disks\" | first | value }}", 0.0, "2"),
            ("{{ query \"disks\" | first | label \"disk\" }}", 0.0, "b"),
            (
                "{{ range query \"disks\" | sortByLabel \"disk\" }}{{ .Labels.disk }}={{ .Value }} {{ end }}",
                0.0,
                "a=1.5 b=2 ",
            ),
            ("{{ with query \"none\" }}some{{ else }}none{{ end }}", 0.0, "none"),
            ("{{ \"cart.example.org:80\" | stripDomain }}", 0.0, "cart:80"),
            ("{{ parseDuration \"1h30m\" }}", 0.0, "5400"),
            ("{{ \"a b\" | urlQueryEscape }}", 0.0, "a+b"),
            ("{{ 0 | toTime }}", 0.0, "1970-01-01 00:00:00 +0000 UTC"),
            ("{{ $value | humanizeTimestamp }}", 180_300.5, "1970-01-03 02:05:00.5 +0000 UTC"),
            ("{{ $value }} {{ 1 }}", 1_700_000_000.0, "1.7e+09 1"),
            ("{{ $value | humanizePercentage }}", 999.9996, "1e+05%"),
            ("{{ $value | humanizeDuration }}", f64::INFINITY, "+Inf"),
            ("{{ $value | humanizeDuration }}", 1.5e-20, "15zs"),
            ("{{ printf \"%s-%s\" $labels.job $labels.none }}", 0.0, "cart-"),
            (
                "{{ range $name, $text := $labels }}{{ $name }}={{ $text }}{{ end }}{{ $labels.none }}",
                0.0,
                "job=cart",
            ),
            ("{{ \"[::1]:80\" | stripPort }} {{ \"::1\" | stripPort }}", 0.0, "::1 ::1"),
        ] {
            assert_eq!(render(text, value), wanted, "{text}");
        }
    }

    #[test]
    fn a_failing_template_says_so_in_its_place() {
        assert!(check("{{ nope }}").is_err());
        for text in ["{{ humanize $labels.job }}", "{{ query \"none\" | first }}", "{{ query \"bad(\" }}"] {
            assert!(render(text, 1.0).contains("error expanding template"), "{text}");
        }
    }
}
