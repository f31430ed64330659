//! The notation of series in tests: `name{label="value"} 1+1x5 _ stale {{schema:0 …}}`, as scripts of promqltest and
//! unit tests of rules write it. Text in, points of a batch out; nothing here evaluates.

mod histogram;
mod series;

pub use histogram::{custom_buckets, parse_histogram};
pub use series::{Item, SeriesLine, Times, batch, parse_items, parse_labels, parse_line, parse_load};
