//! The prox of `t1‖v‖₁ + t2 Σ_{k<l} |v_k − v_l|`, the pairwise fused lasso, and its dual norm.
//!
//! Among values sorted downwards the differences add up to `Σ_k (K + 1 − 2k) v_(k)`, so the prox without t1 is a projection
//! onto the falling sequences: pool adjacent violators (Hocking, Joulin, Bach and Vert, "Clusterpath", ICML 2011; Bondell and
//! Reich, Biometrics 64 (2008)). Thresholding the result by t1 gives the prox of the sum (Friedman, Hastie, Höfling and
//! Tibshirani, "Pathwise coordinate optimization", AOAS 1 (2007), lemma A.1).

use super::soft_threshold_slice;

/// `v ← argmin_x ½‖x − v‖² + t1‖x‖₁ + t2 Σ_{k<l} |x_k − x_l|`: with the values sorted downwards, `S(y, t1)` where y is the falling
/// sequence nearest to `v_(k) − t2 (K + 1 − 2k)`. Values that are fused are equal to the last bit.
///
/// `order` is scratch of the length of `v` (or longer); its contents do not matter.
///
/// ```
/// use sparsereg::prox::pairwise_fused;
/// let mut v = [5.0, 1.0, 4.0];
/// pairwise_fused(&mut v, 0.5, 1.0, &mut [0; 3]);
/// // 5 − 2 and 4 are pooled into 3.5, 1 becomes 3; then all shrink by ½
/// assert_eq!(v, [3.0, 2.5, 3.0]);
/// ```
pub fn pairwise_fused(v: &mut [f64], t1: f64, t2: f64, order: &mut [usize]) {
    let n = v.len();
    debug_assert!(order.len() >= n, "scratch of {} for {n} values", order.len());
    if t2 == f64::INFINITY {
        let mean = v.iter().map(|x| x / n as f64).sum();
        v.fill(mean);
    } else if let [a, b] = v {
        // The classes are most often two, and sorting them is most of the work.
        let (gap, mean) = (*a - *b, 0.5 * *a + 0.5 * *b);
        let step = t2.copysign(gap);
        (*a, *b) = if gap.abs() <= 2.0 * t2 { (mean, mean) } else { (*a - step, *b + step) };
    } else if t2 > 0.0 && n > 1 {
        let order = &mut order[..n];
        order.iter_mut().enumerate().for_each(|(k, o)| *o = k);
        order.sort_unstable_by(|&a, &b| v[b].total_cmp(&v[a]));
        // What is done is a falling sequence, in which a run of equal values is one pool.
        for (k, &o) in order.iter().enumerate() {
            let (mut mean, mut first) = (v[o] - t2 * (n as f64 - 1.0 - 2.0 * k as f64), k);
            while first > 0 && v[order[first - 1]] <= mean {
                let above = v[order[first - 1]];
                let start = (0..first).rev().take_while(|&i| v[order[i]] == above).last().unwrap_or(first - 1);
                let share = (first - start) as f64 / (k + 1 - start) as f64;
                mean += share * (above - mean);
                first = start;
            }
            order[first..=k].iter().for_each(|&o| v[o] = mean);
        }
    }
    soft_threshold_slice(v, t1);
}

