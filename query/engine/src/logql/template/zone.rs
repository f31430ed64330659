//! Time zones by name, from the system's database: a file per zone, in the format of RFC 8536.

use std::path::Path;

use super::moment::{Moment, Zone};

/// Where systems keep the database.
const FOLDERS: [&str; 2] = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo"];

/// A wall clock's time as the time it was in that zone; a zone that is not known is UTC.
pub(super) fn local(name: &str, clock: Moment) -> Moment {
    let known = match name {
        "" | "UTC" | "Local" => None,
        _ if safe(name) => FOLDERS.iter().find_map(|folder| std::fs::read(Path::new(folder).join(name)).ok()),
        _ => None,
    };
    let Some(rules) = known.as_deref().and_then(Rules::read) else { return clock };
    // The offset depends on the time, which depends on the offset: the second guess is right but for the hour that
    // clocks jump over.
    let first = rules.zone_at(clock.seconds);
    let zone = rules.zone_at(clock.seconds - i64::from(first.offset));
    Moment { seconds: clock.seconds - i64::from(zone.offset), nanos: clock.nanos, zone }
}

/// A name inside the folder: no way up, nothing hidden.
fn safe(name: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+'))
    };
    name.split('/').all(part)
}

struct Rules<'f> {
    /// Eight bytes each.
    times: &'f [u8],
    kinds: &'f [u8],
    /// Offset, summer time, place of the name: six bytes each.
    types: &'f [u8],
    names: &'f [u8],
}

struct Header {
    isutc: usize,
    isstd: usize,
    leaps: usize,
    times: usize,
    types: usize,
    chars: usize,
}

const HEADER_BYTES: usize = 44;

impl Header {
    fn read(file: &[u8]) -> Option<Header> {
        let header = file.get(..HEADER_BYTES)?;
        header.starts_with(b"TZif").then_some(())?;
        let count = |at: usize| {
            let bytes: [u8; 4] = header[20 + 4 * at..24 + 4 * at].try_into().ok()?;
            usize::try_from(u32::from_be_bytes(bytes)).ok()
        };
        Some(Header {
            isutc: count(0)?,
            isstd: count(1)?,
            leaps: count(2)?,
            times: count(3)?,
            types: count(4)?,
            chars: count(5)?,
        })
    }
}

impl<'f> Rules<'f> {
    /// The second part of a file has times of 64 bits.
    fn read(file: &'f [u8]) -> Option<Rules<'f>> {
        let old = Header::read(file)?;
        let skipped = old.times * 5 + old.types * 6 + old.chars + old.leaps * 8 + old.isstd + old.isutc;
        let file = file.get(HEADER_BYTES + skipped..)?;
        let header = Header::read(file)?;
        let (times, rest) = file.get(HEADER_BYTES..)?.split_at_checked(header.times * 8)?;
        let (kinds, rest) = rest.split_at_checked(header.times)?;
        let (types, rest) = rest.split_at_checked(header.types * 6)?;
        Some(Rules { times, kinds, types, names: rest.get(..header.chars)? })
    }

    fn zone_at(&self, seconds: i64) -> Zone {
        let changes = self.times.chunks_exact(8).zip(self.kinds);
        let passed = changes.take_while(|(time, _)| {
            <[u8; 8]>::try_from(*time).is_ok_and(|time| i64::from_be_bytes(time) <= seconds)
        });
        let kind = passed.last().map_or(0, |(_, kind)| usize::from(*kind));
        self.zone(kind).unwrap_or_else(Zone::utc)
    }

    fn zone(&self, kind: usize) -> Option<Zone> {
        let row = self.types.get(kind * 6..kind * 6 + 6)?;
        let offset = i32::from_be_bytes(row[..4].try_into().ok()?);
        let name = self.names.get(usize::from(row[5])..)?;
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        Some(Zone { offset, name: String::from_utf8_lossy(&name[..end]).into_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with one change, from +1 to +2 hours at second 1000.
    fn file() -> Vec<u8> {
        let header = |times: u32, types: u32, chars: u32| {
            let mut out = b"TZif2".to_vec();
            out.extend([0; 15]);
            for count in [0, 0, 0, times, types, chars] {
                out.extend(count.to_be_bytes());
            }
            out
        };
        let mut out = header(0, 0, 0);
        out.extend(header(1, 2, 8));
        out.extend(1000i64.to_be_bytes());
        out.push(1);
        out.extend([&3600i32.to_be_bytes()[..], &[0, 0]].concat());
        out.extend([&7200i32.to_be_bytes()[..], &[1, 4]].concat());
        out.extend(b"AAA\0BBB\0");
        out
    }

    #[test]
    fn a_zone_changes_at_its_times() {
        let file = file();
        let rules = Rules::read(&file).unwrap();
        assert_eq!(rules.zone_at(999), Zone { offset: 3600, name: "AAA".into() });
        assert_eq!(rules.zone_at(1000), Zone { offset: 7200, name: "BBB".into() });
        for end in 0..file.len() {
            assert!(Rules::read(&file[..end]).is_none(), "{end}");
        }
    }

    #[test]
    fn names_stay_inside_the_folder() {
        assert!(safe("Europe/Berlin") && safe("Etc/GMT+5"));
        assert!(!safe("../passwd") && !safe("/etc/passwd") && !safe("Europe//x") && !safe("a/.b"));
        let clock = Moment::unix(0, 0);
        assert_eq!(local("No/Where", clock.clone()), clock);
    }
}
