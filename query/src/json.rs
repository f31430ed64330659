//! JSON written straight into bytes: answers can be large, and a tree of them would be larger.

use std::io::Write as _;

use engine::promql::write_digits;

/// Commas are put by looking at the last byte: one is due unless an object, an array or a member has just begun.
#[derive(Default)]
pub(crate) struct Json(Vec<u8>);

// === impl Json ===

impl Json {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(crate) fn into_string(self) -> String {
        // Only texts were put in.
        String::from_utf8(self.0).unwrap_or_default()
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.separate();
        self.0.push(b'{');
        fill(self);
        self.0.push(b'}');
    }

    pub(crate) fn array(&mut self, fill: impl FnOnce(&mut Self)) {
        self.separate();
        self.0.push(b'[');
        fill(self);
        self.0.push(b']');
    }

    /// The name of the member whose value is written next.
    pub(crate) fn key(&mut self, name: &str) -> &mut Self {
        self.separate();
        push_text(name, &mut self.0);
        self.0.push(b':');
        self
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.separate();
        push_text(text, &mut self.0);
    }

    /// A string that needs no escapes.
    pub(crate) fn plain_string(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        self.separate();
        self.0.push(b'"');
        fill(&mut self.0);
        self.0.push(b'"');
    }

    pub(crate) fn strings<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) {
        self.array(|json| texts.into_iter().for_each(|text| json.string(text)));
    }

    pub(crate) fn int(&mut self, int: impl Into<i128>) {
        self.separate();
        let _ = write!(self.0, "{}", int.into());
    }

    /// A JSON number; what JSON has no number for is `null`.
    pub(crate) fn number(&mut self, number: f64) {
        self.separate();
        if number.is_finite() {
            let _ = write!(self.0, "{number}");
        } else {
            self.0.extend_from_slice(b"null");
        }
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.separate();
        self.0.extend_from_slice(if value { &b"true"[..] } else { b"false" });
    }

    pub(crate) fn null(&mut self) {
        self.separate();
        self.0.extend_from_slice(b"null");
    }

    /// Milliseconds as seconds, the way Prometheus writes sample times: no fraction if it is zero.
    pub(crate) fn seconds(&mut self, time_ms: i64) {
        self.separate();
        if time_ms < 0 {
            self.0.push(b'-');
        }
        let (seconds, ms) = (time_ms.unsigned_abs() / 1000, time_ms.unsigned_abs() % 1000);
        write_digits(seconds, &mut self.0);
        if ms > 0 {
            let _ = write!(self.0, ".{ms:03}");
        }
    }

    /// JSON that is already written.
    pub(crate) fn raw(&mut self, json: &str) {
        self.separate();
        self.0.extend_from_slice(json.as_bytes());
    }

    pub(crate) fn member(&mut self, name: &str, text: &str) {
        self.key(name).string(text);
    }

    fn separate(&mut self) {
        if !matches!(self.0.last(), None | Some(b'{' | b'[' | b':' | b',')) {
            self.0.push(b',');
        }
    }
}

/// Escapes what JSON must, and what would end a script element if the answer were pasted into a page.
fn push_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&') {
            continue;
        }
        out.extend_from_slice(text.get(plain_from..at).unwrap_or_default().as_bytes());
        plain_from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => drop(write!(out, "\\u{byte:04x}")),
        }
    }
    out.extend_from_slice(text.get(plain_from..).unwrap_or_default().as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(fill: impl FnOnce(&mut Json)) -> String {
        let mut json = Json::default();
        fill(&mut json);
        String::from_utf8(json.into_bytes()).unwrap()
    }

    #[test]
    fn members_and_items_are_separated() {
        let text = written(|json| {
            json.object(|o| {
                o.member("a", "[");
                o.key("b").array(|a| {
                    a.int(1);
                    a.array(|_| {});
                    a.object(|_| {});
                    a.bool(true);
                });
                o.key("c").null();
            })
        });
        assert_eq!(text, r#"{"a":"[","b":[1,[],{},true],"c":null}"#);
    }

    #[test]
    fn hostile_text_stays_text() {
        let hostile = "a\"b\\c\n\u{1}</script>ü\u{2028}";
        let text = written(|json| json.string(hostile));
        assert!(!text.contains('<') && !text.contains('\n'));
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), hostile);
    }

    #[test]
    fn times_are_seconds_with_milliseconds() {
        for (ms, wanted) in [(0, "0"), (1500, "1.500"), (1_763_930_000_781, "1763930000.781"), (-1, "-0.001")]
        {
            assert_eq!(written(|json| json.seconds(ms)), wanted);
        }
    }
}
