//! A filter with its names resolved against one segment, and which blocks and rows it rules out unread.

use regex::Regex;

use super::bits::Bits;
use super::format::TIMES;
use super::needle::{self, Need, WordNeed};
use super::patterns::Search;
use super::segment::EventSegment;
use super::tokens::attribute_key;
use super::traces::TraceId;
use crate::model::{ColumnRef, Compare, Field, Filter, OwnedValue, Stream, Test, Value};

/// A filter bound to a segment.
pub(super) struct Plan<'q> {
    pub(super) root: Node<'q>,
    leaves: usize,
}

#[expect(clippy::large_enum_variant, reason = "a handful a query")]
pub(super) enum Node<'q> {
    Constant(bool),
    And(Vec<Node<'q>>),
    Or(Vec<Node<'q>>),
    Not(Box<Node<'q>>),
    /// Decided by the row's stream.
    Stream(Vec<bool>),
    /// A column of the row; rows without it are decided by the stream if there are verdicts.
    Own(Leaf<'q>),
}

pub(super) struct Leaf<'q> {
    /// Its place among the leaves' states of a block.
    number: usize,
    pub(super) column: u32,
    pub(super) test: &'q Test,
    /// What [`Test::Contains`] without case means, made once.
    pub(super) folded: Option<Regex>,
    /// What patterns of texts say about the test.
    pub(super) search: Search,
    pub(super) verdicts: Option<Vec<bool>>,
    clue: Clue,
}

/// What the index can say about a leaf.
enum Clue {
    None,
    Body(BlockNeed),
    /// A value of an attribute, as a key of the filter and as it is.
    Value(u64, Box<str>),
    /// Blocks with that trace id.
    Trace(Bits),
}

/// A [`Need`] with its words looked up.
enum BlockNeed {
    Nothing,
    All(Vec<BlockNeed>),
    Any(Vec<BlockNeed>),
    /// Blocks that have the word; `None`: unknown.
    Word(Option<Bits>, bool),
    Keys(Vec<u64>),
}

// === impl Plan ===

impl<'q> Plan<'q> {
    /// `None`: the segment's stream table is damaged.
    pub(super) fn new(filter: &'q Filter, segment: &EventSegment) -> Option<Self> {
        let mut plan = Self { root: Node::Constant(true), leaves: 0 };
        plan.root = plan.bind(filter, segment, segment.streams()?);
        Some(plan)
    }

    fn bind(
        &mut self,
        filter: &'q Filter,
        segment: &EventSegment,
        streams: &[std::sync::Arc<Stream>],
    ) -> Node<'q> {
        match filter {
            Filter::All => Node::Constant(true),
            Filter::Nothing => Node::Constant(false),
            Filter::And(parts) => {
                let mut nodes: Vec<_> = parts.iter().map(|part| self.bind(part, segment, streams)).collect();
                nodes.sort_by_key(Node::cost);
                Node::And(nodes)
            }
            Filter::Or(parts) => {
                Node::Or(parts.iter().map(|part| self.bind(part, segment, streams)).collect())
            }
            Filter::Not(part) => Node::Not(Box::new(self.bind(part, segment, streams))),
            Filter::Column(ColumnRef::Field(field), test) => self.leaf(*field as u32, test, None, segment),
            Filter::Column(ColumnRef::Attribute(key), test) => match segment.attribute(key) {
                Some(column) => self.leaf(column, test, None, segment),
                None => Node::Constant(test.holds(None)),
            },
            Filter::Column(column, test) => {
                let verdicts = streams.iter().map(|stream| test.holds(stream.lookup(column))).collect();
                match column {
                    ColumnRef::Any(key) if let Some(own) = segment.attribute(key) => {
                        self.leaf(own, test, Some(verdicts), segment)
                    }
                    _ => Node::Stream(verdicts),
                }
            }
        }
    }

    fn leaf(
        &mut self,
        column: u32,
        test: &'q Test,
        verdicts: Option<Vec<bool>>,
        segment: &EventSegment,
    ) -> Node<'q> {
        let folded = match test {
            Test::Contains { needle, ignore_case: true } => {
                Regex::new(&format!("(?i){}", regex::escape(needle))).ok()
            }
            _ => None,
        };
        let number = self.leaves;
        self.leaves += 1;
        let search = match test {
            Test::Contains { needle, ignore_case } => Search::contained(needle, *ignore_case),
            Test::TextEquals(text) | Test::Text(Compare::Equal, text) => Search::equal(text),
            Test::Equals(OwnedValue::Str(text)) => Search::equal(text),
            Test::Matches(regex) => Search::regex(regex.as_str()),
            _ => Search::any(),
        };
        let clue = Clue::new(column, test, segment);
        Node::Own(Leaf { number, column, test, folded, search, verdicts, clue })
    }

    /// Whether only rows of some traces match.
    pub(super) fn names_traces(&self) -> bool {
        self.root.names_traces()
    }

    /// The rows of a block that may match. No bytes of the block are read but its directory.
    pub(super) fn candidates(&self, segment: &EventSegment, block: usize) -> Bits {
        let Some(meta) = segment.blocks.get(block) else { return Bits::none(0) };
        let mut states = vec![true; self.leaves];
        let possible = |states: &[bool]| meta.runs.iter().any(|run| self.root.may(states, run.stream, false));
        if !possible(&states) {
            return Bits::none(0);
        }
        if self.leaves > 0 {
            self.root.look(segment, block, &mut states);
            if !possible(&states) {
                return Bits::none(0);
            }
        }
        meta.rows_of(|stream| self.root.may(&states, stream, false))
    }
}