/// The smallest λ ≥ 0 at which the prox of `λ(l1‖x‖₁ + l2 Σ_{k<l} |x_k − x_l|)` at g is zero: the largest of
/// `Σ_{k≤m} g_(k) / (m l1 + m(K − m) l2)` over m, for the m largest and for the m smallest values. ∞ if no λ will do
/// (l1 = 0 and values whose sum is not zero), 0 at g = 0.
///
/// `order` is scratch as in [`pairwise_fused`].
///
/// ```
/// use sparsereg::prox::pairwise_fused_critical;
/// assert_eq!(pairwise_fused_critical(&[3.0, -4.0], 1.0, 0.0, &mut [0; 2]), 4.0);
/// // |3 + 3| ≤ 2λ before |3| ≤ λ(1 + 1)
/// assert_eq!(pairwise_fused_critical(&[3.0, 3.0], 1.0, 1.0, &mut [0; 2]), 3.0);
/// assert_eq!(pairwise_fused_critical(&[3.0, -3.0], 0.0, 1.0, &mut [0; 2]), 3.0);
/// ```
pub fn pairwise_fused_critical(g: &[f64], l1: f64, l2: f64, order: &mut [usize]) -> f64 {
    let n = g.len();
    debug_assert!(order.len() >= n, "scratch of {} for {n} values", order.len());
    let order = &mut order[..n];
    order.iter_mut().enumerate().for_each(|(k, o)| *o = k);
    order.sort_unstable_by(|&a, &b| g[b].total_cmp(&g[a]));
    let mut critical = 0.0f64;
    let (mut top, mut bottom) = (0.0, 0.0);
    for m in 1..=n {
        top += g[order[m - 1]];
        bottom -= g[order[n - m]];
        let sum = f64::max(top, bottom);
        let bound = m as f64 * l1 + (m * (n - m)) as f64 * l2;
        if sum > 0.0 {
            critical = critical.max(sum / bound);
        }
    }
    critical
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective(x: &[f64], v: &[f64], t1: f64, t2: f64) -> f64 {
        let pairs = |k: usize| (0..k).map(|l| (x[k] - x[l]).abs()).sum::<f64>();
        (0..x.len()).map(|k| 0.5 * (x[k] - v[k]) * (x[k] - v[k]) + t1 * x[k].abs() + t2 * pairs(k)).sum()
    }

    /// The minimiser among all ways to give every value to one of three pools, or to zero.
    fn brute(v: &[f64], t1: f64, t2: f64) -> f64 {
        let n = v.len();
        let mut best = f64::INFINITY;
        for code in 0..4usize.pow(n as u32) {
            let pool: Vec<usize> = (0..n).map(|k| code / 4usize.pow(k as u32) % 4).collect();
            // Pools 1 to 3 fall in value; a pool's sign is one of two.
            for signs in 0..8usize {
                let mut x = vec![0.0; n];
                for c in 1..4 {
                    let size = pool.iter().filter(|&&p| p == c).count() as f64;
                    if size == 0.0 {
                        continue;
                    }
                    let sign = if signs >> (c - 1) & 1 == 1 { 1.0 } else { -1.0 };
                    // Zero stands above negative pools and below positive ones.
                    let rank = |p: usize| {
                        if p == 0 {
                            0.0
                        } else {
                            (4.0 - p as f64) + if signs >> (p - 1) & 1 == 1 { 10.0 } else { -10.0 }
                        }
                    };
                    let sum: f64 = (0..n).filter(|&k| pool[k] == c).map(|k| v[k]).sum();
                    let slope: f64 = (pool.iter().map(|&p| rank(c) - rank(p)))
                        .map(|d| if d == 0.0 { 0.0 } else { d.signum() })
                        .sum();
                    let value = sum / size - t2 * slope - t1 * sign;
                    (0..n).filter(|&k| pool[k] == c).for_each(|k| x[k] = value);
                }
                best = best.min(objective(&x, v, t1, t2));
            }
        }
        best
    }

    #[test]
    fn as_good_as_the_best_way_to_pool() {
        let points: [&[f64]; 6] =
            [&[5.0, 1.0, 4.0], &[0.3, -2.0, 1.7], &[1.0, 1.0, 1.0], &[2.0, -2.0, 0.1], &[3.0, -1.0], &[-0.7]];
        for v in points {
            for (t1, t2) in [(0.0, 0.3), (0.4, 0.0), (0.2, 0.2), (0.5, 1.0), (0.1, 3.0), (2.0, 0.7)] {
                let mut x = v.to_vec();
                pairwise_fused(&mut x, t1, t2, &mut vec![0; v.len()]);
                let (found, best) = (objective(&x, v, t1, t2), brute(v, t1, t2));
                assert!(found <= best + 1e-12, "{v:?} {t1} {t2}: {x:?} {found} {best}");
            }
        }
    }

    #[test]
    fn at_the_ends() {
        let mut order = [0; 4];
        let mut v = [4.0, 0.0, -1.0, 1.0];
        pairwise_fused(&mut v, 0.5, f64::INFINITY, &mut order);
        assert_eq!(v, [0.5; 4]);
        let mut v = [4.0, 0.0, -1.0];
        pairwise_fused(&mut v, f64::INFINITY, 0.0, &mut order);
        assert_eq!(v, [0.0; 3]);
        pairwise_fused(&mut [], 1.0, 1.0, &mut order);
        assert_eq!(pairwise_fused_critical(&[], 1.0, 1.0, &mut order), 0.0);
        assert_eq!(pairwise_fused_critical(&[0.0; 3], 0.0, 0.0, &mut order), 0.0);
        assert_eq!(pairwise_fused_critical(&[1.0, 2.0], 0.0, 1.0, &mut order), f64::INFINITY);
    }
}
