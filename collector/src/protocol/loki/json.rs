//! `{"streams": [{"stream": {…}, "values": [["<nanoseconds>", "<line>", {…}], …]}]}`, and the older form
//! `{"streams": [{"labels": "{…}", "entries": [{"ts": "<RFC 3339>", "line": "…"}]}]}`.

use std::borrow::Cow;

use super::labels;
use super::push::{Line, Pair, Push};
use crate::protocol::json::{self, Scalar, Text};
use crate::protocol::{DecodeCtx, DecodeError, Decoded, Reject, fault, rfc3339};

/// Why a stream or a line is not taken.
enum Fault {
    Json(json::Fault),
    Row(fault::Fault),
}

impl From<json::Fault> for Fault {
    fn from(fault: json::Fault) -> Self {
        Self::Json(fault)
    }
}

impl From<fault::Fault> for Fault {
    fn from(fault: fault::Fault) -> Self {
        Self::Row(fault)
    }
}

impl Fault {
    fn into_reject(self) -> Result<Reject, DecodeError> {
        match self {
            Self::Json(json::Fault::Value { reject, .. }) => Ok(reject),
            Self::Json(syntax) => Err(syntax.into()),
            Self::Row(fault) => fault.into_reject(),
        }
    }
}

type Labels<'a> = Vec<Pair<'a>>;

/// What was found in a stream's object.
#[derive(Default)]
struct Found<'a> {
    labels: Option<Result<Labels<'a>, Reject>>,
    /// Where the lines begin, and whether they are of the older form.
    lines: Option<(Text<'a>, bool)>,
}

pub(super) fn decode(bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    let mut push = Push::new(ctx, bytes.len());
    let mut text = Text::new(bytes);
    text.members(|text, key| match key {
        "streams" => text.elements(|text| stream(&mut push, text)),
        _ => Ok(text.skip()?),
    })?;
    text.end()?;
    Ok(push.finish())
}

/// Labels may stand behind the lines: first the object is walked, then the lines.
fn stream<'a>(push: &mut Push<'_>, text: &mut Text<'a>) -> Result<(), DecodeError> {
    let mut found = Found::default();
    text.members(|text, key| {
        match key {
            "stream" => found.labels = Some(label_object(text)?),
            "labels" => {
                let parsed = string(text)?.and_then(|label_text| owned_labels(&label_text));
                found.labels = Some(parsed);
            }
            "values" | "entries" => {
                found.lines = Some((text.clone(), key == "entries"));
                text.skip()?;
            }
            _ => text.skip()?,
        }
        Ok::<(), DecodeError>(())
    })?;
    let Some((mut lines, older)) = found.lines else { return Ok(()) };
    let labels = found.labels.unwrap_or(Err(Reject::NoLabels));
    let stream = labels.map_err(fault::Fault::from).and_then(|mut labels| push.stream(&mut labels));
    let stream = match stream {
        Ok(stream) => Ok(stream),
        Err(fault) => Err(fault.into_reject()?),
    };
    let mut metadata = Vec::new();
    lines.elements(|text| {
        // Wherever a line turns out wrong, the next one begins behind it.
        let mut whole = text.clone();
        whole.skip()?;
        let taken = match stream {
            Ok(stream) => line(push, stream, text, older, &mut metadata).map_err(Fault::into_reject),
            Err(reject) => Err(Ok(reject)),
        };
        if let Err(reject) = taken {
            push.rejected.add(reject?, 1);
        }
        *text = whole;
        Ok(())
    })
}

/// The labels as an object of strings.
fn label_object<'a>(text: &mut Text<'a>) -> Result<Result<Labels<'a>, Reject>, json::Fault> {
    let mut labels = Vec::new();
    let mut wrong = None;
    if text.peek() != Some(b'{') {
        text.skip()?;
        return Ok(Err(Reject::Labels));
    }
    text.expect(b'{', "expected an object")?;
    if text.take(b'}') {
        return Ok(Ok(labels));
    }
    loop {
        let key = text.key()?;
        match string(text)? {
            Ok(value) => labels.push((key, value)),
            Err(reject) => wrong = wrong.or(Some(reject)),
        }
        if !text.next_member(b'}')? {
            return Ok(wrong.map_or(Ok(labels), Err));
        }
    }
}

