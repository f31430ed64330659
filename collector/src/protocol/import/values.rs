//! `{"metric":{"__name__":"up","job":"a"},"values":[1,0],"timestamps":[1700000000000,1700000015000]}`, a series a line.

use std::borrow::Cow;

use super::each_line;
use super::series::Series;
use crate::protocol::json::{Fault, Scalar, Text};
use crate::protocol::{DecodeCtx, DecodeError, Decoded, Reject, remote_write};

/// What a line says.
#[derive(Default)]
struct Line<'a> {
    labels: Vec<(String, Cow<'a, str>)>,
    values: Vec<f64>,
    times_ms: Vec<i64>,
}

pub(super) fn decode(bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    let mut series = Series::default();
    let mut refused = 0;
    for line in each_line(bytes) {
        match Line::read(line) {
            Ok(line) => {
                let mut pairs: Vec<(&str, &str)> =
                    line.labels.iter().map(|(name, value)| (name.as_str(), value.as_ref())).collect();
                series.begin(&[], &mut pairs);
                line.values.iter().zip(&line.times_ms).for_each(|(value, time)| series.sample(*value, *time));
            }
            Err(_) => refused += 1,
        }
    }
    let mut decoded = remote_write::decode_v1(&series.finish(), ctx)?;
    decoded.rejected.add(Reject::Line, refused);
    Ok(decoded)
}

// === impl Line ===

impl<'a> Line<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut line = Self::default();
        let mut text = Text::new(bytes);
        text.members(|text, key| match key {
            "metric" => text.members(|text, name| {
                let Scalar::Text(value) = text.scalar()? else {
                    return Err(text.value_fault(Reject::BadValue));
                };
                line.labels.push((name.to_owned(), value));
                Ok(())
            }),
            "values" => text.elements(|text| {
                line.values.push(number(text)?);
                Ok(())
            }),
            "timestamps" => text.elements(|text| {
                line.times_ms.push(time(text)?);
                Ok(())
            }),
            _ => text.skip(),
        })?;
        text.end()?;
        if line.values.len() != line.times_ms.len() {
            return Err(text.value_fault(Reject::BadValue));
        }
        Ok(line)
    }
}

/// A number, or one JSON has no number for: `null`, `"NaN"`, `"Infinity"`.
fn number(text: &mut Text<'_>) -> Result<f64, Fault> {
    let bad = text.value_fault(Reject::BadValue);
    match text.scalar()? {
        Scalar::Null => Ok(f64::NAN),
        Scalar::Number(number) => number.parse().map_err(|_| bad),
        Scalar::Text(number) => number.parse().map_err(|_| bad),
        Scalar::Bool(_) => Err(bad),
    }
}

fn time(text: &mut Text<'_>) -> Result<i64, Fault> {
    let bad = text.value_fault(Reject::BadValue);
    match text.scalar()? {
        Scalar::Number(number) => number.parse().map_err(|_| bad),
        _ => Err(bad),
    }
}
