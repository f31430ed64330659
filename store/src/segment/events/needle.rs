//! What a text must have in the index if a needle or a regex is to be found in it.
//!
//! The reading side of `tokens.rs`. Everything here may ask for too little, never for too much: what cannot be
//! concluded from the rules of the index asks for [`Need::Nothing`].

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Look};

use super::tokens::{GRAM, WORD_MAX, grams, run_is_indexed};

/// A condition on the index entries of a block.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Need {
    /// No conclusion: every block may match.
    Nothing,
    All(Vec<Need>),
    Any(Vec<Need>),
    Word(WordNeed),
    /// All of these are in the filter.
    Keys(Vec<u64>),
}

/// A word of the dictionary; on an open side it may go on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WordNeed {
    pub(super) text: String,
    pub(super) open_left: bool,
    pub(super) open_right: bool,
    /// The word may sit inside an id: the block must have all its letter runs in the dictionary.
    pub(super) in_ids: bool,
}

/// Stands for any character that separates tokens.
const SEPARATOR: char = ' ';
/// A class of more characters is not looked at one by one.
const CLASS_CHARS_MAX: usize = 64;
/// Alternatives multiply; beyond this a regex asks for nothing.
const NEEDS_MAX: usize = 64;

// === entry points ===

/// For texts that contain `needle`, in whatever case.
pub(super) fn of_contained(needle: &str) -> Need {
    let folded: String = needle.chars().map(fold).collect();
    of_folded(&folded)
}

/// For texts that are `text`.
pub(super) fn of_whole(text: &str) -> Need {
    let mut folded = String::from(SEPARATOR);
    folded.extend(text.chars().map(fold));
    folded.push(SEPARATOR);
    of_folded(&folded)
}

/// For texts in which the regex of that pattern finds something.
pub(super) fn of_regex(pattern: &str) -> Need {
    match regex_syntax::parse(pattern) {
        Ok(hir) => of_hir(&hir),
        Err(_) => Need::Nothing,
    }
}

fn fold(c: char) -> char {
    match c {
        'a'..='z' | '0'..='9' => c,
        'A'..='Z' => c.to_ascii_lowercase(),
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        _ => SEPARATOR,
    }
}

// === pieces ===

fn of_folded(folded: &str) -> Need {
    let mut needs = Vec::new();
    let bytes = folded.as_bytes();
    let mut at = 0;
    for piece in folded.split(SEPARATOR) {
        let end = at + piece.len();
        if !piece.is_empty() {
            of_piece(piece, at == 0, end == bytes.len(), &mut needs);
        }
        at = end + 1;
    }
    all(needs)
}

fn of_piece(piece: &str, open_left: bool, open_right: bool, needs: &mut Vec<Need>) {
    let bytes = piece.as_bytes();
    let closed = !open_left && !open_right;
    if !bytes.iter().any(u8::is_ascii_digit) {
        if closed && piece.len() <= WORD_MAX {
            needs.push(word(piece, false, false, false));
        } else if !closed && piece.len() <= WORD_MAX && run_is_indexed(bytes) {
            needs.push(word(piece, open_left, open_right, true));
        }
        return;
    }
    if piece.len() >= GRAM {
        let mut keys = Vec::new();
        grams(bytes, closed, &mut keys);
        if !keys.is_empty() {
            needs.push(Need::Keys(keys));
        }
    }
    let mut at = 0;
    for run in piece.split(|c: char| c.is_ascii_digit()) {
        let end = at + run.len();
        if run.len() <= WORD_MAX && run_is_indexed(run.as_bytes()) {
            needs.push(word(run, at == 0 && open_left, end == piece.len() && open_right, true));
        }
        at = end + 1;
    }
}

fn word(text: &str, open_left: bool, open_right: bool, in_ids: bool) -> Need {
    Need::Word(WordNeed { text: text.to_owned(), open_left, open_right, in_ids })
}

fn all(mut needs: Vec<Need>) -> Need {
    needs.retain(|need| *need != Need::Nothing);
    match needs.len() {
        0 => Need::Nothing,
        1 => needs.remove(0),
        _ => Need::All(needs),
    }
}

// === regexes ===

