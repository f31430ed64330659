//! Names to search by: `resource.service.name`, `span:name`, `.http.method`, `status`.

use std::sync::Arc;

use store::model::{ColumnRef, Field};

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// A column of spans or of their streams.
    Column(ColumnRef),
    /// An intrinsic with so many values that they are written down.
    Fixed(&'static [&'static str]),
    /// The name of root spans, or their service's.
    RootName,
    RootService,
    /// An intrinsic whose values nobody lists: durations, ids, times.
    Unlisted,
}

pub(super) const STATUSES: &[&str] = &["error", "ok", "unset"];
pub(super) const KINDS: &[&str] = &["client", "consumer", "internal", "producer", "server", "unspecified"];

/// Names of the intrinsics, in the order of the alphabet.
pub(super) const INTRINSICS: &[&str] = &[
    "duration",
    "event:name",
    "event:timeSinceStart",
    "instrumentation:name",
    "instrumentation:version",
    "kind",
    "link:spanID",
    "link:traceID",
    "name",
    "rootName",
    "rootServiceName",
    "span:duration",
    "span:id",
    "span:kind",
    "span:name",
    "span:parentID",
    "span:status",
    "span:statusMessage",
    "status",
    "statusMessage",
    "trace:duration",
    "trace:id",
    "trace:rootName",
    "trace:rootService",
    "traceDuration",
];

// === impl Tag ===

impl Tag {
    pub(super) fn parse(name: &str) -> Self {
        match name {
            "status" | "span:status" => return Self::Fixed(STATUSES),
            "kind" | "span:kind" => return Self::Fixed(KINDS),
            "name" | "span:name" => return Self::Column(ColumnRef::Field(Field::Name)),
            "statusMessage" | "span:statusMessage" => {
                return Self::Column(ColumnRef::Field(Field::StatusMessage));
            }
            "instrumentation:name" => return Self::Column(ColumnRef::ScopeName),
            "instrumentation:version" => return Self::Column(ColumnRef::ScopeVersion),
            "rootName" | "trace:rootName" | "root.name" => return Self::RootName,
            "rootServiceName" | "trace:rootService" | "root.service.name" => return Self::RootService,
            name if INTRINSICS.contains(&name) => return Self::Unlisted,
            _ => {}
        }
        let scopes: [(&str, fn(Arc<str>) -> ColumnRef); 4] = [
            ("resource.", ColumnRef::Resource),
            ("span.", ColumnRef::Attribute),
            ("instrumentation.", ColumnRef::ScopeAttribute),
            (".", ColumnRef::Any),
        ];
        for (prefix, column) in scopes {
            if let Some(key) = name.strip_prefix(prefix) {
                return Self::Column(column(unquoted(key).into()));
            }
        }
        if name.starts_with("event.") || name.starts_with("link.") {
            return Self::Unlisted;
        }
        Self::Column(ColumnRef::Any(unquoted(name).into()))
    }
}

/// Attribute names with odd characters come in quotes.
fn unquoted(key: &str) -> &str {
    key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_scopes() {
        for (name, wanted) in [
            ("resource.service.name", Tag::Column(ColumnRef::Resource("service.name".into()))),
            ("span.\"a b\"", Tag::Column(ColumnRef::Attribute("a b".into()))),
            (".a/b", Tag::Column(ColumnRef::Any("a/b".into()))),
            ("service.name", Tag::Column(ColumnRef::Any("service.name".into()))),
            ("name", Tag::Column(ColumnRef::Field(Field::Name))),
            ("status", Tag::Fixed(STATUSES)),
            ("rootName", Tag::RootName),
            ("duration", Tag::Unlisted),
            ("event.exception.type", Tag::Unlisted),
        ] {
            assert_eq!(Tag::parse(name), wanted, "{name}");
        }
        assert!(INTRINSICS.is_sorted());
    }
}
