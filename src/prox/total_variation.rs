//! Total variation along a chain: the proximal operator of `Σ_j t_j |w_{j+1} − w_j|`, exactly, in O(n).
//!
//! Dynamic programming over the derivatives of the messages, which are piecewise linear: Johnson, "A dynamic programming
//! algorithm for the fused lasso and L₀-segmentation", J. Comput. Graph. Stat. 22 (2013), §2. With an ℓ₁ part the answer is
//! soft-thresholded: Friedman, Hastie, Höfling & Tibshirani, "Pathwise coordinate optimization", Ann. Appl. Stat. 1 (2007), lemma A.1.

use std::collections::VecDeque;

use super::soft_threshold_slice;

/// Buffers of [`total_variation`]; they grow to the longest chain that they have seen.
#[derive(Debug, Clone, Default)]
pub struct ChainScratch {
    /// Where the derivative of the present message changes: (place, change of slope, change of value at 0).
    knots: VecDeque<(f64, f64, f64)>,
    /// Between which values an entry follows the next one.
    range: Vec<(f64, f64)>,
    edges: Vec<f64>,
}

/// `v ← argmin_x ½‖x − v‖² + t Σ_j ω_j |x_{j+1} − x_j| + l1 ‖x‖₁`; `weights` are those of the edges (one fewer than the
/// entries of v), or all 1.
///
/// Entries of a piece come out exactly equal.
///
/// ```
/// use sparsereg::prox::{ChainScratch, total_variation};
/// let mut v = [1.0, 1.5, 5.0, 4.0];
/// total_variation(&mut v, 0.0, 1.0, None, &mut ChainScratch::default());
/// assert_eq!(v, [1.75, 1.75, 4.0, 4.0]);
/// ```
pub fn total_variation(v: &mut [f64], l1: f64, t: f64, weights: Option<&[f64]>, scratch: &mut ChainScratch) {
    let n = v.len();
    debug_assert!(weights.is_none_or(|w| w.len() + 1 == n.max(1)));
    let mut edges = std::mem::take(&mut scratch.edges);
    edges.clear();
    // Beyond the sum of all sizes no edge gives way, so more is not needed; digits would be.
    let enough = 2.0 * v.iter().map(|v| v.abs()).sum::<f64>();
    edges.extend((0..n.saturating_sub(1)).map(|j| super::threshold(t, weights.map_or(1.0, |w| w[j])).min(enough)));
    let mut from = 0;
    for j in 0..n {
        // An edge without weight is none.
        if j + 1 == n || edges[j] == 0.0 {
            chain(&mut v[from..=j], &edges[from..j], scratch);
            from = j + 1;
        }
    }
    scratch.edges = edges;
    if l1 > 0.0 {
        soft_threshold_slice(v, l1);
    }
}

/// The prox on a chain whose edges all have a weight > 0.
fn chain(v: &mut [f64], edges: &[f64], scratch: &mut ChainScratch) {
    let n = v.len();
    if n == 1 {
        return;
    }
    let ChainScratch { knots, range, .. } = scratch;
    knots.clear();
    range.clear();
    // The derivative of the message is −before to the left of all knots, +before to the right.
    let mut before = 0.0;
    for k in 0..n {
        let (mut left, mut right) = ((1.0, -before - v[k]), (1.0, before - v[k]));
        let cut = if k + 1 < n { edges[k] } else { 0.0 };
        while let Some(&(x, slope, value)) = knots.front() {
            if left.0 * x + left.1 > -cut {
                break;
            }
            left = (left.0 + slope, left.1 + value);
            knots.pop_front();
        }
        let low = (-cut - left.1) / left.0;
        if k + 1 == n {
            range.push((low, low));
            break;
        }
        while let Some(&(x, slope, value)) = knots.back() {
            if right.0 * x + right.1 < cut {
                break;
            }
            right = (right.0 - slope, right.1 - value);
            knots.pop_back();
        }
        let high = (cut - right.1) / right.0;
        knots.push_front((low, left.0, left.1 + cut));
        knots.push_back((high, -right.0, cut - right.1));
        range.push((low, high));
        before = cut;
    }
    // Backwards, each entry follows the next one within its range. Where it does it is in the same piece.
    let mut value = range[n - 1].0;
    let mut end = n;
    // The sign of the step at the end of the piece: +1 if the next piece is higher.
    let mut after = 0.0;
    for k in (0..n).rev() {
        let step = match k.checked_sub(1).map(|j| range[j]) {
            None => 0.0,
            Some((low, _)) if value < low => -1.0,
            Some((_, high)) if value > high => 1.0,
            Some(_) => continue,
        };
        let pull = if k > 0 { edges[k - 1] * step } else { 0.0 } - if end < n { edges[end - 1] * after } else { 0.0 };
        // From the numbers themselves: what has gone through the messages has lost digits.
        let len = (end - k) as f64;
        let first = v[k];
        let mean = first + v[k..end].iter().map(|v| v - first).sum::<f64>() / len - pull / len;
        v[k..end].fill(mean);
        if let Some((low, high)) = k.checked_sub(1).map(|j| range[j]) {
            value = if step < 0.0 { low } else { high };
            (end, after) = (k, step);
        }
    }
}

