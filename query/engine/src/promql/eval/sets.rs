//! `and`, `or`, `unless`: elements kept or left out by what the other side has at the same step.

use store::model::Labels;

use super::matching::groups;
use super::value::Row;
use crate::promql::ast::{Binary, BinaryOp};

pub(super) fn evaluate(b: &Binary, mut left: Vec<Row>, mut right: Vec<Row>) -> Vec<Row> {
    for (_, group) in groups(&b.matching, &left, &right) {
        let len = group.left.first().map(|at| left[*at].floats.len());
        let len = len.or(group.right.first().map(|at| right[*at].floats.len())).unwrap_or(0);
        for i in 0..len {
            let any = |rows: &[Row], side: &[usize]| side.iter().any(|at| rows[*at].has(i));
            match b.op {
                BinaryOp::And if !any(&right, &group.right) => clear(&mut left, &group.left, i),
                BinaryOp::Unless if any(&right, &group.right) => clear(&mut left, &group.left, i),
                BinaryOp::Or if any(&left, &group.left) => clear(&mut right, &group.right, i),
                _ => {}
            }
        }
    }
    if b.op == BinaryOp::Or {
        left.append(&mut right);
    }
    left.retain(|row| !row.is_empty());
    left.iter_mut().for_each(|row| row.hidden = Labels::default());
    left
}

fn clear(rows: &mut [Row], side: &[usize], i: usize) {
    for at in side {
        rows[*at].clear(i);
    }
}
