//! Proximal operator of the sorted ℓ₁ norm `Σ_i ω_i |w|_(i)`, ω_1 ≥ ω_2 ≥ … ≥ 0, |w|_(1) ≥ |w|_(2) ≥ … (SLOPE).
//!
//! Sort |v|, subtract the weights, pool what is out of order, cut at zero, sort back: Bogdan, van den Berg, Sabatti, Su &
//! Candès, "SLOPE: adaptive variable selection via convex optimization", Ann. Appl. Stat. 9 (2015), algorithm 4.

use super::threshold;

/// Buffers of [`sorted_l1`] and its kin; they grow to the longest vector that they have seen.
#[derive(Debug, Clone, Default)]
pub struct SortedScratch {
    /// (|v_j| as ordered bits, j): integers sort faster than floats.
    keys: Vec<(u64, u32)>,
    sizes: Vec<u64>,
    /// (sum, length) of the pools.
    pools: Vec<(f64, usize)>,
}

/// The order of non-negative numbers is that of their bits.
#[inline]
fn key(v: f64) -> u64 {
    v.abs().to_bits()
}

/// `v ← argmin_x ½‖x − v‖² + t Σ_i ω_i |x|_(i)` for non-increasing weights ω ≥ 0, as many as there are entries of v.
///
/// Entries that are pooled come out with exactly the same size.
///
/// ```
/// use sparsereg::prox::{SortedScratch, sorted_l1};
/// let mut v = [1.0, -5.0, 4.5];
/// sorted_l1(&mut v, 1.0, &[3.0, 1.0, 0.5], &mut SortedScratch::default());
/// assert_eq!(v, [0.5, -2.75, 2.75]); // 5 − 3 < 4.5 − 1: the two are pooled
/// ```
pub fn sorted_l1(v: &mut [f64], t: f64, weights: &[f64], scratch: &mut SortedScratch) {
    debug_assert_eq!(v.len(), weights.len());
    let SortedScratch { keys, pools, .. } = scratch;
    keys.clear();
    keys.extend(v.iter().enumerate().map(|(j, v)| (key(*v), j as u32)));
    keys.sort_unstable_by(|a, b| b.cmp(a));
    pools.clear();
    for ((bits, _), &weight) in keys.iter().zip(weights) {
        let mut pool = (f64::from_bits(*bits) - threshold(t, weight), 1usize);
        // Written so that NaN is not pooled for ever.
        while let Some(&(sum, len)) = pools.last() {
            if sum * pool.1 as f64 > pool.0 * len as f64 {
                break;
            }
            pool = (pool.0 + sum, pool.1 + len);
            pools.pop();
        }
        pools.push(pool);
    }
    let mut next = keys.iter();
    for &(sum, len) in pools.iter() {
        let size = sum / len as f64;
        for &(_, j) in next.by_ref().take(len) {
            let v = &mut v[j as usize];
            *v = if size <= 0.0 { 0.0 } else { size.copysign(*v) };
        }
    }
}

/// `Σ_i ω_i |w|_(i)`.
///
/// ```
/// use sparsereg::prox::{SortedScratch, sorted_l1_value};
/// assert_eq!(sorted_l1_value(&[1.0, -2.0], &[3.0, 1.0], &mut SortedScratch::default()), 7.0);
/// ```
pub fn sorted_l1_value(w: &[f64], weights: &[f64], scratch: &mut SortedScratch) -> f64 {
    let sizes = &mut scratch.sizes;
    sizes.clear();
    sizes.extend(w.iter().filter(|w| **w != 0.0).map(|w| key(*w)));
    sizes.sort_unstable();
    sizes.iter().rev().zip(weights).map(|(bits, weight)| f64::from_bits(*bits) * weight).sum()
}

/// The dual norm, `max_k Σ_{i≤k} |g|_(i) / Σ_{i≤k} ω_i`: the least t for which the prox of −g is zero.
///
/// ```
/// use sparsereg::prox::{SortedScratch, sorted_l1_critical};
/// assert_eq!(sorted_l1_critical(&[1.0, -3.0], &[2.0, 1.0], &mut SortedScratch::default()), 1.5);
/// ```
pub fn sorted_l1_critical(g: &[f64], weights: &[f64], scratch: &mut SortedScratch) -> f64 {
    let sizes = &mut scratch.sizes;
    sizes.clear();
    sizes.extend(g.iter().map(|g| key(*g)));
    sizes.sort_unstable();
    let (mut top, mut bottom, mut critical) = (0.0, 0.0, 0.0f64);
    for (bits, weight) in sizes.iter().rev().zip(weights) {
        top += f64::from_bits(*bits);
        bottom += weight;
        if top == 0.0 {
            break;
        }
        // NaN has to come out as NaN.
        let ratio = top / bottom;
        if ratio > critical || ratio.is_nan() {
            critical = ratio;
        }
    }
    critical
}