impl Node<'_> {
    /// Cheap conditions first.
    fn cost(&self) -> u32 {
        match self {
            Self::Constant(_) => 0,
            Self::Stream(_) => 1,
            Self::Own(leaf) if leaf.column == Field::Body as u32 => 4,
            Self::Own(_) => 2,
            Self::And(_) | Self::Or(_) | Self::Not(_) => 3,
        }
    }

    fn names_traces(&self) -> bool {
        match self {
            Self::And(nodes) => nodes.iter().any(Self::names_traces),
            Self::Own(leaf) => matches!(leaf.clue, Clue::Trace(_)),
            _ => false,
        }
    }

    /// Whether a row of that stream may pass (`negated`: may fail), given which leaves may hold in the block.
    fn may(&self, states: &[bool], stream: u32, negated: bool) -> bool {
        let verdict = |verdicts: &[bool]| verdicts.get(stream as usize).copied().unwrap_or(false);
        match self {
            Self::Constant(verdict) => *verdict != negated,
            Self::And(nodes) if !negated => nodes.iter().all(|node| node.may(states, stream, false)),
            Self::And(nodes) => nodes.iter().any(|node| node.may(states, stream, true)),
            Self::Or(nodes) if !negated => nodes.iter().any(|node| node.may(states, stream, false)),
            Self::Or(nodes) => nodes.iter().all(|node| node.may(states, stream, true)),
            Self::Not(node) => node.may(states, stream, !negated),
            Self::Stream(verdicts) => verdict(verdicts) != negated,
            Self::Own(_) if negated => true,
            Self::Own(leaf) => {
                states.get(leaf.number) != Some(&false) || leaf.verdicts.as_deref().is_some_and(verdict)
            }
        }
    }

    /// Asks the index about each leaf.
    fn look(&self, segment: &EventSegment, block: usize, states: &mut [bool]) {
        match self {
            Self::And(nodes) | Self::Or(nodes) => {
                nodes.iter().for_each(|node| node.look(segment, block, states))
            }
            Self::Not(node) => node.look(segment, block, states),
            Self::Own(leaf) => {
                if let Some(state) = states.get_mut(leaf.number) {
                    *state = leaf.may_hold(segment, block);
                }
            }
            Self::Constant(_) | Self::Stream(_) => {}
        }
    }
}

