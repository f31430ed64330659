//! A request, parsed: parameters, times and durations as each dialect spells them. Pure.

mod params;
pub(crate) mod time;

pub(crate) use params::Params;