/// The least λ at which the prox of `−g` under `λ(l1‖·‖₁ + fused Σ_j ω_j|x_{j+1} − x_j|)` is zero: the largest
/// `|Σ_{a≤j<b} g_j| / (l1·(b−a) + fused·(ω_{a−1} + ω_{b−1}))` over all segments, by Dinkelbach's method with one pass over the
/// chain a step.
///
/// Where there is no ℓ₁ part, what a component's g sum up to is left out as long as it is rounding error, and else the answer is ∞:
/// constants have no penalty.
///
/// ```
/// use sparsereg::prox::total_variation_critical;
/// assert_eq!(total_variation_critical(&[1.0, -1.0], 0.0, 1.0, None), 1.0);
/// assert_eq!(total_variation_critical(&[1.0, 1.0], 0.5, 1.0, None), 2.0);
/// ```
pub fn total_variation_critical(g: &[f64], l1: f64, fused: f64, weights: Option<&[f64]>) -> f64 {
    if g.iter().any(|g| g.is_nan()) {
        return f64::NAN;
    }
    let mut critical = 0.0f64;
    let mut from = 0;
    let edge = |j: usize| fused * weights.map_or(1.0, |w| w[j]);
    for j in 0..g.len() {
        if j + 1 == g.len() || edge(j) == 0.0 {
            let edges: Vec<f64> = (from..j).map(edge).collect();
            critical = critical.max(chain_critical(&g[from..=j], l1, &edges));
            from = j + 1;
        }
    }
    critical
}

/// Share of Σ|g| below which Σg is rounding.
pub(super) const BALANCED: f64 = 1e-11;

