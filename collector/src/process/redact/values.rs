//! Redaction of values: texts, bytes that are text, numbers that are cards, arrays and maps, whole streams.

use std::borrow::Cow;

use store::model::{Attributes, Nested, NestedItem, NestedWriter, OwnedValue, Stream, StreamParts, Value};

use super::secrets::Name;
use super::{Hit, Redactor, Style, card, detectors};
use crate::process::key::Marker;

/// Redacts one batch and counts what it did.
pub(crate) struct Work<'a> {
    redactor: &'a Redactor,
    marker: Marker,
    /// Values replaced, in the order of [`Redactor::names`].
    pub counts: Vec<u64>,
    hits: Vec<Hit>,
    password: Option<usize>,
    card: Option<usize>,
}

/// What becomes of a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    Stay,
    Put(OwnedValue),
    Remove,
}

/// What is known of a value before it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Nothing,
    /// Its name says that it is secret.
    Named(Name),
    /// It is left as it is.
    Excepted,
}

// === impl Work ===

impl<'a> Work<'a> {
    pub fn new(redactor: &'a Redactor, marker: Marker) -> Self {
        let counts = vec![0; redactor.active.len()];
        let (password, card) = (redactor.place_of(detectors::PASSWORD), redactor.place_of(detectors::CARD));
        Self { redactor, marker, counts, hits: Vec::new(), password, card }
    }

    /// The text without what is to be redacted; `None`: it stays.
    pub fn text(&mut self, text: &str) -> Option<String> {
        let mut hits = std::mem::take(&mut self.hits);
        self.redactor.hits(text, &mut hits);
        let replaced = (!hits.is_empty()).then(|| {
            let mut out = String::with_capacity(text.len() + 16);
            let mut from = 0;
            for Hit { range, by } in hits.drain(..) {
                out.push_str(&text[from..range.start]);
                self.counts[by] += 1;
                self.redactor.replace(by, &text[range.clone()], &self.marker, &mut out);
                from = range.end;
            }
            out.push_str(&text[from..]);
            out
        });
        self.hits = hits;
        replaced
    }

    /// A name of an attribute or member: never taken out, so that its value keeps a place.
    pub fn key(&mut self, key: &str) -> Option<String> {
        self.text(key).map(|key| if key.is_empty() { "<redacted>".to_owned() } else { key })
    }

    /// What an attribute's name says of its value.
    pub fn about(&self, key: &str) -> About {
        if self.redactor.except.contains(key) {
            return About::Excepted;
        }
        match self.password.and_then(|_| Name::of_key(key)) {
            Some(name) => About::Named(name),
            None => About::Nothing,
        }
    }

    pub fn value(&mut self, about: About, value: Value<'_>) -> Change {
        if about == About::Excepted {
            return Change::Stay;
        }
        match value {
            Value::Str(text) => self.named_text(about, text).map_or(Change::Stay, put_text),
            Value::Bytes(bytes) => {
                let text = std::str::from_utf8(bytes).ok();
                let changed = text.and_then(|text| self.named_text(about, text));
                changed.map_or(Change::Stay, |text| Change::Put(OwnedValue::Bytes(text.into_bytes())))
            }
            Value::Nested(nested) => self.nested(about, nested),
            Value::Int(number) => self.number(about, number),
            Value::Double(_) if about == About::Named(Name::Password) => {
                self.whole(self.password, &value.text())
            }
            Value::Empty | Value::Bool(_) | Value::Double(_) => Change::Stay,
        }
    }

    fn named_text(&mut self, about: About, text: &str) -> Option<String> {
        if let (About::Named(name), Some(by)) = (about, self.password)
            && name.covers(text)
        {
            return Some(self.mark(by, text));
        }
        self.text(text)
    }

    fn number(&mut self, about: About, number: i64) -> Change {
        if about == About::Named(Name::Password) {
            return self.whole(self.password, &number.to_string());
        }
        match self.card.filter(|_| card::is_card_number(number)) {
            Some(by) => self.whole(Some(by), &number.to_string()),
            None => Change::Stay,
        }
    }

    fn whole(&mut self, by: Option<usize>, text: &str) -> Change {
        by.map_or(Change::Stay, |by| put_text(self.mark(by, text)))
    }

    fn mark(&mut self, by: usize, text: &str) -> String {
        self.counts[by] += 1;
        let mut out = String::new();
        self.redactor.replace(by, text, &self.marker, &mut out);
        out
    }

