//! Structural operators over one trace, each linear in its spans. Parents lead in no circles: [`Structure`] cuts them.

use super::trace::Structure;
use crate::traceql::ast::{Relation, RelationMode};

/// The rows an operator answers, rising.
pub(super) fn related(
    structure: &Structure,
    relation: Relation,
    mode: RelationMode,
    left: &[usize],
    right: &[usize],
) -> Vec<usize> {
    let found = standing(structure, relation, left);
    match mode {
        RelationMode::Right => right.iter().copied().filter(|row| found[*row]).collect(),
        RelationMode::Not => right.iter().copied().filter(|row| !found[*row]).collect(),
        RelationMode::Union => {
            let partners = standing(structure, mirrored(relation), right);
            let mut rows: Vec<usize> = right.iter().copied().filter(|row| found[*row]).collect();
            rows.extend(left.iter().filter(|row| partners[**row]));
            rows.sort_unstable();
            rows.dedup();
            rows
        }
    }
}

fn mirrored(relation: Relation) -> Relation {
    match relation {
        Relation::Child => Relation::Parent,
        Relation::Parent => Relation::Child,
        Relation::Descendant => Relation::Ancestor,
        Relation::Ancestor => Relation::Descendant,
        Relation::Sibling => Relation::Sibling,
    }
}

/// By row: whether it is the child (parent, …) of one of `of`.
fn standing(structure: &Structure, relation: Relation, of: &[usize]) -> Vec<bool> {
    let parents = &structure.parents;
    let mut marked = vec![false; parents.len()];
    of.iter().for_each(|row| marked[*row] = true);
    match relation {
        Relation::Child => parents.iter().map(|parent| parent.is_some_and(|parent| marked[parent])).collect(),
        Relation::Parent => {
            let mut found = vec![false; parents.len()];
            of.iter().filter_map(|row| parents[*row]).for_each(|parent| found[parent] = true);
            found
        }
        Relation::Descendant => below(parents, &marked),
        Relation::Ancestor => above(parents, of),
        Relation::Sibling => {
            let mut count = vec![0usize; parents.len()];
            of.iter().filter_map(|row| parents[*row]).for_each(|parent| count[parent] += 1);
            let others =
                |row: usize| parents[row].map_or(0, |parent| count[parent] - usize::from(marked[row]));
            (0..parents.len()).map(|row| others(row) > 0).collect()
        }
    }
}

/// The spans with an ancestor that is marked: walks up that end where the answer is known.
fn below(parents: &[Option<usize>], marked: &[bool]) -> Vec<bool> {
    let mut found: Vec<Option<bool>> = vec![None; parents.len()];
    let mut path = Vec::new();
    for start in 0..parents.len() {
        let mut at = start;
        while found[at].is_none() {
            path.push(at);
            match parents[at] {
                Some(parent) => at = parent,
                None => break,
            }
        }
        while let Some(row) = path.pop() {
            let above = |parent: usize| marked[parent] || found[parent] == Some(true);
            found[row] = Some(parents[row].is_some_and(above));
        }
    }
    found.into_iter().map(|found| found == Some(true)).collect()
}

/// The ancestors of these: walks up that end where another has been.
fn above(parents: &[Option<usize>], of: &[usize]) -> Vec<bool> {
    let mut found = vec![false; parents.len()];
    for start in of {
        let mut at = *start;
        while let Some(parent) = parents[at].filter(|parent| !found[*parent]) {
            found[parent] = true;
            at = parent;
        }
    }
    found
}
