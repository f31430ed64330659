//! Times. The zone of the server is UTC, always.

use super::super::moment::Moment;
use super::super::zone;
use super::{Out, Value, argument, text_at};

/// Of a time, or of Unix seconds.
pub(super) fn date(arguments: &[Value]) -> Out {
    let layout = text_at(arguments, 0)?;
    let seconds = match argument(arguments, 1) {
        Value::Time(moment) => moment.seconds,
        Value::Int(seconds) => *seconds,
        other => return Err(format!("wrong type for value; expected time; got {}", other.kind())),
    };
    let nanos = if let Value::Time(moment) = argument(arguments, 1) { moment.nanos } else { 0 };
    Ok(Value::Text(Moment::unix(seconds, nanos).format(layout)))
}

pub(super) fn to_date(arguments: &[Value]) -> Out {
    let read = Moment::parse(text_at(arguments, 0)?, text_at(arguments, 1)?);
    Ok(Value::Time(read.map_or_else(Moment::zero, |(moment, _)| moment)))
}

pub(super) fn to_date_in_zone(arguments: &[Value]) -> Out {
    let read = Moment::parse(text_at(arguments, 0)?, text_at(arguments, 2)?);
    Ok(Value::Time(match read {
        Some((moment, true)) => moment,
        Some((moment, false)) => zone::local(text_at(arguments, 1)?, moment),
        None => Moment::zero(),
    }))
}

fn time(arguments: &[Value]) -> Result<&Moment, String> {
    match argument(arguments, 0) {
        Value::Time(moment) => Ok(moment),
        other => Err(format!("wrong type for value; expected time.Time; got {}", other.kind())),
    }
}

pub(super) fn unix_epoch(arguments: &[Value]) -> Out {
    Ok(Value::Text(time(arguments)?.seconds.to_string()))
}

pub(super) fn unix_epoch_millis(arguments: &[Value]) -> Out {
    let moment = time(arguments)?;
    let millis = moment.seconds.saturating_mul(1000).saturating_add(i64::from(moment.nanos / 1_000_000));
    Ok(Value::Text(millis.to_string()))
}

pub(super) fn unix_epoch_nanos(arguments: &[Value]) -> Out {
    let moment = time(arguments)?;
    let nanos = moment.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(moment.nanos));
    Ok(Value::Text(nanos.to_string()))
}

/// Days, seconds, milli-, micro- or nanoseconds, told apart by the number of digits.
pub(super) fn unix_to_time(arguments: &[Value]) -> Out {
    let text = text_at(arguments, 0)?;
    let refused = || format!("unable to parse time {text:?}");
    let value: i64 = text.parse().map_err(|_| refused())?;
    let nanos = |unit: i64| Moment::of_nanos(value.saturating_mul(unit));
    Ok(Value::Time(match text.len() {
        5 => Moment::unix(value * 86_400, 0),
        10 => Moment::unix(value, 0),
        13 => nanos(1_000_000),
        16 => nanos(1000),
        19 => nanos(1),
        _ => return Err(refused()),
    }))
}
