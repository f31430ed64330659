//! A list of spans as JSON.

use std::borrow::Cow;

use super::span::{Endpoint, Kind, Spans, ZipkinSpan, hex};
use crate::protocol::fault::Fault as RowFault;
use crate::protocol::json::{Fault, Scalar, Text};
use crate::protocol::{DecodeCtx, DecodeError, Decoded, Reject};

pub(super) fn decode(bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    let mut spans = Spans::new(ctx, bytes.len());
    let mut text = Text::new(bytes);
    text.elements(|text| {
        // Wherever a span turns out wrong, the next one begins behind it.
        let mut behind = text.clone();
        behind.skip()?;
        let taken = match span(text) {
            Ok(span) => spans.take(&span),
            Err(Fault::Value { reject, .. }) => Err(RowFault::Reject(reject)),
            Err(syntax) => return Err(syntax.into()),
        };
        if let Err(fault) = taken {
            spans.rejected.add(fault.into_reject()?, 1);
        }
        *text = behind;
        Ok::<(), DecodeError>(())
    })?;
    text.end()?;
    Ok(spans.finish())
}

fn span<'a>(text: &mut Text<'a>) -> Result<ZipkinSpan<'a>, Fault> {
    let mut span = ZipkinSpan::default();
    text.members(|text, key| {
        match key {
            "traceId" => span.trace_id = hex(&string(text)?),
            "id" => span.id = hex(&string(text)?),
            "parentId" => span.parent_id = hex(&string(text)?),
            "kind" => span.kind = Kind::of(&string(text)?),
            "name" => span.name = string(text)?,
            "timestamp" => span.timestamp_us = number(text)?,
            "duration" => span.duration_us = number(text)?,
            "localEndpoint" => span.local = endpoint(text)?,
            "remoteEndpoint" => span.remote = endpoint(text)?,
            "annotations" => text.elements(|text| {
                span.annotations.push(annotation(text)?);
                Ok::<(), Fault>(())
            })?,
            "tags" if text.peek() == Some(b'{') => text.members(|text, key| {
                let value = text_of(text.scalar()?);
                span.tags.push((Cow::Owned(key.to_owned()), value));
                Ok::<(), Fault>(())
            })?,
            "debug" => span.debug = text.scalar()? == Scalar::Bool(true),
            "shared" => span.shared = text.scalar()? == Scalar::Bool(true),
            _ => text.skip()?,
        }
        Ok::<(), Fault>(())
    })?;
    Ok(span)
}

fn endpoint<'a>(text: &mut Text<'a>) -> Result<Endpoint<'a>, Fault> {
    let mut endpoint = Endpoint::default();
    if text.peek() != Some(b'{') {
        text.skip()?;
        return Ok(endpoint);
    }
    text.members(|text, key| {
        match key {
            "serviceName" => endpoint.service = string(text)?,
            "ipv4" | "ipv6" => endpoint.address = string(text)?,
            "port" => endpoint.port = number(text)?,
            _ => text.skip()?,
        }
        Ok::<(), Fault>(())
    })?;
    Ok(endpoint)
}

fn annotation<'a>(text: &mut Text<'a>) -> Result<(u64, Cow<'a, str>), Fault> {
    let mut annotation = (0, Cow::Borrowed(""));
    text.members(|text, key| {
        match key {
            "timestamp" => annotation.0 = number(text)?,
            "value" => annotation.1 = string(text)?,
            _ => text.skip()?,
        }
        Ok::<(), Fault>(())
    })?;
    Ok(annotation)
}

/// A string; `null` is an empty one.
fn string<'a>(text: &mut Text<'a>) -> Result<Cow<'a, str>, Fault> {
    match text.scalar()? {
        Scalar::Text(value) => Ok(value),
        Scalar::Null => Ok(Cow::Borrowed("")),
        _ => Err(text.value_fault(Reject::BadValue)),
    }
}

/// A whole number, maybe as text; one that is none reads as 0.
fn number(text: &mut Text<'_>) -> Result<u64, Fault> {
    let value = text_of(text.scalar()?);
    let float = || value.parse::<f64>().ok().filter(|v| *v >= 0.0).map(|v| v as u64);
    Ok(value.parse().ok().or_else(float).unwrap_or(0))
}

fn text_of(scalar: Scalar<'_>) -> Cow<'_, str> {
    match scalar {
        Scalar::Text(text) => text,
        Scalar::Number(digits) => Cow::Borrowed(digits),
        Scalar::Bool(flag) => Cow::Borrowed(if flag { "true" } else { "false" }),
        Scalar::Null => Cow::Borrowed(""),
    }
}
