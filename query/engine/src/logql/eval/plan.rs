//! From a log query to a scan: what the store is asked for, what is checked again over its rows, and which names the
//! rest of the query mentions.
//!
//! The filter may let through too much, never too little: streams are verified by their labels, and only line filters
//! that the store answers exactly are taken out of the stages.

use std::collections::BTreeSet;
use std::sync::Arc;

use store::model::{ColumnRef, Field, Filter, OwnedValue, RequestCtx, Signal, Test};
use store::{EventQuery, Order, Projection, Snapshot};

use super::check;
use super::error::EvalError;
use super::names::{
    LEVEL_NAMES, Meta, PATTERN, PROMOTED, SERVICE, UNKNOWN_SERVICE, is_label_name, label_name,
};
use crate::logql::ast::{
    LabelFilter, LabelSource, LineFilter, LineOp, LogExpr, Match, Matcher, Needle, Stage, StageKind,
};
use crate::logql::mine::VARIES;

/// The half of a plan that depends on the query alone.
pub(crate) struct Compiled {
    pub(crate) selector: Vec<Matcher>,
    /// All stages, with label names in their final spelling.
    pub(crate) stages: Vec<Stage>,
    /// How many of the first stages only filter lines as the store does; the rest runs over its rows.
    pushed: Vec<bool>,
}

impl Compiled {
    pub(crate) fn new(log: &LogExpr) -> Result<Compiled, EvalError> {
        check::stages(&log.stages)?;
        let mut stages = log.stages.clone();
        let mut pushed = Vec::with_capacity(stages.len());
        let mut line_changed = false;
        for stage in &mut stages {
            normalize(&mut stage.kind);
            pushed.push(matches!(&stage.kind, StageKind::Line(filter) if !line_changed && is_exact(filter)));
            line_changed |=
                matches!(stage.kind, StageKind::LineFormat(_) | StageKind::Unpack | StageKind::Decolorize);
        }
        Ok(Compiled { selector: log.selector.clone(), stages, pushed })
    }

    /// The stages the store has not done.
    pub(crate) fn residual(&self) -> Vec<Stage> {
        let left = self.stages.iter().zip(&self.pushed).filter(|(_, pushed)| !**pushed);
        left.map(|(stage, _)| stage.clone()).collect()
    }

    /// Whether a stage takes labels out of the line: then their names are known only row by row.
    pub(crate) fn parses(&self) -> bool {
        let parser = |stage: &Stage| {
            matches!(
                stage.kind,
                StageKind::Json(_)
                    | StageKind::Logfmt(_)
                    | StageKind::Regexp(_)
                    | StageKind::Pattern(_)
                    | StageKind::Unpack
            )
        };
        self.stages.iter().any(parser)
    }

    /// Whether a template looks at all labels of a row.
    pub(crate) fn reads_all(&self) -> bool {
        self.stages.iter().any(|stage| match &stage.kind {
            StageKind::LineFormat(template) => template.reads_all(),
            StageKind::LabelFormat(formats) => formats.iter().any(|format| match &format.value {
                LabelSource::Template(template) => template.reads_all(),
                LabelSource::Rename(_) => false,
            }),
            _ => false,
        })
    }

    /// Names whose values stages read.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for stage in &self.stages {
            stage_names(&stage.kind, &mut names);
        }
        close_names(&mut names);
        names
    }

    /// The scan for these times. `reads` says what of the rows will be looked at.
    pub(crate) fn query(
        &self,
        ctx: &RequestCtx,
        snapshot: &Snapshot,
        (start, end): (i64, i64),
        reads: Reads<'_>,
        order: Order,
    ) -> Result<EventQuery, EvalError> {
        let mut keys = Keys { ctx, snapshot, start, end, resource: None, attributes: None };
        let filter = self.filter(&mut keys)?;
        let projection = match reads {
            Reads::All => Projection::All,
            Reads::Names { names, line } => {
                let line = line || self.residual().iter().any(|stage| reads_line(&stage.kind));
                Projection::Columns(columns(names, line, &mut keys)?)
            }
        };
        Ok(EventQuery { signal: Signal::Logs, start, end, filter, projection, order })
    }

    fn filter(&self, keys: &mut Keys<'_>) -> Result<Filter, EvalError> {
        let mut all = Vec::new();
        for matcher in &self.selector {
            all.extend(selector_filter(matcher, keys)?);
        }
        let (mut line_known, mut labels_known) = (true, true);
        for stage in &self.stages {
            match &stage.kind {
                StageKind::Line(filter) if line_known => all.extend(line_filter(filter)),
                StageKind::Line(_) => {}
                StageKind::Filter(filter) if labels_known => all.extend(label_filter(filter, keys)?),
                StageKind::Filter(_) => {}
                StageKind::LineFormat(_) | StageKind::Decolorize => line_known = false,
                StageKind::Unpack => (line_known, labels_known) = (false, false),
                _ => labels_known = false,
            }
        }
        Ok(if all.is_empty() { Filter::All } else { Filter::And(all) })
    }
}

