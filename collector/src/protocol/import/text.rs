//! `name{label="value"} 1.5 1700000000000`: Prometheus' text, a sample a line. Without a time it is now.

use super::each_line;
use super::series::Series;
use crate::protocol::{DecodeCtx, DecodeError, Decoded, Reject, remote_write};
use crate::scrape::exposition::{Entry, Value, read_line};

const NS_PER_MS: i64 = 1_000_000;

pub(super) fn decode(bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    let now_ms = ctx.now_ns.div_euclid(NS_PER_MS);
    let mut series = Series::default();
    let (mut refused, mut all_timestamped) = (0, true);
    for line in each_line(bytes) {
        let read = read_line(line, &mut |entry| {
            let Entry::Sample(sample) = entry else { return Ok(()) };
            let Value::Float(value) = sample.value else { return Ok(()) };
            if !series.goes_on(sample.key) {
                let mut pairs: Vec<(&str, &str)> =
                    sample.labels.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
                series.begin(sample.key, &mut pairs);
            }
            all_timestamped &= sample.time_ms.is_some();
            series.sample(value, sample.time_ms.unwrap_or(now_ms));
            Ok(())
        });
        refused += u64::from(read.is_err());
    }
    let mut decoded = remote_write::decode_v1(&series.finish(), ctx)?;
    decoded.rejected.add(Reject::Line, refused);
    decoded.all_timestamped &= all_timestamped;
    Ok(decoded)
}