/// A string; a value of another form is passed and refused.
fn string<'a>(text: &mut Text<'a>) -> Result<Result<Cow<'a, str>, Reject>, json::Fault> {
    let mut behind = text.clone();
    behind.skip()?;
    let value = match text.scalar() {
        Ok(Scalar::Text(value)) => Ok(value),
        Ok(_) => Err(Reject::BadValue),
        Err(json::Fault::Value { reject, .. }) => Err(reject),
        Err(syntax) => return Err(syntax),
    };
    *text = behind;
    Ok(value)
}

fn owned_labels(text: &str) -> Result<Labels<'static>, Reject> {
    let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
    Ok(labels::parse(text)?.into_iter().map(|(name, value)| (owned(name), owned(value))).collect())
}

fn line<'a>(
    push: &mut Push<'_>,
    stream: u32,
    text: &mut Text<'a>,
    older: bool,
    metadata: &mut Vec<Pair<'a>>,
) -> Result<(), Fault> {
    metadata.clear();
    let mut line = Line { time_ns: 0, text: Cow::Borrowed("") };
    if older {
        text.members(|text, key| {
            match key {
                "ts" => line.time_ns = time(&text.scalar()?)?,
                "line" => line.text = line_text(text)?,
                "structuredMetadata" => metadata_object(text, metadata)?,
                _ => text.skip()?,
            }
            Ok::<(), Fault>(())
        })?;
    } else {
        let mut position = 0;
        text.elements(|text| {
            match position {
                0 => line.time_ns = time(&text.scalar()?)?,
                1 => line.text = line_text(text)?,
                2 => metadata_object(text, metadata)?,
                _ => text.skip()?,
            }
            position += 1;
            Ok::<(), Fault>(())
        })?;
        if position < 2 {
            return Err(text.value_fault(Reject::BadValue).into());
        }
    }
    Ok(push.line(stream, &line, metadata)?)
}

fn line_text<'a>(text: &mut Text<'a>) -> Result<Cow<'a, str>, Fault> {
    match text.scalar()? {
        Scalar::Text(line) => Ok(line),
        _ => Err(text.value_fault(Reject::BadValue).into()),
    }
}

/// Nanoseconds as text or number, or RFC 3339.
fn time(value: &Scalar<'_>) -> Result<u64, fault::Fault> {
    let text = match value {
        Scalar::Text(text) => text.as_ref(),
        Scalar::Number(text) => text,
        _ => return Err(Reject::BadValue.into()),
    };
    if let Ok(ns) = text.parse::<u64>() {
        return Ok(ns);
    }
    let ns = rfc3339::parse_ns(text).and_then(|ns| u64::try_from(ns).ok());
    ns.ok_or_else(|| Reject::Time.into())
}

fn metadata_object<'a>(text: &mut Text<'a>, out: &mut Vec<Pair<'a>>) -> Result<(), Fault> {
    if text.peek() == Some(b'n') {
        text.scalar()?;
        return Ok(());
    }
    if !text.take(b'{') {
        return Err(text.value_fault(Reject::BadValue).into());
    }
    if text.take(b'}') {
        return Ok(());
    }
    loop {
        let key = text.key()?;
        let value = match text.scalar()? {
            Scalar::Text(value) => value,
            Scalar::Number(digits) => Cow::Borrowed(digits),
            Scalar::Bool(flag) => Cow::Borrowed(if flag { "true" } else { "false" }),
            Scalar::Null => Cow::Borrowed(""),
        };
        out.push((key, value));
        if !text.next_member(b'}')? {
            return Ok(());
        }
    }
}