/// What of a row a query looks at.
#[derive(Clone, Copy)]
pub(crate) enum Reads<'a> {
    All,
    Names { names: &'a [String], line: bool },
}

fn reads_line(stage: &StageKind) -> bool {
    !matches!(stage, StageKind::Filter(_) | StageKind::Drop(_) | StageKind::Keep(_) | StageKind::Distinct(_))
}

fn columns(names: &[String], line: bool, keys: &mut Keys<'_>) -> Result<Vec<ColumnRef>, EvalError> {
    let mut fields = BTreeSet::new();
    let mut columns = Vec::new();
    if line {
        fields.insert(Field::Body);
    }
    for name in names {
        fields.extend(Meta::of(name).into_iter().flat_map(Meta::fields));
        columns.extend(keys.any(name)?.iter().map(|key| ColumnRef::Attribute(key.as_str().into())));
        if Meta::of(name) == Some(Meta::DetectedLevel) {
            columns.extend(LEVEL_NAMES.map(|key| ColumnRef::Attribute(key.into())));
        }
    }
    columns.extend(fields.into_iter().map(ColumnRef::Field));
    Ok(columns)
}

/// Attribute keys that exist, asked for only if a name cannot be mapped back to its keys without them.
struct Keys<'a> {
    ctx: &'a RequestCtx,
    snapshot: &'a Snapshot,
    start: i64,
    end: i64,
    resource: Option<BTreeSet<String>>,
    attributes: Option<BTreeSet<String>>,
}

impl Keys<'_> {
    fn resource(&mut self, name: &str) -> Result<Vec<String>, EvalError> {
        let label = label_name(name);
        if let Some(key) = PROMOTED.iter().find(|key| is_label_name(key, &label)) {
            return Ok(vec![(*key).to_string(), label]);
        }
        if !label.contains('_') {
            return Ok(vec![label]);
        }
        if self.resource.is_none() {
            let streams = self.snapshot.streams(self.ctx, Signal::Logs, self.start, self.end)?;
            let mut keys = BTreeSet::new();
            for stream in streams {
                let scope = stream.scope_attributes.iter();
                keys.extend(stream.resource.iter().chain(scope).map(|(key, _)| key.to_string()));
            }
            self.resource = Some(keys);
        }
        let keys = self.resource.iter().flatten();
        Ok(keys.filter(|key| is_label_name(key, &label)).cloned().collect())
    }

    fn any(&mut self, name: &str) -> Result<Vec<String>, EvalError> {
        let mut keys = self.resource(name)?;
        let label = label_name(name);
        if !label.contains('_') {
            return Ok(keys);
        }
        if self.attributes.is_none() {
            self.attributes =
                Some(self.snapshot.attribute_keys(self.ctx, Signal::Logs, self.start, self.end)?);
        }
        keys.extend(self.attributes.iter().flatten().filter(|key| is_label_name(key, &label)).cloned());
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }
}

fn selector_filter(matcher: &Matcher, keys: &mut Keys<'_>) -> Result<Option<Filter>, EvalError> {
    let name = label_name(&matcher.name);
    let service = name == SERVICE;
    if matches!(name.as_str(), "scope_name" | "scope_version")
        || (service && matcher.test.matches(UNKNOWN_SERVICE))
    {
        return Ok(None);
    }
    let keys = keys.resource(&matcher.name)?;
    let any = |test: Test| {
        let mut parts = Vec::new();
        for key in &keys {
            let key: Arc<str> = key.as_str().into();
            if !PROMOTED.contains(&&*key) {
                parts.push(Filter::column(ColumnRef::ScopeAttribute(Arc::clone(&key)), test.clone()));
            }
            parts.push(Filter::column(ColumnRef::Resource(key), test.clone()));
        }
        Filter::Or(parts)
    };
    Ok(match &matcher.test {
        test if test.matches_missing() => None,
        Match::Eq(text) => Some(any(Test::TextEquals(text.as_str().into()))),
        Match::Re(regex) => Some(any(Test::Matches(regex.regex.clone()))),
        Match::Ne(_) | Match::Nre(_) => Some(any(Test::Exists)),
    })
}