fn of_hir(hir: &Hir) -> Need {
    match hir.kind() {
        HirKind::Concat(parts) => of_concat(parts),
        HirKind::Alternation(parts) => {
            let needs: Vec<Need> = parts.iter().map(of_hir).collect();
            if needs.len() > NEEDS_MAX || needs.contains(&Need::Nothing) {
                Need::Nothing
            } else {
                Need::Any(needs)
            }
        }
        HirKind::Capture(capture) => of_hir(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => of_hir(&repetition.sub),
        HirKind::Repetition(_) => Need::Nothing,
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => {
            of_concat(std::slice::from_ref(hir))
        }
    }
}

/// Neighbouring parts with one meaning each make one needle; what lies between needles asks for itself.
fn of_concat(parts: &[Hir]) -> Need {
    let mut needs = Vec::new();
    let mut needle = String::new();
    for part in parts {
        if !extend(part, &mut needle) {
            needs.push(of_folded(&std::mem::take(&mut needle)));
            // Only what has parts can say more than `extend` found.
            if matches!(
                part.kind(),
                HirKind::Concat(_) | HirKind::Alternation(_) | HirKind::Capture(_) | HirKind::Repetition(_)
            ) {
                needs.push(of_hir(part));
            }
        }
    }
    needs.push(of_folded(&needle));
    all(needs)
}

/// Appends what the part is sure to match, folded. False: it can match different things.
fn extend(part: &Hir, needle: &mut String) -> bool {
    match part.kind() {
        HirKind::Empty => true,
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => {
                needle.extend(text.chars().map(fold));
                true
            }
            Err(_) => false,
        },
        HirKind::Class(Class::Unicode(class)) => match folded_class(class) {
            Some(c) => {
                needle.push(c);
                true
            }
            None => false,
        },
        // At the edge of a text or line, and between what Unicode calls a word and what it does not, a token ends.
        HirKind::Look(
            Look::Start
            | Look::End
            | Look::StartLF
            | Look::EndLF
            | Look::StartCRLF
            | Look::EndCRLF
            | Look::WordUnicode
            | Look::WordStartUnicode
            | Look::WordEndUnicode,
        ) => {
            needle.push(SEPARATOR);
            true
        }
        HirKind::Capture(capture) => match capture.sub.kind() {
            HirKind::Literal(_) | HirKind::Class(_) => extend(&capture.sub, needle),
            _ => false,
        },
        _ => false,
    }
}

/// The one character all of a class fold to, if there is one.
fn folded_class(class: &ClassUnicode) -> Option<char> {
    let mut folded = None;
    let mut looked = 0;
    for range in class.iter() {
        let (mut start, end) = (range.start(), range.end());
        // Nothing above the Kelvin sign folds to ASCII.
        if start > '\u{212a}' {
            start = end;
        }
        for c in start..=end {
            looked += 1;
            if looked > CLASS_CHARS_MAX {
                return None;
            }
            match folded {
                None => folded = Some(fold(c)),
                Some(known) if known == fold(c) => {}
                Some(_) => return None,
            }
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(need: &Need) -> String {
        let list = |needs: &[Need]| needs.iter().map(show).collect::<Vec<_>>();
        match need {
            Need::Nothing => "-".into(),
            Need::All(needs) => list(needs).join(" "),
            Need::Any(needs) => format!("({})", list(needs).join("|")),
            Need::Word(word) => {
                let mark = |open| if open { "*" } else { "" };
                format!("{}{}{}", mark(word.open_left), word.text, mark(word.open_right))
            }
            Need::Keys(keys) => format!("#{}", keys.len()),
        }
    }

    #[test]
    fn needles_ask_for_what_must_be_there() {
        for (needle, expected) in [
            ("timeout", "*timeout*"),
            ("GET", "-"),
            (" GET ", "get"),
            ("dead", "-"),
            (" dead ", "dead"),
            ("rdDecl", "*rddecl*"),
            ("Order ORD-", "*order ord"),
            ("error404x", "*error"),
            ("4bf92f3577b", "#1"),
            (" u12345 ", "#1"),
            ("u12345", "-"),
            ("日本", "-"),
        ] {
            assert_eq!(show(&of_contained(needle)), expected, "{needle}");
        }
        assert_eq!(show(&of_whole("Hello")), "hello");
    }

    #[test]
    fn regexes_ask_for_their_required_literals() {
        for (pattern, expected) in [
            (
                "Order ORD-[0-9a-f]+ (declined|rejected) after [0-9] attempts",
                "*order ord (*declined*|*rejected*) after attempts*",
            ),
            ("(?i)timeout", "*timeout*"),
            (r"\btimeout\b", "timeout"),
            ("^level=warn$", "level warn"),
            ("foo.*barbar", "*barbar*"),
            ("timeout|x", "-"),
            ("(timeout)?", "-"),
            ("(timeout)?error|(a*)*warning", "(*error*|*warning*)"),
            ("(?-u:\\xff)timeout", "-"),
            ("(?:timeout)+", "*timeout*"),
            ("a[bc]defghi", "*defghi*"),
            ("(", "-"),
        ] {
            assert_eq!(show(&of_regex(pattern)), expected, "{pattern}");
        }
    }
}
