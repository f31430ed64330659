//! Summation that keeps the low bits plain addition loses (Neumaier's variant of Kahan's).

/// Adds to `sum`; the true total is `sum + compensation`.
#[inline]
pub(crate) fn add(value: f64, sum: &mut f64, compensation: &mut f64) {
    let total = *sum + value;
    // Choices instead of branches: a loop over many sums takes several at once.
    let (large, small) = if sum.abs() >= value.abs() { (*sum, value) } else { (value, *sum) };
    let low = *compensation + ((large - total) + small);
    *compensation = if total.is_infinite() { 0.0 } else { low };
    *sum = total;
}

pub(crate) fn sum(values: &[f64]) -> f64 {
    let (mut sum, mut compensation) = (0.0, 0.0);
    for value in values {
        add(*value, &mut sum, &mut compensation);
    }
    if sum.is_infinite() { sum } else { sum + compensation }
}

/// The mean; a sum too large for a float is avoided by averaging as it goes.
pub(crate) fn mean(values: &[f64]) -> f64 {
    let total = sum(values);
    if total.is_finite() || values.iter().any(|v| !v.is_finite()) {
        return total / values.len() as f64;
    }
    let (mut mean, mut compensation) = (0.0, 0.0);
    for (i, value) in values.iter().enumerate() {
        let n = (i + 1) as f64;
        let keep = i as f64 / n;
        (mean, compensation) = (mean * keep, compensation * keep);
        add(value / n, &mut mean, &mut compensation);
    }
    mean + compensation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_parts_survive_large_ones() {
        assert_eq!(sum(&[1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(mean(&[f64::MAX, f64::MAX]), f64::MAX);
        assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(mean(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
    }
}