/// A sound condition for a label filter on what the record itself has; `None` says nothing.
fn label_filter(filter: &LabelFilter, keys: &mut Keys<'_>) -> Result<Option<Filter>, EvalError> {
    Ok(match filter {
        LabelFilter::Match(matcher) => match_filter(matcher, keys)?,
        LabelFilter::And(all) => {
            let mut parts = Vec::new();
            for filter in all {
                parts.extend(label_filter(filter, keys)?);
            }
            (!parts.is_empty()).then_some(Filter::And(parts))
        }
        LabelFilter::Or(any) => {
            let mut parts = Vec::new();
            for filter in any {
                match label_filter(filter, keys)? {
                    Some(part) => parts.push(part),
                    None => return Ok(None),
                }
            }
            Some(Filter::Or(parts))
        }
        _ => None,
    })
}

fn match_filter(matcher: &Matcher, keys: &mut Keys<'_>) -> Result<Option<Filter>, EvalError> {
    let name = matcher.name.as_str();
    if let (PATTERN, Match::Eq(text)) = (name, &matcher.test) {
        let pieces = text.split(VARIES).filter(|piece| !piece.is_empty());
        return Ok(Some(Filter::And(pieces.map(|piece| body(contains(piece, false))).collect())));
    }
    let derived = matches!(
        name,
        "detected_level" | PATTERN | "observed_timestamp" | "flags" | "severity_number" | "event_name"
    );
    let stream_part = matches!(name, "scope_name" | "scope_version" | "dropped_attributes_count");
    let internal = name.starts_with("__");
    let default = name == SERVICE && matcher.test.matches(UNKNOWN_SERVICE);
    if derived || stream_part || internal || default || matcher.test.matches_missing() {
        return Ok(None);
    }
    let test = match &matcher.test {
        Match::Eq(text) => Test::TextEquals(text.as_str().into()),
        Match::Re(regex) => Test::Matches(regex.regex.clone()),
        Match::Ne(_) | Match::Nre(_) => return Ok(None),
    };
    let mut any: Vec<Filter> = Vec::new();
    let field = match (name, &matcher.test) {
        ("trace_id", Match::Eq(text)) => id_filter(Field::TraceId, text),
        ("span_id", Match::Eq(text)) => id_filter(Field::SpanId, text),
        ("trace_id" | "span_id", _) => return Ok(None),
        ("severity_text", _) => Some(Filter::column(ColumnRef::Field(Field::SeverityText), test.clone())),
        _ => None,
    };
    any.extend(field);
    for key in keys.any(name)? {
        any.push(Filter::column(ColumnRef::Any(key.as_str().into()), test.clone()));
    }
    Ok(Some(Filter::Or(any)))
}

fn id_filter(field: Field, text: &str) -> Option<Filter> {
    let digit = |at: usize| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let lower = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(digit).collect();
    let bytes = bytes.filter(|bytes| lower && !bytes.is_empty())?;
    Some(Filter::column(ColumnRef::Field(field), Test::Equals(OwnedValue::Bytes(bytes))))
}

/// Whether the store's answer to the filter needs no second look.
fn is_exact(filter: &LineFilter) -> bool {
    filter.any_of.iter().all(|needle| matches!(needle, Needle::Text(_) | Needle::Regex(_)))
}

fn line_filter(filter: &LineFilter) -> Option<Filter> {
    if !is_exact(filter) {
        if filter.op != LineOp::Pattern {
            return None;
        }
        let parts = filter.any_of.iter().map(pattern_filter).collect();
        return Some(Filter::Or(parts));
    }
    let any = Filter::Or(filter.any_of.iter().map(needle_filter).collect());
    Some(if filter.op.negated() { Filter::Not(Box::new(any)) } else { any })
}

fn body(test: Test) -> Filter {
    Filter::column(ColumnRef::Field(Field::Body), test)
}

