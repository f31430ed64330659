//! A tree back to text: on one line by `Display`, and over several lines when long by `format_query`.

use std::fmt::{self, Display, Formatter, Write};

use super::ast::{
    At, Binary, Conversion, Expr, Extraction, Grouping, LabelFilter, LabelSource, LineFilter, LogExpr, Match,
    Matcher, MetricExpr, MetricKind, NameTest, Needle, RangeAggregation, Side, Stage, StageKind, Unwrap,
};
use super::lexer::is_plain_name;
use super::units::{print_bytes, print_duration};

/// A part longer than this is broken into lines; Loki's width, so that both print the same shape.
const LINE_CHARS_MAX: usize = 100;

/// The query as people like to read it: one line if short, else one stage or argument per line.
pub fn format_query(expr: &Expr) -> String {
    let mut out = String::new();
    match expr {
        Expr::Log(log) => pretty_log(&mut out, log, 0),
        Expr::Metric(metric) => pretty_metric(&mut out, metric, 0),
    }
    out
}

fn indent(out: &mut String, level: usize) {
    out.extend(std::iter::repeat_n("  ", level));
}

fn short(item: &impl Display) -> Option<String> {
    Some(item.to_string()).filter(|text| text.chars().count() <= LINE_CHARS_MAX)
}

fn pretty_log(out: &mut String, log: &LogExpr, level: usize) {
    indent(out, level);
    if let Some(text) = short(log) {
        out.push_str(&text);
        return;
    }
    out.push_str(&Selector(&log.selector).to_string());
    for stage in &log.stages {
        out.push('\n');
        indent(out, level + 1);
        out.push_str(&stage.to_string());
    }
}

fn pretty_metric(out: &mut String, metric: &MetricExpr, level: usize) {
    if let Some(text) = short(metric) {
        indent(out, level);
        out.push_str(&text);
        return;
    }
    match &metric.kind {
        MetricKind::Binary(binary) => {
            pretty_metric(out, &binary.left, level + 1);
            out.push('\n');
            indent(out, level);
            out.push_str(operator(binary).trim());
            out.push('\n');
            pretty_metric(out, &binary.right, level + 1);
        }
        MetricKind::Range(range) => {
            let param = range.param.map(|param| param.to_string());
            pretty_call(out, range.op.row().name, &None, param, level, |out| {
                pretty_range(out, range, level + 1)
            });
            if let Some(grouping) = &range.grouping {
                out.push_str(&grouping.to_string());
            }
        }
        MetricKind::Vector(vector) => {
            let param = vector.param.map(|param| param.to_string());
            pretty_call(out, vector.op.row().name, &vector.grouping, param, level, |out| {
                pretty_metric(out, &vector.inner, level + 1);
            });
        }
        MetricKind::LabelReplace(replace) => {
            pretty_call(out, "label_replace", &None, None, level, |out| {
                pretty_metric(out, &replace.inner, level + 1);
                let texts = [&replace.target, &replace.replacement, &replace.source, &replace.regex.source];
                for text in texts {
                    out.push_str(",\n");
                    indent(out, level + 1);
                    out.push_str(&quoted(text));
                }
            });
        }
        MetricKind::Literal(_) | MetricKind::Constant(_) => out.push_str(&metric.to_string()),
    }
}

fn pretty_call(
    out: &mut String,
    name: &str,
    grouping: &Option<Grouping>,
    param: Option<String>,
    level: usize,
    body: impl FnOnce(&mut String),
) {
    indent(out, level);
    out.push_str(name);
    if let Some(grouping) = grouping {
        out.push_str(&grouping.to_string());
    }
    out.push_str("(\n");
    if let Some(param) = param {
        indent(out, level + 1);
        out.push_str(&param);
        out.push_str(",\n");
    }
    body(out);
    out.push('\n');
    indent(out, level);
    out.push(')');
}

