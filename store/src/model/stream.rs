//! A stream: one resource with one scope. Interned, so a record holds a number instead of twenty attributes.

use std::cmp::Ordering;

use xxhash_rust::xxh3::Xxh3Default;

use super::{Nested, NestedItem, NestedWriter, Value};

/// Attributes sorted by key, encoded as one [`Nested`] map.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Attributes(Box<[u8]>);

/// What a decoder knows of a stream; attributes in any order.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamParts<'a> {
    pub resource: &'a [(&'a str, Value<'a>)],
    pub resource_schema_url: &'a str,
    pub scope_name: &'a str,
    pub scope_version: &'a str,
    pub scope_attributes: &'a [(&'a str, Value<'a>)],
    pub scope_schema_url: &'a str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    hash: u128,
    has_plain_labels: bool,
    pub resource: Attributes,
    pub resource_schema_url: Box<str>,
    pub scope_name: Box<str>,
    pub scope_version: Box<str>,
    pub scope_attributes: Attributes,
    pub scope_schema_url: Box<str>,
}

// === impl Attributes ===

impl Attributes {
    /// Sorts by key; of two members with one key the first stays.
    pub fn new(pairs: &[(&str, Value<'_>)]) -> Self {
        let mut sorted: Vec<&(&str, Value<'_>)> = pairs.iter().collect();
        sorted.sort_by_key(|(key, _)| *key);
        sorted.dedup_by_key(|(key, _)| *key);
        let mut writer = NestedWriter::default();
        writer.begin_map();
        for (key, value) in sorted {
            writer.key(key);
            writer.value(*value);
        }
        writer.end();
        Self(writer.into_bytes().into())
    }

    pub fn from_encoded(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        Nested::new(&self.0).get(key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        Nested::new(&self.0).items().map(|NestedItem { key, value }| (key.unwrap_or_default(), value))
    }
}

// === impl Stream ===

impl Stream {
    /// The order of scopes, whatever their resources.
    pub(crate) fn cmp_scope(&self, other: &Self) -> Ordering {
        // Most are of one stream.
        if self.hash == other.hash {
            return Ordering::Equal;
        }
        let texts =
            self.scope_name.cmp(&other.scope_name).then_with(|| self.scope_version.cmp(&other.scope_version));
        texts
            .then_with(|| self.scope_attributes.as_bytes().cmp(other.scope_attributes.as_bytes()))
            .then_with(|| self.scope_schema_url.cmp(&other.scope_schema_url))
    }
}

/// Labels by which senders that know no `service.name` name a service; the first there counts.
const SERVICE_LABELS: [&str; 8] = [
    "service_name",
    "service",
    "app",
    "application",
    "app_kubernetes_io_name",
    "container",
    "component",
    "job",
];

impl Stream {
    /// The schema URL of a resource that is a set of labels, as Prometheus and Loki know them: its names are shown as
    /// they were sent, all of them and no others.
    pub const LABELS_SCHEMA: &'static str = "urn:signalbox:labels";

    pub fn new(parts: &StreamParts<'_>) -> Self {
        Self::from_encoded(
            Attributes::new(parts.resource),
            parts.resource_schema_url,
            parts.scope_name,
            parts.scope_version,
            Attributes::new(parts.scope_attributes),
            parts.scope_schema_url,
        )
    }

    pub(crate) fn from_encoded(
        resource: Attributes,
        resource_schema_url: &str,
        scope_name: &str,
        scope_version: &str,
        scope_attributes: Attributes,
        scope_schema_url: &str,
    ) -> Self {
        let mut hasher = Xxh3Default::new();
        for part in [
            resource.as_bytes(),
            resource_schema_url.as_bytes(),
            scope_name.as_bytes(),
            scope_version.as_bytes(),
            scope_attributes.as_bytes(),
            scope_schema_url.as_bytes(),
        ] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self {
            hash: hasher.digest128(),
            has_plain_labels: resource_schema_url == Self::LABELS_SCHEMA,
            resource,
            resource_schema_url: resource_schema_url.into(),
            scope_name: scope_name.into(),
            scope_version: scope_version.into(),
            scope_attributes,
            scope_schema_url: scope_schema_url.into(),
        }
    }

    /// Identity of the content: equal streams have equal hashes, whatever the order of their attributes.
    pub fn hash(&self) -> u128 {
        self.hash
    }

    /// Whether it holds labels as they were sent, not OTel attributes.
    pub fn has_plain_labels(&self) -> bool {
        self.has_plain_labels
    }

    /// `service.name`, or what the OTel specification says to show without one.
    pub fn service(&self) -> &str {
        let names: &[&str] = if self.has_plain_labels { &SERVICE_LABELS } else { &["service.name"] };
        let known = |name: &&str| self.resource.get(name).and_then(Value::as_str);
        names.iter().find_map(known).unwrap_or("unknown_service")
    }

    pub fn size_bytes(&self) -> usize {
        size_of::<Self>()
            + self.resource.0.len()
            + self.scope_attributes.0.len()
            + self.scope_name.len()
            + self.scope_version.len()
            + self.resource_schema_url.len()
            + self.scope_schema_url.len()
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for part in [
            self.resource.as_bytes(),
            self.resource_schema_url.as_bytes(),
            self.scope_name.as_bytes(),
            self.scope_version.as_bytes(),
            self.scope_attributes.as_bytes(),
            self.scope_schema_url.as_bytes(),
        ] {
            out.extend_from_slice(&(part.len() as u32).to_le_bytes());
            out.extend_from_slice(part);
        }
    }

    /// Reads what [`Stream::write`] wrote off the front of `rest`.
    pub(crate) fn read(rest: &mut &[u8]) -> Option<Self> {
        let mut parts: [&[u8]; 6] = [&[]; 6];
        for part in &mut parts {
            let (len, tail) = rest.split_first_chunk::<4>()?;
            let (bytes, tail) = tail.split_at_checked(u32::from_le_bytes(*len) as usize)?;
            *part = bytes;
            *rest = tail;
        }
        let text = |bytes| std::str::from_utf8(bytes).ok();
        Some(Self::from_encoded(
            Attributes::from_encoded(parts[0]),
            text(parts[1])?,
            text(parts[2])?,
            text(parts[3])?,
            Attributes::from_encoded(parts[4]),
            text(parts[5])?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_order_does_not_change_the_identity() {
        let a = [("service.name", Value::Str("cart")), ("host.name", Value::Str("h1"))];
        let b = [("host.name", Value::Str("h1")), ("service.name", Value::Str("cart"))];
        let one = Stream::new(&StreamParts { resource: &a, scope_name: "lib", ..Default::default() });
        let two = Stream::new(&StreamParts { resource: &b, scope_name: "lib", ..Default::default() });
        assert_eq!(one, two);
        assert_eq!(one.service(), "cart");
        let other = Stream::new(&StreamParts { resource: &b, scope_name: "lib2", ..Default::default() });
        assert_ne!(one.hash(), other.hash());
    }

    #[test]
    fn a_stream_of_labels_names_its_service_by_one_of_them() {
        let labels = [("job", Value::Str("api/eu")), ("app", Value::Str("api"))];
        let parts = StreamParts { resource: &labels, ..Default::default() };
        let plain = StreamParts { resource_schema_url: Stream::LABELS_SCHEMA, ..parts };
        assert_eq!(Stream::new(&parts).service(), "unknown_service");
        let stream = Stream::new(&plain);
        assert!(stream.has_plain_labels());
        assert_eq!(stream.service(), "api");
    }

    #[test]
    fn a_stream_reads_back_and_cut_bytes_do_not() {
        let attrs = [("service.name", Value::Str("cart")), ("n", Value::Int(4))];
        let stream = Stream::new(&StreamParts { resource: &attrs, scope_version: "1", ..Default::default() });
        let mut bytes = Vec::new();
        stream.write(&mut bytes);
        assert_eq!(Stream::read(&mut bytes.as_slice()), Some(stream));
        for len in 0..bytes.len() {
            assert_eq!(Stream::read(&mut &bytes[..len]), None);
        }
    }
}