fn pattern_filter(needle: &Needle) -> Filter {
    match needle {
        Needle::Pattern(pattern) => {
            let literals = pattern.literals().map(|text| body(contains(text, false)));
            Filter::And(literals.collect())
        }
        _ => Filter::All,
    }
}

fn contains(text: &str, ignore_case: bool) -> Test {
    Test::Contains { needle: text.into(), ignore_case }
}

/// Exactly the rows whose line the needle is found in; a record without a body has the empty line.
fn needle_filter(needle: &Needle) -> Filter {
    match needle {
        Needle::Text(text) if text.is_empty() => Filter::All,
        Needle::Text(text) => body(contains(text, false)),
        Needle::Regex(regex) => {
            let literal = regex.source.strip_prefix("(?i)").filter(|text| is_literal(text));
            if let Some(text) = literal {
                return body(contains(text, true));
            }
            if !regex.source.is_empty() && is_literal(&regex.source) {
                return body(contains(&regex.source, false));
            }
            let found = body(Test::Matches(regex.regex.clone()));
            if regex.regex.is_match("") { Filter::Or(vec![found, body(Test::Missing)]) } else { found }
        }
        Needle::Pattern(_) | Needle::Ip(_) => Filter::All,
    }
}

fn is_literal(text: &str) -> bool {
    !text.is_empty() && regex_syntax::escape(text) == text
}

fn normalize(stage: &mut StageKind) {
    match stage {
        StageKind::Filter(filter) => normalize_filter(filter),
        StageKind::LabelFormat(formats) => {
            for format in formats {
                format.label = label_name(&format.label);
                if let LabelSource::Rename(from) = &mut format.value {
                    *from = label_name(from);
                }
            }
        }
        StageKind::Drop(tests) | StageKind::Keep(tests) => {
            tests.iter_mut().for_each(|test| test.name = label_name(&test.name));
        }
        StageKind::Distinct(names) => names.iter_mut().for_each(|name| *name = label_name(name)),
        StageKind::Json(extractions) => {
            extractions.iter_mut().for_each(|extraction| extraction.label = label_name(&extraction.label));
        }
        StageKind::Logfmt(logfmt) => {
            logfmt
                .extractions
                .iter_mut()
                .for_each(|extraction| extraction.label = label_name(&extraction.label));
        }
        _ => {}
    }
}

pub(crate) fn normalize_filter(filter: &mut LabelFilter) {
    match filter {
        LabelFilter::Match(matcher) => matcher.name = label_name(&matcher.name),
        LabelFilter::Number { name, .. }
        | LabelFilter::Duration { name, .. }
        | LabelFilter::Bytes { name, .. }
        | LabelFilter::Ip { name, .. } => *name = label_name(name),
        LabelFilter::And(filters) | LabelFilter::Or(filters) => filters.iter_mut().for_each(normalize_filter),
    }
}

fn stage_names(stage: &StageKind, names: &mut Vec<String>) {
    match stage {
        StageKind::Filter(filter) => filter_names(filter, names),
        StageKind::LineFormat(template) => names.extend(template.labels().map(str::to_string)),
        StageKind::LabelFormat(formats) => {
            for format in formats {
                match &format.value {
                    LabelSource::Rename(from) => names.push(from.clone()),
                    LabelSource::Template(template) => names.extend(template.labels().map(str::to_string)),
                }
            }
        }
        StageKind::Drop(tests) | StageKind::Keep(tests) => {
            names.extend(tests.iter().filter(|test| test.test.is_some()).map(|test| test.name.clone()));
        }
        _ => {}
    }
}

pub(crate) fn filter_names(filter: &LabelFilter, names: &mut Vec<String>) {
    match filter {
        LabelFilter::Match(Matcher { name, .. })
        | LabelFilter::Number { name, .. }
        | LabelFilter::Duration { name, .. }
        | LabelFilter::Bytes { name, .. }
        | LabelFilter::Ip { name, .. } => names.push(name.clone()),
        LabelFilter::And(filters) | LabelFilter::Or(filters) => {
            filters.iter().for_each(|filter| filter_names(filter, names));
        }
    }
}

/// `x_extracted` is what a parser calls `x` when the record has an `x`: to know that, `x` is needed too.
pub(crate) fn close_names(names: &mut Vec<String>) {
    let plain: Vec<String> =
        names.iter().filter_map(|name| name.strip_suffix("_extracted")).map(str::to_string).collect();
    names.extend(plain);
    names.sort_unstable();
    names.dedup();
}