impl Leaf<'_> {
    /// Whether the test may hold for a value of the column in the block.
    fn may_hold(&self, segment: &EventSegment, block: usize) -> bool {
        let Some(meta) = segment.blocks.get(block) else { return false };
        match &self.clue {
            Clue::None => true,
            Clue::Body(need) => need.may_hold(segment, block),
            Clue::Trace(blocks) => meta.gaps.traces || blocks.contains(block),
            Clue::Value(key, text) => {
                // A damaged directory is found again, and reported, when the block is read.
                let Some(directory) = segment.directory(block) else { return true };
                match directory.binary_search_by_key(&self.column, |at| at.number) {
                    Err(_) => false,
                    Ok(at) if !directory[at].keyed => {
                        let passes = |value: Value<'_>| self.holds(value);
                        segment.dictionary_has(block, &directory[at], (text, &passes)) != Some(false)
                    }
                    Ok(_) => segment.filter(block).is_none_or(|filter| filter.may_contain(*key)),
                }
            }
        }
    }
}

impl Clue {
    fn new(column: u32, test: &Test, segment: &EventSegment) -> Self {
        // Columns with arrays have no keys, so what is said of the value alone holds.
        let test = if let Test::Member(of) = test { &**of } else { test };
        let whole = match test {
            Test::Equals(OwnedValue::Str(text)) => Some(text.as_str()),
            Test::TextEquals(text) | Test::Text(Compare::Equal, text) => Some(&**text),
            _ => None,
        };
        debug_assert_ne!(column, TIMES, "times are no column of a filter");
        if column >= Field::RESERVED {
            return whole.map_or(Self::None, |text| Self::Value(attribute_key(column, text), text.into()));
        }
        if column == Field::TraceId as u32 {
            let blocks = match test {
                Test::Equals(OwnedValue::Bytes(id)) => trace_blocks(id.as_slice().try_into().ok(), segment),
                Test::OneOf(ids) => trace_blocks(ids.iter(), segment),
                _ => None,
            };
            return blocks.map_or(Self::None, Self::Trace);
        }
        if column != Field::Body as u32 {
            return Self::None;
        }
        let need = match (whole, test) {
            (Some(text), _) => needle::of_whole(text),
            (None, Test::Contains { needle, .. }) => needle::of_contained(needle),
            (None, Test::Matches(regex)) => needle::of_regex(regex.as_str()),
            _ => Need::Nothing,
        };
        Self::Body(BlockNeed::new(&need, segment))
    }
}

/// The blocks with rows of these traces; `None`: unknown.
fn trace_blocks<'i>(ids: impl IntoIterator<Item = &'i TraceId>, segment: &EventSegment) -> Option<Bits> {
    let traces = segment.traces()?;
    let mut blocks = Bits::none(segment.blocks.len());
    for number in ids.into_iter().filter_map(|id| traces.find(id)) {
        traces.blocks(number)?.into_iter().for_each(|block| blocks.set(block));
    }
    Some(blocks)
}

impl BlockNeed {
    fn new(need: &Need, segment: &EventSegment) -> Self {
        let list = |needs: &[Need]| needs.iter().map(|need| Self::new(need, segment)).collect();
        match need {
            Need::Nothing => Self::Nothing,
            Need::All(needs) => Self::All(list(needs)),
            Need::Any(needs) => Self::Any(list(needs)),
            Need::Word(word) => Self::Word(look_up(word, segment), word.in_ids),
            Need::Keys(keys) => Self::Keys(keys.clone()),
        }
    }

    fn may_hold(&self, segment: &EventSegment, block: usize) -> bool {
        let Some(meta) = segment.blocks.get(block) else { return false };
        match self {
            Self::Nothing | Self::Word(None, _) => true,
            Self::All(needs) => needs.iter().all(|need| need.may_hold(segment, block)),
            Self::Any(needs) => needs.iter().any(|need| need.may_hold(segment, block)),
            Self::Word(Some(blocks), in_ids) => {
                let gap = if *in_ids { meta.gaps.runs } else { meta.gaps.words };
                gap || blocks.contains(block)
            }
            Self::Keys(keys) => {
                let filter = segment.filter(block);
                filter.is_none_or(|filter| keys.iter().all(|key| filter.may_contain(*key)))
            }
        }
    }
}

fn look_up(word: &WordNeed, segment: &EventSegment) -> Option<Bits> {
    segment.words()?.blocks_with(word)
}
