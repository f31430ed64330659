//! `logproto.PushRequest`.

use std::borrow::Cow;

use super::labels;
use super::push::{Line, Pair, Push};
use crate::protocol::fault::Fault;
use crate::protocol::wire::{Malformed, Reader};
use crate::protocol::{DecodeCtx, DecodeError, Decoded, Reject};

pub(super) fn decode(bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    let mut push = Push::new(ctx, bytes.len());
    let mut metadata = Vec::new();
    let mut request = Reader::new(bytes);
    while let Some((number, payload)) = request.next()? {
        if number == 1 {
            stream(&mut push, payload.bytes()?, &mut metadata)?;
        }
    }
    Ok(push.finish())
}

fn stream<'a>(push: &mut Push<'_>, bytes: &'a [u8], metadata: &mut Vec<Pair<'a>>) -> Result<(), DecodeError> {
    let (mut text, mut entries): (&[u8], u64) = (&[], 0);
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        match number {
            1 => text = payload.bytes()?,
            2 => entries += 1,
            _ => {}
        }
    }
    // Without lines there is nothing to keep of it.
    if entries == 0 {
        return Ok(());
    }
    let parsed = std::str::from_utf8(text).map_err(|_| Reject::NotUtf8).and_then(labels::parse);
    let stream = match parsed.map_err(Fault::from).and_then(|mut labels| push.stream(&mut labels)) {
        Ok(stream) => stream,
        Err(fault) => {
            push.rejected.add(fault.into_reject()?, entries);
            return Ok(());
        }
    };
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        if number == 2
            && let Err(fault) = entry(push, stream, payload.bytes()?, metadata)
        {
            push.rejected.add(fault.into_reject()?, 1);
        }
    }
    Ok(())
}

fn entry<'a>(
    push: &mut Push<'_>,
    stream: u32,
    bytes: &'a [u8],
    metadata: &mut Vec<Pair<'a>>,
) -> Result<(), Fault> {
    metadata.clear();
    let mut line = Line { time_ns: 0, text: Cow::Borrowed("") };
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        match number {
            1 => line.time_ns = timestamp(payload.bytes()?)?,
            // Files hold what they hold: bytes that are no text are shown as such.
            2 => line.text = String::from_utf8_lossy(payload.bytes()?),
            3 => metadata.push(pair(payload.bytes()?)?),
            _ => {}
        }
    }
    push.line(stream, &line, metadata)
}

/// A `google.protobuf.Timestamp`; one that is before 1970 or no time at all is none.
fn timestamp(bytes: &[u8]) -> Result<u64, Malformed> {
    let (mut seconds, mut nanos) = (0, 0);
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        match number {
            1 => seconds = payload.varint()?,
            2 => nanos = payload.varint()?,
            _ => {}
        }
    }
    let seconds = i64::try_from(seconds).ok().and_then(|s| u64::try_from(s).ok()).unwrap_or(0);
    Ok(seconds.saturating_mul(1_000_000_000).saturating_add(nanos.min(999_999_999)))
}

fn pair(bytes: &[u8]) -> Result<Pair<'_>, Fault> {
    let (mut name, mut value) = ("", "");
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        match number {
            1 => name = payload.text()?,
            2 => value = payload.text()?,
            _ => {}
        }
    }
    Ok((Cow::Borrowed(name), Cow::Borrowed(value)))
}
