//! The lines of a bulk: an action, then (but for `delete`) a document.

use super::document::{Documents, NAMES};
use super::items::{Item, Items, Operation};
use crate::protocol::fault::Fault;
use crate::protocol::json::{self, Scalar, Text};
use crate::protocol::{DecodeCtx, DecodeError, Decoded, Reject};

pub(super) fn decode(bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    let mut documents = Documents::new(ctx, &NAMES, bytes.len());
    let mut items = Items::default();
    let mut lines = Lines { bytes, at: 0 };
    while let Some((at, line)) = lines.next() {
        let (operation, index) = action(line).map_err(|fault| shifted(fault, at))?;
        let index = index.as_deref().unwrap_or(ctx.target);
        let source = if operation == Operation::Delete { None } else { lines.next() };
        let rejected = match source {
            Some((_, source)) if operation.is_stored() => taken(&mut documents, index, source)?,
            None if operation.is_stored() => Some(Reject::NoDocument),
            _ => Some(Reject::Operation),
        };
        items.push(&Item { operation, index, rejected });
        if let Some(reject) = rejected {
            documents.rejected.add(reject, 1);
        }
    }
    Ok(documents.finish(items.into_bytes()))
}

/// One document, as `_doc` has it.
pub(super) fn decode_one(bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    let mut documents = Documents::new(ctx, &NAMES, bytes.len());
    let mut items = Items::default();
    let rejected = taken(&mut documents, ctx.target, bytes)?;
    items.push(&Item { operation: Operation::Index, index: ctx.target, rejected });
    if let Some(reject) = rejected {
        documents.rejected.add(reject, 1);
    }
    Ok(documents.finish(items.into_bytes()))
}

pub(in crate::protocol) fn taken(
    documents: &mut Documents<'_>,
    index: &str,
    source: &[u8],
) -> Result<Option<Reject>, DecodeError> {
    match documents.take(index, source) {
        Ok(()) => Ok(None),
        Err(Fault::Reject(reject)) => Ok(Some(reject)),
        Err(fault) => fault.into_reject().map(Some),
    }
}

/// Lines that are not empty, with where they begin.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<(usize, &'a [u8])> {
        loop {
            let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let start = self.at;
            self.at += end + 1;
            let line = rest[..end].trim_ascii();
            if !line.is_empty() {
                return Some((start, line));
            }
        }
    }
}

/// Reads `{"create": {"_index": "logs", …}}`.
fn action(line: &[u8]) -> Result<(Operation, Option<String>), json::Fault> {
    let mut text = Text::new(line);
    let malformed = |text: &Text<'_>| text.value_fault(Reject::Action);
    text.expect(b'{', "expected an action such as {\"create\":{}}")?;
    let operation = Operation::of(&text.key()?).ok_or_else(|| malformed(&text))?;
    let mut index = None;
    text.expect(b'{', "expected an object")?;
    if !text.take(b'}') {
        loop {
            let key = text.key()?;
            if key == "_index" {
                match text.scalar()? {
                    Scalar::Text(name) => index = Some(name.into_owned()),
                    Scalar::Null => {}
                    _ => return Err(malformed(&text)),
                }
            } else {
                text.skip()?;
            }
            if !text.next_member(b'}')? {
                break;
            }
        }
    }
    text.expect(b'}', "expected the end of the action")?;
    text.end()?;
    Ok((operation, index))
}

/// The fault as one of the whole body.
fn shifted(fault: json::Fault, by: usize) -> DecodeError {
    match DecodeError::from(fault) {
        DecodeError::Json { at, what } => DecodeError::Json { at: at + by, what },
        other => other,
    }
}