fn pretty_range(out: &mut String, range: &RangeAggregation, level: usize) {
    pretty_log(out, &range.log, level);
    if let Some(unwrap) = &range.unwrap {
        out.push('\n');
        indent(out, level + 1);
        out.push_str(&unwrap.to_string());
    }
    out.push_str(&format!(" [{}]", print_duration(range.range_ns)));
    out.push_str(&moved(range));
}

/// What stands behind a range.
fn moved(range: &RangeAggregation) -> String {
    let mut out = match range.at {
        None => String::new(),
        Some(At::Start) => " @ start()".to_string(),
        Some(At::End) => " @ end()".to_string(),
        Some(At::Time(nanos)) => format!(" @ {}", nanos as f64 / 1e9),
    };
    if range.offset_ns != 0 {
        out.push_str(&format!(" offset {}", print_duration(range.offset_ns)));
    }
    out
}

fn operator(binary: &Binary) -> String {
    let mut out = binary.op.symbol().to_string();
    if binary.return_bool {
        out.push_str(" bool");
    }
    if let Some(labels) = &binary.matching.labels {
        let word = if labels.on { "on" } else { "ignoring" };
        out.push_str(&format!(" {word} ({})", labels.names.join(", ")));
    }
    let (word, include) = match &binary.matching.side {
        Side::OneToOne => return out,
        Side::Left(include) => ("group_left", include),
        Side::Right(include) => ("group_right", include),
    };
    out.push_str(&format!(" {word} ({})", include.join(", ")));
    out
}

/// A text in double quotes with the escapes the lexer reads.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn join<T: Display>(f: &mut Formatter<'_>, items: &[T], separator: &str) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Log(log) => log.fmt(f),
            Expr::Metric(metric) => metric.fmt(f),
        }
    }
}

struct Selector<'a>(&'a [Matcher]);

impl Display for Selector<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('{')?;
        join(f, self.0, ", ")?;
        f.write_char('}')
    }
}

impl Display for LogExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Selector(&self.selector).fmt(f)?;
        self.stages.iter().try_for_each(|stage| write!(f, " {stage}"))
    }
}

impl Display for Matcher {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match is_plain_name(&self.name) {
            true => f.write_str(&self.name)?,
            false => f.write_str(&quoted(&self.name))?,
        }
        self.test.fmt(f)
    }
}

impl Display for Match {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Match::Eq(text) => write!(f, "={}", quoted(text)),
            Match::Ne(text) => write!(f, "!={}", quoted(text)),
            Match::Re(re) => write!(f, "=~{}", quoted(&re.source)),
            Match::Nre(re) => write!(f, "!~{}", quoted(&re.source)),
        }
    }
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            StageKind::Line(filter) => filter.fmt(f),
            StageKind::Json(extractions) => named_list(f, "| json", extractions),
            StageKind::Logfmt(logfmt) => {
                f.write_str("| logfmt")?;
                f.write_str(if logfmt.strict { " --strict" } else { "" })?;
                named_list(f, if logfmt.keep_empty { " --keep-empty" } else { "" }, &logfmt.extractions)
            }
            StageKind::Regexp(regex) => write!(f, "| regexp {}", quoted(&regex.source)),
            StageKind::Pattern(pattern) => write!(f, "| pattern {}", quoted(&pattern.source)),
            StageKind::Unpack => f.write_str("| unpack"),
            StageKind::Filter(filter) => write!(f, "| {filter}"),
            StageKind::LineFormat(template) => write!(f, "| line_format {}", quoted(&template.source)),
            StageKind::LabelFormat(formats) => {
                f.write_str("| label_format ")?;
                for (index, format) in formats.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    match &format.value {
                        LabelSource::Rename(from) => write!(f, "{comma}{}={from}", format.label)?,
                        LabelSource::Template(t) => {
                            write!(f, "{comma}{}={}", format.label, quoted(&t.source))?
                        }
                    }
                }
                Ok(())
            }
            StageKind::Decolorize => f.write_str("| decolorize"),
            StageKind::Drop(names) => named_list(f, "| drop", names),
            StageKind::Keep(names) => named_list(f, "| keep", names),
            StageKind::Distinct(names) => named_list(f, "| distinct", names),
        }
    }
}

