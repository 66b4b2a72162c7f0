//! The prox of the pairwise fused lasso `t1‖x‖₁ + t2 Σ_{k<l} |x_k − x_l|` in the metric of a diagonal matrix.
//!
//! Where the metric differs between entries the solution need not be in the order of the data, and thresholding the fused values
//! by t1 is not the prox of the sum. But the level sets of the solution still minimise submodular functions (Hochbaum, "An
//! efficient algorithm for image segmentation, Markov random fields and related problems", JACM 48 (2001); Chambolle and
//! Darbon, "On total variation minimization and surface evolution using parametric maximum flows", IJCV 84 (2009)):
//! `{k : x_k > c}` is the smallest minimiser of
//!
//! ```text
//! F(A) = Σ_{k∈A} f_k + t2 |A| (n − |A|),   f_k the right derivative of ½ h_k (x − v_k)² + t1 |x| at c.
//! ```
//!
//! The cut depends on the size of A alone, so that among the sets of one size the best holds the smallest f_k: a sort and a
//! prefix sum find A. The levels 0+ and 0− give the signs; entries of one sign are pooled into their common minimiser c, and
//! split where a set with F < 0 proves that they are not equal. What is above or below pulls by a constant from then on.

use super::{soft_threshold, sparse_group_diagonal};

/// `v ← argmin_x ½ Σ_k h_k (x_k − v_k)² + t1‖x‖₁ + t2 Σ_{k<l} |x_k − x_l|` for h > 0, exactly. Values that are fused are equal to
/// the last bit. Equal h are a step of 1/h in [`pairwise_fused`](super::pairwise_fused).
///
/// `order` is scratch of the length of `v` (or longer); its contents do not matter.
///
/// ```
/// use sparsereg::prox::pairwise_fused_diagonal;
/// let mut v = [5.0, 1.0];
/// pairwise_fused_diagonal(&mut v, &[1.0, 4.0], 0.5, 1.5, &mut [0; 2]);
/// // 5 − (0.5 + 1.5)/1 and 1 − (0.5 − 1.5)/4
/// assert_eq!(v, [3.0, 1.25]);
/// // A larger t2 pools them: (5 + 4·1)/(1 + 4).
/// let mut v = [5.0, 1.0];
/// pairwise_fused_diagonal(&mut v, &[1.0, 4.0], 0.0, 4.0, &mut [0; 2]);
/// assert_eq!(v, [1.8, 1.8]);
/// ```
pub fn pairwise_fused_diagonal(v: &mut [f64], h: &[f64], t1: f64, t2: f64, order: &mut [usize]) {
    let n = v.len();
    debug_assert_eq!(n, h.len());
    debug_assert!(h.iter().all(|&h| h > 0.0), "an entry that is not positive in {h:?}");
    debug_assert!(order.len() >= n, "scratch of {} for {n} values", order.len());
    if t2 == 0.0 || n <= 1 {
        sparse_group_diagonal(v, h, t1, 0.0);
        return;
    }
    if t2 == f64::INFINITY {
        let sum: f64 = h.iter().zip(&*v).map(|(h, v)| h * v).sum();
        let value = soft_threshold(sum, n as f64 * t1) / h.iter().sum::<f64>();
        v.fill(value);
        return;
    }
    let order = &mut order[..n];
    order.iter_mut().enumerate().for_each(|(k, o)| *o = k);
    let mut problem = Pools { v, h, t2 };
    if t1 == 0.0 {
        // A pool at zero is not to be torn by rounding.
        problem.solve(order, 0, 0.0);
        return;
    }
    let (positive, negative) = problem.signs(order, t1);
    let (above, rest) = order.split_at_mut(positive);
    let (zeros, below) = rest.split_at_mut(n - positive - negative);
    problem.solve(above, 0, t1);
    zeros.iter().for_each(|&k| problem.v[k] = 0.0);
    problem.solve(below, n - negative, -t1);
}

/// Cuts that gain less than this share of their price are not made: it is rounding that speaks for them.
const TIE: f64 = 4.0 * f64::EPSILON;

/// Entries that have their value already hold it in `v`, the others what they are drawn to.
struct Pools<'a> {
    v: &'a mut [f64],
    h: &'a [f64],
    t2: f64,
}

