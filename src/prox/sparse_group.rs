//! The prox of the sparse-group norm `t1‖v‖₁ + t2‖v‖₂` and its dual norm.
//!
//! The prox is the composition of two thresholds: Simon, Friedman, Hastie & Tibshirani, "A sparse-group lasso", JCGS 22 (2013), (11);
//! Yu, "On decomposing the proximal map", NIPS 2013, theorem 4. The dual norm: Ndiaye, Fercoq, Gramfort & Salmon,
//! "GAP safe screening rules for sparse-group lasso", NIPS 2016, proposition 1 (there by sorting).

use super::{block_soft_threshold, max_abs, power_of_two_near_inverse, soft_threshold_slice};

/// `v ← (1 − t2/‖S(v, t1)‖₂)₊ S(v, t1)`, the prox of `t1‖v‖₁ + t2‖v‖₂`. Returns the norm of the result.
///
/// ```
/// use sparsereg::prox::sparse_group;
/// let mut v = [4.0, -0.5, -5.0];
/// assert_eq!(sparse_group(&mut v, 1.0, 2.5), 2.5);
/// assert_eq!(v, [1.5, 0.0, -2.0]);
/// ```
#[inline]
pub fn sparse_group(v: &mut [f64], t1: f64, t2: f64) -> f64 {
    soft_threshold_slice(v, t1);
    block_soft_threshold(v, t2)
}

/// The smallest λ ≥ 0 with `‖S(g, λτ)‖₂ ≤ λ(1 − τ)ω`: the dual norm of `τ‖w‖₁ + (1 − τ)ω‖w‖₂` at g, for τ ∈ [0, 1], ω ≥ 0.
///
/// τ = 1 gives `‖g‖_∞`, τ = 0 gives `‖g‖₂/ω`. ∞ where no λ is enough (τ = 0, ω = 0, g ≠ 0);
/// 0 at g = 0 and for the excluded block, ω = ∞.
///
/// ```
/// use sparsereg::prox::sparse_group_critical;
/// assert_eq!(sparse_group_critical(&[3.0, -4.0], 1.0, 7.0), 4.0);
/// assert_eq!(sparse_group_critical(&[3.0, -4.0], 0.0, 2.0), 2.5);
/// // one entry: |g| − λτ = λ(1 − τ)ω
/// assert_eq!(sparse_group_critical(&[3.0], 0.5, 2.0), 2.0);
/// ```
pub fn sparse_group_critical(g: &[f64], tau: f64, omega: f64) -> f64 {
    debug_assert!((0.0..=1.0).contains(&tau), "tau {tau} is not in [0, 1]");
    debug_assert!(omega >= 0.0, "weight {omega} is negative");
    let max = max_abs(g);
    if max == 0.0 || omega == f64::INFINITY {
        return 0.0;
    }
    let slope = (1.0 - tau) * omega;
    if tau == 0.0 {
        return super::norm2(g) / omega;
    }
    if slope == 0.0 {
        return max / tau;
    }

    // h(λ) = ‖S(g, λτ)‖₂ − λ(1 − τ)ω is convex and falls strictly. Newton from the left never passes its root, rises
    // monotonically, and is quadratic: no sorting, no memory. The largest entry alone gives the point on the left.
    let scale = power_of_two_near_inverse(max);
    let mut lambda = max * scale / (tau + slope);
    for _ in 0..100 {
        let (mut sum, mut square) = (0.0, 0.0);
        for x in g {
            let above = (x.abs() * scale - lambda * tau).max(0.0);
            sum += above;
            square += above * above;
        }
        let norm = square.sqrt();
        if norm <= lambda * slope {
            break;
        }
        let next = lambda + (norm - lambda * slope) / (tau * sum / norm + slope);
        // No longer rising: the root to the last digit.
        if next <= lambda {
            break;
        }
        lambda = next;
    }
    lambda / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prox::norm2;

    /// The literal definition, by bisection.
    fn critical_naive(g: &[f64], tau: f64, omega: f64) -> f64 {
        let (mut low, mut high) = (0.0, norm2(g) * 1e3);
        for _ in 0..200 {
            let lambda = 0.5 * (low + high);
            let mut s = g.to_vec();
            soft_threshold_slice(&mut s, lambda * tau);
            if norm2(&s) <= lambda * (1.0 - tau) * omega { high = lambda } else { low = lambda }
        }
        high
    }

    #[test]
    fn critical_agrees_with_bisection() {
        let g = [0.3, -2.0, 1.7, 0.0, 1.99, -0.6];
        for tau in [1e-3, 0.1, 0.5, 0.9, 0.999, 1.0 - 1e-12] {
            for omega in [0.05, 1.0, 2.4, 100.0] {
                let (fast, slow) = (sparse_group_critical(&g, tau, omega), critical_naive(&g, tau, omega));
                assert!((fast / slow - 1.0).abs() < 2e-15, "{tau} {omega}: {fast} {slow}");
            }
        }
        let equal = [1.0; 7];
        let (fast, slow) = (sparse_group_critical(&equal, 0.5, 1e-9), critical_naive(&equal, 0.5, 1e-9));
        assert!((fast / slow - 1.0).abs() < 2e-15);
    }

    #[test]
    fn critical_at_the_ends() {
        let g = [0.3, -2.0, 1.7];
        assert_eq!(sparse_group_critical(&g, 1.0, 5.0), 2.0);
        assert_eq!(sparse_group_critical(&g, 0.0, 2.0), norm2(&g) / 2.0);
        assert_eq!(sparse_group_critical(&g, 0.5, 0.0), 4.0);
        assert_eq!(sparse_group_critical(&g, 0.0, 0.0), f64::INFINITY);
        assert_eq!(sparse_group_critical(&[0.0; 3], 0.0, 0.0), 0.0);
        assert_eq!(sparse_group_critical(&g, 1.0, f64::INFINITY), 0.0);
        assert_eq!(sparse_group_critical(&[], 0.5, 1.0), 0.0);
    }

    #[test]
    fn critical_scales_over_the_whole_range() {
        let one = sparse_group_critical(&[0.5, -0.25, 0.125], 0.4, 1.3);
        for power in [-1000, -600, 600, 1000] {
            let f = 2f64.powi(power);
            let far = sparse_group_critical(&[0.5 * f, -0.25 * f, 0.125 * f], 0.4, 1.3);
            assert_eq!(far, one * f);
        }
    }
}