fn named_list<T: Display>(f: &mut Formatter<'_>, word: &str, items: &[T]) -> fmt::Result {
    f.write_str(word)?;
    if !items.is_empty() {
        f.write_char(' ')?;
    }
    join(f, items, ",")
}

impl Display for LineFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.op.symbol())?;
        join(f, &self.any_of, " or ")
    }
}

impl Display for Needle {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Needle::Text(text) => f.write_str(&quoted(text)),
            Needle::Regex(regex) => f.write_str(&quoted(&regex.source)),
            Needle::Pattern(pattern) => f.write_str(&quoted(&pattern.source)),
            Needle::Ip(ip) => write!(f, "ip({})", quoted(&ip.source)),
        }
    }
}

impl Display for Extraction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.label, quoted(&self.source))
    }
}

impl Display for NameTest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.test.as_ref().map_or(Ok(()), |test| test.fmt(f))
    }
}

impl Display for LabelFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let many = |f: &mut Formatter<'_>, filters: &[LabelFilter], separator: &str| {
            f.write_str("( ")?;
            join(f, filters, separator)?;
            f.write_str(" )")
        };
        match self {
            LabelFilter::Match(matcher) => matcher.fmt(f),
            LabelFilter::Number { name, op, value } => write!(f, "{name}{}{value}", op.symbol()),
            LabelFilter::Duration { name, op, nanos } => {
                write!(f, "{name}{}{}", op.symbol(), print_duration(*nanos))
            }
            LabelFilter::Bytes { name, op, bytes } => {
                write!(f, "{name}{}{}", op.symbol(), print_bytes(*bytes))
            }
            LabelFilter::Ip { name, negated, pattern } => {
                write!(f, "{name}{}ip({})", if *negated { "!=" } else { "=" }, quoted(&pattern.source))
            }
            LabelFilter::And(all) => many(f, all, " and "),
            LabelFilter::Or(any) => many(f, any, " or "),
        }
    }
}

impl Display for Unwrap {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.conversion {
            Conversion::Number => write!(f, "| unwrap {}", self.label)?,
            Conversion::Bytes => write!(f, "| unwrap bytes({})", self.label)?,
            Conversion::Duration => write!(f, "| unwrap duration({})", self.label)?,
            Conversion::DurationSeconds => write!(f, "| unwrap duration_seconds({})", self.label)?,
        }
        self.filters.iter().try_for_each(|filter| write!(f, " | {filter}"))
    }
}

impl Display for Grouping {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, " {} ({})", if self.without { "without" } else { "by" }, self.labels.join(", "))
    }
}

impl Display for RangeAggregation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.op.row().name)?;
        if let Some(param) = self.param {
            write!(f, "{param},")?;
        }
        self.log.fmt(f)?;
        if let Some(unwrap) = &self.unwrap {
            write!(f, " {unwrap}")?;
        }
        write!(f, "[{}]{})", print_duration(self.range_ns), moved(self))?;
        self.grouping.as_ref().map_or(Ok(()), |grouping| grouping.fmt(f))
    }
}

impl Display for MetricExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            MetricKind::Range(range) => range.fmt(f),
            MetricKind::Vector(vector) => {
                f.write_str(vector.op.row().name)?;
                if let Some(grouping) = &vector.grouping {
                    grouping.fmt(f)?;
                }
                f.write_char('(')?;
                if let Some(param) = vector.param {
                    write!(f, "{param},")?;
                }
                write!(f, "{})", vector.inner)
            }
            MetricKind::Binary(binary) => {
                write!(f, "({} {} {})", binary.left, operator(binary), binary.right)
            }
            MetricKind::LabelReplace(replace) => write!(
                f,
                "label_replace({},{},{},{},{})",
                replace.inner,
                quoted(&replace.target),
                quoted(&replace.replacement),
                quoted(&replace.source),
                quoted(&replace.regex.source)
            ),
            MetricKind::Literal(value) => write!(f, "{value}"),
            MetricKind::Constant(value) => write!(f, "vector({value})"),
        }
    }
}
