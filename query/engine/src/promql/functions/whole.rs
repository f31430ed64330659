//! Growth of floats over all windows of a series at once: to the bit what [`super::counter`] finds window by window.

use crate::promql::eval::{Bound, Floats, Reach};

pub(super) fn rates(floats: &Floats<'_>, out: &mut [f64]) {
    match floats.resets {
        [] => steady(floats, true, out),
        _ => with_resets(floats, true, out),
    }
}

pub(super) fn increases(floats: &Floats<'_>, out: &mut [f64]) {
    match floats.resets {
        [] => steady(floats, false, out),
        _ => with_resets(floats, false, out),
    }
}

pub(super) fn deltas(floats: &Floats<'_>, out: &mut [f64]) {
    each(floats, out, |window, first, last| (last - first) * window.factor);
}

/// Calls `grown` with the first and last value of every window that has two samples.
#[inline]
fn each(floats: &Floats<'_>, out: &mut [f64], mut grown: impl FnMut(&Bound, f64, f64) -> f64) {
    for (slot, window) in out.iter_mut().zip(floats.windows) {
        if let Some([first, .., last]) = floats.values.get(window.from as usize..window.to as usize) {
            *slot = grown(window, *first, *last);
        }
    }
}

fn steady(floats: &Floats<'_>, per_second: bool, out: &mut [f64]) {
    each(floats, out, |window, first, last| {
        let growth = last - first;
        growth * stretch(window, first, growth, floats.seconds, per_second)
    });
}

fn with_resets(floats: &Floats<'_>, per_second: bool, out: &mut [f64]) {
    let (mut lo, mut hi) = (0, 0);
    each(floats, out, |window, first, last| {
        // A reset between the sample before the window and its first is none of its own.
        while floats.resets.get(lo).is_some_and(|at| *at <= window.from) {
            lo += 1;
        }
        hi = hi.max(lo);
        while floats.resets.get(hi).is_some_and(|at| *at < window.to) {
            hi += 1;
        }
        let mut growth = last - first;
        for at in &floats.resets[lo..hi] {
            growth += floats.values[*at as usize - 1];
        }
        growth * stretch(window, first, growth, floats.seconds, per_second)
    });
}

/// The factor of the extrapolation of a counter, whose line cannot go on below zero.
#[inline]
fn stretch(window: &Bound, first: f64, growth: f64, seconds: f64, per_second: bool) -> f64 {
    let reach = &window.reach;
    // Far from zero the divisions would change nothing. Tiny numbers, where rounding could, are left to them.
    let far = growth > 1e-200 && first * reach.sampled > 2.0 * reach.to_start * growth;
    if !far && growth > 0.0 && first >= 0.0 {
        let to_zero = reach.sampled * (first / growth);
        let factor = Reach { to_start: reach.to_start.min(to_zero), ..*reach }.factor();
        return if per_second { factor / seconds } else { factor };
    }
    if per_second { window.factor_per_second } else { window.factor }
}