    fn nested(&mut self, about: About, nested: Nested<'_>) -> Change {
        let mut out = NestedWriter::default();
        if self.write_nested(about, nested, &mut out) {
            Change::Put(OwnedValue::Nested(out.into_bytes()))
        } else {
            Change::Stay
        }
    }

    /// Writes the members as they are to be; whether one changed. Decoders bound the depth.
    fn write_nested(&mut self, about: About, nested: Nested<'_>, out: &mut NestedWriter) -> bool {
        let mut changed = false;
        if nested.is_map() {
            out.begin_map()
        } else {
            out.begin_array()
        }
        for NestedItem { key, value } in nested.items() {
            // Members of what is named secret are secret: headers are lists.
            let inner = match key.map(|key| self.about(key)) {
                None | Some(About::Nothing) => about,
                Some(said) => said,
            };
            if let Some(key) = key {
                let replaced = self.key(key);
                changed |= replaced.is_some();
                out.key(replaced.as_deref().unwrap_or(key));
            }
            match value {
                Value::Nested(nested) if inner != About::Excepted => {
                    changed |= self.write_nested(inner, nested, out);
                }
                value => match self.value(inner, value) {
                    Change::Stay => out.value(value),
                    Change::Put(value) => {
                        changed = true;
                        out.value(value.as_value());
                    }
                    // Its key is written, and arrays keep their places.
                    Change::Remove => {
                        changed = true;
                        out.value(Value::Empty);
                    }
                },
            }
        }
        out.end();
        changed
    }

    /// Pairs as they are to be; `None`: they stay.
    pub fn pairs<'p>(
        &mut self,
        pairs: impl Iterator<Item = (&'p str, Value<'p>)>,
    ) -> Option<Vec<(Cow<'p, str>, OwnedValue)>> {
        let mut changed = false;
        let mut out = Vec::new();
        for (key, value) in pairs {
            let replaced = self.key(key);
            changed |= replaced.is_some();
            let key = replaced.map_or(Cow::Borrowed(key), Cow::Owned);
            match self.value(self.about(&key), value) {
                Change::Stay => out.push((key, value.to_owned())),
                Change::Put(value) => {
                    changed = true;
                    out.push((key, value));
                }
                Change::Remove => changed = true,
            }
        }
        changed.then_some(out)
    }

    /// The stream as it is to be; `None`: it stays.
    pub fn stream(&mut self, stream: &Stream) -> Option<Stream> {
        let resource = self.pairs(stream.resource.iter());
        let scope = self.pairs(stream.scope_attributes.iter());
        let mut text = |text: &str| self.text(text);
        let (name, version) = (text(&stream.scope_name), text(&stream.scope_version));
        let (resource_url, scope_url) = (text(&stream.resource_schema_url), text(&stream.scope_schema_url));
        let texts = [&name, &version, &resource_url, &scope_url];
        if resource.is_none() && scope.is_none() && texts.iter().all(|text| text.is_none()) {
            return None;
        }
        Some(Stream::new(&StreamParts {
            resource: &as_pairs(resource.as_deref(), &stream.resource),
            resource_schema_url: resource_url.as_deref().unwrap_or(&stream.resource_schema_url),
            scope_name: name.as_deref().unwrap_or(&stream.scope_name),
            scope_version: version.as_deref().unwrap_or(&stream.scope_version),
            scope_attributes: &as_pairs(scope.as_deref(), &stream.scope_attributes),
            scope_schema_url: scope_url.as_deref().unwrap_or(&stream.scope_schema_url),
        }))
    }
}

fn put_text(text: String) -> Change {
    // Only what was removed leaves nothing.
    if text.is_empty() { Change::Remove } else { Change::Put(OwnedValue::Str(text)) }
}

fn as_pairs<'p>(
    changed: Option<&'p [(Cow<'p, str>, OwnedValue)]>,
    attributes: &'p Attributes,
) -> Vec<(&'p str, Value<'p>)> {
    match changed {
        Some(pairs) => pairs.iter().map(|(key, value)| (key.as_ref(), value.as_value())).collect(),
        None => attributes.iter().collect(),
    }
}

impl Redactor {
    /// Whether values are replaced by hashes, for which there must be a key.
    pub fn hashes(&self) -> bool {
        self.active.iter().any(|active| active.style == Style::Hash)
    }
}
