//! The table itself, in the order of the names.

use super::Body::{self, Date, Histogram, Map, MapWith, Range, Special};
use super::Function;
use super::Variadic::{Any, No, UpTo};
use super::{
    absent, counter, date, histogram, info, labels, math, order, over_time, regression, scalar, whole,
};
use crate::promql::ast::ValueType::{self, Matrix, Scalar, String, Vector};
use crate::promql::eval::RangeFn::{Growth, Named, Plain};

// A table is read by its lines.
#[rustfmt::skip]
pub static FUNCTIONS: &[Function] = &[
    row("abs", &[Vector], No, Vector, "absolute value", Map(f64::abs)),
    row("absent", &[Vector], No, Vector, "1 if the vector is empty, labelled by the selector's equality matchers", Special(absent::absent)),
    row("absent_over_time", &[Matrix], No, Vector, "1 if the range has no samples at all", Special(absent::absent_over_time)),
    row("acos", &[Vector], No, Vector, "arc cosine, in radians", Map(f64::acos)),
    row("acosh", &[Vector], No, Vector, "inverse hyperbolic cosine", Map(f64::acosh)),
    row("asin", &[Vector], No, Vector, "arc sine, in radians", Map(f64::asin)),
    row("asinh", &[Vector], No, Vector, "inverse hyperbolic sine", Map(f64::asinh)),
    row("atan", &[Vector], No, Vector, "arc tangent, in radians", Map(f64::atan)),
    row("atanh", &[Vector], No, Vector, "inverse hyperbolic tangent", Map(f64::atanh)),
    row("avg_over_time", &[Matrix], No, Vector, "mean of the samples in the range", Range(Plain(over_time::avg))),
    row("ceil", &[Vector], No, Vector, "rounds up to the next whole number", Map(f64::ceil)),
    row("changes", &[Matrix], No, Vector, "how often the value changed within the range", Range(Plain(counter::changes))),
    row("clamp", &[Vector, Scalar, Scalar], No, Vector, "limits values to between a minimum and a maximum", MapWith(math::clamp)),
    row("clamp_max", &[Vector, Scalar], No, Vector, "limits values from above", MapWith(math::clamp_max)),
    row("clamp_min", &[Vector, Scalar], No, Vector, "limits values from below", MapWith(math::clamp_min)),
    row("cos", &[Vector], No, Vector, "cosine of an angle in radians", Map(f64::cos)),
    row("cosh", &[Vector], No, Vector, "hyperbolic cosine", Map(f64::cosh)),
    row("count_over_time", &[Matrix], No, Vector, "number of samples in the range", Range(Plain(over_time::count))),
    row("day_of_month", &[Vector], UpTo(1), Vector, "day of the month, 1 to 31, in UTC", Date(date::day_of_month)),
    row("day_of_week", &[Vector], UpTo(1), Vector, "day of the week, 0 (Sunday) to 6, in UTC", Date(date::day_of_week)),
    row("day_of_year", &[Vector], UpTo(1), Vector, "day of the year, 1 to 366, in UTC", Date(date::day_of_year)),
    row("days_in_month", &[Vector], UpTo(1), Vector, "number of days in the month, 28 to 31, in UTC", Date(date::days_in_month)),
    row("deg", &[Vector], No, Vector, "radians to degrees", Map(f64::to_degrees)),
    row("delta", &[Matrix], No, Vector, "difference between the last and the first value of a gauge, extrapolated to the range", Range(Growth(counter::delta, whole::deltas))),
    row("deriv", &[Matrix], No, Vector, "slope per second of a gauge by linear regression", Range(Plain(regression::deriv))),
    young("double_exponential_smoothing", &[Matrix, Scalar, Scalar], No, Vector, "smooths a gauge; factors for level and trend", Range(Plain(regression::double_exponential_smoothing))),
    young("end", &[], No, Scalar, "end of the query in Unix seconds", Special(scalar::end)),
    row("exp", &[Vector], No, Vector, "e to the power of the value", Map(f64::exp)),
    row("first_over_time", &[Matrix], No, Vector, "oldest sample of the range", Range(Named(over_time::first))),
    row("floor", &[Vector], No, Vector, "rounds down to the next whole number", Map(f64::floor)),
    row("histogram_avg", &[Vector], No, Vector, "mean of the observations in native histograms", Histogram(histogram::avg)),
    row("histogram_count", &[Vector], No, Vector, "number of observations in native histograms", Histogram(histogram::count)),
    row("histogram_fraction", &[Scalar, Scalar, Vector], No, Vector, "estimated share of observations between two bounds", Special(histogram::fraction)),
    row("histogram_quantile", &[Scalar, Vector], No, Vector, "estimated quantile of the observations in classic or native histograms", Special(histogram::quantile)),
    young("histogram_quantiles", &[Vector, String, Scalar, Scalar], UpTo(9), Vector, "several estimated quantiles at once, named by a label", Special(histogram::quantiles)),
    row("histogram_stddev", &[Vector], No, Vector, "estimated standard deviation of the observations in native histograms", Histogram(histogram::stddev)),
    row("histogram_stdvar", &[Vector], No, Vector, "estimated variance of the observations in native histograms", Histogram(histogram::stdvar)),
    row("histogram_sum", &[Vector], No, Vector, "sum of the observations in native histograms", Histogram(histogram::sum)),
    row("hour", &[Vector], UpTo(1), Vector, "hour of the day, 0 to 23, in UTC", Date(date::hour)),
    row("idelta", &[Matrix], No, Vector, "difference between the last two samples of a gauge", Range(Plain(counter::idelta))),
    row("increase", &[Matrix], No, Vector, "growth of a counter over the range, resets allowed for, extrapolated", Range(Growth(counter::increase, whole::increases))),
    young("info", &[Vector, Vector], UpTo(1), Vector, "adds the labels of info series such as target_info", Special(info::info)),
    row("irate", &[Matrix], No, Vector, "growth of a counter per second between its last two samples", Range(Plain(counter::irate))),
    row("label_join", &[Vector, String, String, String], Any, Vector, "joins the values of labels into a label", Special(labels::label_join)),
    row("label_replace", &[Vector, String, String, String, String], No, Vector, "sets a label from a regular expression over another", Special(labels::label_replace)),
    row("last_over_time", &[Matrix], No, Vector, "newest sample of the range", Range(Named(over_time::last))),
    row("ln", &[Vector], No, Vector, "natural logarithm", Map(f64::ln)),
    row("log10", &[Vector], No, Vector, "decimal logarithm", Map(f64::log10)),
    row("log2", &[Vector], No, Vector, "binary logarithm", Map(f64::log2)),
    young("mad_over_time", &[Matrix], No, Vector, "median absolute deviation of the samples in the range", Range(Plain(over_time::mad))),
    young("max_of", &[Scalar, Scalar], No, Scalar, "the larger of two numbers", Special(scalar::max_of)),
    row("max_over_time", &[Matrix], No, Vector, "largest sample of the range", Range(Plain(over_time::max))),
    young("min_of", &[Scalar, Scalar], No, Scalar, "the smaller of two numbers", Special(scalar::min_of)),
    row("min_over_time", &[Matrix], No, Vector, "smallest sample of the range", Range(Plain(over_time::min))),
    row("minute", &[Vector], UpTo(1), Vector, "minute of the hour, 0 to 59, in UTC", Date(date::minute)),
    row("month", &[Vector], UpTo(1), Vector, "month of the year, 1 to 12, in UTC", Date(date::month)),
    row("pi", &[], No, Scalar, "the circle's constant", Special(scalar::pi)),
    row("predict_linear", &[Matrix, Scalar], No, Vector, "value of a gauge some seconds ahead, by linear regression", Range(Plain(regression::predict_linear))).reading_time(),
    row("present_over_time", &[Matrix], No, Vector, "1 for every series with a sample in the range", Range(Plain(over_time::present))),
    row("quantile_over_time", &[Scalar, Matrix], No, Vector, "quantile of the samples in the range", Range(Plain(over_time::quantile))),
    row("rad", &[Vector], No, Vector, "degrees to radians", Map(f64::to_radians)),
    young("range", &[], No, Scalar, "length of the query's time range in seconds", Special(scalar::range)),
    row("rate", &[Matrix], No, Vector, "growth of a counter per second over the range, resets allowed for, extrapolated", Range(Growth(counter::rate, whole::rates))),
    row("resets", &[Matrix], No, Vector, "how often a counter was reset within the range", Range(Plain(counter::resets))),
    row("round", &[Vector, Scalar], UpTo(1), Vector, "rounds to the nearest multiple, of 1 by default", MapWith(math::round)),
    row("scalar", &[Vector], No, Scalar, "the value of a one-element vector, else NaN", Special(scalar::scalar)),
    row("sgn", &[Vector], No, Vector, "sign of the value: -1, 0 or 1", Map(math::sgn)),
    row("sin", &[Vector], No, Vector, "sine of an angle in radians", Map(f64::sin)),
    row("sinh", &[Vector], No, Vector, "hyperbolic sine", Map(f64::sinh)),
    row("sort", &[Vector], No, Vector, "orders by value, smallest first", Special(order::sort)),
    young("sort_by_label", &[Vector, String], Any, Vector, "orders by the values of labels, in natural order", Special(order::sort_by_label)),
    young("sort_by_label_desc", &[Vector, String], Any, Vector, "orders by the values of labels, in reverse natural order", Special(order::sort_by_label_desc)),
    row("sort_desc", &[Vector], No, Vector, "orders by value, largest first", Special(order::sort_desc)),
    row("sqrt", &[Vector], No, Vector, "square root", Map(f64::sqrt)),
    young("start", &[], No, Scalar, "start of the query in Unix seconds", Special(scalar::start)),
    young("start_timestamp", &[Vector], No, Vector, "start time of each sample in Unix seconds, 0 if it has none", Special(scalar::start_timestamp)).reading_time(),
    row("stddev_over_time", &[Matrix], No, Vector, "standard deviation of the samples in the range", Range(Plain(over_time::stddev))),
    row("stdvar_over_time", &[Matrix], No, Vector, "variance of the samples in the range", Range(Plain(over_time::stdvar))),
    young("step", &[], No, Scalar, "step of the query in seconds", Special(scalar::step)),
    row("sum_over_time", &[Matrix], No, Vector, "sum of the samples in the range", Range(Plain(over_time::sum))),
    row("tan", &[Vector], No, Vector, "tangent of an angle in radians", Map(f64::tan)),
    row("tanh", &[Vector], No, Vector, "hyperbolic tangent", Map(f64::tanh)),
    row("time", &[], No, Scalar, "time of the evaluation in Unix seconds", Special(scalar::time)),
    row("timestamp", &[Vector], No, Vector, "time of each sample in Unix seconds", Special(scalar::timestamp)).reading_time(),
    young("ts_of_first_over_time", &[Matrix], No, Vector, "time of the oldest sample of the range", Range(Plain(over_time::time_of_first))),
    young("ts_of_last_over_time", &[Matrix], No, Vector, "time of the newest sample of the range", Range(Plain(over_time::time_of_last))),
    young("ts_of_max_over_time", &[Matrix], No, Vector, "time of the last largest sample of the range", Range(Plain(over_time::time_of_max))),
    young("ts_of_min_over_time", &[Matrix], No, Vector, "time of the last smallest sample of the range", Range(Plain(over_time::time_of_min))),
    row("vector", &[Scalar], No, Vector, "a number as a vector without labels", Special(scalar::vector)),
    row("year", &[Vector], UpTo(1), Vector, "year, in UTC", Date(date::year)),
];

const fn row(
    name: &'static str,
    args: &'static [ValueType],
    variadic: super::Variadic,
    returns: ValueType,
    doc: &'static str,
    body: Body,
) -> Function {
    Function { name, args, variadic, returns, doc, experimental: false, reads_time: false, body }
}

/// A function Prometheus still calls experimental; here it is always on.
const fn young(
    name: &'static str,
    args: &'static [ValueType],
    variadic: super::Variadic,
    returns: ValueType,
    doc: &'static str,
    body: Body,
) -> Function {
    Function { experimental: true, ..row(name, args, variadic, returns, doc, body) }
}

impl Function {
    const fn reading_time(self) -> Self {
        Self { reads_time: true, ..self }
    }
}
