//! Graphs without cycles, whose solution has a closed form (Fattahi and Sojoudi 2019).
//!
//! With `W_ij = S(S_ij, λΛ_ij)` on the edges of a forest, the matrix that is W there and has zeros in its inverse elsewhere has
//! `θ_ij = −w_ij / (1 − w_ij²)` and `θ_ii = 1 + Σ_j w_ij² / (1 − w_ij²)` in units of unit variance. Off the edges its value
//! is the product of w along the path; it is the solution where that is within the dual box.

use crate::penalty::EntrywiseL1;
use crate::prox;
use crate::smooth::LogDet;

/// Θ if the edges `|S_ij| > Λ_ij` form a tree on all variables (which are connected and have unit variance) and the closed
/// form is the solution.
pub(super) fn solution(smooth: &LogDet, penalty: &EntrywiseL1) -> Option<Vec<f64>> {
    let (p, s) = (smooth.size(), smooth.covariance());
    let mut edges = Vec::with_capacity(p);
    for j in 0..p {
        for i in 0..j {
            let w = prox::soft_threshold(s[j * p + i], penalty.threshold(1.0, j * p + i));
            if w != 0.0 {
                edges.push((i, j, w));
                if edges.len() >= p {
                    return None; // a cycle
                }
            }
        }
    }
    if edges.len() + 1 != p {
        return None; // edges that the threshold meets exactly may leave it unconnected
    }
    let mut neighbours = vec![Vec::new(); p];
    let mut theta = vec![0.0; p * p];
    (0..p).for_each(|i| theta[i * p + i] = 1.0);
    for &(i, j, w) in &edges {
        let det = (1.0 - w) * (1.0 + w);
        if det <= 0.0 || det.is_nan() {
            return None;
        }
        (theta[j * p + i], theta[i * p + j]) = (-w / det, -w / det);
        theta[i * p + i] += w * w / det;
        theta[j * p + j] += w * w / det;
        neighbours[i].push((j, w));
        neighbours[j].push((i, w));
    }
    // From every variable along the tree: the value of W that its path has to have room for.
    for j in 0..p {
        let mut ahead = vec![(j, usize::MAX, 1.0)];
        while let Some((i, from, w)) = ahead.pop() {
            if i < j && theta[j * p + i] == 0.0 && (s[j * p + i] - w).abs() > penalty.threshold(1.0, j * p + i) {
                return None;
            }
            ahead.extend(neighbours[i].iter().filter(|(k, _)| *k != from).map(|&(k, edge)| (k, i, w * edge)));
        }
    }
    Some(theta)
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;
    use crate::problem::Problem;
    use crate::smooth::Smooth;

    /// A chain with correlations `r`, and between the others what `far` makes of the product along the path.
    fn chain(r: &[f64], far: impl Fn(f64) -> f64) -> LogDet {
        let p = r.len() + 1;
        let entry = |k: usize| {
            let (i, j) = ((k % p).min(k / p), (k % p).max(k / p));
            let product = r[i..j].iter().product::<f64>();
            if j - i <= 1 { product } else { far(product) }
        };
        LogDet::new(p, (0..p * p).map(entry).collect()).unwrap()
    }

    #[test]
    fn a_chain_whose_far_ends_fit_is_solved_and_certified() {
        let smooth = chain(&[0.5, -0.6, 0.4, 0.3, 0.7], |w| 0.5 * w);
        let penalty = EntrywiseL1::with_weights(
            6,
            vec![0.25; 36].into_iter().enumerate().map(|(k, w)| if k % 7 == 0 { 0.0 } else { w }).collect(),
        )
        .unwrap();
        let theta = solution(&smooth, &penalty).unwrap();
        let problem = Problem::new(&smooth, &penalty, 1.0);
        let (certificate, _) = problem.certify(&theta, &smooth.point(&theta), 6.0, &mut vec![0.0; 36]);
        assert_abs_diff_eq!(certificate.gap, 0.0, epsilon = 1e-13);
        assert_eq!(theta.iter().filter(|t| **t != 0.0).count(), 16);
    }

    #[test]
    fn a_cycle_or_a_path_without_room_is_left_to_the_solver() {
        let penalty = EntrywiseL1::off_diagonal(3);
        let with = |t: f64| {
            let weights = (0..9).map(|k| if k % 4 == 0 { 0.0 } else { t }).collect();
            EntrywiseL1::with_weights(3, weights).unwrap()
        };
        // All three pairs above the threshold.
        assert!(solution(&chain(&[0.9, 0.9], |w| w), &with(0.1)).is_none());
        // Two above it; the third is −0.4 but the path gives 0.36.
        assert!(solution(&chain(&[0.9, 0.9], |_| -0.2), &with(0.3)).is_none());
        assert!(solution(&chain(&[0.9, 0.9], |_| 0.2), &with(0.3)).is_some());
        // No pair above it.
        assert!(solution(&chain(&[0.5, 0.5], |w| w), &penalty).is_none());
    }
}