fn chain_critical(g: &[f64], l1: f64, edges: &[f64]) -> f64 {
    let n = g.len();
    let total: f64 = g.iter().sum();
    let size: f64 = g.iter().map(|g| g.abs()).sum();
    let mean = if l1 > 0.0 { 0.0 } else { total / n as f64 };
    if l1 == 0.0 && total.abs() > BALANCED * size {
        return f64::INFINITY;
    }
    let border = |i: usize| if i == 0 || i == n { 0.0 } else { edges[i - 1] };
    let mut lambda = 0.0;
    loop {
        // The segment a..b whose |sum| is most above λ times its perimeter, for both signs of the sum.
        let mut worst = (0.0, 0.0);
        for sign in [1.0, -1.0] {
            let mut sum = 0.0;
            // (key, sum, perimeter) of the best start so far
            let mut start = (f64::NEG_INFINITY, 0.0, 0.0);
            for b in 0..=n {
                let along = l1 * b as f64;
                if b > 0 {
                    sum += sign * (g[b - 1] - mean);
                    let perimeter = border(b) + along + start.2;
                    let excess = sum - start.1 - lambda * perimeter;
                    if perimeter > 0.0 && excess > worst.0 {
                        worst = (excess, (sum - start.1) / perimeter);
                    }
                }
                let key = -sum - lambda * (border(b) - along);
                if key > start.0 {
                    start = (key, sum, border(b) - along);
                }
            }
        }
        if worst.1 <= lambda {
            return lambda;
        }
        lambda = worst.1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(seed: u64, n: usize) -> Vec<f64> {
        let mut state = seed;
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as f64 / (1u64 << 31) as f64 * 4.0 - 2.0
            })
            .collect()
    }

    /// Optimality by the dual: u_j = Σ_{i≤j} (v_i − w_i) is within ±t_j, and at ±t_j where w steps up or down.
    #[test]
    fn the_dual_path_touches_the_tube_where_the_answer_steps() {
        for seed in 0..200 {
            let n = 2 + seed as usize % 60;
            let v = numbers(seed, n);
            let weights: Vec<f64> = numbers(seed + 1000, n - 1).iter().map(|w| (0.5 * w + 0.7).max(0.0)).collect();
            let t = [0.05, 0.3, 1.0, 4.0][seed as usize % 4];
            let mut w = v.clone();
            total_variation(&mut w, 0.0, t, Some(&weights), &mut ChainScratch::default());
            let mut u = 0.0;
            for j in 0..n {
                u += v[j] - w[j];
                let tube = if j + 1 < n { t * weights[j] } else { 0.0 };
                assert!(u.abs() <= tube + 1e-13, "{seed}: {u} outside of {tube} at {j}");
                if j + 1 < n && w[j] != w[j + 1] {
                    let wanted = if w[j] > w[j + 1] { tube } else { -tube };
                    assert!((u - wanted).abs() <= 1e-13, "{seed}: {u} at a step of {tube}, {j}");
                }
            }
        }
    }

    #[test]
    fn critical_lambda_is_where_the_prox_becomes_zero() {
        for seed in 0..100 {
            let n = 1 + seed as usize % 12;
            let (l1, fused) = [(0.3, 1.0), (1.0, 0.2), (0.01, 2.0), (1.0, 0.0)][seed as usize % 4];
            let g = numbers(seed, n);
            let critical = total_variation_critical(&g, l1, fused, None);
            let zero = |lambda: f64| {
                let mut v = g.clone();
                total_variation(&mut v, lambda * l1, lambda * fused, None, &mut ChainScratch::default());
                v.iter().all(|&v| v == 0.0)
            };
            assert!(zero(critical * (1.0 + 1e-12)) && !zero(critical * (1.0 - 1e-12)), "{seed}");
        }
    }

    #[test]
    fn without_an_l1_part_constants_are_free() {
        for seed in 0..50 {
            let n = 2 + seed as usize % 12;
            let mut g = numbers(seed, n);
            assert_eq!(total_variation_critical(&g, 0.0, 1.0, None), f64::INFINITY);
            let mean = g.iter().sum::<f64>() / n as f64;
            g.iter_mut().for_each(|g| *g -= mean);
            let critical = total_variation_critical(&g, 0.0, 1.0, None);
            let pieces = |lambda: f64| {
                let mut v = g.clone();
                total_variation(&mut v, 0.0, lambda, None, &mut ChainScratch::default());
                v.windows(2).filter(|v| v[0] != v[1]).count()
            };
            assert!(pieces(critical * (1.0 + 1e-12)) == 0 && pieces(critical * (1.0 - 1e-12)) > 0, "{seed}");
        }
    }

    #[test]
    fn far_from_zero_and_under_a_huge_threshold_the_digits_stay() {
        let mut v = [1e9 + 1.0, 1e9 + 1.5, 1e9 + 5.0, 1e9 + 4.0];
        total_variation(&mut v, 0.0, 1.0, None, &mut ChainScratch::default());
        assert_eq!(v, [1e9 + 1.75, 1e9 + 1.75, 1e9 + 4.0, 1e9 + 4.0]);
        for t in [1e20, 1e300, f64::INFINITY] {
            let mut v = [1.0, 1.5, 5.0, 4.5];
            total_variation(&mut v, 0.0, t, None, &mut ChainScratch::default());
            assert_eq!(v, [3.0; 4]);
        }
    }
}
