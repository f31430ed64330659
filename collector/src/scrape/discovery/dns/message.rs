//! DNS messages (RFC 1035, RFC 2782): a question out, the records of an answer in.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::scrape::config::DnsKind;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Record {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Srv { target: String, port: u16 },
    Mx(String),
    Ns(String),
}

#[derive(Debug, PartialEq)]
pub(super) struct Reply {
    pub records: Vec<Record>,
    /// It did not fit: to be asked again over TCP.
    pub truncated: bool,
    pub code: u8,
}

pub(super) const NAME_ERROR: u8 = 3;
const HEADER: usize = 12;
const LABEL_BYTES_MAX: usize = 63;
/// A name's compression pointers may not go round in circles.
const JUMPS_MAX: usize = 32;

fn number(kind: DnsKind) -> u16 {
    match kind {
        DnsKind::A => 1,
        DnsKind::Ns => 2,
        DnsKind::Mx => 15,
        DnsKind::Aaaa => 28,
        DnsKind::Srv => 33,
    }
}

/// `None`: not a name.
pub(super) fn question(id: u16, name: &str, kind: DnsKind) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(HEADER + name.len() + 6);
    // One question, recursion desired.
    for field in [id, 0x0100, 1, 0, 0, 0] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    for label in name.trim_end_matches('.').split('.') {
        if label.is_empty() || label.len() > LABEL_BYTES_MAX {
            return None;
        }
        out.push(label.len() as u8);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    for field in [number(kind), 1] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    Some(out)
}

/// `None`: not an answer to the question of this number.
pub(super) fn reply(bytes: &[u8], id: u16) -> Option<Reply> {
    let field = |at: usize| bytes.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]]));
    let flags = field(2)?;
    if field(0)? != id || flags & 0x8000 == 0 {
        return None;
    }
    let mut at = HEADER;
    for _ in 0..field(4)? {
        at = name(bytes, at)?.1 + 4;
    }
    let mut records = Vec::new();
    for _ in 0..field(6)? {
        let (_, after) = name(bytes, at)?;
        let (kind, length) = (field(after)?, usize::from(field(after + 8)?));
        let data = after + 10;
        bytes.get(data..data + length)?;
        records.extend(record(bytes, kind, data, length));
        at = data + length;
    }
    Some(Reply { records, truncated: flags & 0x0200 != 0, code: (flags & 0xf) as u8 })
}

fn record(bytes: &[u8], kind: u16, at: usize, length: usize) -> Option<Record> {
    let data = bytes.get(at..at + length)?;
    Some(match kind {
        1 => Record::A(Ipv4Addr::from(*data.first_chunk::<4>()?)),
        2 => Record::Ns(name(bytes, at)?.0),
        15 => Record::Mx(name(bytes, at + 2)?.0),
        28 => Record::Aaaa(Ipv6Addr::from(*data.first_chunk::<16>()?)),
        33 => {
            let port = u16::from_be_bytes([*data.get(4)?, *data.get(5)?]);
            Record::Srv { target: name(bytes, at + 6)?.0, port }
        }
        _ => return None,
    })
}

/// A name with its final dot, and where the bytes after it begin.
fn name(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    let (mut out, mut end, mut jumps) = (String::new(), None, 0);
    loop {
        let length = usize::from(*bytes.get(at)?);
        match length >> 6 {
            0 if length == 0 => {
                let text = if out.is_empty() { ".".to_owned() } else { out };
                return Some((text, end.unwrap_or(at + 1)));
            }
            0 => {
                out.push_str(std::str::from_utf8(bytes.get(at + 1..at + 1 + length)?).ok()?);
                out.push('.');
                at += 1 + length;
            }
            3 => {
                jumps += 1;
                if jumps > JUMPS_MAX {
                    return None;
                }
                end = end.or(Some(at + 2));
                at = (length & 0x3f) << 8 | usize::from(*bytes.get(at + 1)?);
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Vec<u8> {
        let mut bytes = question(7, "_m._tcp.a.org", DnsKind::Srv).unwrap();
        bytes[2..4].copy_from_slice(&[0x81, 0x80]);
        bytes[7] = 2;
        // The owner is the question's name; the target ends in its last two labels.
        let srv =
            [0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 11, 0, 1, 0, 1, 0x23, 0x8c, 2, b'd', b'b', 0xc0, 20];
        bytes.extend_from_slice(&srv);
        bytes.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
        bytes
    }

    #[test]
    fn records_of_an_answer_are_read_through_pointers() {
        let reply = reply(&answer(), 7).unwrap();
        assert_eq!(
            reply.records,
            [Record::Srv { target: "db.a.org.".into(), port: 9100 }, Record::A([192, 0, 2, 1].into())]
        );
        assert!(!reply.truncated && reply.code == 0);
    }

    #[test]
    fn cut_or_circular_answers_are_none() {
        let whole = answer();
        assert_eq!(reply(&whole, 8), None, "another question's");
        for len in 0..whole.len() {
            assert_eq!(reply(&whole[..len], 7), None);
        }
        let mut circular = whole.clone();
        let at = circular.len() - 2 - 16;
        circular[at..at + 2].copy_from_slice(&[0xc0, at as u8]);
        assert!(reply(&circular, 7).is_none_or(|reply| reply.records.len() == 1));
        assert_eq!(question(1, "a..b", DnsKind::A), None);
    }
}
