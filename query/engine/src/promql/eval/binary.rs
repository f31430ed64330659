//! Binary expressions: which of the four shapes, and those with a scalar.

use super::operators::{arithmetic, pair};
use super::value::{Row, Steps, Value, is_absent};
use super::{Eval, Evaluated, Point};
use crate::promql::ast::{Binary, BinaryOp};

// === impl Eval ===

impl Eval<'_> {
    pub(super) fn binary(&mut self, b: &Binary, steps: &Steps) -> Evaluated<Value> {
        let lhs = self.expr(&b.lhs, steps)?;
        let rhs = self.expr(&b.rhs, steps)?;
        self.notes.about(b.lhs.span().to(b.rhs.span()), "");
        match (lhs, rhs) {
            (Value::Scalar(left), Value::Scalar(right)) => {
                let values = left.iter().zip(&right).map(|(x, y)| arithmetic(b.op, *x, *y));
                Ok(Value::Scalar(values.collect()))
            }
            (Value::Vector(rows), Value::Scalar(scalars)) => Ok(self.with_scalar(b, rows, &scalars, false)),
            (Value::Scalar(scalars), Value::Vector(rows)) => Ok(self.with_scalar(b, rows, &scalars, true)),
            (Value::Vector(left), Value::Vector(right)) => {
                let rows = if b.op.is_set() {
                    super::sets::evaluate(b, left, right)
                } else {
                    self.match_vectors(b, left, right, steps)?
                };
                Ok(Value::Vector(rows))
            }
            _ => Err(super::EvalError::execution("binary operators take numbers and vectors")),
        }
    }

    fn with_scalar(&mut self, b: &Binary, mut rows: Vec<Row>, scalars: &[f64], scalar_left: bool) -> Value {
        let drops_name = !b.op.is_comparison() || b.return_bool;
        let trims = matches!(b.op, BinaryOp::TrimUpper | BinaryOp::TrimLower);
        for row in &mut rows {
            row.drop_name |= drops_name && !trims;
            for (i, scalar) in scalars.iter().enumerate() {
                // Two floats are by far the most common case and need no notes.
                let value = row.floats[i];
                if !b.op.is_comparison() && !trims && !is_absent(value) {
                    let (x, y) = if scalar_left { (*scalar, value) } else { (value, *scalar) };
                    row.floats[i] = arithmetic(b.op, x, y);
                    continue;
                }
                let Some(point) = row.get(i) else { continue };
                let scalar = Point::Float(*scalar);
                row.clear(i);
                let result = match scalar_left {
                    true => pair(b.op, &scalar, &point, b.return_bool, true, &mut self.notes),
                    false => pair(b.op, &point, &scalar, b.return_bool, false, &mut self.notes),
                };
                if let Some(point) = result {
                    row.set(i, point);
                }
            }
        }
        rows.retain(|row| !row.is_empty());
        Value::Vector(rows)
    }
}
