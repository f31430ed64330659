//! Functions of one number.

pub(super) fn sgn(v: f64) -> f64 {
    if v > 0.0 {
        1.0
    } else if v < 0.0 {
        -1.0
    } else {
        v
    }
}

pub(super) fn clamp(v: f64, limits: &[f64]) -> Option<f64> {
    let (min, max) = (limits[0], limits[1]);
    if max < min {
        return None;
    }
    clamp_min(v, &[min]).and_then(|v| clamp_max(v, &[max]))
}

pub(super) fn clamp_max(v: f64, limits: &[f64]) -> Option<f64> {
    Some(if v.is_nan() || limits[0].is_nan() { f64::NAN } else { v.min(limits[0]) })
}

pub(super) fn clamp_min(v: f64, limits: &[f64]) -> Option<f64> {
    Some(if v.is_nan() || limits[0].is_nan() { f64::NAN } else { v.max(limits[0]) })
}

/// Ties round up. Multiplying by the inverse keeps multiples such as 0.1 exact where division would not.
pub(super) fn round(v: f64, to: &[f64]) -> Option<f64> {
    let inverse = 1.0 / to.first().copied().unwrap_or(1.0);
    Some((v * inverse + 0.5).floor() / inverse)
}