impl Pools<'_> {
    /// `t2 |A| (n − |A|)` for a set of m out of n.
    fn cut(&self, m: usize, n: usize) -> f64 {
        self.t2 * (m as f64 * (n - m) as f64)
    }

    /// Sorts the entries by what they want at zero, and returns how many will be positive (the first) and negative (the last).
    fn signs(&self, order: &mut [usize], t1: f64) -> (usize, usize) {
        let n = order.len();
        let pull = |k: usize| self.h[k] * self.v[k];
        order.sort_unstable_by(|&a, &b| pull(b).total_cmp(&pull(a)));
        let smallest_minimiser = |pulls: &mut dyn Iterator<Item = f64>| {
            let (mut sum, mut least, mut size) = (0.0, 0.0, 0);
            for (m, pull) in (1..=n).zip(pulls) {
                sum += t1 - pull;
                let value = sum + self.cut(m, n);
                if value < least {
                    (least, size) = (value, m);
                }
            }
            size
        };
        let positive = smallest_minimiser(&mut order.iter().map(|&k| pull(k)));
        let negative = smallest_minimiser(&mut order.iter().rev().map(|&k| -pull(k)));
        (positive, negative.min(n - positive)) // disjoint, but for rounding
    }

    /// The values of the entries `members`, which are all below `above` others and above the rest, with a constant pull besides.
    fn solve(&mut self, mut members: &mut [usize], mut above: usize, constant: f64) {
        let n = self.v.len();
        while !members.is_empty() {
            let count = members.len();
            // What lies above pulls upwards, what lies below downwards.
            let pull = constant + self.t2 * ((n - above - count) as f64 - above as f64);
            let (mut weight, mut sum) = (0.0, 0.0);
            for &k in &*members {
                weight += self.h[k];
                sum += self.h[k] * self.v[k];
            }
            let common = (sum - count as f64 * pull) / weight;
            let Some(first) = self.split(members, weight, common, pull) else {
                members.iter().for_each(|&k| self.v[k] = common);
                return;
            };
            // The smaller part by recursion, so that its depth is logarithmic.
            let (upper, lower) = members.split_at_mut(first);
            if first < count - first {
                self.solve(upper, above, constant);
                (members, above) = (lower, above + first);
            } else {
                self.solve(lower, above + first, constant);
                members = upper;
            }
        }
    }

    /// Whether entries want to part at their common minimiser: then so many are above it, which come first.
    fn split(&self, members: &mut [usize], weight: f64, common: f64, pull: f64) -> Option<usize> {
        let n = members.len();
        let slope = |k: usize| self.h[k] * (common - self.v[k]) + pull;
        members.sort_unstable_by(|&a, &b| slope(a).total_cmp(&slope(b)));
        let (mut least, mut size) = (0.0, None);
        // The slopes add up to zero: the sum over a set is taken on its lighter side, as an entry of great weight brings the
        // rounding error of the common value along, multiplied.
        let mut consider = |m: usize, sum: f64| {
            let price = self.cut(m, n);
            let value = sum + price;
            if value < least - TIE * price {
                (least, size) = (value, Some(m));
            }
        };
        let (mut sum, mut side) = (0.0, 0.0);
        for (m, &k) in (1..n).zip(&*members) {
            (sum, side) = (sum + slope(k), side + self.h[k]);
            if side > 0.5 * weight {
                break;
            }
            consider(m, sum);
        }
        (sum, side) = (0.0, 0.0);
        for (m, &k) in (1..n).zip(members.iter().rev()) {
            (sum, side) = (sum - slope(k), side + self.h[k]);
            if side >= 0.5 * weight {
                break;
            }
            consider(n - m, sum);
        }
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective(x: &[f64], v: &[f64], h: &[f64], t1: f64, t2: f64) -> f64 {
        let pairs = |k: usize| (0..k).map(|l| (x[k] - x[l]).abs()).sum::<f64>();
        (0..x.len()).map(|k| 0.5 * h[k] * (x[k] - v[k]).powi(2) + t1 * x[k].abs() + t2 * pairs(k)).sum()
    }

    /// The best among the candidates of all weak orders of the entries and zero: every level is a pool.
    fn brute(v: &[f64], h: &[f64], t1: f64, t2: f64) -> f64 {
        let n = v.len();
        let levels = 2 * n + 1;
        let mut best = f64::INFINITY;
        for code in 0..levels.pow(n as u32) {
            let level: Vec<i64> = (0..n).map(|k| (code / levels.pow(k as u32) % levels) as i64 - n as i64).collect();
            let value = |k: usize| {
                let (mut weight, mut sum) = (0.0, 0.0);
                for l in (0..n).filter(|&l| level[l] == level[k]) {
                    let slope: i64 = level.iter().map(|other| (level[l] - other).signum()).sum();
                    weight += h[l];
                    sum += h[l] * v[l] - t2 * slope as f64 - t1 * level[l].signum() as f64;
                }
                if level[k] == 0 && t1 > 0.0 { 0.0 } else { sum / weight }
            };
            let x: Vec<f64> = (0..n).map(value).collect();
            best = best.min(objective(&x, v, h, t1, t2));
        }
        best
    }

    #[test]
    fn as_good_as_the_best_weak_order() {
        let points: [&[f64]; 7] = [
            &[5.0, 1.0, 4.0],
            &[0.3, -2.0, 1.7],
            &[1.0, 1.0, 1.0],
            &[5.0, 4.0, 0.0, -0.1],
            &[2.0, -2.0, 0.1, 0.1],
            &[3.0, -1.0],
            &[-0.7],
        ];
        let metrics = [[1.0; 4], [0.1, 10.0, 1.0, 3.0], [1e3, 1e-3, 1.0, 1.0], [0.5, 1e-4, 2.0, 1e4]];
        for v in points {
            for h in metrics {
                let h = &h[..v.len()];
                for (t1, t2) in [(0.0, 0.3), (0.4, 0.0), (0.2, 0.2), (0.5, 1.0), (0.1, 3.0), (2.0, 0.7), (1e-3, 1e-2)] {
                    let mut x = v.to_vec();
                    pairwise_fused_diagonal(&mut x, h, t1, t2, &mut vec![0; v.len()]);
                    let (found, best) = (objective(&x, v, h, t1, t2), brute(v, h, t1, t2));
                    assert!(found <= best + 1e-12 * (1.0 + best), "{v:?} {h:?} {t1} {t2}: {x:?} {found} {best}");
                }
            }
        }
    }

    #[test]
    fn the_order_may_change_and_thresholds_do_not_come_last() {
        // The first passes the second on its way down to the others.
        let (v, h) = ([5.0, 4.0, 0.0, -0.1, -0.2], [0.1, 100.0, 100.0, 100.0, 100.0]);
        let mut x = v;
        pairwise_fused_diagonal(&mut x, &h, 0.0, 0.1, &mut [0; 5]);
        assert!(x[0] < x[1], "{x:?}");
        // Fused first and thresholded then is worse.
        let (v, h) = ([2.0, -1.0], [1.0, 0.1]);
        let (mut x, mut y) = (v, v);
        pairwise_fused_diagonal(&mut x, &h, 0.4, 0.3, &mut [0; 2]);
        pairwise_fused_diagonal(&mut y, &h, 0.0, 0.3, &mut [0; 2]);
        sparse_group_diagonal(&mut y, &h, 0.4, 0.0);
        assert!(objective(&x, &v, &h, 0.4, 0.3) < objective(&y, &v, &h, 0.4, 0.3) - 1e-4, "{x:?} {y:?}");
    }

    #[test]
    fn at_the_ends() {
        let mut order = [0; 4];
        let mut v = [4.0, 0.0, -1.0];
        pairwise_fused_diagonal(&mut v, &[1.0, 1.0, 2.0], 0.5, f64::INFINITY, &mut order);
        assert_eq!(v, [0.125; 3]);
        let mut v = [4.0, 0.0, -1.0];
        pairwise_fused_diagonal(&mut v, &[1.0, 2.0, 3.0], f64::INFINITY, 1.0, &mut order);
        assert_eq!(v, [0.0; 3]);
        pairwise_fused_diagonal(&mut [], &[], 1.0, 1.0, &mut order);
        // A pool of equal values falls to the threshold as one.
        let mut v = [1.0; 4];
        pairwise_fused_diagonal(&mut v, &[1.0, 10.0, 0.1, 1.0], 0.1, 5.0, &mut order);
        assert!(v.iter().all(|&x| x == v[0] && x > 0.9), "{v:?}");
    }
}
