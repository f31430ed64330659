//! What the three requests share: resources, in them scopes, in them records. Their field numbers are the same.

use std::sync::Arc;

use store::model::{Stream, StreamParts};

use super::attributes::AttributeList;
use super::wire::{Malformed, Reader};
use super::{DecodeCtx, DecodeError, Fault, Spend};
use crate::protocol::Rejected;

/// Where the records of one signal go.
pub(super) trait Records<'a> {
    /// A stream the records that follow belong to.
    fn stream(&mut self, stream: Arc<Stream>) -> u32;

    /// Takes one record (a metric, for metrics); a fault leaves no trace of it.
    fn record(&mut self, stream: u32, bytes: &'a [u8], rejected: &mut Rejected) -> Result<(), Fault>;

    /// How many records the sender counts in these bytes.
    fn count(bytes: &[u8]) -> Result<u64, Malformed>;

    fn spend(&mut self) -> &mut Spend;
}

/// A message of the upper two levels.
struct Group<'a> {
    /// The resource or scope.
    about: &'a [u8],
    schema_url: &'a [u8],
    /// Reads the members.
    members: Reader<'a>,
}

/// Walks a whole export request.
pub(super) fn walk<'a, R: Records<'a>>(
    bytes: &'a [u8],
    ctx: &DecodeCtx<'_>,
    records: &mut R,
) -> Result<Rejected, DecodeError> {
    let mut rejected = Rejected::default();
    let mut attributes = (AttributeList::default(), AttributeList::default());
    let mut resources = Reader::new(bytes);
    while let Some((number, payload)) = resources.next()? {
        if number != 1 {
            continue;
        }
        let mut resource = group(payload.bytes()?)?;
        while let Some(bytes) = member(&mut resource.members)? {
            let mut scope = group(bytes)?;
            let stream = match member(&mut scope.members.clone())? {
                // Without records there is nothing to keep of it.
                None => continue,
                Some(_) => stream(&resource, &scope, ctx, &mut attributes),
            };
            let stream = stream.and_then(|stream| {
                records.spend().take(stream.size_bytes() as u64)?;
                Ok(records.stream(Arc::new(stream)))
            });
            match stream {
                Ok(stream) => take_all(stream, &mut scope.members, records, &mut rejected)?,
                Err(fault) => {
                    let reason = fault.into_reject()?;
                    while let Some(bytes) = member(&mut scope.members)? {
                        rejected.add(reason, R::count(bytes)?);
                    }
                }
            }
        }
    }
    Ok(rejected)
}

fn take_all<'a, R: Records<'a>>(
    stream: u32,
    members: &mut Reader<'a>,
    records: &mut R,
    rejected: &mut Rejected,
) -> Result<(), DecodeError> {
    while let Some(bytes) = member(members)? {
        if let Err(fault) = records.record(stream, bytes, rejected) {
            rejected.add(fault.into_reject()?, R::count(bytes)?);
        }
    }
    Ok(())
}

/// Finds what describes the group; members may stand before it.
fn group(bytes: &[u8]) -> Result<Group<'_>, Malformed> {
    let mut group = Group { about: &[], schema_url: &[], members: Reader::new(bytes) };
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        match number {
            1 => group.about = payload.bytes()?,
            3 => group.schema_url = payload.bytes()?,
            _ => {}
        }
    }
    Ok(group)
}

#[inline]
fn member<'a>(members: &mut Reader<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    while let Some((number, payload)) = members.next()? {
        if number == 2 {
            return payload.bytes().map(Some);
        }
    }
    Ok(None)
}

fn stream<'a>(
    resource: &Group<'a>,
    scope: &Group<'a>,
    ctx: &DecodeCtx<'_>,
    (resource_list, scope_list): &mut (AttributeList<'a>, AttributeList<'a>),
) -> Result<Stream, Fault> {
    let utf8 = |bytes| std::str::from_utf8(bytes).map_err(|_| Fault::Reject(super::Reject::NotUtf8));
    let (mut scope_name, mut scope_version) = ("", "");
    resource_list.clear();
    scope_list.clear();
    let mut reader = Reader::new(resource.about);
    while let Some((number, payload)) = reader.next()? {
        if number == 1 {
            resource_list.push(payload.bytes()?, ctx.limits)?;
        }
    }
    let mut reader = Reader::new(scope.about);
    while let Some((number, payload)) = reader.next()? {
        match number {
            1 => scope_name = payload.text()?,
            2 => scope_version = payload.text()?,
            3 => scope_list.push(payload.bytes()?, ctx.limits)?,
            _ => {}
        }
    }
    let (mut resource_pairs, mut scope_pairs) = (Vec::new(), Vec::new());
    resource_list.pairs(&mut resource_pairs);
    scope_list.pairs(&mut scope_pairs);
    Ok(Stream::new(&StreamParts {
        resource: &resource_pairs,
        resource_schema_url: utf8(resource.schema_url)?,
        scope_name,
        scope_version,
        scope_attributes: &scope_pairs,
        scope_schema_url: utf8(scope.schema_url)?,
    }))
}
