//! Bodies that are too long: the record is kept, its body is cut and says so.

use std::fmt::Write as _;

use store::model::{EventBatchBuilder, Field, Limits, Value};

/// Bytes the body had as it came.
pub(crate) const CUT_FROM: &str = "signalbox.cut_from_bytes";
/// A cut looks back so far for a space: half a word may be half a secret, which nobody would recognise.
const WORD_BYTES_MAX: usize = 512;

/// Adds the body to the open row; of one that is too long the beginning with a mark at its end, and how long it was.
pub(super) fn put_body(builder: &mut EventBatchBuilder, body: Value<'_>, limits: &Limits) {
    let most = usize::try_from(limits.log_body_bytes_max).unwrap_or(usize::MAX);
    let bytes = match body {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Nested(nested) => nested.as_bytes().len(),
        _ => 0,
    };
    if bytes <= most {
        builder.field(Field::Body, body);
        return;
    }
    match body {
        Value::Bytes(bytes) => builder.field(Field::Body, Value::Bytes(&bytes[..most])),
        // The text of an array or map is what people see of it.
        other => builder.field(Field::Body, Value::Str(&cut(&other.text(), most))),
    }
    builder.attribute(CUT_FROM, Value::Int(i64::try_from(bytes).unwrap_or(i64::MAX)));
}

fn cut(text: &str, most: usize) -> String {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let tail = end.saturating_sub(WORD_BYTES_MAX);
    let space = memchr::memrchr3(b' ', b'\n', b',', &text.as_bytes()[tail..end]);
    let end = space.map_or(end, |at| tail + at);
    let mut out = text[..end].to_owned();
    let _ = write!(out, " … [cut, {} bytes in all]", text.len());
    out
}

#[cfg(test)]
mod tests {
    use store::model::{NestedWriter, Signal, StreamParts};

    use super::*;

    fn put(body: Value<'_>, most: u64) -> (String, Option<i64>) {
        let limits = Limits { log_body_bytes_max: most, ..Limits::default() };
        let mut builder = EventBatchBuilder::new(Signal::Logs);
        let stream = builder.stream(&StreamParts::default());
        builder.begin_row(1, stream);
        put_body(&mut builder, body, &limits);
        builder.end_row();
        let batch = builder.finish();
        let bytes = batch.attributes(0).find(|(key, _)| *key == CUT_FROM).and_then(|(_, v)| v.as_int());
        (batch.field(0, Field::Body).unwrap().text().into_owned(), bytes)
    }

    #[test]
    fn short_bodies_stay() {
        assert_eq!(put(Value::Str("0123456789"), 10), ("0123456789".to_owned(), None));
        assert_eq!(put(Value::Int(7), 0), ("7".to_owned(), None));
    }

    #[test]
    fn long_ones_are_cut_between_words_and_say_how_long_they_were() {
        let (body, bytes) = put(Value::Str("one two three four"), 10);
        assert_eq!((body.as_str(), bytes), ("one two … [cut, 18 bytes in all]", Some(18)));
        let (body, bytes) = put(Value::Str(&"ü".repeat(600)), 1101);
        assert!(body.starts_with(&"ü".repeat(550)) && !body.contains('\u{fffd}'), "no letter is cut");
        assert_eq!(bytes, Some(1200));
        assert_eq!(put(Value::Bytes(&[65; 9]), 3), ("QUFB".to_owned(), Some(9)));
    }

    #[test]
    fn arrays_and_maps_are_cut_as_text() {
        let mut nested = NestedWriter::default();
        nested.begin_map();
        nested.key("message");
        nested.value(Value::Str(&"a ".repeat(100)));
        nested.end();
        let (body, bytes) = put(Value::Nested(nested.as_nested()), 50);
        assert!(body.starts_with("{\"message\":\"a a") && body.len() < 120, "{body}");
        assert!(bytes.is_some_and(|bytes| bytes > 200));
    }
}
