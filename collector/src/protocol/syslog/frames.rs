//! Messages in a stream of bytes: counted in octets or ended by a line feed (RFC 6587), told apart at each message.

/// Collects messages from pieces of a connection, and writes them with their lengths.
#[derive(Debug)]
pub struct SyslogFramer {
    /// A message that is not complete.
    rest: Vec<u8>,
    skipping: Skip,
    bytes_max: usize,
}

/// What is passed over: the tail of a message that is too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Skip {
    #[default]
    Nothing,
    /// To the end of the line.
    Line,
    /// As many bytes.
    Bytes(usize),
}

/// A header before the text of a message: what is cut must still be seen to be too long.
const HEADER_BYTES: usize = 4096;
/// Digits of a length; a line that begins with more digits is a line.
const DIGITS_MAX: usize = 8;

impl SyslogFramer {
    /// Messages are cut a little beyond the limit on texts, so that the decoder sees that they were too long.
    pub fn new(text_bytes_max: usize) -> Self {
        let bytes_max = text_bytes_max.saturating_add(HEADER_BYTES);
        Self { rest: Vec::new(), skipping: Skip::Nothing, bytes_max }
    }

    /// Takes a piece; complete messages are appended to `out`.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.rest.extend_from_slice(piece);
        let buffer = std::mem::take(&mut self.rest);
        let mut left = buffer.as_slice();
        while let Some((message, after)) = self.message(left) {
            put(message, out);
            left = after;
        }
        self.rest.extend_from_slice(left);
    }

    /// The connection is over: what is left is a message.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        let rest = std::mem::take(&mut self.rest);
        if self.skipping == Skip::Nothing {
            let counted = counted(&rest).map_or(0, |(_, head)| head);
            put(&rest[counted..], out);
        }
    }

    /// A datagram is one message.
    pub fn datagram(message: &[u8], out: &mut Vec<u8>) {
        put(message, out);
    }

    fn message<'a>(&mut self, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        match self.skipping {
            Skip::Nothing => {}
            Skip::Line => {
                // What is passed over is not kept either.
                let end = memchr::memchr(b'\n', bytes);
                let passed = end.map_or(bytes.len(), |end| end + 1);
                self.skipping = if end.is_some() { Skip::Nothing } else { Skip::Line };
                return (passed > 0).then(|| (&[][..], &bytes[passed..]));
            }
            Skip::Bytes(left) => {
                let passed = left.min(bytes.len());
                self.skipping = if left > passed { Skip::Bytes(left - passed) } else { Skip::Nothing };
                return (passed > 0).then(|| (&[][..], &bytes[passed..]));
            }
        }
        if let Some((len, head)) = counted(bytes) {
            let end = head + len.min(self.bytes_max);
            if bytes.len() < end {
                return None;
            }
            if len > self.bytes_max {
                self.skipping = Skip::Bytes(len - self.bytes_max);
            }
            return Some((&bytes[head..end], &bytes[end..]));
        }
        match memchr::memchr2(b'\n', 0, bytes) {
            Some(end) if end <= self.bytes_max => Some((&bytes[..end], &bytes[end + 1..])),
            _ if bytes.len() > self.bytes_max => {
                self.skipping = Skip::Line;
                Some((&bytes[..self.bytes_max], &bytes[self.bytes_max..]))
            }
            _ => None,
        }
    }
}

/// `LEN SP`: the length and where the message begins.
fn counted(bytes: &[u8]) -> Option<(usize, usize)> {
    let digits = bytes.iter().take(DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > DIGITS_MAX || bytes[0] == b'0' || bytes.get(digits) != Some(&b' ') {
        return None;
    }
    let len = std::str::from_utf8(&bytes[..digits]).ok()?.parse().ok()?;
    Some((len, digits + 1))
}

/// Appends a message with its length; an empty one is none.
pub(super) fn put(message: &[u8], out: &mut Vec<u8>) {
    let message = message.trim_ascii_end();
    if !message.is_empty() {
        out.extend_from_slice(message.len().to_string().as_bytes());
        out.push(b' ');
        out.extend_from_slice(message);
    }
}

/// The messages of what [`put`] wrote; other bytes end it early.
pub(super) fn each(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, head) = counted(bytes)?;
        let message = bytes.get(head..head.checked_add(len)?)?;
        bytes = &bytes[head + len..];
        Some(message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(pieces: &[&[u8]], bytes_max: usize) -> Vec<String> {
        let mut framer = SyslogFramer { bytes_max, ..SyslogFramer::new(0) };
        let mut out = Vec::new();
        pieces.iter().for_each(|piece| framer.push(piece, &mut out));
        framer.end(&mut out);
        each(&out).map(|message| String::from_utf8_lossy(message).into_owned()).collect()
    }

    #[test]
    fn both_framings_are_told_apart_message_by_message() {
        let stream = b"<13>one\n9 <13>two\nx<14>three\r\n\n5 <1>ab<15>last";
        let expected = ["<13>one", "<13>two\nx", "<14>three", "<1>ab", "<15>last"];
        assert_eq!(frames(&[stream], 100), expected);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(frames(&bytes, 100), expected, "byte by byte");
    }

    #[test]
    fn an_overlong_line_is_cut_and_its_tail_passed_over() {
        assert_eq!(frames(&[b"0123456789abc", b"def\n<1>x\n"], 10), ["0123456789", "<1>x"]);
        assert_eq!(frames(&[b"99 short"], 100), ["short"], "the connection ended inside");
        assert_eq!(
            frames(&[b"15 0123456789", b"abcde3 <1>"], 10),
            ["0123456789", "<1>"],
            "a counted one too"
        );
    }
}
