//! The functions of templates: Go's own, and those Loki documents. One row each.

mod compare;
mod math;
mod printf;
mod text;
mod time;

use super::value::Value;

pub(super) type Out = Result<Value, String>;

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// Arguments, a piped one among them.
    pub(super) least: usize,
    pub(super) most: usize,
    /// The first argument is a regular expression, compiled with the template if it is a literal.
    pub(super) pattern_first: bool,
    pub(super) run: Run,
}

#[derive(Debug)]
pub(super) enum Run {
    Plain(fn(&[Value]) -> Out),
    /// Arguments are evaluated until one decides.
    And,
    Or,
    Line,
    Timestamp,
    Now,
}

const MANY: usize = usize::MAX;

const fn row(name: &'static str, least: usize, most: usize, run: fn(&[Value]) -> Out) -> Function {
    Function { name, least, most, pattern_first: false, run: Run::Plain(run) }
}

const fn pattern(name: &'static str, arguments: usize, run: fn(&[Value]) -> Out) -> Function {
    Function { name, least: arguments, most: arguments, pattern_first: true, run: Run::Plain(run) }
}

const fn special(name: &'static str, least: usize, most: usize, run: Run) -> Function {
    Function { name, least, most, pattern_first: false, run }
}

pub(crate) const FUNCTIONS: &[Function] = &[
    special("__line__", 0, 0, Run::Line),
    special("__timestamp__", 0, 0, Run::Timestamp),
    special("now", 0, 0, Run::Now),
    special("and", 1, MANY, Run::And),
    special("or", 1, MANY, Run::Or),
    row("not", 1, 1, compare::not),
    row("eq", 2, MANY, compare::eq),
    row("ne", 2, 2, compare::ne),
    row("lt", 2, 2, compare::lt),
    row("le", 2, 2, compare::le),
    row("gt", 2, 2, compare::gt),
    row("ge", 2, 2, compare::ge),
    row("len", 1, 1, compare::len),
    row("index", 1, MANY, compare::index),
    row("slice", 1, 4, compare::slice),
    row("default", 1, MANY, compare::default),
    row("print", 0, MANY, printf::print),
    row("println", 0, MANY, printf::println),
    row("printf", 1, MANY, printf::printf),
    row("html", 0, MANY, text::html),
    row("urlquery", 0, MANY, text::urlquery),
    row("urlencode", 1, 1, text::urlencode),
    row("urldecode", 1, 1, text::urldecode),
    row("b64enc", 1, 1, text::b64enc),
    row("b64dec", 1, 1, text::b64dec),
    row("lower", 1, 1, text::lower),
    row("ToLower", 1, 1, text::lower),
    row("upper", 1, 1, text::upper),
    row("ToUpper", 1, 1, text::upper),
    row("title", 1, 1, text::title),
    row("trunc", 2, 2, text::trunc),
    row("substr", 3, 3, text::substr),
    row("contains", 2, 2, text::contains),
    row("hasPrefix", 2, 2, text::has_prefix),
    row("hasSuffix", 2, 2, text::has_suffix),
    row("indent", 2, 2, text::indent),
    row("nindent", 2, 2, text::nindent),
    row("replace", 3, 3, text::replace),
    row("Replace", 4, 4, text::replace_some),
    row("repeat", 2, 2, text::repeat),
    row("trim", 1, 1, text::trim),
    row("TrimSpace", 1, 1, text::trim),
    row("trimAll", 2, 2, text::trim_all),
    row("trimPrefix", 2, 2, text::trim_prefix),
    row("trimSuffix", 2, 2, text::trim_suffix),
    row("Trim", 2, 2, text::trim_set),
    row("TrimLeft", 2, 2, text::trim_set_left),
    row("TrimRight", 2, 2, text::trim_set_right),
    row("TrimPrefix", 2, 2, text::without_prefix),
    row("TrimSuffix", 2, 2, text::without_suffix),
    row("alignLeft", 2, 2, text::align_left),
    row("alignRight", 2, 2, text::align_right),
    row("fromJson", 1, 1, text::from_json),
    pattern("regexReplaceAll", 3, text::regex_replace),
    pattern("regexReplaceAllLiteral", 3, text::regex_replace_literal),
    pattern("count", 2, text::count),
    row("int", 1, 1, math::int),
    row("float64", 1, 1, math::float),
    row("add", 0, MANY, math::add),
    row("sub", 2, 2, math::sub),
    row("mul", 1, MANY, math::mul),
    row("div", 2, 2, math::div),
    row("mod", 2, 2, math::modulo),
    row("addf", 0, MANY, math::addf),
    row("subf", 1, MANY, math::subf),
    row("mulf", 1, MANY, math::mulf),
    row("divf", 1, MANY, math::divf),
    row("max", 1, MANY, math::max),
    row("min", 1, MANY, math::min),
    row("maxf", 1, MANY, math::maxf),
    row("minf", 1, MANY, math::minf),
    row("ceil", 1, 1, math::ceil),
    row("floor", 1, 1, math::floor),
    row("round", 2, 3, math::round),
    row("bytes", 1, 1, math::bytes),
    row("duration", 1, 1, math::duration),
    row("duration_seconds", 1, 1, math::duration),
    row("date", 2, 2, time::date),
    row("toDate", 2, 2, time::to_date),
    row("toDateInZone", 3, 3, time::to_date_in_zone),
    row("unixEpoch", 1, 1, time::unix_epoch),
    row("unixEpochMillis", 1, 1, time::unix_epoch_millis),
    row("unixEpochNanos", 1, 1, time::unix_epoch_nanos),
    row("unixToTime", 1, 1, time::unix_to_time),
];

pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

// === arguments of a type; their number was checked with the template ===

fn argument(arguments: &[Value], at: usize) -> &Value {
    arguments.get(at).unwrap_or(&Value::Nil)
}

fn text_at(arguments: &[Value], at: usize) -> Result<&str, String> {
    match argument(arguments, at) {
        Value::Text(text) => Ok(text),
        Value::Regex(regex) => Ok(regex.as_str()),
        other => Err(format!("wrong type for value; expected string; got {}", other.kind())),
    }
}

fn int_at(arguments: &[Value], at: usize) -> Result<i64, String> {
    match argument(arguments, at) {
        Value::Int(value) => Ok(*value),
        Value::Float(value) if value.fract() == 0.0 => Ok(*value as i64),
        other => Err(format!("wrong type for value; expected int; got {}", other.kind())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for (at, function) in FUNCTIONS.iter().enumerate() {
            assert!(FUNCTIONS[..at].iter().all(|other| other.name != function.name), "{}", function.name);
        }
    }
}