/// The entries that can be non-zero where `g` is the gradient and `tΩ` the penalty, largest first: algorithm 1 of Larsson,
/// Bogdan & Wallin, "The strong screening rule for SLOPE", NeurIPS 2020.
pub(crate) fn sorted_l1_candidates(g: &[f64], t: f64, weights: &[f64], scratch: &mut SortedScratch) -> Vec<usize> {
    let keys = &mut scratch.keys;
    keys.clear();
    keys.extend(g.iter().enumerate().map(|(j, g)| (key(*g), j as u32)));
    keys.sort_unstable_by(|a, b| b.cmp(a));
    let (mut sum, mut count) = (0.0, 0);
    for (k, ((bits, _), weight)) in keys.iter().zip(weights).enumerate() {
        sum += f64::from_bits(*bits) - t * weight;
        if sum >= 0.0 {
            (sum, count) = (0.0, k + 1);
        }
    }
    keys[..count].iter().map(|&(_, j)| j as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The prox by its definition on every order and every cut into pools is too slow; on every cut of the sorted values
    /// it is not: the best of all non-increasing, non-negative vectors that are constant on the parts of a cut.
    #[test]
    fn the_best_of_all_cuts_is_found() {
        let weights = [2.0, 1.3, 0.7, 0.7, 0.1];
        let mut state = 3u64;
        for _ in 0..200 {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as f64 / (1u64 << 31) as f64 * 6.0 - 3.0
            };
            let v: Vec<f64> = (0..5).map(|_| next()).collect();
            let mut w = v.clone();
            sorted_l1(&mut w, 1.0, &weights, &mut SortedScratch::default());
            let mut sizes: Vec<f64> = v.iter().map(|v| v.abs()).collect();
            sizes.sort_by(|a, b| b.total_cmp(a));
            let objective = |x: &[f64]| -> f64 {
                (0..5).map(|i| 0.5 * (x[i] - sizes[i]) * (x[i] - sizes[i]) + weights[i] * x[i]).sum()
            };
            let mut best = (f64::INFINITY, Vec::new());
            for cuts in 0..16u32 {
                let mut x = vec![0.0; 5];
                let mut from = 0;
                for to in 1..=5 {
                    if to == 5 || cuts & (1 << (to - 1)) != 0 {
                        let mean = (from..to).map(|i| sizes[i] - weights[i]).sum::<f64>() / (to - from) as f64;
                        x[from..to].fill(mean.max(0.0));
                        from = to;
                    }
                }
                if x.windows(2).all(|x| x[0] >= x[1]) && objective(&x) < best.0 {
                    best = (objective(&x), x);
                }
            }
            let mut found: Vec<f64> = w.iter().map(|w| w.abs()).collect();
            found.sort_by(|a, b| b.total_cmp(a));
            for (a, b) in found.iter().zip(&best.1) {
                assert!((a - b).abs() < 1e-14, "{v:?}: {found:?} {:?}", best.1);
            }
            assert!(w.iter().zip(&v).all(|(w, v)| w * v >= 0.0));
        }
    }

    #[test]
    fn candidates_at_the_gradient_of_a_solution_hold_its_support() {
        // For X = I the solution is the prox and the gradient w − v.
        let weights = [2.0, 1.5, 1.0, 0.5];
        for v in [[3.0, -2.9, 0.4, 0.1], [2.0, 1.9, 1.8, 1.7], [0.3, 0.2, 0.1, 0.0]] {
            let mut w = v;
            let mut scratch = SortedScratch::default();
            sorted_l1(&mut w, 0.7, &weights, &mut scratch);
            let g: Vec<f64> = w.iter().zip(&v).map(|(w, v)| (w - v) * (1.0 + 1e-14)).collect();
            let candidates = sorted_l1_candidates(&g, 0.7, &weights, &mut scratch);
            for (j, w) in w.iter().enumerate() {
                assert_eq!(*w != 0.0, candidates.contains(&j), "{v:?}");
            }
        }
    }
}
