//! Shapes put together by the Drain method: those with as many words and the same beginning are compared word by word,
//! and where most words are the same the others vary.
//!
//! Memory is bounded: so many patterns, and so many shapes whose pattern is remembered. A shape beyond that still
//! belongs to a pattern that is like it, or to none.

use rustc_hash::FxHashMap;

use super::VARIES;

const PATTERNS_MAX: usize = 1000;
const SHAPES_MAX: usize = 20_000;
/// Words in which two shapes must be alike.
const ALIKE: f64 = 0.5;
/// Shapes of more words are compared by these only.
const WORDS_MAX: usize = 80;

#[derive(Default)]
pub(crate) struct Miner {
    patterns: Vec<Vec<String>>,
    /// By number of words and first word; the word is empty if it varies.
    groups: FxHashMap<(usize, String), Vec<u32>>,
    shapes: FxHashMap<Box<str>, u32>,
}

impl Miner {
    /// The number of the shape's pattern; `None` if there are too many patterns and none is like it.
    pub(crate) fn add(&mut self, shape: &str) -> Option<u32> {
        if let Some(known) = self.shapes.get(shape) {
            return Some(*known);
        }
        let words: Vec<&str> = words(shape);
        let number = self.place(&words)?;
        if self.shapes.len() < SHAPES_MAX {
            self.shapes.insert(shape.into(), number);
        }
        Some(number)
    }

    pub(crate) fn pattern(&self, number: u32) -> String {
        let words = self.patterns.get(number as usize).map_or(&[][..], Vec::as_slice);
        words.concat().replace("<_><_>", VARIES)
    }

    fn place(&mut self, words: &[&str]) -> Option<u32> {
        let first = words.first().copied().filter(|word| !word.contains(VARIES)).unwrap_or_default();
        let group = self.groups.entry((words.len(), first.trim_end().to_string())).or_default();
        let patterns = &self.patterns;
        let likeness = |number: &u32| likeness(&patterns[*number as usize], words);
        let best = group.iter().map(|number| (likeness(number), *number)).max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((like, number)) = best
            && like >= ALIKE
        {
            merge(&mut self.patterns[number as usize], words);
            return Some(number);
        }
        if self.patterns.len() >= PATTERNS_MAX {
            return None;
        }
        let number = u32::try_from(self.patterns.len()).ok()?;
        self.patterns.push(words.iter().map(|word| (*word).to_string()).collect());
        group.push(number);
        Some(number)
    }
}

/// Words with the space behind them; the last one may hold many.
fn words(shape: &str) -> Vec<&str> {
    let mut rest = shape;
    let mut words = Vec::new();
    while let Some(space) = rest.find(' ').filter(|_| words.len() + 1 < WORDS_MAX) {
        let (word, after) = rest.split_at(space + 1);
        words.push(word);
        rest = after;
    }
    if !rest.is_empty() || words.is_empty() {
        words.push(rest);
    }
    words
}

/// The part of the words that are the same. Of two lines of one or two words all must be.
fn likeness(pattern: &[String], words: &[&str]) -> f64 {
    let same = pattern.iter().zip(words).filter(|(a, b)| a.as_str() == **b).count();
    let fixed = pattern.iter().filter(|word| !word.contains(VARIES)).count();
    if same == 0 || (fixed <= 1 && same < words.len()) { 0.0 } else { same as f64 / words.len() as f64 }
}

fn merge(pattern: &mut [String], words: &[&str]) {
    for (known, word) in pattern.iter_mut().zip(words) {
        if known != word {
            *known = merged(known, word);
        }
    }
}

/// What two words have in common up to the last mark before, and from the first mark behind, what differs.
fn merged(a: &str, b: &str) -> String {
    let common = |a: &mut dyn Iterator<Item = char>, b: &mut dyn Iterator<Item = char>| {
        a.zip(b).take_while(|(x, y)| x == y).map(|(x, _)| x).collect::<Vec<char>>()
    };
    let is_mark = |c: &char| !c.is_alphanumeric() && *c != '_' && *c != '<' && *c != '>';
    let head = common(&mut a.chars(), &mut b.chars());
    let head_length = head.iter().rposition(is_mark).map_or(0, |at| at + 1);
    let head: String = head.into_iter().take(head_length).collect();
    // What is already part of the head is no tail.
    let (a, b) = (&a[head.len()..], &b[head.len()..]);
    let tail = common(&mut a.chars().rev(), &mut b.chars().rev());
    let tail_length = tail.iter().rposition(is_mark).map_or(0, |at| at + 1);
    let tail: String = tail.into_iter().take(tail_length).rev().collect();
    format!("{head}{VARIES}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mined(shapes: &[&str]) -> Vec<String> {
        let mut miner = Miner::default();
        let numbers: Vec<u32> = shapes.iter().map(|shape| miner.add(shape).unwrap()).collect();
        numbers.into_iter().map(|number| miner.pattern(number)).collect()
    }

    #[test]
    fn shapes_that_differ_in_a_few_words_are_one_pattern() {
        assert_eq!(
            mined(&["user ada logged in from <_>", "user bob logged in from <_>"]),
            ["user <_> logged in from <_>"; 2]
        );
        assert_eq!(
            mined(&["level=info user=ada took=<_>", "level=info user=bob took=<_>"]),
            ["level=info user=<_> took=<_>"; 2]
        );
        assert_eq!(mined(&["cart is empty", "cart was deleted"]), ["cart is empty", "cart was deleted"]);
        assert_eq!(mined(&["started", "stopped"]), ["started", "stopped"]);
        assert_eq!(
            mined(&[r#"call (name="a") done now"#, r#"call (name="b") done now"#]),
            [r#"call (name="<_>") done now"#; 2]
        );
    }

    #[test]
    fn numbers_stay_while_patterns_grow() {
        let mut miner = Miner::default();
        let first = miner.add("job alpha of queue one done");
        assert_eq!(miner.add("job beta of queue one done"), first);
        assert_eq!(miner.add("job alpha of queue one done"), first);
        assert_eq!(miner.pattern(first.unwrap()), "job <_> of queue one done");
    }

    #[test]
    fn memory_is_bounded() {
        let mut miner = Miner::default();
        let name = |at: usize| {
            at.to_string().chars().map(|c| char::from(b'a' + (c as u8 - b'0'))).collect::<String>()
        };
        for at in 0..3 * PATTERNS_MAX {
            miner.add(&format!("{} one", name(at)));
        }
        for at in 0..2 * SHAPES_MAX {
            miner.add(&format!("same words but {} here now", name(at)));
        }
        assert_eq!(miner.patterns.len(), PATTERNS_MAX);
        assert!(miner.shapes.len() <= SHAPES_MAX);
    }

    #[test]
    fn words_keep_their_white_space() {
        for text in ["a b  c ", "", " ", "x"] {
            assert_eq!(words(text).concat(), text);
        }
    }
}
