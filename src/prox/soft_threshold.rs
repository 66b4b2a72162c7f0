//! Soft thresholding, the prox of the (weighted) ℓ₁ norm.
//!
//! `prox_{t|·|}(x) = S(x, t) = sign(x)·max(|x| − t, 0)`: Donoho, "De-noising by soft-thresholding", IEEE Trans. Inf. Theory 41 (1995), (1.4).

use super::threshold;

/// `S(x, t) = sign(x)·max(|x| − t, 0)`, the prox of `t|x|`, for t ≥ 0 (∞ allowed).
///
/// ```
/// use sparsereg::prox::soft_threshold;
/// assert_eq!(soft_threshold(-3.0, 1.0), -2.0);
/// assert_eq!(soft_threshold(0.5, 1.0), 0.0);
/// ```
#[inline]
pub fn soft_threshold(x: f64, t: f64) -> f64 {
    debug_assert!(t >= 0.0, "threshold {t} is negative");
    // In this order NaN stays NaN, ∞ − ∞ cannot happen and no −0.0 comes out.
    if x.abs() <= t { 0.0 } else { x - t.copysign(x) }
}

/// `v_j ← S(v_j, t)`, the prox of `t‖v‖₁`.
///
/// ```
/// use sparsereg::prox::soft_threshold_slice;
/// let mut v = [3.0, -0.5, -2.0];
/// soft_threshold_slice(&mut v, 1.0);
/// assert_eq!(v, [2.0, 0.0, -1.0]);
/// ```
#[inline]
pub fn soft_threshold_slice(v: &mut [f64], t: f64) {
    for x in v {
        *x = soft_threshold(*x, t);
    }
}

/// `v_j ← S(v_j, t·ω_j)`, the prox of `t Σ_j ω_j|v_j|`.
///
/// `v` and `weights` have the same length. Weight 0 leaves its entry alone (even at t = ∞), weight ∞ makes it 0 (even at t = 0).
///
/// ```
/// use sparsereg::prox::soft_threshold_weighted;
/// let mut v = [3.0, 3.0, 3.0];
/// soft_threshold_weighted(&mut v, 1.0, &[0.0, 2.0, f64::INFINITY]);
/// assert_eq!(v, [3.0, 1.0, 0.0]);
/// ```
#[inline]
pub fn soft_threshold_weighted(v: &mut [f64], t: f64, weights: &[f64]) {
    debug_assert_eq!(v.len(), weights.len());
    for (x, &weight) in v.iter_mut().zip(weights) {
        *x = soft_threshold(*x, threshold(t, weight));
    }
}

/// `max(x − t, 0)`, the prox of `t x` on `x ≥ 0`, for t ≥ 0.
///
/// ```
/// use sparsereg::prox::nonnegative_soft_threshold;
/// assert_eq!(nonnegative_soft_threshold(3.0, 1.0), 2.0);
/// assert_eq!(nonnegative_soft_threshold(-3.0, 1.0), 0.0);
/// ```
#[inline]
pub fn nonnegative_soft_threshold(x: f64, t: f64) -> f64 {
    debug_assert!(t >= 0.0, "threshold {t} is negative");
    if x <= t { 0.0 } else { x - t }
}

/// `v_j ← max(v_j − t, 0)`, the prox of `t Σ v_j` on `v ≥ 0`.
///
/// ```
/// use sparsereg::prox::nonnegative_soft_threshold_slice;
/// let mut v = [3.0, -3.0];
/// nonnegative_soft_threshold_slice(&mut v, 1.0);
/// assert_eq!(v, [2.0, 0.0]);
/// ```
#[inline]
pub fn nonnegative_soft_threshold_slice(v: &mut [f64], t: f64) {
    for x in v {
        *x = nonnegative_soft_threshold(*x, t);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    const INF: f64 = f64::INFINITY;

    #[test]
    fn threshold_equal_to_the_entry_gives_positive_zero() {
        for x in [0.0, -0.0, 1.0, -1.0, 5e-324, -1e300] {
            assert_eq!(soft_threshold(x, x.abs()).to_bits(), 0.0f64.to_bits());
        }
    }

    #[test]
    fn zero_threshold_is_the_identity() {
        for x in [1.0, -1e-320, 1e300] {
            assert_eq!(soft_threshold(x, 0.0), x);
        }
    }

    #[test]
    fn infinite_thresholds_and_nan_entries() {
        assert_eq!(soft_threshold(1e308, INF), 0.0);
        assert_eq!(soft_threshold(-INF, INF), 0.0);
        assert!(soft_threshold(f64::NAN, 1.0).is_nan());
        assert!(nonnegative_soft_threshold(f64::NAN, 1.0).is_nan());
    }

    #[test]
    fn weights_zero_and_infinity_win_over_any_threshold() {
        for t in [0.0, 1.0, INF] {
            let mut v = [-2.0, 5.0];
            soft_threshold_weighted(&mut v, t, &[0.0, INF]);
            assert_eq!(v, [-2.0, 0.0]);
        }
    }
}
