//! `zipkin.proto3.ListOfSpans`.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::span::{Endpoint, Kind, Spans, ZipkinSpan, padded};
use crate::protocol::fault::Fault;
use crate::protocol::wire::Reader;
use crate::protocol::{DecodeCtx, DecodeError, Decoded};

pub(super) fn decode(bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    let mut spans = Spans::new(ctx, bytes.len());
    let mut list = Reader::new(bytes);
    while let Some((number, payload)) = list.next()? {
        if number != 1 {
            continue;
        }
        let taken = span(payload.bytes()?).and_then(|span| spans.take(&span));
        if let Err(fault) = taken {
            spans.rejected.add(fault.into_reject()?, 1);
        }
    }
    Ok(spans.finish())
}

fn span(bytes: &[u8]) -> Result<ZipkinSpan<'_>, Fault> {
    let mut span = ZipkinSpan::default();
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        match number {
            1 => span.trace_id = padded(payload.bytes()?),
            2 => span.parent_id = padded(payload.bytes()?),
            3 => span.id = padded(payload.bytes()?),
            4 => span.kind = kind(payload.varint()?),
            5 => span.name = Cow::Borrowed(payload.text()?),
            6 => span.timestamp_us = payload.fixed64()?,
            7 => span.duration_us = payload.varint()?,
            8 => span.local = endpoint(payload.bytes()?)?,
            9 => span.remote = endpoint(payload.bytes()?)?,
            10 => span.annotations.push(annotation(payload.bytes()?)?),
            11 => span.tags.push(tag(payload.bytes()?)?),
            12 => span.debug = payload.varint()? != 0,
            13 => span.shared = payload.varint()? != 0,
            _ => {}
        }
    }
    Ok(span)
}

fn kind(number: u64) -> Kind {
    match number {
        1 => Kind::Client,
        2 => Kind::Server,
        3 => Kind::Producer,
        4 => Kind::Consumer,
        _ => Kind::Internal,
    }
}

fn endpoint(bytes: &[u8]) -> Result<Endpoint<'_>, Fault> {
    let mut endpoint = Endpoint::default();
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        match number {
            1 => endpoint.service = Cow::Borrowed(payload.text()?),
            2 | 3 => endpoint.address = address(payload.bytes()?),
            4 => endpoint.port = payload.varint()? & 0xffff,
            _ => {}
        }
    }
    Ok(endpoint)
}

fn address(bytes: &[u8]) -> Cow<'static, str> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).map(|b| Ipv4Addr::from(b).to_string()).unwrap_or_default().into(),
        16 => <[u8; 16]>::try_from(bytes).map(|b| Ipv6Addr::from(b).to_string()).unwrap_or_default().into(),
        _ => Cow::Borrowed(""),
    }
}

fn annotation(bytes: &[u8]) -> Result<(u64, Cow<'_, str>), Fault> {
    let mut annotation = (0, Cow::Borrowed(""));
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        match number {
            1 => annotation.0 = payload.fixed64()?,
            2 => annotation.1 = Cow::Borrowed(payload.text()?),
            _ => {}
        }
    }
    Ok(annotation)
}

fn tag(bytes: &[u8]) -> Result<(Cow<'_, str>, Cow<'_, str>), Fault> {
    let mut tag = (Cow::Borrowed(""), Cow::Borrowed(""));
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        match number {
            1 => tag.0 = Cow::Borrowed(payload.text()?),
            2 => tag.1 = Cow::Borrowed(payload.text()?),
            _ => {}
        }
    }
    Ok(tag)
}
