//! Projection onto a box.
//!
//! `Π(v)_j = min(max(v_j, low_j), high_j)`: Parikh & Boyd, "Proximal algorithms" (2014), §6.2.4.

/// `v_j ← min(max(v_j, low), high)`, for low ≤ high (infinite bounds allowed).
///
/// ```
/// use sparsereg::prox::project_box;
/// let mut v = [-2.0, 0.5, 3.0];
/// project_box(&mut v, 0.0, 1.0);
/// assert_eq!(v, [0.0, 0.5, 1.0]);
/// ```
#[inline]
pub fn project_box(v: &mut [f64], low: f64, high: f64) {
    for x in v {
        *x = clamp(*x, low, high);
    }
}

/// `v_j ← min(max(v_j, low_j), high_j)`; the three slices have the same length.
///
/// ```
/// use sparsereg::prox::project_box_each;
/// let mut v = [-2.0, 3.0];
/// project_box_each(&mut v, &[-1.0, 0.0], &[1.0, f64::INFINITY]);
/// assert_eq!(v, [-1.0, 3.0]);
/// ```
#[inline]
pub fn project_box_each(v: &mut [f64], low: &[f64], high: &[f64]) {
    debug_assert_eq!(v.len(), low.len());
    debug_assert_eq!(v.len(), high.len());
    for ((x, &low), &high) in v.iter_mut().zip(low).zip(high) {
        *x = clamp(*x, low, high);
    }
}

/// Not `f64::clamp`, which panics on an empty interval, nor min/max, which swallow NaN.
#[inline]
pub(super) fn clamp(x: f64, low: f64, high: f64) -> f64 {
    debug_assert!(low <= high, "empty interval [{low}, {high}]");
    if x < low {
        low
    } else if x > high {
        high
    } else {
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_kept_exactly_and_nan_stays() {
        let mut v = [f64::NAN, -f64::INFINITY, 1.0, 7.0];
        project_box(&mut v, -1.0, 1.0);
        assert!(v[0].is_nan());
        assert_eq!(v[1..], [-1.0, 1.0, 1.0]);
    }
}
